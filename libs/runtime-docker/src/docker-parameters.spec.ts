import { describe, expect, it } from '@jest/globals';
import { applyParameters, type ContainerDraft } from './docker-parameters.js';

function applied(...parameters: [key: string, value: string][]): ContainerDraft {
  const draft: ContainerDraft = {
    Env: [],
    Labels: {},
    HostConfig: { Binds: [], LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } } },
  };
  applyParameters(
    draft,
    parameters.map(([key, value]) => ({ key, value })),
  );
  return draft;
}

describe('docker parameters', () => {
  it('add up where docker run lets them', () => {
    const { HostConfig } = applied(['cap-add', 'NET_ADMIN'], ['cap-add', 'SYS_TIME'], ['dns', '10.0.0.1']);
    expect(HostConfig).toMatchObject({ CapAdd: ['NET_ADMIN', 'SYS_TIME'], Dns: ['10.0.0.1'] });
  });

  it('read sizes, limits, devices and mounts as docker run does', () => {
    const { HostConfig } = applied(
      ['shm-size', '64m'],
      ['memory-swap', '-1'],
      ['ulimit', 'nofile=1024:2048'],
      ['ulimit', 'core=0'],
      ['device', '/dev/fuse'],
      ['tmpfs', '/run:size=1m,mode=755'],
      ['sysctl', 'net.core.somaxconn=1024'],
    );
    expect(HostConfig).toMatchObject({
      ShmSize: 67_108_864,
      MemorySwap: -1,
      Ulimits: [
        { Name: 'nofile', Soft: 1024, Hard: 2048 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' }],
      Tmpfs: { '/run': 'size=1m,mode=755' },
      Sysctls: { 'net.core.somaxconn': '1024' },
    });
  });

  it('keep log options beside the default driver, and drop the defaults with another one, in any order', () => {
    expect(applied(['log-opt', 'tag=x']).HostConfig.LogConfig).toEqual({
      Type: 'json-file',
      Config: { 'max-size': '10m', tag: 'x' },
    });
    expect(applied(['log-opt', 'tag=x'], ['log-driver', 'syslog']).HostConfig.LogConfig).toEqual({
      Type: 'syslog',
      Config: { tag: 'x' },
    });
  });

  it.each([
    ['frobnicate', '1'],
    ['constructor', '1'],
    ['net', 'host'],
    ['shm-size', 'much'],
    ['init', 'perhaps'],
    ['ulimit', 'nofile=many'],
  ])('are refused by name when unknown or unreadable: %s=%s', (key, value) => {
    expect(() => applied([key, value])).toThrow(
      expect.objectContaining({ kind: 'rejected', reason: 'invalid' }),
    );
    expect(() => applied([key, value])).toThrow(`'${key}'`);
  });
});
