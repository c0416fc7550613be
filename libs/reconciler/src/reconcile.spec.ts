// What one pass, or a few, make of a single event: the cases that decisions.md and behaviour.md name, on the simulated cluster.
import { describe, expect, test } from '@jest/globals';
import { asAppId } from '#libs/model';
import type { AppSpec, Instance } from '#libs/model';
import { aHealthCheck, anAppSpec } from '#libs/testkit';
import { CLASSIFICATION_RULES } from './classify.js';
import { floorOf, requestStop } from './gatekeeper.js';
import { SimulatedCluster, TICK_MS } from './fixtures/simulated-cluster.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';

const WEB = asAppId('/web');

function aSpec(more: Partial<AppSpec> = {}): AppSpec {
  return anAppSpec({
    id: WEB,
    env: { BEHAVIOUR: 'good' },
    instances: 2,
    cpus: 0.5,
    mem: 64,
    healthChecks: [aHealthCheck({ path: '/health', intervalSeconds: 1, timeoutSeconds: 1, delaySeconds: 0 })],
    backoffSeconds: 5,
    backoffFactor: 2,
    maxLaunchDelaySeconds: 60,
    ...more,
  });
}

/** Up and settled. */
function aCluster(more: Partial<AppSpec> = {}, size = { agents: 2, proxies: 1 }): SimulatedCluster {
  const cluster = new SimulatedCluster({ ...size, seed: 11 });
  cluster.deploy(WEB, aSpec(more));
  ticks(cluster, 40);
  expect(cluster.unsettled()).toBe('');
  return cluster;
}
function ticks(cluster: SimulatedCluster, count: number): void {
  for (let tick = 0; tick < count; tick += 1) cluster.tick();
}
/** At least one tick, so that what was just done is seen. */
function until(cluster: SimulatedCluster, holds: () => boolean, most = 400): void {
  cluster.tick();
  for (let tick = 1; tick < most && !holds(); tick += 1) cluster.tick();
  expect(holds()).toBe(true);
}
const web = (cluster: SimulatedCluster): readonly Instance[] => cluster.instancesOf(WEB);
const kindsSince = (cluster: SimulatedCluster, mark: number): readonly (string | undefined)[] =>
  cluster.log.slice(mark).map((line) => line.split(' ')[1]);

describe('a crash', () => {
  test('unroutes, notes the failure, waits out the delay and launches the same instance as the next incarnation', () => {
    const cluster = aCluster();
    const before = new Set(web(cluster).map((each) => each.id));
    const mark = cluster.log.length;
    cluster.crash(0);
    cluster.tick();
    const waiting = web(cluster).find((each) => !each.placed);
    expect(waiting).toMatchObject({ routing: 'out', incarnation: 1, leftAt: cluster.tableNumber });
    const app = cluster.apps.get(WEB);
    expect(app?.lastTaskFailure).toMatchObject({ state: 'TASK_FAILED', message: 'crashed' });
    expect(app?.launchDelay).toMatchObject({ delayMs: 5_000, until: cluster.now + 5_000 });
    until(cluster, () => cluster.unsettled() === '');
    expect(new Set(web(cluster).map((each) => each.id))).toEqual(before);
    expect(
      web(cluster)
        .map((each) => each.incarnation)
        .sort(),
    ).toEqual([1, 2]);
    expect(kindsSince(cluster, mark)).toContain('delay-launch');
  });

  test('a second one doubles the delay; long enough after, it is forgotten', () => {
    const cluster = aCluster({ instances: 1 });
    cluster.crash(0);
    until(cluster, () => cluster.unsettled() === '');
    cluster.crash(0);
    cluster.tick();
    expect(cluster.apps.get(WEB)?.launchDelay?.delayMs).toBe(10_000);
    until(cluster, () => cluster.unsettled() === '');
    ticks(cluster, 2 * 75);
    expect(cluster.apps.get(WEB)?.launchDelay).toBeUndefined();
  });
});

describe('a large app', () => {
  class Sliced extends SimulatedCluster {
    override readonly settings = { ...DEFAULT_RECONCILE_SETTINGS, changedPerPass: 3 };
  }
  /** Of the lines from there on, how many of this kind come one after another. */
  const slices = (cluster: SimulatedCluster, kind: string, mark = 0): readonly number[] =>
    kindsSince(cluster, mark)
      .map((each) => (each === kind ? 'x' : ' '))
      .join('')
      .split(' ')
      .map(({ length }) => length)
      .filter((length) => length > 0);

  test.each(['create-instance', 'place-instance'])('has its %s in slices, and all of it is done', (kind) => {
    const cluster = new Sliced({ agents: 3, proxies: 1, seed: 11 });
    cluster.deploy(WEB, aSpec({ instances: 8, cpus: 0.1, healthChecks: [] }));
    ticks(cluster, 40);
    expect(slices(cluster, kind)).toEqual([3, 3, 2]);
    expect(cluster.unsettled()).toBe('');
    const mark = cluster.log.length;
    cluster.deploy(WEB, aSpec({ instances: 8, cpus: 0.1, healthChecks: [], cmd: 'exec ./other' }));
    until(cluster, () => cluster.unsettled() === '');
    const again = slices(cluster, kind, mark);
    expect(again.reduce((sum, each) => sum + each, 0)).toBe(8);
    expect(Math.max(...again)).toBe(3);
  });
});

describe('a failing health check', () => {
  test('unroutes at the first failure, kills at the fourth, relaunches without delay and says so', () => {
    const cluster = aCluster();
    cluster.sicken(0);
    cluster.tick();
    expect(
      web(cluster)
        .map((each) => each.routing)
        .sort(),
    ).toEqual(['in', 'out']);
    expect(web(cluster).some((each) => each.stop)).toBe(false);
    until(cluster, () => web(cluster).some((each) => each.stop?.cause.kind === 'health'), 4);
    until(cluster, () => cluster.unsettled() === '');
    expect(cluster.apps.get(WEB)?.launchDelay).toBeUndefined();
    expect(cluster.apps.get(WEB)?.lastTaskFailure).toMatchObject({ state: 'TASK_KILLED' });
    expect(cluster.apps.get(WEB)?.lastTaskFailure?.message).toMatch(/HTTP \/health failed 4 times: 500/);
  });

  test('is shown as the last failure also of an instance that a rollout was to replace', () => {
    const cluster = aCluster();
    cluster.deploy(WEB, aSpec({ env: { BEHAVIOUR: 'never-healthy' } }));
    ticks(cluster, 4);
    cluster.sicken(0);
    until(cluster, () => web(cluster).some((each) => each.stop?.cause.kind === 'health'), 20);
    until(cluster, () => cluster.apps.get(WEB)?.lastTaskFailure !== undefined, 30);
    expect(cluster.apps.get(WEB)?.lastTaskFailure).toMatchObject({ state: 'TASK_KILLED' });
  });
});

describe('a launch that stands still', () => {
  const LIMIT_TICKS = DEFAULT_RECONCILE_SETTINGS.launchLimitMs / TICK_MS;

  test('is killed after the limit and launched again without delay; one that pulls is left alone', () => {
    const cluster = new SimulatedCluster({ agents: 1, proxies: 1, seed: 11 });
    cluster.deploy(WEB, aSpec({ instances: 1, env: { BEHAVIOUR: 'pulls' } }));
    ticks(cluster, 10);
    const [before] = web(cluster);
    expect(before).toMatchObject({ incarnation: 1, status: { phase: 'pulling' } });
    for (let tick = 0; tick < LIMIT_TICKS + 20; tick += 1) {
      if (tick % 100 === 0) cluster.pull();
      cluster.tick();
    }
    expect(web(cluster)).toMatchObject([{ id: before?.id, incarnation: 1 }]);
    ticks(cluster, LIMIT_TICKS);
    expect(web(cluster)).toMatchObject([
      { id: before?.id, incarnation: 2, cause: { kind: 'rejected' }, status: { phase: 'pulling' } },
    ]);
    expect(web(cluster)[0]?.taskId).not.toBe(before?.taskId);
    expect(cluster.apps.get(WEB)?.launchDelay).toBeUndefined();
  });

  test('is not killed for the time in which its agent could not be heard', () => {
    const cluster = new SimulatedCluster({ agents: 1, proxies: 1, seed: 11 });
    const patient = { inactiveAfterSeconds: 3_600, expungeAfterSeconds: 7_200 };
    cluster.deploy(WEB, aSpec({ instances: 1, env: { BEHAVIOUR: 'pulls' }, unreachableStrategy: patient }));
    ticks(cluster, 10);
    cluster.disconnect(0);
    ticks(cluster, LIMIT_TICKS + 20);
    cluster.reconnectAll();
    ticks(cluster, 20);
    expect(web(cluster)).toMatchObject([{ incarnation: 1 }]);
  });
});

describe('instances that fit nowhere', () => {
  test('are one question to placement, however many of them wait: a pass does not grow with their square', () => {
    const cluster = new SimulatedCluster({ agents: 2, proxies: 1, seed: 11 });
    const values = cluster.agents.values.bind(cluster.agents);
    let looks = 0;
    cluster.agents.values = () => {
      looks += 1;
      return values();
    };
    const looksWith = (instances: number): number => {
      cluster.deploy(WEB, aSpec({ instances, cpus: 1_000 }));
      cluster.tick();
      looks = 0;
      ticks(cluster, 20);
      expect(web(cluster).filter((each) => !each.placed)).toHaveLength(instances);
      return looks;
    };
    const ofTwo = looksWith(2);
    expect(ofTwo).toBeGreaterThan(0);
    // two questions: those that waited before keep their version
    expect(looksWith(200)).toBeLessThanOrEqual(2 * ofTwo);
  });
});

describe('stops', () => {
  test('a kill is obeyed below the floor, after unrouting; the same instance comes back as the next incarnation', () => {
    const cluster = aCluster({ instances: 1 });
    const [victim] = web(cluster);
    if (!victim) throw new Error('no instance');
    cluster.setProxy(0, true, 6);
    cluster.kill(victim.id);
    cluster.tick();
    expect(cluster.instance(victim.id)).toMatchObject({ routing: 'out', stop: { phase: 'unrouting' } });
    until(cluster, () => cluster.unsettled() === '');
    expect(web(cluster)).toMatchObject([{ id: victim.id, incarnation: 2 }]);
    expect(cluster.apps.get(WEB)?.lastTaskFailure).toBeUndefined();
  });

  test('a dead proxy holds a stop back until its lease is over', () => {
    const cluster = aCluster();
    cluster.setProxy(0, false, 1);
    const [victim] = web(cluster);
    if (!victim) throw new Error('no instance');
    cluster.kill(victim.id);
    ticks(cluster, 15);
    expect(cluster.instance(victim.id)?.stop?.phase).toBe('unrouting');
    until(cluster, () => cluster.instance(victim.id)?.stop?.phase !== 'unrouting', 10);
  });

  test('the gatekeeper keeps the floor against everything but a person', () => {
    const cluster = aCluster();
    const app = cluster.apps.get(WEB);
    const [instance] = web(cluster);
    if (!app || !instance) throw new Error('no app');
    expect(floorOf(app)).toBe(2);
    const ask = (kind: 'deployment' | 'kill') =>
      requestStop(cluster, instance, { kind, text: 'test' }, 'remove', cluster.now);
    expect(ask('deployment')).toEqual({
      kind: 'refused',
      text: '/web has 2 healthy and routed instances and must keep 2',
      floor: 2,
      available: 2,
    });
    expect(ask('kill')).toMatchObject({
      kind: 'granted',
      instance: {
        goal: 'stopped',
        routing: 'out',
        leftAt: cluster.tableNumber + 1,
        stop: { phase: 'unrouting' },
      },
      writes: [{ kind: 'put-instance' }, { kind: 'set-table-number', number: cluster.tableNumber + 1 }],
    });
  });
});

describe('a lost agent', () => {
  test('makes suspects, replaces them under new ids, and forgets them once the new ones are routed', () => {
    const cluster = aCluster();
    const before = web(cluster);
    cluster.disconnect(0);
    ticks(cluster, 59);
    expect(web(cluster)).toHaveLength(2);
    until(cluster, () => web(cluster).some((each) => each.routing === 'suspect'), 4);
    until(cluster, () => cluster.unsettled() === '');
    const stayed = web(cluster).filter((each) => before.some((old) => old.id === each.id));
    expect(stayed).toHaveLength(1);
  });

  test('that comes back in time keeps its tasks', () => {
    const cluster = aCluster();
    const tasks = web(cluster).map((each) => each.taskId);
    cluster.disconnect(0);
    ticks(cluster, 40);
    cluster.reconnectAll();
    ticks(cluster, 20);
    expect(web(cluster).map((each) => each.taskId)).toEqual(tasks);
    expect(cluster.unsettled()).toBe('');
  });

  test('without room for replacements it stays a suspect, and is taken back with nothing restarted', () => {
    const cluster = aCluster({ instances: 1 }, { agents: 1, proxies: 1 });
    const [before] = web(cluster);
    cluster.disconnect(0);
    ticks(cluster, 100);
    expect(web(cluster).find((each) => each.id === before?.id)?.routing).toBe('suspect');
    cluster.reconnectAll();
    until(cluster, () => cluster.unsettled() === '');
    expect(web(cluster).map((each) => each.taskId)).toEqual([before?.taskId]);
  });
});

describe('unreachableStrategy', () => {
  const SECONDS = 1000 / TICK_MS;
  /** Two instances on two of three agents, one of the two just declared lost. */
  function halfLost(unreachableStrategy: AppSpec['unreachableStrategy']): {
    cluster: SimulatedCluster;
    lost: Instance;
  } {
    const constraints = [{ field: '@hostname', operator: 'UNIQUE' as const }];
    const cluster = aCluster({ unreachableStrategy, constraints }, { agents: 3, proxies: 1 });
    cluster.disconnect([...cluster.agents.keys()].findIndex((id) => id === web(cluster)[0]?.agentId));
    until(cluster, () => web(cluster).some((each) => each.unreachableSince !== undefined), 80);
    const lost = web(cluster).find((each) => each.unreachableSince !== undefined);
    if (!lost) throw new Error('none is lost');
    return { cluster, lost };
  }
  const ids = (cluster: SimulatedCluster): readonly string[] => web(cluster).map((each) => each.id);

  test('disabled: it waits for ever, is never replaced, and is as it was when its agent is back', () => {
    const { cluster, lost } = halfLost('disabled');
    ticks(cluster, 600 * SECONDS);
    expect(web(cluster)).toHaveLength(2);
    expect(cluster.instance(lost.id)).toMatchObject({ routing: 'suspect' });
    cluster.reconnectAll();
    until(cluster, () => cluster.unsettled() === '');
    expect(cluster.instance(lost.id)).toMatchObject({ routing: 'in', taskId: lost.taskId });
  });

  test('it counts until inactiveAfterSeconds, is replaced then, and forgotten after expungeAfterSeconds', () => {
    const { cluster, lost } = halfLost({ inactiveAfterSeconds: 60, expungeAfterSeconds: 300 });
    ticks(cluster, 58 * SECONDS);
    expect(web(cluster)).toHaveLength(2);
    ticks(cluster, 30 * SECONDS);
    expect(web(cluster)).toHaveLength(3);
    ticks(cluster, 200 * SECONDS);
    expect(ids(cluster)).toContain(lost.id);
    ticks(cluster, 30 * SECONDS);
    expect(ids(cluster)).not.toContain(lost.id);
    expect(web(cluster)).toHaveLength(2);
  });

  test('back after its replacement came: one too many, and the youngest goes', () => {
    const { cluster, lost } = halfLost({ inactiveAfterSeconds: 10, expungeAfterSeconds: 3_600 });
    ticks(cluster, 60 * SECONDS);
    expect(web(cluster)).toHaveLength(3);
    cluster.reconnectAll();
    until(cluster, () => cluster.unsettled() === '', 40 * SECONDS);
    expect(ids(cluster)).toContain(lost.id);
  });

  test('a person who kills it gets a new one, for it cannot be stopped where it is', () => {
    const { cluster, lost } = halfLost('disabled');
    cluster.kill(lost.id);
    until(cluster, () => web(cluster).length === 2 && !ids(cluster).includes(lost.id), 20);
    until(cluster, () => web(cluster).every((each) => each.routing === 'in'), 20);
  });
});

describe('a crash while the agent has no session', () => {
  test('is repaired by the agent, and its incarnation is adopted', () => {
    const cluster = aCluster({ instances: 1 }, { agents: 1, proxies: 1 });
    cluster.disconnect(0);
    cluster.crash(0);
    ticks(cluster, 30);
    cluster.reconnectAll();
    ticks(cluster, 5);
    expect(cluster.unsettled()).toBe('');
    expect(web(cluster)).toMatchObject([{ incarnation: 2, status: { autonomous: true } }]);
    expect(cluster.log.some((line) => line.includes('adopt-incarnation'))).toBe(true);
  });
});

describe('classification', () => {
  test('has a reason for every rule, and a last one that always fits', () => {
    expect(CLASSIFICATION_RULES.every((rule) => rule.why.length > 10)).toBe(true);
    expect(CLASSIFICATION_RULES.at(-1)?.set).toBe('available');
  });
});
