// Ways back to an older definition (behaviour.md 6, promise 4): whichever is taken, the instances of it that still run are kept.
import { describe, expect, it } from '@jest/globals';
import { asAppId, isOfCurrentConfig, type DeploymentId, type Instance, type Timestamp } from '#libs/model';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
/** The scripted agent never answers a health check, so this is a release that never becomes healthy. */
const BROKEN = { cmd: 'serve 2', healthChecks: [{ protocol: 'TCP' }] };
/** Longer than a deployment may be without progress. */
const DEADLINE_MS = 620_000;

async function withApp(more: object = {}): Promise<ScriptedCluster> {
  const body = { id: WEB, cmd: 'serve 1', cpus: 0.5, mem: 64, instances: 2, ...more };
  return ScriptedCluster.serving(body, DEFAULT_RECONCILE_SETTINGS.minReadyMs + 2_000);
}

const instances = (cluster: ScriptedCluster): readonly Instance[] => cluster.core.state.instancesOf(WEB);
const tasks = (cluster: ScriptedCluster): readonly unknown[] =>
  instances(cluster).map(({ taskId, routing }) => [taskId, routing]);
const current = (cluster: ScriptedCluster) => cluster.core.state.apps.get(WEB)?.current;
const running = (cluster: ScriptedCluster): readonly DeploymentId[] => [
  ...cluster.core.state.deployments.keys(),
];
const starts = (cluster: ScriptedCluster): number =>
  cluster.events.filter(({ payload }) => payload['condition'] === 'Provisioned').length;

async function withBrokenRelease(): Promise<{
  cluster: ScriptedCluster;
  before: readonly unknown[];
  first: Timestamp;
  id: DeploymentId;
}> {
  const cluster = await withApp();
  const before = tasks(cluster);
  const first = current(cluster)?.version;
  if (!first) throw new Error('no app');
  const { deploymentId: id } = await cluster.core.apps.update(WEB, BROKEN, FORCED, CALL);
  await cluster.advance(3_000);
  expect(instances(cluster)).toHaveLength(4);
  return { cluster, before, first, id };
}

describe('instances of the old definition stay as they are', () => {
  it('when a person takes the deployment back', async () => {
    const { cluster, before, first, id } = await withBrokenRelease();
    const startsBefore = starts(cluster);
    await cluster.core.deployments.rollBack(id);
    await cluster.advance(3_000);
    expect(tasks(cluster)).toEqual(before);
    expect(starts(cluster)).toBe(startsBefore);
    expect(current(cluster)).toMatchObject({ spec: { cmd: 'serve 1' }, adopts: [first] });
    expect(running(cluster)).toEqual([]);
  });

  it('when it fails at its deadline', async () => {
    const { cluster, before } = await withBrokenRelease();
    const startsBefore = starts(cluster);
    await cluster.advance(DEADLINE_MS);
    expect(current(cluster)?.spec.cmd).toBe('serve 1');
    expect(tasks(cluster)).toEqual(before);
    expect(starts(cluster)).toBe(startsBefore);
  });

  it('when the version before is asked for, or its definition is sent again', async () => {
    for (const back of [
      (version: Timestamp) => ({ version }),
      () => ({ cmd: 'serve 1', healthChecks: [] }),
    ]) {
      const { cluster, before, first } = await withBrokenRelease();
      await cluster.core.apps.update(WEB, back(first), FORCED, CALL);
      await cluster.advance(3_000);
      expect(tasks(cluster)).toEqual(before);
    }
  });

  it('also for a new leader', async () => {
    const { cluster, before, id } = await withBrokenRelease();
    await cluster.core.deployments.rollBack(id);
    await cluster.advance(3_000);
    await cluster.core.stop();
    await cluster.boot();
    await cluster.agent.connect();
    await cluster.advance(10_000);
    expect(tasks(cluster)).toEqual(before);
  });

  it('when a restart is taken back: what serves is kept, whichever side it is of', async () => {
    const cluster = await withApp();
    const before = tasks(cluster);
    cluster.agent.silent = true;
    const { deploymentId } = await cluster.core.apps.restart(WEB, false);
    await cluster.advance(3_000);
    expect(instances(cluster)).toHaveLength(4);
    await cluster.core.deployments.rollBack(deploymentId);
    await cluster.settle();
    expect(instances(cluster).filter(({ goal }) => goal === 'running')).toHaveLength(2);
    expect(tasks(cluster)).toEqual(expect.arrayContaining([...before]));
    const latest = current(cluster);
    expect(instances(cluster).every(({ version }) => latest && isOfCurrentConfig(version, latest))).toBe(
      true,
    );
  });
});

describe('the time for which a new instance must serve', () => {
  const MIN_READY_MS = DEFAULT_RECONCILE_SETTINGS.minReadyMs;

  it('goes on for a new leader, who does not begin to count anew', async () => {
    const cluster = await withApp();
    const before = instances(cluster).map(({ id }) => id);
    await cluster.core.apps.update(WEB, { cmd: 'serve 2' }, FORCED, CALL);
    await cluster.advance(2_000);
    expect(instances(cluster).filter(({ routing }) => routing === 'in')).toHaveLength(4);
    await cluster.advance(MIN_READY_MS / 2);
    await cluster.core.stop();
    await cluster.boot();
    await cluster.agent.connect();
    const isOldLeft = (): boolean =>
      instances(cluster).some(({ id, goal }) => before.includes(id) && goal === 'running');
    let waited = 0;
    for (; isOldLeft() && waited < 2 * MIN_READY_MS; waited += 500) await cluster.advance(500);
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThanOrEqual(MIN_READY_MS / 2);
  });
});
