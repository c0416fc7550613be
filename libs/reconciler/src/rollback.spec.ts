// Going back to a config whose instances still run (promise 4): they serve on, untouched. On the simulated cluster.
import { describe, expect, test } from '@jest/globals';
import { asAppId } from '#libs/model';
import type { AppSpec, Instance, TaskId } from '#libs/model';
import { aHealthCheck, anAppSpec } from '#libs/testkit';
import { SimulatedCluster } from './fixtures/simulated-cluster.js';
import type { Behaviour } from './fixtures/simulated-cluster.js';

const WEB = asAppId('/web');

const aSpec = (behaviour: Behaviour, release: string, more: Partial<AppSpec> = {}): AppSpec =>
  anAppSpec({
    id: WEB,
    env: { BEHAVIOUR: behaviour, RELEASE: release },
    instances: 3,
    cpus: 0.5,
    mem: 64,
    healthChecks: [aHealthCheck({ path: '/health', intervalSeconds: 1, timeoutSeconds: 1, delaySeconds: 0 })],
    maxLaunchDelaySeconds: 20,
    ...more,
  });

function aCluster(more: Partial<AppSpec> = {}): SimulatedCluster {
  const cluster = new SimulatedCluster({ agents: 3, proxies: 1, seed: 11 });
  cluster.deploy(WEB, aSpec('good', '1', more));
  settle(cluster);
  return cluster;
}
function ticks(cluster: SimulatedCluster, count: number): void {
  for (let tick = 0; tick < count; tick += 1) cluster.tick();
}
function settle(cluster: SimulatedCluster, most = 4_000): void {
  cluster.tick();
  for (let tick = 1; tick < most && cluster.unsettled(); tick += 1) cluster.tick();
  expect(cluster.unsettled()).toBe('');
}
const web = (cluster: SimulatedCluster): readonly Instance[] => cluster.instancesOf(WEB);
const tasks = (cluster: SimulatedCluster): readonly (TaskId | undefined)[] =>
  web(cluster)
    .map((each) => each.taskId)
    .sort();
const release = (cluster: SimulatedCluster): string | undefined =>
  cluster.apps.get(WEB)?.current.spec.env['RELEASE'];
const placements = (cluster: SimulatedCluster, mark: number): number =>
  cluster.log.slice(mark).filter((line) => line.includes(' place-instance ')).length;

describe('a rollback while the old instances live', () => {
  test.each<Behaviour>(['crashes', 'never-healthy'])(
    'at the deadline of a release that %s: not one of them is restarted, nothing is placed',
    (behaviour) => {
      const cluster = aCluster();
      const before = tasks(cluster);
      cluster.deploy(WEB, aSpec(behaviour, '2'));
      for (let tick = 0; tick < 4_000 && release(cluster) === '2'; tick += 1) cluster.tick();
      const mark = cluster.log.length;
      settle(cluster);
      expect(release(cluster)).toBe('1');
      expect(tasks(cluster)).toEqual(before);
      expect(placements(cluster, mark)).toBe(0);
      expect(cluster.ended.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
    },
  );

  test('in the middle of a rollout keeps every old one that is left, and replaces only what is gone', () => {
    const cluster = aCluster({
      instances: 4,
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
    });
    const before = tasks(cluster);
    const strategy = {
      instances: 4,
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
    };
    cluster.deploy(WEB, aSpec('never-healthy', '2', strategy));
    ticks(cluster, 40);
    const left = web(cluster).flatMap((each) => (before.includes(each.taskId) ? [each.taskId] : []));
    expect(left).toHaveLength(2);
    const mark = cluster.log.length;
    cluster.deploy(WEB, aSpec('good', '1', strategy));
    settle(cluster);
    expect(tasks(cluster)).toEqual(expect.arrayContaining(left));
    expect(placements(cluster, mark)).toBe(2);
  });

  test('a chain of them keeps the first ones, those that were scaled up meanwhile, and the scaling', () => {
    const cluster = aCluster();
    const before = tasks(cluster);
    cluster.deploy(WEB, aSpec('never-healthy', '2'));
    ticks(cluster, 20);
    cluster.deploy(WEB, aSpec('good', '1'));
    settle(cluster);
    cluster.deploy(WEB, aSpec('good', '1', { instances: 5 }));
    settle(cluster);
    const scaled = tasks(cluster);
    expect(scaled).toEqual(expect.arrayContaining([...before]));
    cluster.deploy(WEB, aSpec('crashes', '3', { instances: 5 }));
    ticks(cluster, 20);
    cluster.deploy(WEB, aSpec('good', '1', { instances: 5 }));
    settle(cluster);
    expect(tasks(cluster)).toEqual(scaled);
    // what is of the current config now is replaced by the next one
    cluster.deploy(WEB, aSpec('good', '4', { instances: 5 }));
    settle(cluster);
    expect(tasks(cluster).filter((each) => scaled.includes(each))).toEqual([]);
  });

  test('a restart asked for by a person replaces them all the same', () => {
    const cluster = aCluster();
    cluster.deploy(WEB, aSpec('never-healthy', '2'));
    ticks(cluster, 20);
    cluster.deploy(WEB, aSpec('good', '1'));
    settle(cluster);
    const before = tasks(cluster);
    cluster.deploy(WEB, aSpec('good', '1'), true);
    settle(cluster);
    expect(tasks(cluster).filter((each) => before.includes(each))).toEqual([]);
  });

  test('an adopted one that crashes comes back with growing delays, as any of the current config', () => {
    const cluster = aCluster({ instances: 1 });
    cluster.deploy(WEB, aSpec('never-healthy', '2', { instances: 1 }));
    ticks(cluster, 20);
    cluster.deploy(WEB, aSpec('good', '1', { instances: 1, backoffFactor: 2 }));
    cluster.deploy(WEB, aSpec('good', '1', { instances: 1 }));
    settle(cluster);
    const current = cluster.apps.get(WEB)?.current;
    for (const delayMs of [1_000, 1_150]) {
      cluster.crash(0);
      cluster.tick();
      const { lastConfigChangeAt: configVersion } = current ?? {};
      expect(cluster.apps.get(WEB)?.launchDelay).toMatchObject({ configVersion, delayMs });
      settle(cluster);
    }
  });
});

describe('the last good release', () => {
  test('is the newest one that still serves, not one that was forced away before it ever worked', () => {
    const cluster = aCluster();
    const before = tasks(cluster);
    cluster.deploy(WEB, aSpec('never-healthy', '2'));
    ticks(cluster, 20);
    cluster.deploy(WEB, aSpec('crashes', '3'));
    settle(cluster);
    expect(release(cluster)).toBe('1');
    expect(tasks(cluster)).toEqual(before);
  });

  test('is the one right before when that one serves', () => {
    const cluster = aCluster();
    const partly = { upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 } };
    cluster.deploy(WEB, aSpec('good', '2', partly));
    for (let tick = 0; tick < 200 && !servesRelease(cluster, '2'); tick += 1) cluster.tick();
    cluster.deploy(WEB, aSpec('crashes', '3'));
    settle(cluster);
    expect(release(cluster)).toBe('2');
  });

  test('keeps the number of instances that was wanted before the failed change', () => {
    const cluster = aCluster();
    cluster.deploy(WEB, aSpec('good', '1', { instances: 2 }));
    settle(cluster);
    cluster.deploy(WEB, aSpec('never-healthy', '2', { instances: 2 }));
    ticks(cluster, 20);
    cluster.deploy(WEB, aSpec('crashes', '3', { instances: 2 }));
    settle(cluster);
    expect(release(cluster)).toBe('1');
    expect(web(cluster)).toHaveLength(2);
  });

  test('when none serves any more, it is the one right before', () => {
    const cluster = aCluster();
    cluster.deploy(
      WEB,
      aSpec('never-healthy', '2', { upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 } }),
    );
    ticks(cluster, 60);
    expect(web(cluster).some((each) => each.routing === 'in')).toBe(false);
    cluster.deploy(WEB, aSpec('crashes', '3'));
    for (let tick = 0; tick < 4_000 && release(cluster) === '3'; tick += 1) cluster.tick();
    expect(release(cluster)).toBe('2');
  });
});

const servesRelease = (cluster: SimulatedCluster, name: string): boolean =>
  web(cluster).some((each) => each.routing === 'in' && cluster.versionOf(each).spec.env['RELEASE'] === name);
