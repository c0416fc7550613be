// A virtual host stays with the app that serves it, through deployments, removals and those that are taken back.
import { describe, expect, it } from '@jest/globals';
import { asAppId, type App } from '#libs/model';
import { match } from '#libs/routing';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/web');
const FAR = asAppId('/far');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
const labels = { HAPROXY_0_VHOST: 'shop.example' };
const body = (id: App['id'], more: object = {}): object => ({
  ...{ id, cmd: 'serve', cpus: 0.1, mem: 16, instances: 1, portDefinitions: [{ port: 0 }], labels },
  ...more,
});

const ownerOf = ({ core }: ScriptedCluster): string | undefined =>
  match(core.routes.table(core.state)).byHost('shop.example', '/')?.appId;

/** /far comes first by id, and later. */
async function withBoth(): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.serving(body(WEB), 20_000);
  expect(ownerOf(cluster)).toBe(WEB);
  await cluster.core.apps.create(body(FAR), false, CALL);
  await cluster.advance(20_000);
  return cluster;
}

describe('a virtual host that two apps ask for', () => {
  it('stays with the one that serves it, also when that one is changed, and after a change of leader', async () => {
    const cluster = await withBoth();
    expect(ownerOf(cluster)).toBe(WEB);
    await cluster.core.apps.update(WEB, { cmd: 'serve 2' }, FORCED, CALL);
    await cluster.advance(60_000);
    expect(ownerOf(cluster)).toBe(WEB);
    await cluster.core.stop();
    await cluster.boot();
    expect(ownerOf(cluster)).toBe(WEB);
  });

  it('is that of the other one as soon as it is removed, and one that is created again is a newcomer', async () => {
    const cluster = await withBoth();
    await cluster.core.apps.remove(WEB, false);
    expect(ownerOf(cluster)).toBe(FAR);
    await cluster.core.apps.update(WEB, body(WEB), FORCED, CALL);
    await cluster.advance(20_000);
    expect(ownerOf(cluster)).toBe(FAR);
  });

  it('and a service port stay with a deployment group whose oldest app is removed', async () => {
    const blue = {
      labels: { ...labels, HAPROXY_DEPLOYMENT_GROUP: 'shop' },
      portDefinitions: [{ port: 10_005 }],
    };
    const cluster = await ScriptedCluster.serving(body(WEB, blue), 20_000);
    await cluster.core.apps.create(body(FAR, { portDefinitions: blue.portDefinitions }), false, CALL);
    await cluster.advance(20_000);
    await cluster.core.apps.create(body(asAppId('/green'), blue), false, CALL);
    await cluster.advance(20_000);
    await cluster.core.apps.remove(WEB, false);
    expect(ownerOf(cluster)).toBe('/shop');
    const table = match(cluster.core.routes.table(cluster.core.state));
    expect(table.byServicePort(10_005)?.appId).toBe('/shop');
  });

  it.each([
    ['removal', (cluster: ScriptedCluster) => cluster.core.apps.remove(WEB, false)],
    ['change', (cluster: ScriptedCluster) => cluster.core.apps.update(WEB, { labels: {} }, FORCED, CALL)],
  ])('is that of the former owner again when its %s is taken back', async (_, giveUp) => {
    const cluster = await withBoth();
    const { deploymentId } = await giveUp(cluster);
    expect(ownerOf(cluster)).toBe(FAR);
    await cluster.core.deployments.rollBack(deploymentId);
    expect(ownerOf(cluster)).toBe(WEB);
    expect(cluster.core.state.apps.get(WEB)).not.toHaveProperty('hostsLeft');
    await cluster.advance(20_000);
    expect(ownerOf(cluster)).toBe(WEB);
  });
});
