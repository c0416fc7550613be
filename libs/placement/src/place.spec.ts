import { describe, expect, test } from '@jest/globals';
import { asAgentId, asAppId, asInstanceId } from '#libs/model';
import type { AgentNode, AppSpec, Constraint, Instance } from '#libs/model';
import { anAgentInfo, anAgentNode, anAppSpec, anInstance } from '#libs/testkit';
import { canonicalValue, constraintViolation, peersOn } from './constraints.js';
import { PORT_SHUN_MS, PlacementIndex } from './placement-index.js';
import { place } from './place.js';
import type { PlacementRequest } from './verdict.js';

const NOW = 1_000_000;

function anAgent(
  name: string,
  more: Partial<AgentNode> = {},
  info: Partial<AgentNode['info']> = {},
): AgentNode {
  const resources = { cpus: 2, mem: 1024, disk: 1000, ports: [{ from: 31_000, to: 31_003 }] };
  return anAgentNode({
    info: anAgentInfo({ id: asAgentId(name), hostname: name, resources, ...info }),
    ...more,
  });
}
const agentsOf = (...agents: readonly AgentNode[]): ReadonlyMap<AgentNode['info']['id'], AgentNode> =>
  new Map(agents.map((each) => [each.info.id, each]));

const aRequest = (spec = anAppSpec(), more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  appId: spec.id,
  spec,
  peers: new Map(),
  total: spec.instances,
  confirmedTable: 5,
  now: NOW,
  ...more,
});

function aPlaced(
  name: string,
  agent: string,
  hostPorts: readonly number[],
  more: Partial<Instance> = {},
): Instance {
  return anInstance({ id: asInstanceId(name), agentId: asAgentId(agent), hostPorts, ...more });
}

describe('place', () => {
  test('spreads an app, then takes the least loaded, and prefers where it ran before', () => {
    const ledger = new PlacementIndex(0);
    const agents = agentsOf(anAgent('a'), anAgent('b'), anAgent('c'));
    ledger.note(undefined, aPlaced('w1', 'a', [31_000]), anAppSpec(), NOW, 0);
    ledger.note(undefined, aPlaced('x1', 'b', [31_000], { appId: asAppId('/x') }), anAppSpec(), NOW, 0);
    expect(place(aRequest(), agents, ledger)).toMatchObject({ kind: 'placed', agentId: 'c' });
    const back = aRequest(anAppSpec(), { preferredAgent: asAgentId('a') });
    expect(place(back, agents, ledger)).toEqual({ kind: 'placed', agentId: 'a', hostPorts: [31_001] });
  });

  test('a nearly full disk takes nothing new, but what ran there comes back if no other agent has room', () => {
    const ledger = new PlacementIndex(0);
    const full = anAgent('a', { diskLow: true });
    const back = aRequest(anAppSpec(), { preferredAgent: asAgentId('a') });
    expect(place(aRequest(), agentsOf(full), ledger)).toMatchObject({ kind: 'impossible' });
    expect(place(back, agentsOf(full), ledger)).toMatchObject({ kind: 'placed', agentId: 'a' });
    expect(place(back, agentsOf(full, anAgent('b')), ledger)).toMatchObject({ agentId: 'b' });
  });

  test('says for every agent what is missing, with amounts', () => {
    const ledger = new PlacementIndex(0);
    ledger.note(undefined, aPlaced('w1', 'a', []), anAppSpec({ cpus: 1.5 }), NOW, 0);
    const agents = agentsOf(
      anAgent('a'),
      anAgent('b', { liveness: 'lost' }),
      anAgent('c', { diskLow: true }, { runtimes: ['docker'] }),
    );
    const verdict = place(aRequest(anAppSpec({ mem: 2048, disk: 2000 })), agents, ledger);
    expect(verdict.kind === 'impossible' && verdict.perAgent.map((each) => each.reasons)).toEqual([
      [
        { reason: 'InsufficientCpus', text: 'needs 1 cpus, 0.5 of 2 are free' },
        { reason: 'InsufficientMemory', text: 'needs 2048 MiB of memory, 896 of 1024 are free' },
        { reason: 'InsufficientDisk', text: 'needs 2000 MiB of disk, 1000 of 1000 are free' },
      ],
      [
        { reason: 'AgentUnreachable', text: 'the agent is lost' },
        { reason: 'InsufficientMemory', text: 'needs 2048 MiB of memory, 1024 of 1024 are free' },
        { reason: 'InsufficientDisk', text: 'needs 2000 MiB of disk, 1000 of 1000 are free' },
      ],
      [
        { reason: 'RuntimeMissing', text: 'needs the process runtime, the agent has docker' },
        { reason: 'DiskLow', text: 'less than 5 % of its disk is free' },
        { reason: 'InsufficientMemory', text: 'needs 2048 MiB of memory, 1024 of 1024 are free' },
        { reason: 'InsufficientDisk', text: 'needs 2000 MiB of disk, 1000 of 1000 are free' },
      ],
    ]);
  });

  test('sums of fractions leave room for the last one', () => {
    const ledger = new PlacementIndex(0);
    for (let index = 0; index < 19; index += 1) {
      ledger.note(undefined, aPlaced(`w${index}`, 'a', []), anAppSpec({ cpus: 0.1 }), NOW, 0);
    }
    const request = aRequest(anAppSpec({ cpus: 0.1, mem: 1, portDefinitions: [] }));
    ledger.note(aPlaced('w0', 'a', []), aPlaced('w0', 'a', []), anAppSpec({ cpus: 0.1, mem: 0 }), NOW, 0);
    expect(
      place(
        request,
        agentsOf(anAgent('a', {}, { resources: { cpus: 2, mem: 9999, disk: 1, ports: [] } })),
        ledger,
      ).kind,
    ).toBe('placed');
  });
});

describe('host ports', () => {
  const agents = agentsOf(anAgent('a'));
  const portOf = (request: PlacementRequest, ledger: PlacementIndex): unknown => {
    const verdict = place(request, agents, ledger);
    return verdict.kind === 'placed'
      ? verdict.hostPorts
      : verdict.perAgent[0]?.reasons.map((each) => each.text);
  };
  const use = (ledger: PlacementIndex, port: number, at: number, leftAt = 0, app = '/x'): void => {
    const row = aPlaced(`i${port}`, 'a', [port], { appId: asAppId(app), leftAt });
    ledger.note(undefined, row, anAppSpec(), at, 0);
    ledger.note(row, undefined, anAppSpec(), at, 0);
  };

  test('never used ones first, then the least recently used', () => {
    const ledger = new PlacementIndex(0);
    [31_000, 31_001, 31_002].forEach((port, index) => use(ledger, port, 100 - index));
    expect(portOf(aRequest(), ledger)).toEqual([31_003]);
    use(ledger, 31_003, 200);
    expect(portOf(aRequest(), ledger)).toEqual([31_002]);
  });

  test('a port goes to another app only when every proxy confirmed a table without it', () => {
    const ledger = new PlacementIndex(0);
    for (const port of [31_000, 31_001, 31_002, 31_003]) use(ledger, port, port, 7);
    expect(portOf(aRequest(), ledger)).toEqual(['needs 1 free host port, 0 are free']);
    expect(portOf(aRequest(anAppSpec(), { confirmedTable: 7 }), ledger)).toEqual([31_000]);
    expect(portOf(aRequest(anAppSpec(), { confirmedTable: null }), ledger)).toEqual([31_000]);
    expect(portOf(aRequest(anAppSpec({ id: asAppId('/x') })), ledger)).toEqual([31_000]);
  });

  test('that its own app had the port back meanwhile does not shorten the wait of others', () => {
    const ledger = new PlacementIndex(0);
    const mine = aRequest(anAppSpec({ id: asAppId('/x') }));
    for (const port of [31_000, 31_001, 31_002, 31_003]) {
      use(ledger, port, port, 7);
      // the same app again, and gone before it ever was in a table
      use(ledger, port, port);
    }
    expect(portOf(mine, ledger)).toEqual([31_000]);
    expect(portOf(aRequest(), ledger)).toEqual(['needs 1 free host port, 0 are free']);
    expect(portOf(aRequest(anAppSpec(), { confirmedTable: 7 }), ledger)).toEqual([31_000]);
  });

  test.each(['in', 'suspect'] as const)(
    'one that was routed (%s) up to the commit that forgot it has left with that',
    (routing) => {
      const ledger = new PlacementIndex(0);
      for (const port of [31_000, 31_001, 31_002, 31_003]) {
        const row = aPlaced(`i${port}`, 'a', [port], { appId: asAppId('/x'), routing });
        ledger.note(undefined, row, anAppSpec(), port, 5);
        ledger.note(row, undefined, anAppSpec(), port, 7);
      }
      expect(portOf(aRequest(anAppSpec(), { confirmedTable: 6 }), ledger)).toEqual([
        'needs 1 free host port, 0 are free',
      ]);
      expect(portOf(aRequest(anAppSpec({ id: asAppId('/x') }), { confirmedTable: 6 }), ledger)).toEqual([
        31_000,
      ]);
      expect(portOf(aRequest(anAppSpec(), { confirmedTable: 7 }), ledger)).toEqual([31_000]);
    },
  );

  test('nor does a task that a new leader finds on the port', () => {
    const ledger = new PlacementIndex(6);
    use(ledger, 31_000, 100);
    expect(portOf(aRequest(anAppSpec(), { confirmedTable: 5 }), ledger)).not.toEqual([31_000]);
    expect(portOf(aRequest(anAppSpec(), { confirmedTable: 6 }), ledger)).toEqual([31_001]);
  });

  test('after taking office unknown ports wait for the table found then', () => {
    expect(portOf(aRequest(), new PlacementIndex(6))).toEqual(['needs 1 free host port, 0 are free']);
    expect(portOf(aRequest(), new PlacementIndex(5))).toEqual([31_000]);
  });

  test('a port that was taken is shunned for 10 minutes', () => {
    const ledger = new PlacementIndex(0);
    const reject = { reason: 'port-taken' as const, message: 'taken', port: 31_000 };
    const status = { incarnation: 1, phase: 'rejected', reject } as Instance['status'];
    const row: Instance = { ...aPlaced('w1', 'a', [31_000]), ...(status ? { status } : {}) };
    ledger.note(undefined, row, anAppSpec(), NOW, 0);
    ledger.note(row, { ...row, placed: false }, anAppSpec(), NOW, 0);
    const fixed = anAppSpec({
      requirePorts: true,
      portDefinitions: [{ port: 31_000, protocol: 'tcp', labels: {} }],
    });
    expect(portOf(aRequest(fixed), ledger)).toEqual([
      'host port 31000 was used a moment ago by something else',
    ]);
    expect(portOf(aRequest(fixed, { now: NOW + PORT_SHUN_MS }), ledger)).toEqual([31_000]);
  });

  test('requirePorts asks for exactly these', () => {
    const ledger = new PlacementIndex(0);
    const fixed = anAppSpec({
      requirePorts: true,
      portDefinitions: [{ port: 31_002, protocol: 'tcp', labels: {} }],
    });
    expect(portOf(aRequest(fixed), ledger)).toEqual([31_002]);
    ledger.note(undefined, aPlaced('w1', 'a', [31_002]), anAppSpec(), NOW, 0);
    expect(portOf(aRequest(fixed), ledger)).toEqual(['host port 31002 is used by w1']);
    const outside = anAppSpec({
      requirePorts: true,
      portDefinitions: [{ port: 80, protocol: 'tcp', labels: {} }],
    });
    expect(portOf(aRequest(outside), ledger)).toEqual(["host port 80 is outside the agent's range"]);
  });
});

describe('ports without a host port', () => {
  const onNetwork = (name: string, ...hostPorts: (number | null)[]): AppSpec => {
    const { portDefinitions: _, ...spec } = anAppSpec({ id: asAppId(name) });
    const mapping = { containerPort: 80, servicePort: 0, protocol: 'tcp' as const, labels: {} };
    return {
      ...spec,
      networks: [{ mode: 'container', name: 'shop' }],
      container: {
        type: 'MESOS',
        volumes: [],
        portMappings: hostPorts.map((hostPort) => (hostPort === null ? mapping : { ...mapping, hostPort })),
      },
    };
  };

  test('take none, however many tasks there are and however few ports the agent has', () => {
    const ledger = new PlacementIndex(0);
    const agents = agentsOf(anAgent('a'));
    for (let index = 0; index < 6; index += 1) {
      const verdict = place(aRequest({ ...onNetwork('/web', null, null), cpus: 0 }), agents, ledger);
      expect(verdict).toEqual({ kind: 'placed', agentId: 'a', hostPorts: [0, 0] });
      ledger.note(undefined, aPlaced(`w${index}`, 'a', [0, 0]), anAppSpec({ cpus: 0, mem: 0 }), NOW, 0);
    }
    expect([...ledger.ports(asAgentId('a')).keys()]).toEqual([]);
    ledger.note(aPlaced('w0', 'a', [0, 0]), undefined, anAppSpec({ cpus: 0, mem: 0 }), NOW, 0);
    expect([...ledger.ports(asAgentId('a')).keys()]).toEqual([]);
  });

  test('stand beside fixed and free ones in definition order', () => {
    const ledger = new PlacementIndex(0);
    const verdict = place(aRequest(onNetwork('/web', null, 0, 31_000, null)), agentsOf(anAgent('a')), ledger);
    expect(verdict).toMatchObject({ hostPorts: [0, 31_001, 31_000, 0] });
  });
});

describe('constraints', () => {
  const rack = (name: string, value: string): AgentNode => anAgent(name, {}, { attributes: { rack: value } });
  const agents = agentsOf(rack('a', '1'), rack('b', '1'), rack('c', '2'), anAgent('d'));
  const fits = (constraint: Constraint, agent: string, peers: readonly string[] = [], total = 1): boolean => {
    const found = agents.get(asAgentId(agent));
    if (!found) throw new Error(agent);
    return (
      constraintViolation(constraint, found.info, { agents, peers: peersOn(peers.map(asAgentId)), total }) ===
      null
    );
  };

  test.each<[Constraint, string, readonly string[], boolean]>([
    [{ field: 'hostname', operator: 'UNIQUE' }, 'a', ['b'], true],
    [{ field: 'hostname', operator: 'UNIQUE' }, 'a', ['a'], false],
    [{ field: 'rack', operator: 'UNIQUE' }, 'a', ['b'], false],
    [{ field: 'rack', operator: 'CLUSTER' }, 'c', [], true],
    [{ field: 'rack', operator: 'CLUSTER' }, 'c', ['a'], false],
    [{ field: 'rack', operator: 'CLUSTER', value: '2' }, 'c', [], true],
    [{ field: 'rack', operator: 'IS', value: '1.0000' }, 'a', [], true],
    [{ field: 'rack', operator: 'IS', value: '2' }, 'a', [], false],
    [{ field: 'hostname', operator: 'LIKE', value: '[ab]' }, 'a', [], true],
    [{ field: 'hostname', operator: 'LIKE', value: 'a.' }, 'a', [], false],
    [{ field: 'hostname', operator: 'UNLIKE', value: '[ab]' }, 'a', [], false],
    [{ field: 'rack', operator: 'UNLIKE', value: '.*' }, 'd', [], true],
    [{ field: 'rack', operator: 'LIKE', value: '.*' }, 'd', [], false],
    [{ field: 'rack', operator: 'MAX_PER', value: '2' }, 'a', ['a'], true],
    [{ field: 'rack', operator: 'MAX_PER', value: '2' }, 'a', ['a', 'b'], false],
  ])('%j on %s with %j: %p', (constraint, agent, peers, expected) => {
    expect(fits(constraint, agent, peers)).toBe(expected);
  });

  test('GROUP_BY divides evenly, with the rest on some', () => {
    const two: Constraint = { field: 'rack', operator: 'GROUP_BY', value: '2' };
    expect(fits(two, 'a', ['a'], 5)).toBe(true);
    expect(fits(two, 'a', ['a', 'a'], 5)).toBe(true);
    expect(fits(two, 'a', ['a', 'a', 'a'], 5)).toBe(false);
    expect(fits(two, 'c', ['a', 'a', 'a', 'c'], 5)).toBe(true);
    expect(fits(two, 'c', ['a', 'a', 'a', 'c', 'c'], 5)).toBe(false);
  });

  test('GROUP_BY without a value uses the distinct values there are', () => {
    const all: Constraint = { field: 'rack', operator: 'GROUP_BY' };
    expect(fits(all, 'a', ['a'], 2)).toBe(false);
    expect(fits(all, 'c', ['a'], 2)).toBe(true);
  });

  test('a hostile pattern costs linear time', () => {
    expect(fits({ field: 'hostname', operator: 'LIKE', value: '(a+)+$' }, 'a')).toBe(true);
    expect(fits({ field: 'hostname', operator: 'LIKE', value: '(' }, 'a')).toBe(false);
  });

  test.each([
    ['1.0005', '1'],
    ['1.00051', '1.001'],
    ['1.1005', '1.101'],
    ['1.001', '1.001'],
    ['2.0625', '2.062'],
    ['-0.0001', '0'],
    ['2', '2'],
    ['-1.5', '-1.5'],
    ['[7-9,1-3]', '[1-3,7-9]'],
    ['{b,a}', '{a,b}'],
    ['rack-1', 'rack-1'],
  ])('value %s reads %s', (text, expected) => {
    expect(canonicalValue(text)).toBe(expected);
  });
});
