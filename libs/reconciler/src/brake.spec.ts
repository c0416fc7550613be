// The mass-kill brake (promise 5): when it is on, what it holds, and what ends it.
import { describe, expect, test } from '@jest/globals';
import { isRunning } from '#libs/lifecycle';
import { asAppId } from '#libs/model';
import type { AppId, AppSpec, Instance } from '#libs/model';
import { aHealthCheck, anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { calmMs } from './app-brake.js';
import { fleetBrakeOf, healthCounts, healthMark, suspicionOf, threshold, waveOf } from './brake.js';
import { SimulatedCluster, TICK_MS } from './fixtures/simulated-cluster.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';
import type { HealthCounts } from './snapshot.js';

const SETTINGS = DEFAULT_RECONCILE_SETTINGS.brake;
const WEB = asAppId('/web');
const SHOP = asAppId('/shop');
const WINDOW_TICKS = SETTINGS.windowMs / TICK_MS;

const counts = (healthy: number, turnedAtSeconds: readonly number[]): HealthCounts => ({
  healthy,
  turnedUnhealthyAt: turnedAtSeconds.map((each) => each * 1000),
});
const times = (count: number, second: number): number[] => Array<number>(count).fill(second);

describe('a wave', () => {
  test.each([
    // healthy now, turned at (s), wave
    [4, [0, 1, 2, 3], 4],
    [5, [0, 1, 2, 3], null],
    [0, [0, 1, 2], null],
    [0, [0, 1, 59, 60], 4],
    [0, [0, 1, 59, 61], null],
    [197, [0, 0, 0], null],
    [5, [0, 1, 2, 3, 500], null],
    [4, [500, 1, 2, 0, 3], 4],
  ])('of %p healthy and turned at %j: %p', (healthy, turned, size) => {
    expect(waveOf(counts(healthy, turned), SETTINGS)?.size ?? null).toBe(size);
  });

  test('is as large as the settings say, and never there when they switch it off', () => {
    expect(threshold(30, { ...SETTINGS, share: 0.1 })).toBe(4);
    expect(threshold(100, { ...SETTINGS, share: 0.07 })).toBe(7);
    expect(threshold(1, { ...SETTINGS, minimumInstances: 1 })).toBe(1);
    expect(waveOf(counts(0, times(50, 0)), { ...SETTINGS, minimumInstances: 0 })).toBeNull();
  });
});

describe('what one instance adds', () => {
  const checked = aVersion(anAppSpec({ healthChecks: [aHealthCheck({})] }));
  const MINUTE = 60_000;
  const failing = (agentsClock: number, more: object = {}): Instance =>
    anInstance({
      status: aStatus({
        health: [
          {
            alive: false,
            consecutiveFailures: 1,
            firstSuccessAt: agentsClock - MINUTE,
            lastSuccessAt: agentsClock,
          },
        ],
        ...more,
      }),
    });

  test('is dated by the control plane, for the clocks of agents may be minutes apart', () => {
    const marks = [10, 12, 14, 16].map((minutes) =>
      healthMark(failing(minutes * MINUTE, { failingSince: 1_000 }), checked),
    );
    expect(waveOf(healthCounts(marks), SETTINGS)?.size).toBe(4);
  });

  test('is dated by its agent where a release before this one stored the report', () => {
    expect(healthMark(failing(10 * MINUTE), checked)).toEqual({ kind: 'turned', at: 10 * MINUTE });
  });
});

describe('the fleet', () => {
  const suspicion = (app: HealthCounts, others: readonly HealthCounts[]): string | null =>
    suspicionOf(app, fleetBrakeOf([app, ...others], SETTINGS), SETTINGS);

  test('of many small apps that are hit together is held, though none is large enough for a brake of its own', () => {
    const small = counts(0, [1, 2]);
    expect(suspicion(small, [small, small])).toBe('fleet');
    expect(suspicion(counts(1, [1]), [small, small])).toBe('fleet');
  });

  test('does not hold the one bad instance of an app because another app failed as a whole', () => {
    const failing = counts(0, times(20, 5));
    expect(suspicion(counts(4, [5]), [failing])).toBeNull();
    expect(suspicion(counts(0, [5]), [failing])).toBeNull();
    expect(suspicion(failing, [counts(4, [5])])).toBe('app');
  });

  test('holds a small app that was hit by much of the same wave', () => {
    expect(suspicion(counts(1, [5, 6]), [counts(0, times(20, 5))])).toBe('fleet');
    expect(suspicion(counts(3, [5, 6]), [counts(0, times(20, 5))])).toBeNull();
  });

  test('does not hold what was well after the wave: its check has worked since', () => {
    const small = counts(0, [1, 2]);
    expect(suspicion(counts(3, [100]), [small, small, small])).toBeNull();
    expect(suspicion(counts(1, [100, 101]), [counts(0, times(20, 5))])).toBeNull();
  });
});

describe('an instance', () => {
  const version = aVersion(anAppSpec({ healthChecks: [aHealthCheck()] }));
  const bad = { alive: false, consecutiveFailures: 2 };
  const sour = { ...bad, firstSuccessAt: 1_000, lastSuccessAt: 70_000 };
  const marked = (more: Partial<Instance>) => healthMark(anInstance(more), version);

  test('counts from when it was well, and not at all when it never was', () => {
    expect(marked({ status: aStatus({ health: [sour] }) })).toEqual({ kind: 'turned', at: 70_000 });
    expect(marked({ status: aStatus({ health: [bad] }) })).toBeNull();
    expect(marked({ status: aStatus({ health: [null] }) })).toBeNull();
  });

  test('that was well for a moment only is a bad release, and does not count', () => {
    const moment = { ...sour, lastSuccessAt: 10_999 };
    expect(marked({ status: aStatus({ health: [moment] }) })).toBeNull();
    expect(marked({ status: aStatus({ health: [{ ...moment, lastSuccessAt: 11_000 }] }) })).not.toBeNull();
  });

  test('counts although its agent was restarted and forgot that it was well', () => {
    const status = aStatus({ health: [bad], wasHealthy: true, turnedAt: 9 });
    expect(marked({ status })).toEqual({ kind: 'turned', at: 9 });
  });

  test('counts for nothing on a lost agent, for nobody hears of it', () => {
    expect(marked({ status: aStatus({ health: [sour] }), unreachableSince: 8 })).toBeNull();
  });

  test('that is being killed for its health counts while it ends, and one that ends for another reason does not', () => {
    const stop = { phase: 'killing', since: 80_000, then: 'relaunch' } as const;
    const status = aStatus({ phase: 'stopping', health: [sour] });
    const failed = { kind: 'health', text: 'failed' } as const;
    expect(marked({ status, stop: { ...stop, cause: failed } })).toEqual({ kind: 'turned', at: 70_000 });
    expect(marked({ status, stop: { ...stop, cause: { kind: 'kill', text: 'by a person' } } })).toBeNull();
  });

  test('that was killed for its health counts until it is healthy again', () => {
    const killed = { cause: { kind: 'health', text: 'failed' }, lastWellAt: 11 } as const;
    expect(marked(killed)).toEqual({ kind: 'turned', at: 11 });
    expect(marked({ ...killed, status: aStatus({ health: [bad] }) })).toEqual({ kind: 'turned', at: 11 });
    const well = aStatus({ health: [{ alive: true, consecutiveFailures: 0, lastSuccessAt: 12 }] });
    expect(marked({ ...killed, status: well })).toEqual({ kind: 'healthy' });
    const unknown = aStatus({ health: [null], wasHealthy: true });
    expect(marked({ ...killed, status: unknown })).toBeNull();
    expect(marked({ cause: killed.cause })).toBeNull();
    expect(healthCounts([null, { kind: 'healthy' }])).toEqual(counts(1, []));
  });
});

test('calm lasts a window, or a round of the slowest check', () => {
  const slow = aVersion(
    anAppSpec({
      healthChecks: [aHealthCheck(), aHealthCheck({ intervalSeconds: 300, timeoutSeconds: 10 })],
    }),
  );
  expect(calmMs([slow, aVersion()], SETTINGS)).toBe(310_000);
  expect(calmMs([aVersion()], SETTINGS)).toBe(60_000);
});

describe('the brake of an app', () => {
  test('holds kills and sends traffic to all, for as long as the checks say so', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 4);
    const since = until(cluster, () => cluster.apps.get(WEB)?.brake !== undefined);
    ticks(cluster, 3600 * 2);
    expect(cluster.apps.get(WEB)?.brake).toEqual({ since, by: 'app' });
    expect(of(cluster, WEB).map((each) => each.routing)).toEqual(Array(6).fill('in'));
    expect(stops(cluster)).toEqual([]);
  });

  test('is off at once when all are healthy again, and nothing was killed', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 4);
    ticks(cluster, 40);
    cluster.healAll();
    until(cluster, () => cluster.apps.get(WEB)?.brake === undefined, 4);
    expect(cluster.unsettled()).toBe('');
    expect(stops(cluster)).toEqual([]);
  });

  test('still holds the last ones while a checker that is back reaches one after the other', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 6);
    ticks(cluster, 40);
    for (let index = 0; index < 6; index += 1) {
      cluster.heal(index);
      ticks(cluster, 16);
    }
    expect(stops(cluster)).toEqual([]);
    expect(cluster.apps.get(WEB)?.brake).toBeUndefined();
    expect(cluster.unsettled()).toBe('');
  });

  test('ends after a calm window, and then kills who is still unhealthy', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 4);
    ticks(cluster, 40);
    for (const index of [0, 1, 2]) cluster.heal(index);
    until(cluster, () => cluster.apps.get(WEB)?.brake?.calmSince !== undefined, 4);
    ticks(cluster, WINDOW_TICKS - 1);
    expect(stops(cluster)).toEqual([]);
    until(cluster, () => stops(cluster).length > 0, 4);
    expect(cluster.apps.get(WEB)?.brake).toBeUndefined();
    until(cluster, () => cluster.unsettled() === '');
    expect(stops(cluster)).toHaveLength(1);
  });

  test('starts over when they turn again during the calm', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 4);
    ticks(cluster, 40);
    for (const index of [0, 1, 2]) cluster.heal(index);
    ticks(cluster, WINDOW_TICKS / 2);
    sicken(cluster, 4);
    ticks(cluster, 2 * WINDOW_TICKS);
    expect(cluster.apps.get(WEB)?.brake).toMatchObject({ by: 'app' });
    expect(stops(cluster)).toEqual([]);
  });

  test('lets a person act: what was killed comes back healthy, and the rest is replaced after the calm', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 4);
    ticks(cluster, 2 * WINDOW_TICKS);
    for (const each of of(cluster, WEB).filter(isFailing).slice(0, 2)) cluster.kill(each.id);
    until(cluster, () => cluster.unsettled() === '', 4 * WINDOW_TICKS);
    expect(cluster.apps.get(WEB)?.brake).toBeUndefined();
    expect(stops(cluster)).toHaveLength(2);
  });

  test('comes on although each check kills at its first failure', () => {
    const hasty = [aHealthCheck({ protocol: 'MESOS_HTTP', maxConsecutiveFailures: 1, intervalSeconds: 1 })];
    const cluster = aCluster([[WEB, 10]], 2, { healthChecks: hasty });
    // the checker fails for one more every 2 s, and for whatever is launched in its place
    const instances = of(cluster, WEB).map((each) => each.id);
    for (let tick = 0; tick < 80; tick += 1) {
      for (const id of instances.slice(0, 1 + tick / 4)) cluster.sickenInstance(id);
      cluster.tick();
    }
    expect(cluster.apps.get(WEB)?.brake).toMatchObject({ by: 'app' });
    expect(stops(cluster).length).toBeLessThanOrEqual(5);
  });

  test('sends no traffic to the successor of one that was killed, as long as that has not been healthy itself', () => {
    const hasty = [aHealthCheck({ protocol: 'MESOS_HTTP', maxConsecutiveFailures: 1, intervalSeconds: 1 })];
    const cluster = aCluster([[WEB, 10]], 2, { healthChecks: hasty });
    const instances = of(cluster, WEB).map((each) => each.id);
    let unproven = 0;
    for (let tick = 0; tick < 160; tick += 1) {
      for (const id of instances.slice(0, 1 + tick / 4)) cluster.sickenInstance(id);
      cluster.tick();
      if (!cluster.apps.get(WEB)?.brake) continue;
      const neverWell = of(cluster, WEB).filter(
        (each) =>
          each.incarnation > 1 && isRunning(each) && each.status?.health[0]?.lastSuccessAt === undefined,
      );
      expect(neverWell.map((each) => each.routing)).toEqual(neverWell.map(() => 'out'));
      unproven += neverWell.length;
    }
    expect(unproven).toBeGreaterThan(0);
  });

  test('does not hold a deployment, which ends it by replacing them', () => {
    const cluster = aCluster([[WEB, 6]]);
    sicken(cluster, 6);
    ticks(cluster, 40);
    cluster.deploy(WEB, aSpec(WEB, 6, { env: { BEHAVIOUR: 'good', RELEASE: '2' } }));
    until(cluster, () => cluster.unsettled() === '');
    expect(cluster.apps.get(WEB)?.brake).toBeUndefined();
    expect(stops(cluster)).toEqual([]);
  });

  test('is not kept on by instances on lost agents', () => {
    const cluster = aCluster([[WEB, 8]], 4);
    sicken(cluster, 8);
    until(cluster, () => cluster.apps.get(WEB)?.brake !== undefined);
    for (const index of [0, 1, 2]) cluster.disconnect(index);
    until(cluster, () => cluster.apps.get(WEB)?.brake === undefined, 4 * WINDOW_TICKS);
  });
});

describe('in a fleet', () => {
  test('one app that fails as a whole is held, and the bad instance of another one is replaced', () => {
    const cluster = aCluster([
      [WEB, 6],
      [SHOP, 3],
    ]);
    for (const each of of(cluster, WEB)) cluster.sickenInstance(each.id);
    const [victim] = of(cluster, SHOP);
    if (victim) cluster.sickenInstance(victim.id);
    until(cluster, () => stops(cluster).length > 0);
    until(cluster, () => of(cluster, SHOP).every((each) => each.routing === 'in' && !isFailing(each)));
    expect(of(cluster, SHOP).some((each) => each.incarnation === 2)).toBe(true);
    expect(of(cluster, WEB).map((each) => each.incarnation)).toEqual(Array(6).fill(1));
    expect(cluster.apps.get(SHOP)?.brake).toBeUndefined();
  });

  test('two apps that are too small for a brake of their own are held together', () => {
    const cluster = aCluster([
      [WEB, 3],
      [SHOP, 3],
    ]);
    sicken(cluster, 6);
    ticks(cluster, 2 * WINDOW_TICKS);
    expect(stops(cluster)).toEqual([]);
    expect([...cluster.apps.values()].map(({ brake }) => brake?.by)).toEqual(['fleet', 'fleet']);
    cluster.healAll();
    until(cluster, () => cluster.unsettled() === '');
    expect([...cluster.apps.values()].map(({ brake }) => brake)).toEqual([undefined, undefined]);
  });
});

function aSpec(id: AppId, instances: number, more: Partial<AppSpec> = {}): AppSpec {
  return anAppSpec({
    id,
    env: { BEHAVIOUR: 'good' },
    instances,
    cpus: 0.5,
    mem: 64,
    portDefinitions: [{ port: id === WEB ? 10_000 : 10_001, protocol: 'tcp', labels: {} }],
    healthChecks: [aHealthCheck({ path: '/health', intervalSeconds: 1, timeoutSeconds: 1, delaySeconds: 0 })],
    ...more,
  });
}
/** Up and settled. */
function aCluster(
  apps: readonly (readonly [AppId, number])[],
  agents = 2,
  more: Partial<AppSpec> = {},
): SimulatedCluster {
  const cluster = new SimulatedCluster({ agents, proxies: 1, seed: 11 });
  for (const [id, instances] of apps) cluster.deploy(id, aSpec(id, instances, more));
  ticks(cluster, 60);
  expect(cluster.unsettled()).toBe('');
  return cluster;
}
function ticks(cluster: SimulatedCluster, count: number): void {
  for (let tick = 0; tick < count; tick += 1) cluster.tick();
}
/** Returns when it held first. */
function until(cluster: SimulatedCluster, holds: () => boolean, most = 400): number {
  for (let tick = 0; tick < most && !holds(); tick += 1) cluster.tick();
  expect(holds()).toBe(true);
  return cluster.now;
}
function sicken(cluster: SimulatedCluster, count: number): void {
  for (let index = 0; index < count; index += 1) cluster.sicken(index);
}
const of = (cluster: SimulatedCluster, app: AppId): readonly Instance[] => cluster.instancesOf(app);
const isFailing = (each: Instance): boolean => each.status?.health[0]?.alive === false;
/** Kills for health. */
const stops = (cluster: SimulatedCluster): readonly string[] =>
  cluster.log.filter((line) => line.includes(' request-stop ') && line.includes(' health: '));
