// Reasons as passes make them, and the check that finds what none of them tells. That every change of generated histories has one is
// checked by the simulated cluster itself, in all specs that use it.
import { describe, expect, test } from '@jest/globals';
import { asAgentId, asAppId, asTaskId } from '#libs/model';
import type { AppSpec, Instance, Reason } from '#libs/model';
import { aHealthCheck, anAppSpec, anInstance } from '#libs/testkit';
import { unexplainedChanges } from './reasons.js';
import { SimulatedCluster, TICK_MS } from './fixtures/simulated-cluster.js';

const WEB = asAppId('/web');
const CHECK = aHealthCheck({ path: '/health', intervalSeconds: 1, timeoutSeconds: 1, delaySeconds: 0 });
const aSpec = (more: Partial<AppSpec> = {}): AppSpec =>
  anAppSpec({ id: WEB, env: { BEHAVIOUR: 'good' }, instances: 2, healthChecks: [CHECK], ...more });

function settled(cluster: SimulatedCluster): SimulatedCluster {
  for (let tick = 0; tick < 400; tick += 1) {
    cluster.tick();
    if (tick > 0 && cluster.unsettled() === '') return cluster;
  }
  throw new Error(cluster.unsettled());
}

/** Up and settled; only the reasons that come after it are kept. */
function aCluster(agents = 2): SimulatedCluster {
  const cluster = new SimulatedCluster({ agents, proxies: 1, seed: 11 });
  cluster.deploy(WEB, aSpec());
  return settled(cluster);
}
const told = (reasons: readonly Reason[]): string[] =>
  reasons.map(({ what, cause }) => `${what} (${cause.kind})`);
function first(cluster: SimulatedCluster): Instance {
  const [instance] = cluster.instancesOf(WEB);
  if (!instance) throw new Error('there is no instance');
  return instance;
}

describe('the reasons of an instance', () => {
  test('tell its way from the deployment into the route table', () => {
    const cluster = aCluster();
    const { id, taskId, agentId, hostPorts } = first(cluster);
    const reasons = cluster.reasons.filter(({ instanceId }) => instanceId === id);
    expect(told(reasons)).toEqual(['created (deployment)', 'launched (deployment)', 'routed (deployment)']);
    const [created, launched, routed] = reasons;
    expect(created).not.toHaveProperty('taskId');
    expect(launched).toMatchObject({ incarnation: 1, taskId, agentId, hostPorts });
    expect(launched).not.toHaveProperty('tableNumber');
    expect(routed?.tableNumber).toBeGreaterThan(0);
  });

  test('tell a crash, and that the next task follows from it', () => {
    const cluster = aCluster();
    const [mark, table] = [cluster.reasons.length, cluster.tableNumber];
    cluster.crash(0);
    settled(cluster);
    const reasons = cluster.reasons.slice(mark);
    expect(told(reasons)).toEqual(['ended (crash)', 'launched (crash)', 'routed (crash)']);
    expect(reasons.map(({ incarnation }) => incarnation)).toEqual([1, 2, 2]);
    const [ended, launched] = reasons;
    expect(ended).toMatchObject({ cause: { text: 'the task ended: exit code 1', ref: ended?.taskId } });
    expect(launched?.taskId).not.toBe(ended?.taskId);
    expect(ended?.tableNumber).toBe(table + 1);
  });

  test('tell a kill by a person, phase by phase, with the table it left', () => {
    const cluster = aCluster();
    const [mark, table] = [cluster.reasons.length, cluster.tableNumber];
    cluster.kill(first(cluster).id);
    settled(cluster);
    const reasons = cluster.reasons.slice(mark).filter(({ what }) => what !== 'draining');
    expect(told(reasons)).toEqual([
      'stop-requested (kill)',
      'killing (kill)',
      'ended (kill)',
      'launched (kill)',
      'routed (kill)',
    ]);
    expect(reasons[0]?.tableNumber).toBe(table + 1);
  });

  test('tell the check that failed', () => {
    const cluster = aCluster();
    const mark = cluster.reasons.length;
    cluster.sicken(0);
    settled(cluster);
    const [unrouted, stop] = cluster.reasons.slice(mark);
    expect(unrouted).toMatchObject({ what: 'unrouted', cause: { kind: 'health' } });
    expect(stop).toMatchObject({ what: 'stop-requested', cause: { kind: 'health' } });
    expect(stop?.cause.text).toContain('/health failed 4 times');
  });

  test('lead from the one that takes its place to the host that was lost', () => {
    const cluster = aCluster();
    const mark = cluster.reasons.length;
    cluster.disconnect(0);
    for (let ms = 0; ms < 40_000; ms += TICK_MS) cluster.tick();
    settled(cluster);
    const reasons = cluster.reasons.slice(mark);
    const lost = reasons.filter(({ what }) => what === 'suspect');
    expect(lost.length).toBeGreaterThan(0);
    const successors = reasons.filter(({ what }) => what === 'created');
    expect(successors.map(({ cause }) => cause.ref).sort()).toEqual(
      lost.map(({ instanceId }) => instanceId).sort(),
    );
    for (const { cause } of [...lost, ...successors]) expect(cause.kind).toBe('lost-agent');
    expect(lost[0]?.cause.ref).toBe(lost[0]?.agentId);
  });
});

describe('what no reason explains', () => {
  const out = anInstance({ routing: 'out', taskId: asTaskId('web.1'), agentId: asAgentId('a-1') });
  const reasonOf = (what: Reason['what'], more: Partial<Reason> = {}): Reason => ({
    instanceId: out.id,
    appId: out.appId,
    at: 1,
    what,
    cause: { kind: 'deployment', text: '' },
    incarnation: 1,
    ...more,
  });
  const { stop: _, ...calm } = out;
  const stop = {
    phase: 'unrouting',
    cause: { kind: 'kill', text: '' },
    since: 1,
    then: 'relaunch',
  } as const;
  const stopping: Instance = { ...calm, stop };
  const cases: readonly [string, Instance | null, Instance | null, Reason][] = [
    ['its creation', null, { ...out, placed: false }, reasonOf('created', { taskId: asTaskId('web.1') })],
    ['its removal', out, null, reasonOf('removed')],
    ['a route', out, { ...out, routing: 'in' }, reasonOf('routed', { tableNumber: 7 })],
    [
      'a launch',
      { ...out, placed: false },
      { ...out, placed: true, taskId: asTaskId('web.2') },
      reasonOf('launched', { taskId: asTaskId('web.2') }),
    ],
    ['an end', { ...out, placed: true }, { ...out, placed: false }, reasonOf('ended')],
    ['a goal', out, { ...out, goal: 'stopped' }, reasonOf('stop-requested')],
    ['a stop', out, stopping, reasonOf('stop-requested')],
    [
      'a phase of a stop',
      stopping,
      { ...stopping, stop: { ...stop, phase: 'killing' } },
      reasonOf('killing'),
    ],
    ['the end of a stop', stopping, calm, reasonOf('ended')],
    ['a lost host', out, { ...out, unreachableSince: 1 }, reasonOf('unreachable')],
    ['a host that is back', { ...out, unreachableSince: 1 }, out, reasonOf('back')],
  ];
  test.each(cases)('is %s, unless it is told', (_what, before, after, reason) => {
    const launched = reasonOf('launched', { taskId: asTaskId('web.1') });
    const others = before ? [] : [launched];
    expect(unexplainedChanges(before, after, others)).toHaveLength(1);
    expect(unexplainedChanges(before, after, [...others, reason])).toEqual([]);
    const ofAnother = { ...reason, instanceId: 'another' as never };
    expect(unexplainedChanges(before, after, [...others, ofAnother])).toHaveLength(1);
  });

  test('is no route when the reason names no table', () => {
    const missing = unexplainedChanges(out, { ...out, routing: 'in' }, [reasonOf('routed')]);
    expect(missing).toEqual([`${out.id}: its routing went from out to in`]);
  });

  test('is nothing when nothing changed', () => {
    expect(unexplainedChanges(out, { ...out, goalRevision: 9 }, [])).toEqual([]);
  });
});
