import { describe, expect, it } from '@jest/globals';
import { LIMITS } from './limits.js';
import { parseApp } from './parse-app.js';

const idle = (change: object = {}): object => ({ id: '/t/app', cmd: 'sleep 100', instances: 0, ...change });
const inDocker = (change: object = {}): object =>
  idle({ cmd: undefined, container: { docker: { image: 'nginx' } }, ...change });
const pathsOf = (input: unknown): readonly string[] => {
  const parsed = parseApp(input);
  return parsed.kind === 'ok' ? [] : parsed.problems.map(({ path }) => path);
};
const healthChecks = (...checks: object[]): object => ({ healthChecks: checks });
const readHealth = (change: object) => {
  const parsed = parseApp(idle(change));
  return parsed.kind === 'ok' ? parsed.spec.healthChecks : parsed.problems;
};

describe('health checks (A7)', () => {
  const defaults = {
    protocol: 'HTTP',
    gracePeriodSeconds: 300,
    intervalSeconds: 60,
    timeoutSeconds: 20,
    maxConsecutiveFailures: 3,
    delaySeconds: 15,
    ignoreHttp1xx: false,
    ipProtocol: 'IPv4',
  };

  it('are completed, and equal ones become one', () => {
    expect(readHealth(healthChecks({ path: '/h' }, { path: '/h', portIndex: 0 }))).toEqual([
      { ...defaults, path: '/h', portIndex: 0 },
    ]);
    expect(readHealth(healthChecks({ port: 80 }))).toEqual([{ ...defaults, port: 80 }]);
    expect(readHealth(healthChecks({ protocol: 'tcp', path: '/x' }))).toEqual([
      { ...defaults, protocol: 'TCP', portIndex: 0 },
    ]);
    expect(
      readHealth(healthChecks({ protocol: 'COMMAND', command: { value: 'true' }, portIndex: 3 })),
    ).toEqual([{ ...defaults, protocol: 'COMMAND', command: { value: 'true' } }]);
  });

  it.each([
    [{ portDefinitions: [{}], ...healthChecks({ portIndex: 1 }) }],
    [{ portDefinitions: [{}], ...healthChecks({ portIndex: 1, port: 80 }) }],
    [{ portDefinitions: [], ...healthChecks({}) }],
    [{ portDefinitions: [{}, {}], ...healthChecks({}) }],
    [healthChecks({ protocol: 'COMMAND' })],
    [healthChecks({ protocol: 'COMMAND', command: { value: 'x' }, path: '/' })],
    [healthChecks({ protocol: 'COMMAND', command: { value: 'x' }, port: 80 })],
    [healthChecks({ protocol: 'TCP', command: { value: 'x' } })],
    [healthChecks({ protocol: 'MESOS_HTTP', ipProtocol: 'IPv6' })],
  ])('%j is refused at the check', (change) => expect(pathsOf(idle(change))).toEqual(['/healthChecks(0)']));

  it('allow one MESOS_* check, COMMAND not counted, and IPv6 for it in Docker', () => {
    const command = { protocol: 'COMMAND', command: { value: 'true' } };
    expect(pathsOf(idle(healthChecks({ protocol: 'MESOS_HTTP' }, { protocol: 'MESOS_TCP' })))).toEqual(['/']);
    expect(pathsOf(idle(healthChecks({ protocol: 'MESOS_HTTP' }, command)))).toEqual([]);
    expect(pathsOf(inDocker(healthChecks({ protocol: 'MESOS_HTTP', port: 80, ipProtocol: 'ipv6' })))).toEqual(
      [],
    );
  });
});

describe('constraints (A8)', () => {
  it('are upper-cased and become one when equal', () => {
    const parsed = parseApp(
      idle({
        constraints: [
          ['rack', 'like', 'a.*'],
          ['rack', 'LIKE', 'a.*'],
          ['rack', 'CLUSTER', ''],
          ['@zone', 'GROUP_BY', '2'],
        ],
      }),
    );
    expect(parsed.kind === 'ok' && parsed.spec.constraints).toEqual([
      { field: 'rack', operator: 'LIKE', value: 'a.*' },
      { field: 'rack', operator: 'CLUSTER' },
      { field: '@zone', operator: 'GROUP_BY', value: '2' },
    ]);
  });

  it.each([
    [['rack']],
    [['rack', 'LIKE', 'a', 'b']],
    [['', 'CLUSTER']],
    [['rack', 'NEAR', 'x']],
    [['rack', 'UNIQUE', 'x']],
    [['rack', 'GROUP_BY', 'abc']],
    [['rack', 'GROUP_BY', '99999999999']],
    [['rack', 'MAX_PER']],
    [['rack', 'MAX_PER', '']],
    [['rack', 'LIKE']],
    [['rack', 'UNLIKE', '*']],
    [['rack', 'LIKE', '(?=x)']],
    [['rack', 'LIKE', 'a'.repeat(1001)]],
    [['rack', 'IS', '[0-9]']],
  ])('%j is refused at its index', (constraint) => {
    expect(pathsOf(idle({ constraints: [['hostname', 'UNIQUE'], constraint] }))).toEqual(['/constraints(1)']);
  });
});

describe('ids, dependencies, roles, strategies (A2, A9, A11)', () => {
  it.each([
    [{ id: '/' }, ['/id', '/']],
    [{ id: '/t/tasks' }, ['/id']],
    [{ id: '/t/x/../restart' }, ['/id']],
    [{ id: `/${'a'.repeat(201)}` }, ['/id']],
    [{ dependencies: ['/ok', '/Bad_Id'] }, ['/dependencies(1)']],
    [{ dependencies: ['/t/app'] }, ['/']],
    [{ role: 'a/b' }, ['/role']],
    [{ role: '..' }, ['/role']],
    [{ acceptedResourceRoles: [] }, ['/acceptedResourceRoles']],
    [{ acceptedResourceRoles: ['*', '-x'] }, ['/acceptedResourceRoles']],
    [{ env: { A: '1', '': 'x' } }, ['/env/keys(1)']],
    [
      { unreachableStrategy: { inactiveAfterSeconds: 10, expungeAfterSeconds: 5 } },
      ['/unreachableStrategy/inactiveAfterSeconds'],
    ],
    [
      { labels: { MARATHON_SINGLE_INSTANCE_APP: 'true' } },
      ['/upgradeStrategy/minimumHealthCapacity', '/upgradeStrategy/maximumOverCapacity'],
    ],
    [{ labels: { DCOS_MIGRATION_API_VERSION: 'v1' } }, ['/']],
  ])('%j is refused at %j', (change, paths) => expect(pathsOf(idle(change))).toEqual(paths));

  it('keep roles as labels', () => {
    const parsed = parseApp(idle({ role: 'prod', acceptedResourceRoles: ['prod', '*', 'prod'] }));
    expect(parsed.kind === 'ok' && [parsed.spec.role, parsed.spec.acceptedResourceRoles]).toEqual([
      'prod',
      ['prod', '*'],
    ]);
  });
});

describe('own limits', () => {
  const many = (count: number, item: (index: number) => unknown): unknown[] =>
    Array.from({ length: count }, (_, at) => item(at));
  const entries = (count: number, value = 'v'): object =>
    Object.fromEntries(many(count, (at) => [`k${at}`, value]) as [string, string][]);

  it.each([
    ['/cmd', { cmd: 'x'.repeat(LIMITS.commandBytes + 1) }],
    ['/cmd', { cmd: '€'.repeat(LIMITS.commandBytes / 3 + 1) }],
    ['/args', { cmd: undefined, args: many(2, () => 'x'.repeat(LIMITS.commandBytes / 2 + 1)) }],
    ['/env', { env: entries(LIMITS.envEntries + 1) }],
    ['/env', { env: { A: 'x'.repeat(LIMITS.envBytes) } }],
    ['/labels', { labels: entries(LIMITS.labels + 1) }],
    ['/labels', { labels: { a: 'x'.repeat(LIMITS.labelBytes) } }],
    ['/instances', { instances: LIMITS.instances + 1 }],
    ['/ports', { ports: many(LIMITS.ports + 1, () => 0) }],
    ['/portDefinitions', { portDefinitions: many(LIMITS.ports + 1, () => ({})) }],
    ['/healthChecks', { healthChecks: many(LIMITS.healthChecks + 1, (at) => ({ path: `/${at}` })) }],
    ['/dependencies', { dependencies: many(LIMITS.dependencies + 1, (at) => `/d${at}`) }],
  ])('%s', (path, change) => expect(pathsOf(idle(change))).toEqual([path]));

  it('leave room for what load balancers use', () => {
    expect(pathsOf(idle({ labels: entries(2000, 'v'.repeat(80)), env: entries(1000) }))).toEqual([]);
  });
});

describe('what is not supported yet', () => {
  it.each([
    ['/', { gpus: 1 }],
    ['/secrets', { secrets: { pw: { source: 's' } } }],
    ['/env', { env: { DB: { secret: 'pw' } }, secrets: { pw: { source: 's' } } }],
    [
      '/container',
      {
        container: { type: 'MESOS', volumes: [{ containerPath: 'x', secret: 'pw' }] },
        secrets: { pw: { source: 's' } },
      },
    ],
    [
      '/container/volumes(0)/persistent',
      {
        container: { type: 'MESOS', volumes: [{ containerPath: 'x', mode: 'RW', persistent: { size: 1 } }] },
      },
    ],
    [
      '/container/volumes(0)',
      { container: { type: 'MESOS', volumes: [{ containerPath: 'x', mode: 'RW', external: {} }] } },
    ],
    ['/container/docker/pullConfig', { container: { docker: { image: 'x', pullConfig: { secret: 'p' } } } }],
  ])('is refused by name at %s: %j', (path, change) => {
    const parsed = parseApp(idle(change));
    const texts =
      parsed.kind === 'ok' ? [] : (parsed.problems.find((each) => each.path === path)?.errors ?? []);
    expect(texts.join()).toMatch(/not supported yet by this version of Longrun\. \S/);
  });

  it('is accepted when it asks for nothing', () => {
    const nothing = {
      uris: [],
      fetch: [],
      secrets: {},
      readinessChecks: [],
      gpus: 0,
      executor: '',
      user: '',
      resourceLimits: {},
      residency: {},
    };
    expect(parseApp(idle(nothing))).toEqual(parseApp(idle()));
  });
});
