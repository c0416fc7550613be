// `longrun rollback`: which definition it goes back to, what of it is kept, and when it refuses.
import { describe, expect, it } from '@jest/globals';
import { asAppId, type Timestamp } from '#libs/model';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
/** The scripted agent never answers a health check, so this is a release that never becomes healthy. */
const BROKEN = { healthChecks: [{ protocol: 'TCP' }] };
const ROLLOUT_MS = DEFAULT_RECONCILE_SETTINGS.minReadyMs + 5_000;
const DEADLINE_MS = 620_000;

async function withReleases(...cmds: readonly string[]): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  await cluster.startProxy();
  for (const cmd of cmds) {
    const body = { cmd, ...(cmd === cmds[0] ? { cpus: 0.1, mem: 32, instances: 2 } : {}) };
    await cluster.core.apps.update(WEB, body, FORCED, CALL);
    await done(cluster);
  }
  return cluster;
}

async function done(cluster: ScriptedCluster): Promise<void> {
  let waited = 0;
  for (; cluster.core.state.deployments.size && waited < 4 * ROLLOUT_MS; waited += 1_000) {
    await cluster.advance(1_000);
  }
  expect(cluster.core.state.deployments.size).toBe(0);
}

const current = (cluster: ScriptedCluster) => cluster.core.state.apps.get(WEB)?.current;
const version = (cluster: ScriptedCluster): Timestamp | undefined => current(cluster)?.version;
const tasks = (cluster: ScriptedCluster): readonly unknown[] =>
  cluster.core.state.instancesOf(WEB).map(({ taskId }) => taskId);
const refusal = async (cluster: ScriptedCluster, code: string, message: RegExp): Promise<void> => {
  const before = cluster.core.state.change;
  await expect(cluster.core.rollback.run(WEB, { dryRun: true })).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
  expect(cluster.core.state.change).toBe(before);
};

describe('rollback while a deployment runs', () => {
  it('takes that one back and restarts nothing of what still runs', async () => {
    const cluster = await withReleases('serve 1');
    const [before, first] = [tasks(cluster), version(cluster)];
    const broken = await cluster.core.apps.update(WEB, { cmd: 'serve 2', ...BROKEN }, FORCED, CALL);
    await cluster.advance(3_000);
    const { rollback, deploymentId } = await cluster.core.rollback.run(WEB);
    expect(rollback).toEqual({
      text:
        `Takes back deployment ${broken.deploymentId}, which still runs: ${WEB} goes back to the definition of ${first}. ` +
        '2 instances of it still run and are not restarted.',
      takesBack: broken.deploymentId,
      toVersion: first,
      instancesKept: 2,
    });
    await done(cluster);
    expect(tasks(cluster)).toEqual(before);
    expect(await cluster.store.deployment(deploymentId)).toMatchObject({ status: 'succeeded' });
  });

  it('does not take a rollback back, nor the app that the deployment created', async () => {
    const cluster = await withReleases('serve 1');
    await cluster.core.apps.update(WEB, { cmd: 'serve 2', ...BROKEN }, FORCED, CALL);
    await cluster.advance(3_000);
    await cluster.core.rollback.run(WEB);
    await cluster.settle();
    await refusal(cluster, 'conflict', /is being taken back already/);

    const fresh = await ScriptedCluster.started();
    await fresh.core.apps.update(WEB, { cmd: 'serve', instances: 1 }, FORCED, CALL);
    await fresh.settle();
    await refusal(fresh, 'conflict', /was created by deployment .* DELETE \/v2\/deployments\//);
  });
});

describe('rollback when none runs', () => {
  it('goes to the newest older definition, not to one of the same content, with as many instances as now', async () => {
    const cluster = await withReleases('serve 1', 'serve 2', 'serve 3');
    const target = (await cluster.store.versions(WEB))[1]?.version;
    await cluster.core.apps.restart(WEB, false);
    await done(cluster);
    await cluster.core.apps.update(WEB, { instances: 3 }, FORCED, CALL);
    await done(cluster);
    const { rollback } = await cluster.core.rollback.run(WEB);
    expect(rollback).toMatchObject({ toVersion: target, instancesKept: 0 });
    expect(rollback.text).toContain('whose deployment succeeded. No instance of it runs any more');
    expect(rollback).not.toHaveProperty('takesBack');
    await done(cluster);
    expect(current(cluster)?.spec).toMatchObject({ cmd: 'serve 2', instances: 3 });
  });

  it('skips what never worked', async () => {
    const cluster = await withReleases('serve 1');
    await cluster.core.apps.update(WEB, { cmd: 'broken', ...BROKEN }, FORCED, CALL);
    await cluster.advance(3_000);
    await cluster.core.apps.update(WEB, { cmd: 'serve 3', healthChecks: [] }, FORCED, CALL);
    await done(cluster);
    await cluster.core.rollback.run(WEB);
    expect(current(cluster)?.spec.cmd).toBe('serve 1');
  });

  it('keeps the instances of it that a cancelled deployment left', async () => {
    const cluster = await withReleases('serve 1');
    const before = tasks(cluster);
    const { deploymentId } = await cluster.core.apps.update(WEB, { cmd: 'serve b', ...BROKEN }, FORCED, CALL);
    await cluster.advance(3_000);
    await cluster.core.deployments.cancel(deploymentId);
    const { rollback } = await cluster.core.rollback.run(WEB);
    expect(rollback.instancesKept).toBe(2);
    await done(cluster);
    expect(tasks(cluster)).toEqual(before);
  });

  it('refuses where there is nothing to go back to, and an unknown app', async () => {
    const cluster = await withReleases('serve 1');
    await refusal(cluster, 'conflict', /no older definition of \/shop\/web differs/);
    await cluster.core.apps.restart(WEB, false);
    await done(cluster);
    await refusal(cluster, 'conflict', /no older definition of \/shop\/web differs/);
    await expect(cluster.core.rollback.run(asAppId('/none'))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('after a deployment failed by itself refuses to go to what just failed', async () => {
    const cluster = await withReleases('serve 1');
    await cluster.core.apps.update(WEB, { cmd: 'serve b', ...BROKEN }, FORCED, CALL);
    await cluster.advance(DEADLINE_MS);
    expect(current(cluster)?.spec.cmd).toBe('serve 1');
    await refusal(cluster, 'conflict', /the one older definition .* has no deployment that succeeded/);
  });

  it('only tells when it is a dry run', async () => {
    const cluster = await withReleases('serve 1', 'serve 2');
    const before = version(cluster);
    const { rollback, foreseeable } = await cluster.core.rollback.run(WEB, { dryRun: true });
    expect(rollback.text).toContain('/shop/web goes back to the definition of');
    expect(foreseeable?.deployment.changes[0]?.after?.spec.cmd).toBe('serve 1');
    expect(version(cluster)).toBe(before);
  });
});
