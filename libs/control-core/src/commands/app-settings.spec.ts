// Settings beside the definition, and how deployments end that others took the place of.
import { describe, expect, it } from '@jest/globals';
import { asAppId, type DeploymentId } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
/** The scripted agent never answers a health check. */
const BROKEN = { cmd: 'serve 2', healthChecks: [{ protocol: 'TCP' }] };

async function withApp(): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  await cluster.startProxy();
  await cluster.core.apps.create({ id: WEB, cmd: 'serve 1', cpus: 0.5, mem: 64 }, false, CALL);
  await cluster.advance(20_000);
  return cluster;
}
const app = (cluster: ScriptedCluster) => cluster.core.state.apps.get(WEB);
const ended = (cluster: ScriptedCluster, id: DeploymentId) => cluster.store.deployment(id);

describe('settings of an app', () => {
  it('act on a deployment that runs, make no version, and outlive changes of the definition', async () => {
    const cluster = await withApp();
    const { deploymentId } = await cluster.core.apps.update(WEB, BROKEN, FORCED, CALL);
    await cluster.advance(40_000);
    const version = app(cluster)?.current.version;
    await cluster.core.appSettings.put(WEB, { progressDeadlineSeconds: 60 });
    expect(app(cluster)).toMatchObject({ settings: { progressDeadlineSeconds: 60 }, current: { version } });
    expect((await ended(cluster, deploymentId))?.status).toBe('running');
    await cluster.advance(30_000);
    expect((await ended(cluster, deploymentId))?.status).toBe('failed');
    expect(app(cluster)).toMatchObject({
      settings: { progressDeadlineSeconds: 60 },
      current: { spec: { cmd: 'serve 1' } },
    });
  });

  it('are gone when they are reset, and when the app is gone', async () => {
    const cluster = await withApp();
    await cluster.core.appSettings.put(WEB, { minReadySeconds: 1 });
    await cluster.core.appSettings.reset(WEB);
    expect(app(cluster)).not.toHaveProperty('settings');
    await cluster.core.appSettings.put(WEB, { minReadySeconds: 1 });
    await cluster.core.apps.remove(WEB, false);
    await cluster.core.apps.update(WEB, { id: WEB, cmd: 'serve 3', cpus: 0.5, mem: 64 }, FORCED, CALL);
    expect(app(cluster)).not.toHaveProperty('settings');
  });

  it('stay when the removal of the app is taken back', async () => {
    const cluster = await withApp();
    await cluster.core.appSettings.put(WEB, { minReadySeconds: 1 });
    const { deploymentId } = await cluster.core.apps.remove(WEB, false);
    await cluster.core.deployments.rollBack(deploymentId);
    expect(app(cluster)?.settings).toEqual({ minReadySeconds: 1 });
  });

  it('are refused by the name of the member, and for an app that is not there', async () => {
    const cluster = await withApp();
    const details = [expect.objectContaining({ path: '/progressDeadlineSeconds' })];
    await expect(async () =>
      cluster.core.appSettings.put(WEB, { progressDeadlineSeconds: 1 }),
    ).rejects.toMatchObject({
      code: 'rule-violation',
      details,
    });
    await expect(cluster.core.appSettings.put(asAppId('/none'), {})).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('the reason of a deployment that did not succeed names', () => {
  it('the one that superseded it', async () => {
    const cluster = await withApp();
    const { deploymentId: first } = await cluster.core.apps.update(WEB, BROKEN, FORCED, CALL);
    const { deploymentId: second } = await cluster.core.apps.update(WEB, { cmd: 'serve 3' }, FORCED, CALL);
    expect(await ended(cluster, first)).toMatchObject({
      status: 'cancelled',
      reason: `superseded by deployment ${second}`,
    });
  });

  it('the one that took it back, after the reason of its failure', async () => {
    const cluster = await withApp();
    const { deploymentId: first } = await cluster.core.apps.update(WEB, BROKEN, FORCED, CALL);
    const { deploymentId: back } = await cluster.core.deployments.rollBack(first);
    expect(await ended(cluster, first)).toMatchObject({ reason: `rolled back by deployment ${back}` });
    await cluster.advance(15_000);
    const { deploymentId: second } = await cluster.core.apps.update(WEB, BROKEN, FORCED, CALL);
    await cluster.advance(640_000);
    const reason = (await ended(cluster, second))?.reason;
    expect(reason).toMatch(/^no progress for 6\d\d s in step 1 of 1: .*; rolled back by deployment \S+$/);
  });
});
