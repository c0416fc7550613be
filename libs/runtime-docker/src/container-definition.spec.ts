import { describe, expect, it } from '@jest/globals';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { LaunchSpec, LinuxInfo } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';
import { containerDefinition } from './container-definition.js';
import { identityOf } from './container-labels.js';

const OWNER = { agentId: 'agent-1', clusterId: 'cluster-1' };

function aLaunch(spec: Partial<LaunchSpec> = {}): TaskLaunch {
  return {
    taskId: asTaskId('shop_web.11111111-1111-4111-8111-111111111111'),
    instanceId: asInstanceId('shop_web.instance-22222222-2222-4222-8222-222222222222'),
    appId: asAppId('/shop/web'),
    appVersion: timestampOf(0),
    incarnation: 3,
    spec: {
      ...{ runtime: 'docker', image: 'web:1', env: {}, cpus: 0.5, mem: 128, disk: 0, network: 'host' },
      ...{ ports: [], forcePullImage: false, privileged: false, parameters: [], volumes: [] },
      ...{ healthChecks: [], killGraceMs: 5_000, labels: {} },
      ...spec,
    },
  };
}
const defined = (spec: Partial<LaunchSpec>) =>
  containerDefinition(aLaunch(spec), OWNER, { sandbox: '/boxes/task' });

describe('the definition of a container', () => {
  it('runs cmd in a shell instead of the entry point, args behind it, and else what the image says', () => {
    expect(defined({ cmd: 'a | b' })).toMatchObject({ Entrypoint: ['/bin/sh'], Cmd: ['-c', 'a | b'] });
    const args = defined({ args: ['--port', '1'] });
    expect([args.Entrypoint, args.Cmd]).toEqual([undefined, ['--port', '1']]);
    const plain = defined({});
    expect([plain.Entrypoint, plain.Cmd]).toEqual([undefined, undefined]);
  });

  it('limits memory without swap, never below what the engine takes, and weighs cpus by 1024', () => {
    expect(defined({}).HostConfig).toMatchObject({
      Memory: 134_217_728,
      MemorySwap: 134_217_728,
      CpuShares: 512,
    });
    expect(defined({ mem: 1, cpus: 0 }).HostConfig).toMatchObject({ Memory: 6_291_456, CpuShares: 2 });
    expect(defined({ mem: 0 }).HostConfig.Memory).toBeUndefined();
  });

  it('is created in the first of its container networks, and publishes the ports that have a host port', () => {
    const ports = [
      { index: 0, hostPort: 0, containerPort: 80, protocol: 'tcp' as const },
      { index: 1, hostPort: 31_001, containerPort: 81, protocol: 'tcp' as const },
    ];
    const { HostConfig, ExposedPorts } = defined({
      ...{ network: 'container', networkNames: ['shop', 'audit'], ports },
    });
    expect(HostConfig.NetworkMode).toBe('shop');
    expect(HostConfig.PortBindings).toEqual({ '81/tcp': [{ HostPort: '31001' }] });
    expect(ExposedPorts).toEqual({ '81/tcp': {} });
  });

  it.each([['host'], ['none']])('refuses a container network that is really %s', (name) => {
    expect(() => defined({ network: 'container', networkNames: ['shop', name] })).toThrow(`'${name}'`);
  });

  it('publishes ports with bridge networking, both protocols where both are wanted', () => {
    const ports = [
      { index: 0, hostPort: 31_000, containerPort: 80, protocol: 'tcp' as const },
      { index: 1, hostPort: 31_001, containerPort: 53, protocol: 'udp,tcp' as const },
      { index: 2, hostPort: 31_002, containerPort: 80, protocol: 'tcp' as const },
    ];
    expect(defined({ ports }).HostConfig.PortBindings).toEqual({});
    expect(defined({ ports, network: 'bridge' }).HostConfig.PortBindings).toEqual({
      '80/tcp': [{ HostPort: '31000' }, { HostPort: '31002' }],
      '53/udp': [{ HostPort: '31001' }],
      '53/tcp': [{ HostPort: '31001' }],
    });
  });

  it('cannot be made to look like another task by labels of the app or by parameters', () => {
    const draft = defined({
      labels: { 'io.longrun.instance': 'other', A: '1' },
      parameters: [{ key: 'label', value: 'io.longrun.task=other' }],
    });
    const { taskId, instanceId, appId, incarnation } = aLaunch();
    expect(identityOf(draft.Labels)).toEqual({ taskId, instanceId, appId, incarnation });
    expect(draft.Labels['A']).toBe('1');
  });

  it.each([
    ['../data', '/d', 'outside of the sandbox'],
    ['/data', '../d', 'outside of the sandbox'],
    ['.', '/d', 'outside of the sandbox'],
    ['/a:b', '/d', "':'"],
  ])('refuses the volume %s at %s', (hostPath, containerPath, words) => {
    expect(() => defined({ volumes: [{ hostPath, containerPath, mode: 'RW' }] })).toThrow(words);
  });

  it('mounts the sandbox, and relative paths of volumes below it', () => {
    const volumes = [
      { hostPath: 'data', containerPath: '/d', mode: 'RW' as const },
      { hostPath: '/srv', containerPath: 'srv', mode: 'RO' as const },
    ];
    const { HostConfig, Env } = defined({ volumes, env: { MESOS_SANDBOX: 'elsewhere' } });
    expect(HostConfig.Binds).toEqual([
      '/boxes/task:/mnt/mesos/sandbox:rw',
      '/boxes/task/data:/d:rw',
      '/srv:/mnt/mesos/sandbox/srv:ro',
    ]);
    expect(Env).toEqual(['MESOS_SANDBOX=/mnt/mesos/sandbox']);
    const fetch = [{ uri: '/x', extract: true, executable: false, cache: false }];
    const fetching = defined({ fetch }).HostConfig;
    expect([fetching.Binds, fetching.Mounts]).toEqual([
      [],
      [{ Type: 'bind', Source: '/boxes/task', Target: '/mnt/mesos/sandbox' }],
    ]);
  });

  it('lets a task have more than it asks for, or all', () => {
    const { HostConfig: more } = defined({ limits: { mem: 256, cpus: 1.5 } });
    expect(more).toMatchObject({
      ...{ Memory: 268_435_456, MemorySwap: 268_435_456, MemoryReservation: 134_217_728 },
      ...{ CpuShares: 512, CpuPeriod: 100_000, CpuQuota: 150_000 },
    });
    const { HostConfig: all } = defined({ limits: { mem: 'unlimited', cpus: 'unlimited' } });
    expect(all).toMatchObject({ MemoryReservation: 134_217_728, CpuShares: 512 });
    for (const name of ['Memory', 'MemorySwap', 'CpuQuota']) expect(all).not.toHaveProperty(name);
    for (const name of ['MemoryReservation', 'CpuQuota', 'CpuPeriod']) {
      expect(defined({}).HostConfig).not.toHaveProperty(name);
    }
  });

  it('runs as the user, with a terminal, and with what linuxInfo says', () => {
    expect(defined({ user: 'me', tty: true })).toMatchObject({ User: 'me', Tty: true });
    expect(defined({})).toMatchObject({ Tty: false });
    expect(defined({})).not.toHaveProperty('User');
    const linux = (linuxInfo: LinuxInfo) => defined({ linuxInfo }).HostConfig;
    expect(linux({ seccomp: { unconfined: true } }).SecurityOpt).toEqual(['seccomp=unconfined']);
    expect(linux({ ipcInfo: { mode: 'SHARE_PARENT' } })).toMatchObject({ IpcMode: 'host' });
    expect(linux({ ipcInfo: { mode: 'PRIVATE', shmSize: 2 } })).toMatchObject({
      IpcMode: 'private',
      ShmSize: 2_097_152,
    });
    for (const name of ['SecurityOpt', 'IpcMode', 'ShmSize'])
      expect(defined({}).HostConfig).not.toHaveProperty(name);
  });
});

describe('labels that make no sense', () => {
  it.each(['', '0', '-1', '1.5', 'many', '99999999999999999999'])(
    'name no task: incarnation %s',
    (incarnation) => {
      const labels = { ...defined({}).Labels, 'io.longrun.incarnation': incarnation };
      expect(identityOf(labels)).toBeNull();
    },
  );
});
