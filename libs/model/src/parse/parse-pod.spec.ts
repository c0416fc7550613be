import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePod } from './parse-pod.js';

const container = { name: 'web', resources: {}, exec: { command: { shell: 'sleep 1' } } };
const podWith = (change: object): object => ({ id: '/pod', containers: [container], ...change });
/** One container with these members beside its own. */
const having = (change: object): object => podWith({ containers: [{ ...container, ...change }] });
const twice = (first: object, second: object): object =>
  podWith({
    containers: [
      { ...container, endpoints: [first] },
      { ...container, name: 'two', endpoints: [second] },
    ],
  });
const overlay = [{ name: 'overlay' }];
const two = [{ name: 'a' }, { name: 'b' }];
const persistent = (change: object, size = 1): object => ({
  ...having({ volumeMounts: [{ name: 'v', mountPath: 'x' }] }),
  volumes: [{ name: 'v', persistent: { size } }],
  role: 'prod',
  ...change,
});

const problemsOf = (input: unknown) => {
  const parsed = parsePod(input);
  return parsed.kind === 'ok' ? [] : parsed.problems.map(({ path }) => path);
};

describe('a pod that keeps the rules', () => {
  it.each([
    podWith({}),
    podWith({ networks: [{ mode: 'host' }], scaling: { kind: 'FIXED', instances: 0 } }),
    podWith({ scheduling: { upgrade: { maximumOverCapacity: 0.5 }, backoff: { backoff: 0.5 } } }),
    podWith({
      scheduling: { placement: { constraints: [{ fieldName: 'rack', operator: 'max_per', value: '2' }] } },
    }),
    having({ endpoints: [{ name: 'http', hostPort: 0, protocol: ['tcp', 'udp'] }] }),
    { ...having({ endpoints: [{ name: 'http', containerPort: 80 }] }), networks: overlay },
    having({ endpoints: [{ name: 'http' }], healthCheck: { http: { endpoint: 'http' } } }),
    having({ check: { exec: { command: { argv: ['true'] } } }, lifecycle: { killGracePeriodSeconds: 0.5 } }),
    { ...having({ volumeMounts: [{ name: 'v', mountPath: 'x' }] }), volumes: [{ name: 'v' }] },
    persistent({}),
    twice({ name: 'a', hostPort: 0 }, { name: 'b', hostPort: 0 }),
  ])('%j', (input) => expect(problemsOf(input)).toEqual([]));

  it('gives its id', () => expect(parsePod(podWith({ id: '/a//b/' }))).toMatchObject({ id: '/a/b' }));
});

describe('the schema of pods (B1, B2)', () => {
  it.each([
    [[], ['/']],
    [{}, ['/id', '/containers']],
    [podWith({ containers: [] }), ['/containers']],
    [podWith({ containers: [{ name: 'Web' }] }), ['/containers(0)/name', '/containers(0)/resources']],
    [having({ image: { id: 'x' } }), ['/containers(0)/image/kind']],
    [having({ image: { kind: 'APPC', id: 'x' } }), ['/containers(0)/image/kind']],
    [having({ exec: {} }), ['/containers(0)/exec/command']],
    [having({ exec: { command: { argv: [] } } }), ['/containers(0)/exec/command/argv']],
    [having({ endpoints: [{ name: 'a', containerPort: 0 }] }), ['/containers(0)/endpoints(0)/containerPort']],
    [podWith({ scaling: { kind: 'auto' } }), ['/scaling']],
    [podWith({ scaling: { kind: 'fixed', instances: -1 } }), ['/scaling/instances']],
    [podWith({ environment: { '9A': 'x' } }), ['/environment/9A']],
    [podWith({ user: '' }), ['/user']],
    [
      podWith({ scheduling: { upgrade: { maximumOverCapacity: 2 } } }),
      ['/scheduling/upgrade/maximumOverCapacity'],
    ],
    [
      podWith({ scheduling: { placement: { constraints: [{ fieldName: 'a', operator: 'NEAR' }] } } }),
      ['/scheduling/placement/constraints(0)/operator'],
    ],
  ])('%j is refused at %j', (input, paths) => {
    expect(parsePod(input)).toMatchObject({ kind: 'problems', stage: 'schema' });
    expect(problemsOf(input)).toEqual(paths);
  });
});

describe('the rules of pods (B1-B3)', () => {
  it.each([
    [podWith({ id: 'pod' }), ['/id']],
    [podWith({ id: '/' }), ['/id']],
    [podWith({ id: '/a/tasks' }), ['/id']],
    [podWith({ containers: [container, container] }), ['/containers']],
    [podWith({ networks: [{ mode: 'container' }] }), ['/networks']],
    [podWith({ networks: [{ mode: 'host' }, { mode: 'host' }] }), ['/networks']],
    [podWith({ role: 'a b' }), ['/role']],
    [
      podWith({ scheduling: { placement: { constraints: [{ fieldName: 'a', operator: 'MAX_PER' }] } } }),
      ['/scheduling/placement/constraints(0)'],
    ],
    [
      podWith({ scheduling: { unreachableStrategy: { inactiveAfterSeconds: 2, expungeAfterSeconds: 1 } } }),
      ['/scheduling/unreachableStrategy/inactiveAfterSeconds'],
    ],
    [
      podWith({ secrets: { s: { source: 'x' } }, environment: { A: { secret: 's' } } }),
      ['/secrets', '/environment'],
    ],
    [
      having({ environment: { A: { secret: 's' } } }),
      ['/containers(0)/environment', '/containers(0)/environment/A/secret'],
    ],
    [podWith({ linuxInfo: { seccomp: { unconfined: true } } }), ['/linuxInfo/seccomp']],
    [podWith({ linuxInfo: { ipcInfo: { mode: 'SHARE_PARENT', shmSize: 1 } } }), ['/linuxInfo/ipcInfo']],
    [
      { ...having({ resourceLimits: { mem: 'unlimited' } }), legacySharedCgroups: true },
      ['/containers(0)/resourceLimits'],
    ],
    [having({ resourceLimits: { mem: 100 } }), ['/containers(0)/resourceLimits/mem']],
    [having({ resources: { gpus: 1 } }), ['/']],
    [having({ artifacts: [{ uri: 'a b' }] }), ['/containers(0)/artifacts(0)/uri']],
    [having({ linuxInfo: { seccomp: {} } }), ['/containers(0)/linuxInfo/seccomp']],
    [podWith({ volumes: [{ name: 'v' }] }), ['/volumes(0)']],
    [
      {
        ...having({ volumeMounts: [{ name: 'v', mountPath: 'x' }] }),
        volumes: [{ name: 'v' }, { name: 'v' }],
      },
      ['/volumes'],
    ],
    [having({ volumeMounts: [{ name: 'v', mountPath: 'x' }] }), ['/containers(0)/volumeMounts(0)/name']],
    [persistent({}, 0), ['/volumes(0)/persistent/size']],
    [persistent({ role: '*' }), ['/role']],
    [persistent({ scheduling: { unreachableStrategy: {} } }), ['/']],
    [persistent({ scheduling: { upgrade: { maximumOverCapacity: 1 } } }), ['/upgrade/maximumOverCapacity']],
    [
      persistent({ scheduling: { placement: { acceptedResourceRoles: ['prod'] } } }),
      ['/acceptedResourceRoles'],
    ],
  ])('%j is refused at %j', (input, paths) => {
    expect(parsePod(input)).toMatchObject({ kind: 'problems', stage: 'rules' });
    expect(problemsOf(input)).toEqual(paths);
  });
});

describe('endpoints and checks of pods (B2)', () => {
  const endpoint = '/containers(0)/endpoints(0)';
  it.each([
    [having({ endpoints: [{ name: 'a', containerPort: 80 }] }), [`${endpoint}/containerPort`]],
    [{ ...having({ endpoints: [{ name: 'a' }] }), networks: overlay }, [`${endpoint}/containerPort`]],
    [having({ endpoints: [{ name: 'a', protocol: ['tcp', 'TCP'] }] }), [`${endpoint}/protocol`]],
    [
      { ...having({ endpoints: [{ name: 'a', containerPort: 1, networkNames: ['z'] }] }), networks: overlay },
      [`${endpoint}/networkNames(0)`],
    ],
    [{ ...having({ endpoints: [{ name: 'a', containerPort: 1, hostPort: 0 }] }), networks: two }, [endpoint]],
    [twice({ name: 'a' }, { name: 'a' }), ['/']],
    [twice({ name: 'a', hostPort: 80 }, { name: 'b', hostPort: 80 }), ['/']],
    [
      { ...twice({ name: 'a', containerPort: 80 }, { name: 'b', containerPort: 80 }), networks: overlay },
      ['/'],
    ],
    [having({ healthCheck: {} }), ['/containers(0)/healthCheck']],
    [having({ healthCheck: { http: { endpoint: 'x' } } }), ['/containers(0)/healthCheck/http/endpoint']],
    [having({ check: { tcp: { endpoint: 'x' } } }), ['/containers(0)/check/tcp/endpoint']],
    [
      having({ check: { exec: { command: { shell: 'x' } }, intervalSeconds: 5, timeoutSeconds: 5 } }),
      ['/containers(0)/check/timeoutSeconds'],
    ],
  ])('%j is refused at %j', (input, paths) => expect(problemsOf(input)).toEqual(paths));
});

describe('parsePod on anything', () => {
  it('never throws', () => {
    const members = fc.dictionary(
      fc.constantFrom(
        'id',
        'containers',
        'networks',
        'volumes',
        'scheduling',
        'scaling',
        'linuxInfo',
        'secrets',
      ),
      fc.anything(),
    );
    const pod = fc.oneof(fc.anything(), members.map(podWith), members.map(having));
    fc.assert(fc.property(pod, (input) => void parsePod(input)));
  });
});
