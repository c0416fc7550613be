// Readiness checks in a pass (behaviour.md 8): who is asked, that nobody is routed or counted before, and what ends the waiting.
import { describe, expect, test } from '@jest/globals';
import { asAppId } from '#libs/model';
import type { AppSpec, Instance } from '#libs/model';
import { aHealthCheck, anAppSpec, aReadinessCheck, aVersion } from '#libs/testkit';
import { computedDeadlineMs } from './deadline.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';
import { SimulatedCluster } from './fixtures/simulated-cluster.js';
import type { Behaviour } from './fixtures/simulated-cluster.js';

const WEB = asAppId('/web');

const aSpec = (behaviour: Behaviour, more: Partial<AppSpec> = {}): AppSpec =>
  anAppSpec({
    id: WEB,
    env: { BEHAVIOUR: behaviour },
    instances: 2,
    cpus: 0.5,
    mem: 64,
    healthChecks: [aHealthCheck({ path: '/health', intervalSeconds: 1, delaySeconds: 0 })],
    readinessChecks: [aReadinessCheck()],
    ...more,
  });

function ticks(cluster: SimulatedCluster, count: number): void {
  for (let tick = 0; tick < count; tick += 1) cluster.tick();
}
const web = (cluster: SimulatedCluster): readonly Instance[] => cluster.instancesOf(WEB);
const asked = (cluster: SimulatedCluster): readonly (true | undefined)[] =>
  web(cluster).map((each) => each.asksReadiness);

/** Deployed; settled unless it can never be. */
function aCluster(behaviour: Behaviour, more: Partial<AppSpec> = {}): SimulatedCluster {
  const cluster = new SimulatedCluster({ agents: 1, proxies: 1, seed: 11 });
  cluster.deploy(WEB, aSpec(behaviour, more));
  ticks(cluster, 40);
  return cluster;
}

describe('instances that a deployment starts', () => {
  test('are asked; the deployment ends, and they are routed, when they are ready', () => {
    const cluster = aCluster('good');
    expect(cluster.unsettled()).toBe('');
    expect(asked(cluster)).toEqual([true, true]);
    expect(web(cluster).map((each) => each.routing)).toEqual(['in', 'in']);
  });

  test('are neither routed nor counted before, healthy or not; old ones serve on', () => {
    const cluster = aCluster('good');
    const old = web(cluster).map((each) => each.id);
    cluster.deploy(WEB, aSpec('never-ready'));
    ticks(cluster, 60);
    const fresh = web(cluster).filter((each) => !old.includes(each.id));
    expect(fresh.map((each) => [each.status?.health[0]?.alive, each.routing])).toEqual([
      [true, 'out'],
      [true, 'out'],
    ]);
    expect(web(cluster).filter((each) => old.includes(each.id) && each.routing === 'in')).toHaveLength(2);
    expect(cluster.deployments.size).toBe(1);
  });

  test('without health checks wait for their answer as well', () => {
    const cluster = aCluster('never-ready', { healthChecks: [] });
    expect(web(cluster).map((each) => each.routing)).toEqual(['out', 'out']);
    expect(cluster.deployments.size).toBe(1);
  });

  test('that never get ready fail it by the deadline, in these words', () => {
    const cluster = aCluster('never-ready');
    for (let tick = 0; tick < 2_000 && cluster.deployments.size; tick += 1) cluster.tick();
    expect(cluster.ended[0]?.reason).toContain('2 running instances do not answer their readiness check');
  });

  test('that never pass their health check fail it by the deadline, in these words', () => {
    const cluster = aCluster('never-healthy', { readinessChecks: [] });
    for (let tick = 0; tick < 2_000 && cluster.deployments.size; tick += 1) cluster.tick();
    expect(cluster.ended[0]?.reason).toMatch(/[12] running instances? do(es)? not pass their health check/);
  });

  test('are asked again when they crash during it', () => {
    const cluster = aCluster('never-ready', { backoffSeconds: 0 });
    cluster.crash(0);
    ticks(cluster, 20);
    expect(web(cluster).map((each) => [each.incarnation, each.asksReadiness])).toContainEqual([2, true]);
  });

  test('get no traffic from the mass-kill brake before they are ready', () => {
    const cluster = aCluster('never-ready', { instances: 6 });
    for (let index = 0; index < 6; index += 1) cluster.sicken(index);
    ticks(cluster, 40);
    expect(web(cluster).some((each) => each.status?.health[0]?.alive === false)).toBe(true);
    expect(web(cluster).map((each) => each.routing)).toEqual(Array(6).fill('out'));
  });
});

describe('once ready', () => {
  test('a crash without a deployment is repaired without asking', () => {
    const cluster = aCluster('good', { backoffSeconds: 0 });
    cluster.crash(0);
    ticks(cluster, 30);
    expect(cluster.unsettled()).toBe('');
    expect(new Set(asked(cluster))).toEqual(new Set([true, undefined]));
  });

  test('what an agent starts by itself is taken over without asking', () => {
    const cluster = aCluster('good', { instances: 1 });
    cluster.disconnect(0);
    cluster.crash(0);
    ticks(cluster, 40);
    cluster.reconnectAll();
    ticks(cluster, 10);
    expect(web(cluster)).toMatchObject([{ incarnation: 2, routing: 'in', status: { autonomous: true } }]);
    expect(asked(cluster)).toEqual([undefined]);
    expect(cluster.unsettled()).toBe('');
  });

  test('an agent that forgot it changes nothing', () => {
    const cluster = aCluster('good');
    const before = web(cluster).map((each) => each.taskId);
    cluster.disconnect(0);
    ticks(cluster, 10);
    cluster.reconnectAll();
    ticks(cluster, 20);
    expect(cluster.unsettled()).toBe('');
    expect(web(cluster).map((each) => each.taskId)).toEqual(before);
  });
});

test('an app without a readiness check is not asked', () => {
  const { readinessChecks: _, ...spec } = aSpec('good');
  const cluster = new SimulatedCluster({ agents: 1, proxies: 1, seed: 11 });
  cluster.deploy(WEB, spec);
  ticks(cluster, 40);
  expect(cluster.unsettled()).toBe('');
  expect(asked(cluster)).toEqual([undefined, undefined]);
});

test('the deadline leaves time for five polls', () => {
  const patient = aReadinessCheck({ intervalSeconds: 600, timeoutSeconds: 20 });
  const version = aVersion(anAppSpec({ readinessChecks: [patient] }));
  expect(computedDeadlineMs({ current: version }, DEFAULT_RECONCILE_SETTINGS)).toBe((5 * 620 + 60) * 1000);
  expect(
    computedDeadlineMs(
      { current: aVersion(anAppSpec({ readinessChecks: [aReadinessCheck()] })) },
      DEFAULT_RECONCILE_SETTINGS,
    ),
  ).toBe(600_000);
});
