// Shares of the traffic between two versions of an app: what the table says, how they hold a rollout, and how that ends.
import { describe, expect, it } from '@jest/globals';
import { asAppId, type Timestamp } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
const BY = { kind: 'request', text: 'PUT /v3/apps/shop/web/traffic from 10.0.0.9' } as const;
const HOUR_MS = 3_600_000;

interface Canary {
  readonly cluster: ScriptedCluster;
  readonly old: Timestamp;
  readonly fresh: Timestamp;
}

async function withApp(more: object = {}): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  await cluster.startProxy();
  const definition = { id: WEB, cmd: 'serve 1', cpus: 0.1, mem: 16, instances: 3, ...more };
  await cluster.core.apps.create(definition, false, CALL);
  await cluster.advance(20_000);
  return cluster;
}
/** All of it on the old version, and the new one deployed beside it. */
async function withCanary(more: object = {}): Promise<Canary> {
  const cluster = await withApp(more);
  const old = current(cluster);
  await share(cluster, { current: 100 });
  await cluster.core.apps.update(WEB, { cmd: 'serve 2' }, FORCED, CALL);
  await cluster.advance(60_000);
  return { cluster, old, fresh: current(cluster) };
}
const share = (cluster: ScriptedCluster, weights: Readonly<Record<string, number>>, pins: object[] = []) =>
  cluster.core.appTraffic.put(
    WEB,
    { shares: Object.entries(weights).map(([version, weight]) => ({ version, weight })), pins },
    BY,
  );
const app = (cluster: ScriptedCluster) => cluster.core.state.apps.get(WEB);
const current = (cluster: ScriptedCluster): Timestamp => {
  const version = app(cluster)?.current.version;
  if (!version) throw new Error('there is no app');
  return version;
};
const table = ({ core }: ScriptedCluster) => core.routes.table(core.state);
const service = (cluster: ScriptedCluster) => table(cluster).services[0];
/** How many targets a version has in the table. */
const targets = (cluster: ScriptedCluster, version: Timestamp): number =>
  service(cluster)?.targets.filter((each) => each.version === version).length ?? 0;
const deployments = ({ core }: ScriptedCluster) => [...core.state.deployments.values()];
const shares = (cluster: ScriptedCluster) =>
  app(cluster)?.traffic?.shares.map(({ version, weight }) => [version, weight]);

describe('shares of the traffic', () => {
  it('are in the table under a new number with the commit that stores them, and out of it again', async () => {
    const cluster = await withApp();
    const before = table(cluster).number;
    await share(cluster, { current: 5 }, [
      { by: 'header', name: 'X-Canary', value: 'a', version: 'current' },
    ]);
    const version = current(cluster);
    expect(table(cluster).number).toBe(before + 1);
    expect(service(cluster)?.traffic).toEqual({
      shares: [{ version, weight: 5 }],
      pins: [{ by: 'header', name: 'x-canary', value: 'a', version }],
    });
    expect(cluster.events.at(-1)).toMatchObject({
      type: 'traffic_changed_event',
      payload: {
        appId: WEB,
        shares: [{ version, weight: 5 }],
        pins: [{ by: 'header', name: 'x-canary', version }],
        cause: BY.text,
      },
    });
    expect(JSON.stringify(cluster.events.at(-1))).not.toContain('"value"');
    await cluster.core.appTraffic.reset(WEB);
    expect(table(cluster).number).toBe(before + 2);
    expect(service(cluster)).not.toHaveProperty('traffic');
    expect(cluster.events.at(-1)).toMatchObject({
      type: 'traffic_changed_event',
      payload: { shares: [], pins: [] },
    });
    await cluster.core.appTraffic.reset(WEB);
    expect(table(cluster).number).toBe(before + 2);
  });

  it('survive another leader, with the same table', async () => {
    const { cluster, old, fresh } = await withCanary();
    await share(cluster, { [old]: 95, [fresh]: 5 });
    const before = service(cluster);
    await cluster.core.stop();
    await cluster.boot();
    expect(service(cluster)).toEqual(before);
  });

  it('cover instances that scaling made, for the config is the same', async () => {
    const cluster = await withApp();
    const old = current(cluster);
    await share(cluster, { current: 1 });
    await cluster.core.apps.update(WEB, { instances: 4 }, FORCED, CALL);
    await cluster.advance(20_000);
    expect(current(cluster)).not.toBe(old);
    expect(targets(cluster, old)).toBe(4);
  });

  it('are refused for what is no version with instances, naming those that are', async () => {
    const { cluster, old, fresh } = await withCanary();
    const none = '2020-01-01T00:00:00.000Z';
    await expect(share(cluster, { [none]: 1, current: 1 })).rejects.toMatchObject({
      code: 'rule-violation',
      details: [
        { path: '/shares(0)/version', errors: [expect.stringMatching(`there are: ${fresh}, ${old}`)] },
      ],
    });
    await expect(share(cluster, { [fresh]: 1, current: 1 })).rejects.toMatchObject({
      details: [{ path: '/shares(1)/version', errors: [expect.stringMatching('same config')] }],
    });
    await expect(share(await withApp(), { previous: 1 })).rejects.toMatchObject({
      details: [{ path: '/shares(0)/version', errors: [expect.stringMatching('no older version')] }],
    });
    await expect(
      cluster.core.appTraffic.put(asAppId('/none'), { shares: [{ version: 'current', weight: 1 }] }, BY),
    ).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a rollout of an app with shares', () => {
  it('is held at the point where both serve, however long, without a failure', async () => {
    const { cluster, old, fresh } = await withCanary();
    expect([targets(cluster, old), targets(cluster, fresh)]).toEqual([3, 3]);
    expect(shares(cluster)).toEqual([[old, 100]]);
    await share(cluster, { previous: 90, current: 10 });
    expect(shares(cluster)).toEqual([
      [old, 90],
      [fresh, 10],
    ]);
    await cluster.advance(HOUR_MS);
    expect([targets(cluster, old), targets(cluster, fresh)]).toEqual([3, 3]);
    expect(deployments(cluster)).toMatchObject([{ status: 'running' }]);
  }, 60_000);

  it.each([
    ['room above', { maximumOverCapacity: 0.34, minimumHealthCapacity: 1 }, 1],
    ['no room', { maximumOverCapacity: 0, minimumHealthCapacity: 1 }, 1],
    ['room below only', { maximumOverCapacity: 0, minimumHealthCapacity: 0.5 }, 1],
  ])('has as many new ones beside the old as there is %s', async (_, upgradeStrategy, beside) => {
    const { cluster, old, fresh } = await withCanary({ upgradeStrategy });
    expect([targets(cluster, old), targets(cluster, fresh)]).toEqual([3, beside]);
  });

  it('finishes when the new version has all of it, and the shares go with it', async () => {
    const { cluster, old, fresh } = await withCanary();
    await share(cluster, { [fresh]: 100 });
    expect(shares(cluster)).toEqual([
      [fresh, 100],
      [old, 0],
    ]);
    await cluster.advance(30_000);
    expect([targets(cluster, old), targets(cluster, fresh)]).toEqual([0, 3]);
    expect(deployments(cluster)).toEqual([]);
    expect(app(cluster)).not.toHaveProperty('traffic');
    expect(service(cluster)).not.toHaveProperty('traffic');
  });

  it('finishes when the shares are taken back', async () => {
    const { cluster, old, fresh } = await withCanary();
    await cluster.core.appTraffic.reset(WEB);
    await cluster.advance(30_000);
    expect([targets(cluster, old), targets(cluster, fresh)]).toEqual([0, 3]);
    expect(deployments(cluster)).toEqual([]);
  });

  it('goes back without a restart when it is rolled back, and is held by nothing', async () => {
    const { cluster, old, fresh } = await withCanary();
    await share(cluster, { [old]: 50, [fresh]: 50 });
    const before = service(cluster)
      ?.targets.filter((each) => each.version === old)
      .map(({ taskId }) => taskId);
    await cluster.core.rollback.run(WEB);
    expect(app(cluster)).not.toHaveProperty('traffic');
    await cluster.advance(30_000);
    expect(service(cluster)?.targets.map(({ taskId }) => taskId)).toEqual(before);
    expect(deployments(cluster)).toEqual([]);
  });

  it('keeps the old version whole: one that crashes comes back in it', async () => {
    const { cluster, old, fresh } = await withCanary();
    await share(cluster, { [old]: 50, [fresh]: 50 });
    const victim = cluster.core.state.instancesOf(WEB).find(({ version }) => version === old);
    if (!victim) throw new Error('there is none');
    await cluster.agent.crash(victim.id);
    await cluster.advance(20_000);
    expect(cluster.core.state.instance(victim.id)).toMatchObject({ version: old, incarnation: 2 });
    expect([targets(cluster, old), targets(cluster, fresh)]).toEqual([3, 3]);
  });

  it('fails at its deadline, and is taken back, when the new version does not stay well', async () => {
    const { cluster, old, fresh } = await withCanary();
    await share(cluster, { [old]: 90, [fresh]: 10 });
    await cluster.core.appSettings.put(WEB, { progressDeadlineSeconds: 120 });
    await cluster.advance(300_000);
    expect(deployments(cluster)).toMatchObject([{ status: 'running' }]);
    for (let round = 0; round < 20; round += 1) {
      for (const each of cluster.core.state.instancesOf(WEB))
        if (each.version === fresh && each.status?.phase === 'running') await cluster.agent.crash(each.id);
      await cluster.advance(15_000);
    }
    expect(targets(cluster, fresh)).toBe(0);
    expect(app(cluster)?.current.spec.cmd).toBe('serve 1');
    expect(app(cluster)).not.toHaveProperty('traffic');
    expect(deployments(cluster)).toEqual([]);
    expect(service(cluster)?.targets).toHaveLength(3);
  }, 60_000);

  it('goes with its app', async () => {
    const { cluster } = await withCanary();
    await cluster.core.apps.remove(WEB, true);
    await cluster.advance(40_000);
    expect(app(cluster)).toBeUndefined();
  });
});
