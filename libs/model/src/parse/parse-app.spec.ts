import { describe, expect, it } from '@jest/globals';
import { asAppId } from '../ids.js';
import { parseApp, type ParsedApp } from './parse-app.js';
import type { Problem } from './problems.js';

const idle = (change: object = {}): object => ({ id: '/t/app', cmd: 'sleep 100', instances: 0, ...change });
const image = { type: 'DOCKER', docker: { image: 'nginx:1.25' } };
const inDocker = (change: object = {}): object => idle({ cmd: undefined, container: image, ...change });

function specOf(parsed: ParsedApp) {
  if (parsed.kind === 'ok') return parsed.spec;
  throw new Error(JSON.stringify(parsed));
}
const problemsOf = (input: unknown): readonly Problem[] => {
  const parsed = parseApp(input);
  return parsed.kind === 'ok' ? [] : parsed.problems;
};
const stageOf = (input: unknown) => {
  const parsed = parseApp(input);
  return parsed.kind === 'ok' ? 'accepted' : parsed.stage;
};

describe('parseApp: a minimal app', () => {
  it('gets every default of app.md A1', () => {
    expect(parseApp({ id: 'bare', cmd: 'sleep 1' })).toEqual({
      kind: 'ok',
      spec: {
        id: '/bare',
        cmd: 'sleep 1',
        env: {},
        instances: 1,
        cpus: 1,
        mem: 128,
        disk: 0,
        constraints: [],
        networks: [{ mode: 'host' }],
        portDefinitions: [{ port: 0, protocol: 'tcp', name: 'default', labels: {} }],
        requirePorts: false,
        healthChecks: [],
        labels: {},
        upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
        backoffSeconds: 1,
        backoffFactor: 1.15,
        maxLaunchDelaySeconds: 300,
        dependencies: [],
        killSelection: 'YOUNGEST_FIRST',
        unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
        role: '*',
      },
    });
  });

  it('takes null for absent, and ignores unknown and read-only members', () => {
    const nulls = { env: null, cpus: null, labels: null, container: null, ports: null, user: null };
    const readOnly = {
      tasks: [1],
      tasksRunning: 7,
      deployments: 'x',
      version: 'x',
      versionInfo: 1,
      owner: {},
    };
    expect(parseApp(idle({ ...nulls, ...readOnly }))).toEqual(parseApp(idle()));
  });

  it('takes empty texts of role and executor for the default', () => {
    expect(parseApp(idle({ role: '', executor: '' }))).toEqual(parseApp(idle()));
  });

  it('reads enums in any case and keeps their own', () => {
    const spec = specOf(parseApp(inDocker({ killSelection: 'oldest_first', networks: [{ mode: 'HOST' }] })));
    expect([spec.killSelection, spec.networks]).toEqual(['OLDEST_FIRST', [{ mode: 'host' }]]);
  });

  it('resolves its id and dependencies against the base, or takes the id of the URL', () => {
    const spec = specOf(
      parseApp(idle({ id: 'web/', dependencies: ['db', '../x', '/y', 'db'] }), { base: asAppId('/shop') }),
    );
    expect([spec.id, spec.dependencies]).toEqual(['/shop/web', ['/shop/db', '/x', '/y']]);
    expect(specOf(parseApp(idle({ id: 7 }), { id: asAppId('/from/url') })).id).toBe('/from/url');
    expect(specOf(parseApp(idle({ id: '/a//b/../c/' }))).id).toBe('/a/c');
  });
});

describe('parseApp: schema violations', () => {
  it('lists all of them together and no rule', () => {
    const input = {
      id: 7,
      cmd: ['x'],
      instances: '3',
      args: ['x'],
      upgradeStrategy: { minimumHealthCapacity: 2 },
    };
    expect(stageOf(input)).toBe('schema');
    expect(problemsOf(input)).toEqual([
      { path: '/id', errors: ['error.expected.jsstring'] },
      { path: '/cmd', errors: ['error.expected.jsstring'] },
      { path: '/instances', errors: ['error.expected.jsnumber'] },
      { path: '/upgradeStrategy/minimumHealthCapacity', errors: ['error.max'] },
      {
        path: '/upgradeStrategy/maximumOverCapacity',
        errors: [`'maximumOverCapacity' is undefined on object: {"minimumHealthCapacity":2}`],
      },
    ]);
  });

  it.each([
    [{ id: undefined }, '/id', `'id' is undefined on object: `],
    [{ id: null }, '/id', 'error.expected.jsstring'],
    [{ id: '' }, '/id', 'error.minLength'],
    [{ id: '/A_B' }, '/id', 'error.pattern'],
    [{ id: '/t/...' }, '/id', 'error.pattern'],
    [{ id: `/${'a'.repeat(9000)}` }, '/id', 'must not be longer than 200 characters'],
    [{ cmd: '' }, '/cmd', 'error.minLength'],
    [{ cmd: 'a\0b' }, '/cmd', 'must not contain NUL characters'],
    [{ cmd: undefined, args: 'x' }, '/args', 'error.expected.jsarray'],
    [{ cmd: undefined, args: ['x', 1] }, '/args(1)', 'error.expected.jsstring'],
    [{ instances: 1.5 }, '/instances', 'error.expected.int'],
    [{ instances: 1e12 }, '/instances', 'error.expected.int'],
    [{ instances: Infinity }, '/instances', 'error.expected.int'],
    [{ instances: -1 }, '/instances', 'error.min'],
    [{ cpus: '1' }, '/cpus', 'error.expected.jsnumber'],
    [{ cpus: NaN }, '/cpus', 'error.expected.jsnumber'],
    [{ mem: -1 }, '/mem', 'error.min'],
    [{ requirePorts: 'yes' }, '/requirePorts', 'error.expected.jsboolean'],
    [{ backoffFactor: 0.5 }, '/backoffFactor', 'error.min'],
    [{ killSelection: 'RANDOM' }, '/killSelection', 'error.unknown.enum.literal'],
    [{ unreachableStrategy: 'disable' }, '/unreachableStrategy', 'error.unknown.enum.literal'],
    [{ labels: { a: 1 } }, '/labels/a', 'error.expected.jsstring'],
    [{ labels: ['a'] }, '/labels', 'error.expected.jsobject'],
    [{ env: ['A=1'] }, '/env', 'error.expected.jsobject'],
    [{ env: { 'A\0B': 'x' } }, '/env/keys(0)', 'must not contain NUL characters'],
    [{ portDefinitions: [{ port: 65536 }] }, '/portDefinitions(0)/port', 'error.max'],
    [{ portDefinitions: [{ name: 'HTTP' }] }, '/portDefinitions(0)/name', 'error.pattern'],
    [
      { portDefinitions: [{ protocol: 'tcp,udp' }] },
      '/portDefinitions(0)/protocol',
      'error.unknown.enum.literal',
    ],
    [{ constraints: ['hostname:UNIQUE'] }, '/constraints(0)', 'error.expected.jsarray'],
    [{ networks: [{ mode: 'bridge' }] }, '/networks(0)/mode', 'error.unknown.enum.literal'],
    [{ healthChecks: [{ protocol: 'GRPC' }] }, '/healthChecks(0)/protocol', 'error.unknown.enum.literal'],
    [{ executor: '/test/' }, '/executor', 'error.pattern'],
    [{ container: { docker: {} } }, '/container/docker/image', `'image' is undefined on object: {}`],
    [
      { container: { ...image, volumes: [{ containerPath: '/a', mode: 'RW' }] } },
      '/container/volumes(0)/hostPath',
      `'hostPath' is`,
    ],
    [{ secrets: { pw: { source: '' } } }, '/secrets/pw/source', 'error.minLength'],
  ])('%j is wrong at %s: %s', (change, path, text) => {
    expect(stageOf(idle(change))).toBe('schema');
    const [only, ...more] = problemsOf(idle(change));
    expect([only?.path, more]).toEqual([path, []]);
    expect(only?.errors[0]).toContain(text);
  });

  it('shows the object a member is missing in one level deep and short, never values of env', () => {
    const [problem] = problemsOf({ env: { TOKEN: 'top-secret' }, cmd: 'x'.repeat(5000) });
    expect(problem?.errors[0]).toContain('{"env":{…},"cmd":');
    expect(problem?.errors[0]?.length).toBeLessThan(300);
  });

  it('reads what is no object as an empty one where nothing is mandatory, else refuses it', () => {
    expect(parseApp(idle({ unreachableStrategy: 5 }))).toEqual(parseApp(idle()));
    expect(problemsOf([])).toEqual([{ path: '/', errors: ['error.expected.jsobject'] }]);
  });
});

describe('parseApp: what runs (A3)', () => {
  it.each([
    ['args alone', idle({ cmd: undefined, args: ['sleep', '1'] })],
    ['an image alone', inDocker()],
    ['an image with a command', inDocker({ cmd: 'nginx' })],
    ['a MESOS container with an image', idle({ cmd: undefined, container: { ...image, type: 'mesos' } })],
    ['a MESOS container without image and a command', idle({ container: { type: 'MESOS' } })],
    ['an empty list of args counts as absent', idle({ args: [] })],
  ])('%s is enough', (_, input) => expect(stageOf(input)).toBe('accepted'));

  it.each([
    ['nothing', idle({ cmd: undefined }), '/'],
    ['cmd and args', inDocker({ cmd: 'ls', args: ['x'] }), '/'],
    ['a command of one character', idle({ cmd: 'x' }), '/'],
    ['a MESOS container without image', idle({ cmd: undefined, container: { type: 'MESOS' } }), '/'],
    ['a container without docker', idle({ container: {} }), '/container/docker'],
  ])('%s is refused', (_, input, path) => {
    expect(stageOf(input)).toBe('rules');
    expect(problemsOf(input).map((each) => each.path)).toContain(path);
  });
});

describe('parseApp: networks and ports (A5, A6)', () => {
  const bridge = [{ mode: 'container/bridge' }];
  const mapping = { containerPort: 0, hostPort: 0, servicePort: 0, protocol: 'tcp', labels: {} };

  it('gives a bridge app a default mapping, keeps an explicit empty list', () => {
    const ports = (change: object) =>
      specOf(parseApp(inDocker({ networks: bridge, ...change }))).container?.portMappings;
    expect(ports({})).toEqual([{ ...mapping, name: 'default' }]);
    expect(ports({ container: { ...image, portMappings: [] } })).toEqual([]);
    expect(ports({ ports: [0, 0] })).toEqual([{ ...mapping, name: 'default' }, mapping]);
  });

  it('translates the old style and drops mappings with host networking', () => {
    const docker = {
      image: 'x',
      network: 'BRIDGE',
      portMappings: [{ containerPort: 80, servicePort: 10080 }],
    };
    const old = specOf(parseApp(inDocker({ container: { docker } })));
    expect([old.networks, old.portDefinitions]).toEqual([bridge, undefined]);
    expect(old.container?.portMappings).toEqual([{ ...mapping, containerPort: 80, servicePort: 10080 }]);
    const host = specOf(
      parseApp(inDocker({ container: { ...image, portMappings: [{ containerPort: 80 }] } })),
    );
    expect([host.networks, host.container?.portMappings]).toEqual([[{ mode: 'host' }], undefined]);
  });

  it('makes definitions of old ports and keeps explicit emptiness', () => {
    const ports = (change: object) => specOf(parseApp(idle(change))).portDefinitions;
    expect(ports({ ports: [0, 8080] })).toEqual(
      [0, 8080].map((port) => ({ port, protocol: 'tcp', labels: {} })),
    );
    expect([ports({ ports: [] }), ports({ portDefinitions: [] })]).toEqual([[], []]);
  });

  it('forces requirePorts to false unless host', () => {
    expect(specOf(parseApp(inDocker({ networks: bridge, requirePorts: true }))).requirePorts).toBe(false);
    expect(specOf(parseApp(idle({ requirePorts: true }))).requirePorts).toBe(true);
  });

  it.each([
    [idle({ ports: [8080, 8080] }), '/'],
    [idle({ ports: [99_999] }), '/ports(0)'],
    [idle({ ports: [8080], portDefinitions: [{ port: 9090 }] }), '/'],
    [idle({ portDefinitions: [{ port: 1 }, { port: 1 }] }), '/portDefinitions'],
    [idle({ portDefinitions: [{ name: 'a' }, { name: 'a' }] }), '/portDefinitions'],
    [
      inDocker({ networks: bridge, container: { ...image, portMappings: [{ name: 'a' }, { name: 'a' }] } }),
      '/container/portMappings',
    ],
    [inDocker({ container: { docker: { image: 'x', network: 'NONE' } } }), '/container/docker/network'],
    [
      inDocker({ container: { docker: { image: 'x', portMappings: [] }, portMappings: [] } }),
      '/container/docker/portMappings',
    ],
    [inDocker({ networks: bridge, container: { docker: { image: 'x', network: 'BRIDGE' } } }), '/'],
    [
      inDocker({ container: { type: 'MESOS', docker: { image: 'x', network: 'HOST' } } }),
      '/container/docker/network',
    ],
    [
      inDocker({
        container: { type: 'MESOS', docker: { image: 'x', parameters: [{ key: 'a', value: 'b' }] } },
      }),
      '/container/docker/parameters',
    ],
    [idle({ networks: [{ mode: 'host', name: 'x' }] }), '/networks'],
    [idle({ networks: [{ mode: 'host', labels: { a: 'b' } }] }), '/networks'],
    [idle({ networks: [{ mode: 'host' }, { mode: 'host' }] }), '/networks'],
    [idle({ networks: [{ mode: 'host' }, ...bridge] }), '/networks'],
  ])('%j is refused at %s', (input, path) => {
    expect(stageOf(input)).toBe('rules');
    expect(problemsOf(input).map((each) => each.path)).toContain(path);
  });

  it('reports conflicts of old and new members before any other rule', () => {
    const input = idle({ ports: [1], portDefinitions: [{ port: 2 }], constraints: [['', 'UNIQUE']] });
    expect(problemsOf(input).map((each) => each.path)).toEqual(['/']);
  });
});
