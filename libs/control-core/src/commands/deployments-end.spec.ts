// Every deployment ends, with a reason (promise 4), also where nothing can move: no agents, no room, no instance wanted, the brake on, an
// app that somebody takes out of it, a dependency that never works. And until then it is said when.
import { describe, expect, it } from '@jest/globals';
import { asAppId, resolveId, type Deployment, type DeploymentId } from '#libs/model';
import { outlookOf } from '#libs/reconciler';
import { MemoryStore, StoreUnavailable, type Commit, type CommitResult } from '#libs/store';
import { ScriptedCluster } from '../scripted-cluster.js';

const [WEB, API] = [asAppId('/shop/web'), asAppId('/shop/api')];
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
const DEADLINE_SECONDS = 60;
const LABELS = { 'longrun.io/progress-deadline-seconds': `${DEADLINE_SECONDS}` };
const BODY = { cmd: 'serve', cpus: 0.1, mem: 32, instances: 2, labels: LABELS };
/** The scripted agent never answers a health check. */
const NEVER_HEALTHY = { healthChecks: [{ protocol: 'TCP' }] };
/** A deadline, what takes it back with a deadline of its own, and the ways there. */
const PATIENCE_MS = 3 * DEADLINE_SECONDS * 1000;

async function withAgent(): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  await cluster.startProxy();
  return cluster;
}

/** The handle of a process that dies once so many of its commits took effect: from then on it changes nothing and learns nothing. */
class DyingStore extends MemoryStore {
  commitsLeft = Infinity;

  override async commit(commit: Commit): Promise<CommitResult> {
    const result = await super.commit(commit);
    this.commitsLeft -= 1;
    if (this.commitsLeft > 0) return result;
    this.setReachable(false);
    throw new StoreUnavailable('its process is dead');
  }
}

/** All that run have ended, within their deadlines. */
async function allEnded(cluster: ScriptedCluster, id: DeploymentId): Promise<Deployment | null> {
  for (let waited = 0; waited < PATIENCE_MS && cluster.core.state.deployments.size; waited += 1_000) {
    await cluster.advance(1_000);
  }
  expect([...cluster.core.state.deployments.keys()]).toEqual([]);
  return cluster.store.deployment(id);
}

describe('a deployment ends', () => {
  it('of an app of which no instance is wanted', async () => {
    const cluster = await withAgent();
    const { deploymentId } = await cluster.core.apps.update(WEB, { ...BODY, instances: 0 }, FORCED, CALL);
    expect(await allEnded(cluster, deploymentId)).toMatchObject({ status: 'succeeded' });
    const next = await cluster.core.apps.update(WEB, { cmd: 'other' }, FORCED, CALL);
    expect(await allEnded(cluster, next.deploymentId)).toMatchObject({ status: 'succeeded' });
  });

  it('without any agent, and when the only one is gone in the middle', async () => {
    const empty = await ScriptedCluster.started();
    const first = await empty.core.apps.update(WEB, BODY, FORCED, CALL);
    expect(await allEnded(empty, first.deploymentId)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('ScaleApplication /shop/web is not done'),
    });

    const cluster = await withAgent();
    const good = await cluster.core.apps.update(WEB, BODY, FORCED, CALL);
    expect(await allEnded(cluster, good.deploymentId)).toMatchObject({ status: 'succeeded' });
    const { deploymentId } = await cluster.core.apps.update(WEB, { cmd: 'other' }, FORCED, CALL);
    cluster.agent.silent = true;
    expect(await allEnded(cluster, deploymentId)).toMatchObject({ status: 'failed' });
  });

  it.each([
    ['no room', { cpus: 9_000 }],
    ['a constraint that no agent meets', { constraints: [['rack', 'CLUSTER', 'r9']] }],
  ])('of what finds no place: %s; the old instances go on', async (_, change) => {
    const cluster = await withAgent();
    const good = await cluster.core.apps.update(WEB, BODY, FORCED, CALL);
    await allEnded(cluster, good.deploymentId);
    const before = cluster.core.state.instancesOf(WEB).map(({ taskId }) => taskId);
    const { deploymentId } = await cluster.core.apps.update(WEB, change, FORCED, CALL);
    expect(await allEnded(cluster, deploymentId)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('rolled back by deployment'),
    });
    expect(cluster.core.state.instancesOf(WEB).map(({ taskId }) => taskId)).toEqual(before);
  });

  it('with the brake on', async () => {
    const cluster = await withAgent();
    const check = { protocol: 'TCP', gracePeriodSeconds: 1, intervalSeconds: 1, maxConsecutiveFailures: 1 };
    const body = { ...BODY, instances: 6, healthChecks: [check] };
    const good = await cluster.core.apps.update(WEB, body, FORCED, CALL);
    const tell = async (isHealthy: boolean): Promise<void> => {
      const now = cluster.clock.now();
      for (const { id } of cluster.core.state.instancesOf(WEB)) {
        const failing = {
          alive: false,
          consecutiveFailures: 3,
          lastFailureAt: now,
          lastFailureCause: 'refused',
        };
        const health = isHealthy
          ? { alive: true, consecutiveFailures: 0, firstSuccessAt: now, lastSuccessAt: now }
          : { firstSuccessAt: now - 20_000, lastSuccessAt: now - 2_000, ...failing };
        await cluster.agent.report(id, { health: [health] });
      }
    };
    await cluster.advance(2_000);
    await tell(true);
    expect(await allEnded(cluster, good.deploymentId)).toMatchObject({ status: 'succeeded' });
    const { deploymentId } = await cluster.core.apps.update(WEB, { instances: 9 }, FORCED, CALL);
    await tell(false);
    await cluster.advance(1_000);
    expect(cluster.types()).toContain('alarm_raised_event');
    expect(await allEnded(cluster, deploymentId)).toMatchObject({ status: 'failed' });
  });

  it('of several apps when another change takes one of them away, and names that change', async () => {
    const cluster = await withAgent();
    const items = [
      { ...BODY, ...NEVER_HEALTHY, id: WEB },
      { ...BODY, ...NEVER_HEALTHY, id: API },
    ];
    const { deploymentId } = await cluster.core.apps.updateMany(items, FORCED);
    await cluster.advance(2_000);
    const removal = await cluster.core.apps.remove(API, true);
    expect(await allEnded(cluster, deploymentId)).toMatchObject({
      status: 'cancelled',
      reason: `superseded by deployment ${removal.deploymentId}`,
    });
    expect(await cluster.store.deployment(removal.deploymentId)).toMatchObject({ status: 'succeeded' });
    expect(cluster.core.state.apps.has(API)).toBe(false);
  });

  it('whose first layer never works: the second is never begun', async () => {
    const cluster = await withAgent();
    const items = [
      { ...BODY, ...NEVER_HEALTHY, id: API },
      { ...BODY, id: WEB, dependencies: [API] },
    ];
    const { deploymentId } = await cluster.core.apps.updateMany(items, FORCED);
    await cluster.advance(3_000);
    expect(cluster.core.state.instancesOf(WEB)).toEqual([]);
    expect(await allEnded(cluster, deploymentId)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining(`${API} is not done`),
    });
  });
});

// A process may die between any two of its commits; what it had begun is found again in the rows alone.
describe('a deployment whose control plane is killed after any of its commits', () => {
  type Change = (cluster: ScriptedCluster) => Promise<{ readonly deploymentId: DeploymentId }>;
  const GROUP = resolveId('/shop');
  const PLAIN = { force: false };
  const app = (id: string, more: object = {}): object => ({ ...BODY, id, ...more });
  const putGroup =
    (body: object): Change =>
    ({ core }) =>
      core.groups.update(GROUP, body, PLAIN, core.state);
  const both = { apps: [app('web', { dependencies: ['api'] }), app('api')] };
  const none = { apps: [app('web', { instances: 0 }), app('api', { instances: 0 })] };

  async function restart(cluster: ScriptedCluster, store: MemoryStore): Promise<void> {
    await cluster.boot(store);
    while (!cluster.core.leads) await cluster.advance(1_000);
    await cluster.startProxy();
    await cluster.agent.connect();
    await cluster.advance(1_000);
  }

  /** Does the change on a cluster of this group, its process dying after that many commits, and goes on with a new one. */
  async function killedAfter(
    commits: number,
    group: object,
    change: Change,
  ): Promise<{ readonly cluster: ScriptedCluster; readonly died: boolean }> {
    const cluster = await withAgent();
    await putGroup(group)(cluster);
    await allEnded(cluster, '' as DeploymentId);
    const store = new DyingStore(cluster.store);
    await restart(cluster, store);
    store.commitsLeft = commits;
    // of a process that died nothing is ever heard again
    change(cluster).catch(() => undefined);
    await cluster.settle();
    for (let waited = 0; waited < PATIENCE_MS && store.commitsLeft > 0; waited += 500) {
      if (!cluster.core.state.deployments.size) return { cluster, died: false };
      await cluster.advance(500);
    }
    expect(store.commitsLeft).toBe(0);
    await restart(cluster, cluster.store);
    await allEnded(cluster, '' as DeploymentId);
    return { cluster, died: true };
  }

  it.each<[string, object, Change]>([
    ['the removal of a group without instances', none, ({ core }) => core.groups.remove(GROUP, PLAIN)],
    ['the removal of a group that runs', both, ({ core }) => core.groups.remove(GROUP, PLAIN)],
    ['the removal of an app', both, ({ core }) => core.apps.remove(WEB, false)],
    ['a group update that empties it', both, putGroup({ apps: [] })],
    [
      'a release of two apps',
      both,
      putGroup({ apps: [app('web', { cmd: 'new' }), app('api', { cmd: 'new' })] }),
    ],
    ['a scaling down to nothing', both, putGroup(none)],
  ])('ends as it would have: %s', async (_, group, change) => {
    const undisturbed = await killedAfter(Infinity, group, change);
    const wanted = [...undisturbed.cluster.core.state.apps.values()].map(({ current }) => current.spec);
    let killed = 0;
    for (let commits = 1; ; commits += 1) {
      const { cluster, died } = await killedAfter(commits, group, change);
      expect([...cluster.core.state.apps.values()].map(({ current }) => current.spec)).toEqual(wanted);
      const deployments = await cluster.store.history(20);
      expect(deployments.map(({ status }) => status)).toEqual(deployments.map(() => 'succeeded'));
      if (!died) break;
      killed += 1;
    }
    expect(killed).toBeGreaterThanOrEqual(3); // the request, a step, the end
  });
});

describe('the time at which a deployment will fail', () => {
  it('is the same at each look for as long as nothing moves, from the beginning of its step', async () => {
    const cluster = await ScriptedCluster.started();
    const { deploymentId } = await cluster.core.apps.update(WEB, BODY, FORCED, CALL);
    const seen = new Set<number>();
    let looks = 0;
    for (; looks < 2 * DEADLINE_SECONDS; looks += 1) {
      await cluster.advance(500);
      const running = cluster.core.state.deployments.get(deploymentId);
      if (!running) break;
      if (running.currentStep < running.steps.length) continue;
      seen.add(outlookOf(running, cluster.core.state, cluster.clock.now()).deadlineAt);
    }
    expect(looks).toBeGreaterThan(DEADLINE_SECONDS);
    expect(seen.size).toBe(1);
  });
});
