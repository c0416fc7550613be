// What people see of the brakes while they are on, over a whole control plane with a scripted agent.
import { describe, expect, it } from '@jest/globals';
import { asAppId, type HealthResult, type InstanceId } from '#libs/model';
import { appBrakes, countsOf, fleetBrakeState } from './brake-state.js';
import { ScriptedCluster } from './scripted-cluster.js';

describe('the counts of a brake', () => {
  const settings = { minimumInstances: 4, share: 0.5, windowMs: 60_000 };

  it('tell how many turned together, and how many of those that were healthy before are needed', () => {
    const turned = [0, 1_000, 2_000, 500_000];
    expect(countsOf({ healthy: 17, turnedUnhealthyAt: turned }, settings)).toEqual({
      healthy: 17,
      unhealthy: 4,
      together: 3,
      needed: 10,
    });
  });

  it('need nothing while the brake is switched off', () => {
    const off = { ...settings, minimumInstances: 0 };
    expect(countsOf({ healthy: 0, turnedUnhealthyAt: [1, 2, 3, 4] }, off)).toMatchObject({
      together: 4,
      needed: null,
    });
  });
});

const WEB = asAppId('/shop/web');
const CHECK = {
  protocol: 'HTTP',
  path: '/',
  intervalSeconds: 5,
  timeoutSeconds: 1,
  maxConsecutiveFailures: 3,
};

/** Four instances that have been healthy for 100 s. */
async function healthyApp(): Promise<ScriptedCluster> {
  const app = { id: '/shop/web', cmd: 'serve', cpus: 0.5, mem: 64, instances: 4, healthChecks: [CHECK] };
  const cluster = await ScriptedCluster.serving(app);
  for (const { id } of cluster.core.state.instancesOf(WEB)) await report(cluster, id, true);
  await cluster.advance(100_000);
  return cluster;
}

/** As an agent tells it: well since 100 s before; or it has failed as often as gets an instance killed. */
async function report(cluster: ScriptedCluster, id: InstanceId, alive: boolean): Promise<void> {
  const now = cluster.clock.now();
  const failed = { lastFailureAt: now, lastFailureCause: 'no answer' };
  const health: HealthResult = {
    alive,
    consecutiveFailures: alive ? 0 : 4,
    firstSuccessAt: now - 100_000,
    lastSuccessAt: now,
    ...(alive ? {} : failed),
  };
  await cluster.agent.report(id, { health: [health] });
}

describe('the brake in a control plane', () => {
  const brake = (cluster: ScriptedCluster) => appBrakes(cluster.core.state)[0];
  const stops = (cluster: ScriptedCluster) => cluster.core.state.instancesOf(WEB).filter(({ stop }) => stop);

  /** The checks of all four fail in the same moment, as far as the control plane can see. */
  async function blinded(): Promise<ScriptedCluster> {
    const cluster = await healthyApp();
    const rows = cluster.core.state.instancesOf(WEB);
    const reports = rows.map(({ id }) => report(cluster, id, false));
    await Promise.all(reports);
    await cluster.advance(1_000);
    return cluster;
  }

  it('is shown with what it holds, since when, and an alarm', async () => {
    const cluster = await blinded();
    expect(stops(cluster)).toEqual([]);
    expect(brake(cluster)).toMatchObject({ appId: WEB, healthy: 0, unhealthy: 4, together: 4, needed: 4 });
    expect(brake(cluster)?.brake).toMatchObject({ by: 'app' });
    expect(brake(cluster)?.holds).toHaveLength(4);
    expect(brake(cluster)?.holds[0]?.text).toBe('its health check failed 4 times: no answer');
    expect(fleetBrakeState(cluster.core.state)).toMatchObject({
      isOn: true,
      since: brake(cluster)?.brake?.since,
    });
    expect(cluster.core.alarms.list().map(({ id }) => id)).toEqual(['mass-kill-brake /shop/web']);
    expect(cluster.types()).toContain('alarm_raised_event');
  });

  it('goes on with the next leader, whose calm counts from its own office', async () => {
    const cluster = await blinded();
    const [first, second, ...others] = cluster.core.state.instancesOf(WEB).map(({ id }) => id);
    if (!first || !second) throw new Error('there are no instances');
    for (const id of [second, ...others]) await report(cluster, id, true);
    const calmSince = cluster.clock.now();
    await cluster.advance(50_000);
    const before = brake(cluster)?.brake;
    expect(before).toMatchObject({ by: 'app', calmSince });
    await cluster.core.stop();
    await cluster.boot();
    await cluster.agent.connect();
    await cluster.advance(50_000);
    expect(brake(cluster)?.brake).toEqual(before);
    expect(stops(cluster)).toEqual([]);
    await cluster.advance(15_000);
    expect(brake(cluster)?.brake).toBeUndefined();
    expect(cluster.core.alarms.list()).toEqual([]);
    expect(cluster.core.state.instance(first)?.cause.kind).toBe('health');
  });
});
