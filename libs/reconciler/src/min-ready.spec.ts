// A new instance must have served for a while before an old one makes room for it (promise 4): what passes its first check and fails
// then takes nothing down. On the simulated cluster.
import { describe, expect, test } from '@jest/globals';
import { isRunning } from '#libs/lifecycle';
import { asAppId, asInstanceId } from '#libs/model';
import type { AppSpec, AppVersion, Instance, TaskId, TrafficShare } from '#libs/model';
import { aHealthCheck, anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { classify, isAvailable } from './classify.js';
import type { AppSituation } from './classify.js';
import { SimulatedCluster, TICK_MS } from './fixtures/simulated-cluster.js';
import type { Behaviour } from './fixtures/simulated-cluster.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';

const WEB = asAppId('/web');
const { minReadyMs: MIN_READY_MS } = DEFAULT_RECONCILE_SETTINGS;
const CHECK = aHealthCheck({ path: '/health', intervalSeconds: 1, timeoutSeconds: 1, delaySeconds: 0 });

const aSpec = (behaviour: Behaviour, more: Partial<AppSpec> = {}): AppSpec =>
  anAppSpec({
    id: WEB,
    env: { BEHAVIOUR: behaviour },
    instances: 2,
    cpus: 0.5,
    mem: 64,
    healthChecks: [CHECK],
    maxLaunchDelaySeconds: 20,
    ...more,
  });

function aCluster(more: Partial<AppSpec> = {}, proxies = 1): SimulatedCluster {
  const cluster = new SimulatedCluster({ agents: 3, proxies, seed: 11 });
  cluster.deploy(WEB, aSpec('good', more));
  for (let tick = 0; tick < 80; tick += 1) cluster.tick();
  expect(cluster.unsettled()).toBe('');
  return cluster;
}
const web = (cluster: SimulatedCluster): readonly Instance[] => cluster.instancesOf(WEB);
const tasks = (cluster: SimulatedCluster): readonly (TaskId | undefined)[] =>
  web(cluster)
    .map((each) => each.taskId)
    .sort();
function serving(cluster: SimulatedCluster, among: (each: Instance) => boolean): number {
  const app = cluster.apps.get(WEB);
  if (!app) throw new Error('no app');
  const situation = cluster.situation(app);
  return web(cluster).filter((each) => among(each) && isAvailable(each, situation)).length;
}
/** Ticks until it holds. */
function ticksUntil(cluster: SimulatedCluster, holds: () => boolean, most = 4_000): number {
  for (let ticks = 0; ticks < most; ticks += 1) {
    if (holds()) return ticks;
    cluster.tick();
  }
  throw new Error(`not after ${most} ticks: ${cluster.unsettled()}`);
}

describe('a release that is good at first', () => {
  const withoutPorts = { portDefinitions: [] };
  const half = { upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 } };
  const none = { upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0 } };
  test.each<[Behaviour, string, Partial<AppSpec>, number]>([
    ['soon-dies', 'with checks', {}, 2],
    ['soon-sick', 'with checks', {}, 2],
    ['soon-dies', 'without checks', { healthChecks: [] }, 2],
    ['soon-dies', 'without checks and ports', { healthChecks: [], ...withoutPorts }, 2],
    ['soon-sick', 'without ports', withoutPorts, 2],
    ['soon-sick', 'without room above', none, 2],
    ['soon-sick', 'so many that the brake holds them', { instances: 4 }, 4],
    ['soon-dies', 'without room above', none, 2],
    ['soon-dies', 'with room below', half, 1],
  ])('%s, %s: the old one serves all the time, and the deployment ends', (behaviour, _, more, floor) => {
    const cluster = aCluster(more);
    const before = tasks(cluster);
    cluster.deploy(WEB, aSpec(behaviour, more));
    const isOld = (each: Instance): boolean => before.includes(each.taskId);
    let best = 0;
    let least = Infinity;
    ticksUntil(cluster, () => {
      best = Math.max(
        best,
        serving(cluster, (each) => !isOld(each)),
      );
      least = Math.min(least, serving(cluster, isOld));
      return !cluster.deployments.size;
    });
    expect(best).toBeGreaterThan(0);
    expect(least).toBe(floor);
    expect(cluster.ended.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
    if (floor >= 2) expect(tasks(cluster)).toEqual(before);
  });
});

describe('a good release', () => {
  const isFresh = (cluster: SimulatedCluster) => (each: Instance) =>
    each.version === cluster.apps.get(WEB)?.current.version;

  // without a proxy nothing but its own wake-up brings the app back to mind
  test.each([0, 1])(
    'is routed when ready, and the old one goes when it has served for the time (%p proxies)',
    (proxies) => {
      const cluster = aCluster({}, proxies);
      const before = tasks(cluster);
      cluster.deploy(WEB, aSpec('good', { cmd: './serve 2' }));
      const untilRouted = ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) === 2);
      expect(untilRouted * TICK_MS).toBeLessThan(5_000);
      const untilStopped = ticksUntil(cluster, () => web(cluster).some((each) => each.stop));
      expect(untilStopped * TICK_MS).toBeGreaterThanOrEqual(MIN_READY_MS - untilRouted * TICK_MS);
      expect(untilStopped * TICK_MS).toBeLessThanOrEqual(MIN_READY_MS + TICK_MS);
      ticksUntil(cluster, () => cluster.unsettled() === '', 40);
      expect(tasks(cluster).filter((each) => before.includes(each))).toEqual([]);
    },
  );

  test('without checks serves from the moment at which it accepts connections, not from its start', () => {
    const bare = { instances: 1, healthChecks: [] };
    const cluster = aCluster(bare);
    cluster.deploy(WEB, aSpec('slow', bare));
    const isRouted = (): boolean =>
      web(cluster).some((each) => isFresh(cluster)(each) && each.routing === 'in');
    expect(ticksUntil(cluster, isRouted) * TICK_MS).toBeGreaterThan(MIN_READY_MS);
    const untilStopped = ticksUntil(cluster, () => web(cluster).some((each) => each.stop));
    expect(untilStopped * TICK_MS).toBeGreaterThanOrEqual(MIN_READY_MS);
  });

  test('counts no old one for serving that was started again and does not accept connections yet', () => {
    const four = { instances: 4, healthChecks: [] };
    const bare = { ...four, upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 } };
    const cluster = new SimulatedCluster({ agents: 3, proxies: 1, seed: 11 });
    cluster.deploy(WEB, aSpec('slow', bare));
    const accepting = (): number => web(cluster).filter((each) => each.routing === 'in').length;
    ticksUntil(cluster, () => accepting() === 4 && !cluster.deployments.size);
    // the youngest, for old ones go by age otherwise
    cluster.crash(3);
    ticksUntil(cluster, () => web(cluster).some((each) => each.incarnation === 2 && isRunning(each)));
    cluster.deploy(WEB, aSpec('slow', { ...bare, cmd: './serve 2' }));
    let least = Infinity;
    ticksUntil(cluster, () => {
      least = Math.min(least, accepting());
      return !cluster.deployments.size;
    });
    expect(least).toBe(2);
  });

  test('that accepts nothing is held back for its whole time, however far behind the clock of its agent is', () => {
    const [placedAt, runsAt] = [1_000_000, 1_100_000];
    const spec = aSpec('good', { healthChecks: [] });
    const status = aStatus({ startedAt: runsAt - 60_000, wellSince: runsAt });
    const fresh = anInstance({ placedAt, status });
    const situation: AppSituation = {
      app: { id: WEB, current: aVersion(spec), removing: false, revision: 1 },
      instances: [anInstance({ id: asInstanceId('web.instance-0'), routing: 'in' }), fresh],
      versionOf: () => aVersion(spec),
      settings: DEFAULT_RECONCILE_SETTINGS,
      officeSince: 0,
      now: runsAt,
    };
    const { acceptHoldMs } = DEFAULT_RECONCILE_SETTINGS;
    expect(classify(fresh, { ...situation, now: runsAt + acceptHoldMs - 1 })).toBe('unready');
    expect(classify(fresh, { ...situation, now: runsAt + acceptHoldMs })).toBe('available');
  });

  test('with the label 0 takes over at once', () => {
    const cluster = aCluster();
    cluster.deploy(WEB, aSpec('good', { labels: { 'longrun.io/min-ready-seconds': '0' } }));
    ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) > 0);
    ticksUntil(cluster, () => web(cluster).some((each) => each.stop), 1);
  });

  test('does not wait for the sake of an old one that is unhealthy', () => {
    const cluster = aCluster({ instances: 1 });
    const [old] = web(cluster);
    cluster.deploy(WEB, aSpec('good', { instances: 1, cmd: './serve 2' }));
    cluster.sicken(0);
    ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) === 1, 20);
    ticksUntil(cluster, () => !old || cluster.instance(old.id)?.goal !== 'running', 1);
  });

  test('waits for the sake of an old one that serves, also beside an unhealthy one that a share of the traffic keeps', () => {
    const cluster = aCluster();
    const current = (): AppVersion => {
      const version = cluster.apps.get(WEB)?.current;
      if (!version) throw new Error('no app');
      return version;
    };
    const first = current();
    const of = ({ version }: AppVersion) => web(cluster).filter((each) => each.version === version);
    cluster.deploy(WEB, aSpec('good', { instances: 1, cmd: './serve 2' }));
    const second = current();
    ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) === 1);
    cluster.deploy(WEB, aSpec('good', { cmd: './serve 3' }));
    const third = current();
    const [kept] = of(second);
    const app = cluster.apps.get(WEB);
    if (!app || !kept) throw new Error('no instance of the second version');
    const share = ({ version, lastConfigChangeAt: config }: AppVersion, weight: number): TrafficShare => ({
      version,
      config,
      weight,
    });
    const shares = [share(third, 900), share(second, 100)];
    const traffic = { shares, since: cluster.now, cause: { kind: 'request', text: 'a person' } } as const;
    cluster.apps.set(WEB, { ...app, traffic });
    cluster.sickenInstance(kept.id);
    ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) === 2);
    const serves = (): number => serving(cluster, ({ version }) => version === first.version);
    expect(serves()).toBe(1);
    const untilStopped = ticksUntil(cluster, () => serves() === 0);
    expect(untilStopped * TICK_MS).toBeGreaterThanOrEqual(MIN_READY_MS - TICK_MS);
    expect(of(second)).toHaveLength(1);
  });

  test('that is interrupted begins to count anew', () => {
    const cluster = aCluster({ instances: 1 });
    const [old] = web(cluster);
    cluster.deploy(WEB, aSpec('good', { instances: 1, cmd: './serve 2' }));
    for (let round = 0; round < 4; round += 1) {
      ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) === 1, 40);
      for (let tick = 0; tick < MIN_READY_MS / TICK_MS - 4; tick += 1) cluster.tick();
      // the newest task is the last of them
      cluster.sicken(1);
      ticksUntil(cluster, () => serving(cluster, isFresh(cluster)) === 0, 4);
      cluster.healAll();
      cluster.tick();
      expect(old && cluster.instance(old.id)?.stop).toBeUndefined();
    }
    ticksUntil(cluster, () => cluster.unsettled() === '', 60);
  });

  test('scales and repairs without waiting', () => {
    const cluster = aCluster();
    cluster.deploy(WEB, aSpec('good', { instances: 4 }));
    expect(ticksUntil(cluster, () => cluster.unsettled() === '') * TICK_MS).toBeLessThan(MIN_READY_MS);
  });
});
