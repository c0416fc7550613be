// What is foreseen of changes: first against a control plane that then carries them out, then of clusters as rows, where a change fits or not.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Foreseen, PlannedWave } from '#libs/api-contract';
import {
  asAgentId,
  asAppId,
  asDeploymentId,
  asInstanceId,
  asProxyId,
  asTaskId,
  type AgentInfo,
  type AppId,
  type AppSpec,
  type Instance,
  type ProxyNode,
} from '#libs/model';
import { nextVersion } from '#libs/planner';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import {
  aHealthCheck,
  anAgentInfo,
  anAgentNode,
  anAppSpec,
  anInstance,
  aStatus,
  aVersion,
} from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { startDeployment } from '../commands/start-deployment.js';
import { ScriptedCluster } from '../scripted-cluster.js';
import { WorkingSet } from '../working-set.js';
import { Foresight } from './foresight.js';

/** When everything was built. */
const BUILT_AT = anAgentNode().since;
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const WEB = asAppId('/web');

async function foreseenBy(
  started: Promise<{ foreseeable?: { foresee(): Promise<Foreseen> } }>,
): Promise<Foreseen> {
  const { foreseeable } = await started;
  if (!foreseeable) throw new Error('it was no dry run');
  return foreseeable.foresee();
}

/** In order, every start with its agent and every stop with its instance; stops of one wave by name, for their order is none. */
const deedsIn = (waves: readonly PlannedWave[]): readonly string[] =>
  waves.flatMap(({ starts, stops }) => [
    ...starts.flatMap(({ appId, agentId, instances }) =>
      Array.from({ length: instances }, () => `start ${appId} on ${agentId}`),
    ),
    ...stops.flatMap(({ instanceIds }) => [...instanceIds].sort().map((id) => `stop ${id}`)),
  ]);

describe('a plan', () => {
  let cluster: ScriptedCluster;
  const options = { force: false, partial: true, mayCreate: false };
  const body = { id: '/web', cmd: 'serve', instances: 3, cpus: 1, mem: 64 };
  beforeEach(async () => {
    cluster = await ScriptedCluster.working();
  });

  /** As `deedsIn`, of what has happened since that event. */
  function deedsAfter(count: number): readonly string[] {
    return cluster.events.slice(count).flatMap(({ type, payload }) => {
      const { condition, instanceId } = payload as { condition?: string; instanceId?: string };
      if (type !== 'instance_changed_event') return [];
      if (condition === 'Provisioned') return ['start /web on agent-1'];
      return condition === 'Killing' ? [`stop ${instanceId}`] : [];
    });
  }

  it.each([
    [
      'replaces one by one',
      { cmd: 'other', upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.4 } },
    ],
    ['replaces all at once', { cmd: 'other' }],
    [
      'stops before it starts',
      { cmd: 'other', upgradeStrategy: { minimumHealthCapacity: 0.6, maximumOverCapacity: 0 } },
    ],
    ['scales up', { instances: 7 }],
    ['scales down', { instances: 1 }],
    ['scales to nothing', { instances: 0 }],
  ])('is what happens when a change %s', async (_, change) => {
    await cluster.core.apps.create(body, false, CALL);
    await cluster.advance(30_000);
    const planned = await foreseenBy(
      cluster.core.apps.update(WEB, change, { ...options, dryRun: true }, CALL),
    );
    const count = cluster.events.length;
    const { deploymentId } = await cluster.core.apps.update(WEB, change, options, CALL);
    await cluster.advance(120_000);
    expect((await cluster.store.deployment(deploymentId))?.status).toBe('succeeded');
    expect(planned).toMatchObject({
      fits: true,
      outcome: { kind: 'succeeds' },
      problems: [],
      alsoMoving: [],
    });
    expect(planned.waves.every(({ certain }) => certain)).toBe(true);
    expect(deedsAfter(count)).toEqual(deedsIn(planned.waves));
    const { starts, stops } = planned.apps[0] ?? {};
    expect([starts, stops]).toEqual([
      deedsAfter(count).filter((each) => each.startsWith('start')).length,
      deedsAfter(count).filter((each) => each.startsWith('stop')).length,
    ]);
  });

  it('changes nothing, says nothing and gives no version out', async () => {
    await cluster.core.apps.create(body, false, CALL);
    await cluster.advance(30_000);
    const before = await cluster.store.load();
    const { change, tableNumber } = cluster.core.state;
    const events = cluster.events.length;
    await foreseenBy(cluster.core.apps.update(WEB, { cmd: 'other' }, { ...options, dryRun: true }, CALL));
    await cluster.settle();
    expect(await cluster.store.load()).toEqual(before);
    expect([cluster.core.state.change, cluster.core.state.tableNumber]).toEqual([change, tableNumber]);
    expect(cluster.core.state.instancesOf(WEB)).toHaveLength(3);
    expect(cluster.events).toHaveLength(events);
  });

  it('is of the moment at which it was asked for, however often and late it is made', async () => {
    await cluster.core.apps.create(body, false, CALL);
    await cluster.advance(30_000);
    const change = { cmd: 'other', cpus: 1.5 };
    const { foreseeable } = await cluster.core.apps.update(WEB, change, { ...options, dryRun: true }, CALL);
    const first = await foreseeable?.foresee();
    expect(first?.apps).toMatchObject([{ starts: 3, stops: 3 }]);
    await cluster.core.apps.remove(WEB, false);
    await cluster.advance(30_000);
    expect(cluster.core.state.apps.has(WEB)).toBe(false);
    expect(await foreseeable?.foresee()).toEqual(first);
  });

  it('is made of restarts, removals, kills with scaling and rollbacks as well', async () => {
    const { deploymentId } = await cluster.core.apps.create({ ...body, cpus: 3 }, false, CALL);
    await cluster.advance(2_000);
    const [first] = cluster.core.state.instancesOf(WEB);
    if (!first) throw new Error('nothing runs');
    const { apps, tasks, deployments } = cluster.core;
    const rollback = await foreseenBy(deployments.rollBack(deploymentId, true));
    expect(rollback.apps).toMatchObject([{ appId: WEB, starts: 0, stops: 2 }]);
    await deployments.rollBack(deploymentId);
    await cluster.advance(30_000);
    await apps.create(body, false, CALL);
    await cluster.advance(30_000);
    expect(await foreseenBy(apps.restart(WEB, false, true))).toMatchObject({
      apps: [{ starts: 3, stops: 3 }],
    });
    expect(await foreseenBy(apps.remove(WEB, false, true))).toMatchObject({
      apps: [{ starts: 0, stops: 3 }],
    });
    const [one] = cluster.core.state.instancesOf(WEB);
    const kill = await foreseenBy(tasks.killAndScale(() => (one ? [one] : []), [], false, true));
    expect(kill.waves.flatMap(({ stops }) => stops.flatMap(({ instanceIds }) => instanceIds))).toEqual([
      one?.id,
    ]);
  });

  it('of a change without effect has nothing in it', async () => {
    await cluster.core.apps.create(body, false, CALL);
    await cluster.advance(30_000);
    const planned = await foreseenBy(
      cluster.core.apps.update(WEB, { cpus: 1 }, { ...options, dryRun: true }, CALL),
    );
    expect(planned).toMatchObject({
      waves: [],
      agents: [],
      fits: true,
      outcome: { text: 'nothing that runs changes' },
    });
  });
});

describe('foresight', () => {
  it('chooses agents, and tells the peak of each and of all together', async () => {
    const plan = await planOf({
      agents: [host('a'), host('b'), host('c')],
      running: [[anAppSpec({ id: asAppId('/other'), cpus: 1 }), ['a']]],
      wanted: [anAppSpec({ instances: 2, cpus: 1.5, mem: 100 })],
    });
    expect(plan.waves).toEqual([
      {
        step: 2,
        certain: true,
        stops: [],
        starts: [
          { appId: WEB, agentId: 'b', hostname: 'host-b', instances: 1, ports: [null] },
          { appId: WEB, agentId: 'c', hostname: 'host-c', instances: 1, ports: [null] },
        ],
      },
    ]);
    expect(plan.peak).toEqual({ cpus: 3, mem: 200, disk: 0, instances: 2 });
    expect(
      plan.agents.map(({ hostname, now, peak, after }) => [hostname, now.cpus, peak.cpus, after.cpus]),
    ).toEqual([
      ['host-b', 0, 1.5, 1.5],
      ['host-c', 0, 1.5, 1.5],
    ]);
  });

  it('counts what runs besides the old ones at the fullest moment, not at the end', async () => {
    const spec = anAppSpec({
      instances: 4,
      cpus: 0.25,
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 },
    });
    const plan = await planOf({
      agents: [host('a')],
      running: [[spec, ['a', 'a', 'a', 'a']]],
      wanted: [{ ...spec, cmd: 'new' }],
    });
    expect(plan).toMatchObject({
      fits: true,
      peak: { cpus: 0.5, instances: 2 },
      agents: [{ now: { cpus: 1 }, peak: { cpus: 1.5, instances: 6 }, after: { cpus: 1 } }],
      apps: [{ starts: 4, stops: 4, floor: 4, leastHealthy: 4, instancesAtMost: 6 }],
    });
    // two come up at once, and in truth one of them is first
    expect(plan.waves.map(({ certain }) => certain)).toEqual([true, false, false, false]);
  });

  it('says no when there is no room, with what is missing where, and that it would be rolled back', async () => {
    const spec = anAppSpec({ instances: 1, cpus: 1.5 });
    const plan = await planOf({
      agents: [host('a')],
      running: [[spec, ['a']]],
      wanted: [{ ...spec, cmd: 'new', cpus: 2.5 }],
    });
    expect(plan.fits).toBe(false);
    expect(plan.outcome).toMatchObject({ kind: 'fails', rolledBack: true });
    expect(plan.outcome.text).toMatch(/^\/web: 1 instance finds no place on any agent; no progress for/);
    expect(plan.problems).toMatchObject([{ appId: WEB, instances: 1, agents: [{ hostname: 'host-a' }] }]);
    expect(plan.problems[0]?.agents[0]?.reasons.map(({ reason }) => reason)).toEqual(['InsufficientCpus']);
    // not even with all old ones stopped first: 2.5 of 2 cpus
    expect(plan.fitsWith).toBeUndefined();
  });

  it('names the strategy with which the same change fits, when only the way there does not', async () => {
    const spec = anAppSpec({ instances: 2, cpus: 1 });
    const plan = await planOf({
      agents: [host('a')],
      running: [[spec, ['a', 'a']]],
      wanted: [{ ...spec, cmd: 'new' }],
    });
    expect(plan).toMatchObject({
      fits: false,
      fitsWith: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0, apps: [WEB] },
    });
  });

  it('tells what waits for room and goes through all the same', async () => {
    const spec = anAppSpec({ instances: 2, cpus: 0.6 });
    const plan = await planOf({
      agents: [host('a')],
      running: [[spec, ['a', 'a']]],
      wanted: [{ ...spec, cmd: 'new' }],
    });
    expect(plan).toMatchObject({
      fits: true,
      waitsForRoom: [{ appId: WEB, instances: 1 }],
      peak: { instances: 1 },
      outcome: { kind: 'succeeds' },
    });
  });

  it('lets time pass where rules ask for it, and tells how much', async () => {
    const spec = anAppSpec({ labels: { 'longrun.io/min-ready-seconds': '90' } });
    const plan = await planOf({
      agents: [host('a')],
      running: [[spec, ['a']]],
      wanted: [{ ...spec, cmd: 'new' }],
    });
    expect(plan.outcome).toEqual({ kind: 'succeeds', text: 'every step gets done', seconds: 90 });
  });

  it('leaves an instance that was reported unhealthy as it is: old ones of a broken release go first', async () => {
    const upgradeStrategy = { minimumHealthCapacity: 1, maximumOverCapacity: 0 };
    const spec = anAppSpec({ instances: 2, healthChecks: [aHealthCheck()], cpus: 0.1, upgradeStrategy });
    const planWith = (sick: number) =>
      planOf({ agents: [host('a')], running: [[spec, ['a', 'a']]], sick, wanted: [{ ...spec, cmd: 'new' }] });
    const plan = await planWith(1);
    expect(plan.apps).toMatchObject([{ floor: 2, leastHealthy: 1 }]);
    expect(plan.waves[0]).toMatchObject({ stops: [{ instanceIds: ['web.instance-0'] }] });
    // were the second one well by now, a new one would have to come first
    const { apps, waves } = await planWith(2);
    expect(apps).toMatchObject([{ instancesAtMost: 2 }]);
    expect(waves.map(({ starts, stops }) => [starts.length, stops.length])).toEqual([
      [0, 1],
      [1, 0],
      [0, 1],
      [1, 0],
    ]);
  });

  it('counts on the word of proxies that are heard, and on that of no other', async () => {
    const proxy = (id: string, leaseUntil: number): ProxyNode => ({
      id: asProxyId(id),
      address: '10.0.0.9',
      leaseUntil,
      confirmed: { epoch: 1, number: 1 },
      inFlight: { 'web.0': 3 },
      warnings: [],
    });
    const [heard, gone] = [proxy('heard', NOW + 5_000), proxy('gone', NOW - 5_000)];
    // a port goes to another app only when every proxy has let go of it
    const portDefinitions = [{ port: 31_100, protocol: 'tcp' as const, labels: {} }];
    const spec = anAppSpec({ cpus: 0.1, portDefinitions, requirePorts: true });
    const next = anAppSpec({ ...spec, id: asAppId('/next'), dependencies: [] });
    const plans = [[], [heard], [heard, gone]].map((proxies) =>
      planOf({ agents: [host('a')], running: [[spec, ['a']]], proxies, wanted: [next], removed: [WEB] }),
    );
    expect(
      (await Promise.all(plans)).map(({ fits, apps }) => [fits, apps.map(({ stops }) => stops)]),
    ).toEqual([
      [true, [0, 1]],
      [true, [0, 1]],
      [false, [0, 1]],
    ]);
  });

  it('says which other apps are not at rest, and is certain of nothing then', async () => {
    const other = anAppSpec({ id: asAppId('/other'), cpus: 0.5 });
    const plan = await planOf({
      agents: [host('a')],
      running: [[{ ...other, instances: 2 }, ['a']]],
      wanted: [anAppSpec({ cpus: 0.5 })],
    });
    expect(plan.alsoMoving).toEqual([]);
    const moving = await planOf({
      agents: [host('a')],
      running: [[{ ...other, instances: 1 }, ['a']]],
      isStarting: true,
      wanted: [anAppSpec({ cpus: 0.5 })],
    });
    expect(moving).toMatchObject({ fits: true, alsoMoving: ['/other'], waves: [{ certain: false }] });
  });

  it('begins with what the reconcile loop is about to do', async () => {
    const other = anAppSpec({ id: asAppId('/other'), instances: 2, cpus: 0.75 });
    const rows = {
      agents: [host('a')],
      running: [[other, ['a']]] as const,
      wanted: [anAppSpec({ cpus: 0.75 })],
    };
    // one of two is missing, and it is the next to be launched
    const plans = [[], [other.id]].map((dirty) => planOf({ ...rows, dirty }));
    expect((await Promise.all(plans)).map(({ fits }) => fits)).toEqual([true, false]);
  });

  it('names host ports that the definition asks for, and no others', async () => {
    const portDefinitions = [
      { port: 31_005, protocol: 'tcp' as const, labels: {} },
      { port: 31_006, protocol: 'tcp' as const, labels: {} },
    ];
    const fixed = await planOf({
      agents: [host('a')],
      wanted: [anAppSpec({ portDefinitions, requirePorts: true })],
    });
    const free = await planOf({ agents: [host('a')], wanted: [anAppSpec({ portDefinitions })] });
    expect([fixed, free].map(({ waves }) => waves[0]?.starts[0]?.ports)).toEqual([
      [31_005, 31_006],
      [null, null],
    ]);
  });

  it('ends where it is when it takes too long, and says so', async () => {
    const plan = await planOf({ agents: [host('a')], wanted: [anAppSpec({ cpus: 0.1 })], isSlow: true });
    expect(plan).toMatchObject({ fits: null, outcome: { kind: 'unknown' }, problems: [] });
  });
});

const NOW = BUILT_AT + 3_600_000;

const host = (name: string, more: Partial<AgentInfo> = {}): AgentInfo =>
  anAgentInfo({ id: asAgentId(name), hostname: `host-${name}`, address: name, ...more });

interface Case {
  readonly agents: readonly AgentInfo[];
  readonly running?: readonly (readonly [AppSpec, readonly string[]])[];
  /** So many of the first instances of each app fail their health check. */
  readonly sick?: number;
  /** They were launched, and nothing was heard of them. */
  readonly isStarting?: boolean;
  readonly proxies?: readonly ProxyNode[];
  /** Apps that the loop is about to look at. */
  readonly dirty?: readonly AppId[];
  readonly wanted: readonly AppSpec[];
  readonly removed?: readonly AppId[];
  /** The real clock runs on with every look at it. */
  readonly isSlow?: boolean;
}

function planOf({
  agents,
  running = [],
  proxies = [],
  wanted,
  removed = [],
  dirty = [],
  sick = 0,
  isStarting,
  isSlow,
}: Case): Promise<Foreseen> {
  const state = new WorkingSet(
    {
      apps: running.map(([spec]) => ({ id: spec.id, current: aVersion(spec), removing: false, revision: 1 })),
      groups: [],
      versions: [],
      instances: running.flatMap(([spec, places]) =>
        places.map((agent, index) => runningInstance(spec, agent, index, index < sick, isStarting)),
      ),
      deployments: [],
      agents: agents.map((info) => anAgentNode({ info })),
      proxies,
      tableNumber: 1,
      eventNumber: 0,
      lastVersion: null,
    },
    { epoch: 1, now: BUILT_AT, settings: DEFAULT_RECONCILE_SETTINGS },
  );
  const version = state.nextVersion(NOW);
  const removals = removed.map((appId) => ({
    appId,
    before: state.apps.get(appId)?.current ?? null,
    after: null,
  }));
  const changes = wanted.map((spec) => {
    const before = state.apps.get(spec.id)?.current ?? null;
    const next = nextVersion(before, spec, version);
    return { appId: spec.id, before, after: next.kind === 'new' ? next.version : before };
  });
  const id = asDeploymentId('11111111-1111-4111-8111-111111111111');
  const { writes } = startDeployment(
    { id, version, changes: [...changes, ...removals], force: false, groupId: '/' },
    state,
    NOW,
  );
  const clock = isSlow ? new HurryingClock(NOW) : new ManualClock(NOW);
  const memory = { dirty, wakeAt: new Map(), waiting: new Map() };
  return new Foresight({ clock, memory: () => memory }).of(writes, id, state, NOW).foresee();
}

/** A second passes with every look; breaths are taken at once. */
class HurryingClock extends ManualClock {
  override now(): number {
    this.advance(1_000);
    return super.now();
  }
  override after(_delayMs: number, callback: () => void): { cancel(): void } {
    callback();
    return { cancel: () => undefined };
  }
}

function runningInstance(
  spec: AppSpec,
  agent: string,
  index: number,
  isSick: boolean,
  isStarting = false,
): Instance {
  const name = spec.id.slice(1);
  const ids = {
    id: asInstanceId(`${name}.instance-${index}`),
    appId: spec.id,
    taskId: asTaskId(`${name}.${index}`),
  };
  const health = spec.healthChecks.map(() =>
    isSick
      ? { alive: false, consecutiveFailures: 1, lastFailureAt: NOW - 1_000 }
      : { alive: true, consecutiveFailures: 0, lastSuccessAt: NOW - 1_000 },
  );
  const { id: instanceId, ...task } = ids;
  return anInstance({
    ...ids,
    agentId: asAgentId(agent),
    hostPorts: [31_100 + index],
    routing: isSick || isStarting ? 'out' : 'in',
    placedAt: BUILT_AT,
    ...(isStarting
      ? {}
      : { status: aStatus({ ...task, instanceId, phase: 'running', accepting: true, health }) }),
  });
}
