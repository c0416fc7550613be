import { describe, expect, it } from '@jest/globals';
import type { AppSpec } from '../app-spec.js';
import { mergeUpdate, wantedVersion } from './merge-update.js';
import { parseApp, type ParsedApp } from './parse-app.js';

function specOf(parsed: ParsedApp): AppSpec {
  if (parsed.kind === 'ok') return parsed.spec;
  throw new Error(JSON.stringify(parsed));
}
const stored = specOf(
  parseApp({
    id: '/u/app',
    cmd: 'sleep 100',
    instances: 2,
    env: { A: '1', B: '2' },
    labels: { keep: 'me' },
    portDefinitions: [
      { port: 10001, name: 'a' },
      { port: 10002, name: 'b' },
    ],
  }),
);
const inBridge = specOf(
  parseApp({
    id: '/u/web',
    container: { docker: { image: 'nginx' }, portMappings: [{ containerPort: 80, servicePort: 10080 }] },
    networks: [{ mode: 'container/bridge' }],
  }),
);

describe('mergeUpdate', () => {
  it('replaces present members whole and keeps the others; nulls keep too, and the id of the body is ignored', () => {
    expect(
      specOf(mergeUpdate(stored, { id: '/other', env: { C: '3' }, labels: null, cpus: 0.5, role: '' })),
    ).toEqual({
      ...stored,
      env: { C: '3' },
      cpus: 0.5,
    });
  });

  it('is validated as a whole', () => {
    expect(mergeUpdate(stored, { args: ['a'] })).toMatchObject({ stage: 'rules', problems: [{ path: '/' }] });
    expect(mergeUpdate(stored, { instances: -1 })).toMatchObject({
      stage: 'schema',
      problems: [{ path: '/instances' }],
    });
    expect(mergeUpdate(stored, [])).toMatchObject({ stage: 'schema', problems: [{ path: '/' }] });
  });

  it('lets ports in the old style replace the definitions', () => {
    expect(specOf(mergeUpdate(stored, { ports: [0] })).portDefinitions).toEqual([
      { port: 0, protocol: 'tcp', labels: {} },
    ]);
  });

  it('moves from host to bridge without taking definitions for mappings, and back', () => {
    const container = { docker: { image: 'nginx' }, portMappings: [{ containerPort: 80 }] };
    const moved = specOf(mergeUpdate(stored, { container, networks: [{ mode: 'container/bridge' }] }));
    expect([moved.portDefinitions, moved.container?.portMappings?.length]).toEqual([undefined, 1]);
    const back = specOf(mergeUpdate(inBridge, { networks: [{ mode: 'host' }] }));
    expect([back.portDefinitions?.length, back.container?.portMappings]).toEqual([1, undefined]);
  });

  it('takes the old network member for the whole networking, but not mixed with the new one', () => {
    const container = { docker: { image: 'nginx', network: 'HOST' } };
    expect(specOf(mergeUpdate(inBridge, { container })).networks).toEqual([{ mode: 'host' }]);
    expect(mergeUpdate(inBridge, { container, networks: [{ mode: 'host' }] })).toMatchObject({
      problems: [{ path: '/' }],
    });
  });
});

describe('wantedVersion', () => {
  const version = '2020-01-01T00:00:00.000Z';
  it('is a rollback only when it stands alone', () => {
    expect(wantedVersion({ cpus: 1 })).toEqual({ kind: 'none' });
    expect(wantedVersion({ version: null, cpus: 1 })).toEqual({ kind: 'none' });
    expect(wantedVersion({ id: '/x', version: '2020-01-01T01:00:00+01:00' })).toEqual({
      kind: 'version',
      version,
    });
    expect(wantedVersion({ version, instances: 2 })).toMatchObject({
      stage: 'rules',
      problems: [{ path: '/' }],
    });
    expect(wantedVersion({ version: 'latest', instances: 2 })).toMatchObject({
      stage: 'schema',
      problems: [{ path: '/version' }],
    });
    expect(wantedVersion({ version: 7 })).toMatchObject({ stage: 'schema' });
  });
});

describe('mixes of the old and the new style in one update (A13)', () => {
  const spec = (parsed: ReturnType<typeof mergeUpdate>) => {
    if (parsed.kind === 'ok') return parsed.spec;
    throw new Error(JSON.stringify(parsed));
  };
  const appOf = (change: object) => spec(parseApp({ id: '/app', cmd: 'sleep 100', ...change }));
  const onHost = appOf({ portDefinitions: [{ name: 'a' }, { name: 'b' }], fetch: [{ uri: 'http://x/a' }] });
  const docker = { image: 'nginx', network: 'BRIDGE', portMappings: [{ containerPort: 80 }] };
  const onNetwork = appOf({
    container: { type: 'MESOS', docker: { image: 'nginx' }, portMappings: [{ containerPort: 80 }] },
    networks: [{ name: 'overlay' }],
  });

  it.each([
    [{ networks: [{ mode: 'host' }], container: { docker } }, '/'],
    [{ networks: [{ name: 'n' }], ipAddress: { networkName: 'n' } }, '/'],
    [{ ipAddress: { networkName: 'n' }, ports: [0] }, '/'],
    [{ ipAddress: { networkName: 'n' }, portDefinitions: [{}] }, '/'],
    [{ uris: ['http://x/a'], fetch: [{ uri: 'http://x/b' }] }, '/uris'],
    [{ container: { portMappings: [], docker } }, '/container/docker/portMappings'],
  ])('%j is refused at %s', (update, path) => {
    const parsed = mergeUpdate(onHost, update);
    expect(parsed.kind === 'problems' && parsed.problems.map((each) => each.path)).toContain(path);
  });

  it('replaces what is stored in the other style', () => {
    expect(spec(mergeUpdate(onHost, { uris: ['http://x/b.zip'] })).fetch).toMatchObject([{ extract: true }]);
    expect(spec(mergeUpdate(onHost, { uris: [] })).fetch).toBeUndefined();
    expect(spec(mergeUpdate(onHost, { container: { docker } })).container?.portMappings).toHaveLength(1);
    const moved = spec(mergeUpdate(onHost, { networks: [{ name: 'n' }] }));
    expect(moved.container?.portMappings).toMatchObject([{ name: 'default' }]);
    const discovery = { ports: [{ number: 81, name: 'x' }] };
    const addressed = spec(mergeUpdate(onNetwork, { ipAddress: { networkName: 'n', discovery } }));
    expect(addressed.networks).toEqual([{ mode: 'container', name: 'n' }]);
    expect(addressed.container).toMatchObject({
      docker: { image: 'nginx' },
      portMappings: [{ containerPort: 81 }],
    });
    expect(spec(mergeUpdate(onHost, { ipAddress: { networkName: 'n' } })).networks[0]?.name).toBe('n');
  });

  it('keeps limits, executor resources and checks that are absent, and takes an empty account away', () => {
    const members = {
      user: 'www',
      resourceLimits: { cpus: 'unlimited' },
      executorResources: { mem: 64 },
      check: { tcp: {} },
      tty: true,
    };
    const stored = appOf(members);
    expect(spec(mergeUpdate(stored, { instances: 3 }))).toEqual({ ...stored, instances: 3 });
    expect(spec(mergeUpdate(stored, { user: '' }))).not.toHaveProperty('user');
  });
});

describe('a body that was read from the API', () => {
  it('carries a version that asks for nothing', () => {
    const version = '2020-01-01T00:00:00.000Z';
    expect(wantedVersion({ id: '/x', version, cpus: 1, versionInfo: {} })).toEqual({ kind: 'none' });
    expect(wantedVersion({ id: '/x', version, cpus: 1, tasksRunning: 0 })).toEqual({ kind: 'none' });
    expect(wantedVersion({ id: '/x', version, cpus: 1 })).toMatchObject({ kind: 'problems' });
  });
});
