// The promises against generated histories: people deploy, scale, kill and remove while agents vanish, tasks crash or fall ill and
// proxies lag or die. The cluster itself throws when a promise is broken (see fixtures/simulated-cluster.ts); here the histories are made.
// Few of them: libs/simulation is the proof. A failure prints its seed and path; LONGRUN_SIMULATION_SEED and LONGRUN_SIMULATION_RUNS choose others.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { asAppId } from '#libs/model';
import type { AppId, AppSpec } from '#libs/model';
import { aHealthCheck, anAppSpec, aReadinessCheck } from '#libs/testkit';
import { SimulatedCluster, TICK_MS } from './fixtures/simulated-cluster.js';
import type { Behaviour } from './fixtures/simulated-cluster.js';

const SEED = Number(process.env['LONGRUN_SIMULATION_SEED'] ?? 20_261_122);
const RUNS = Number(process.env['LONGRUN_SIMULATION_RUNS'] ?? 36);
const APPS = [asAppId('/web'), asAppId('/shop/api')] as const;

const CHECK = aHealthCheck({ path: '/health', intervalSeconds: 1, timeoutSeconds: 1, delaySeconds: 0 });

interface Wish {
  readonly app: AppId;
  readonly instances: number;
  readonly behaviour: Behaviour;
  readonly checked: boolean;
  /** Has a readiness check. */
  readonly asked: boolean;
  /** On a container network, with one port that has no host port and one that has. */
  readonly addressed: boolean;
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
}

/** What the runtime is does not matter here, so that every agent can run it. */
function onNetwork({ portDefinitions: _, ...spec }: AppSpec): AppSpec {
  const mapping = { containerPort: 80, servicePort: 10_000, protocol: 'tcp' as const, labels: {} };
  const portMappings = [
    mapping,
    { ...mapping, servicePort: 0, hostPort: 0 },
    { ...mapping, containerPort: 0 },
  ];
  const networks = [{ mode: 'container' as const, name: 'shop' }];
  return { ...spec, networks, container: { type: 'MESOS', volumes: [], portMappings } };
}

function specOf(wish: Wish): AppSpec {
  const spec = anAppSpec({
    id: wish.app,
    env: { BEHAVIOUR: wish.behaviour },
    instances: wish.instances,
    cpus: 0.5,
    mem: 64,
    healthChecks: wish.checked ? [CHECK] : [],
    ...(wish.asked ? { readinessChecks: [aReadinessCheck()] } : {}),
    upgradeStrategy: wish,
    maxLaunchDelaySeconds: 20,
  });
  return wish.addressed ? onNetwork(spec) : spec;
}

type Step =
  | { readonly do: 'deploy'; readonly wish: Wish }
  | { readonly do: 'restart'; readonly app: AppId }
  | { readonly do: 'remove'; readonly app: AppId }
  | { readonly do: 'scale'; readonly app: AppId; readonly instances: number }
  | { readonly do: 'kill' | 'crash' | 'sicken' | 'disconnect'; readonly index: number }
  | { readonly do: 'reconnect' }
  | { readonly do: 'proxy'; readonly index: number; readonly isAlive: boolean; readonly lag: number }
  | { readonly do: 'wait'; readonly ticks: number };

const app = fc.constantFrom(...APPS);
const instances = fc.integer({ min: 0, max: 5 });
const share = fc.constantFrom(0, 0.3, 0.5, 1);
const wish = fc.record({
  app,
  instances,
  behaviour: fc.constantFrom<Behaviour>(
    ...(['good', 'good', 'good', 'slow', 'crashes', 'never-healthy', 'never-ready'] as const),
    ...(['soon-dies', 'soon-sick'] as const),
  ),
  checked: fc.boolean(),
  asked: fc.boolean(),
  addressed: fc.boolean(),
  minimumHealthCapacity: share,
  maximumOverCapacity: share,
});
const index = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deploy' as const), wish }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), app }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), app }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('scale' as const), app, instances }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('kill' as const, 'crash' as const, 'sicken' as const, 'disconnect' as const),
      index,
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'reconnect' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('proxy' as const),
      index,
      isAlive: fc.boolean(),
      lag: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ticks: fc.integer({ min: 1, max: 120 }) }),
  },
);

function take(cluster: SimulatedCluster, each: Step): void {
  switch (each.do) {
    case 'deploy':
      return cluster.deploy(each.wish.app, specOf(each.wish));
    case 'restart':
    case 'scale': {
      const current = cluster.apps.get(each.app);
      if (!current || current.removing) return;
      const { spec } = current.current;
      if (each.do === 'restart') return cluster.deploy(each.app, spec, true);
      return cluster.deploy(each.app, { ...spec, instances: each.instances });
    }
    case 'remove':
      return cluster.deploy(each.app, null);
    case 'kill': {
      const all = APPS.flatMap((id) => cluster.instancesOf(id));
      const victim = all[each.index % Math.max(1, all.length)];
      return victim && cluster.kill(victim.id);
    }
    case 'crash':
      return cluster.crash(each.index);
    case 'sicken':
      return cluster.sicken(each.index);
    case 'disconnect':
      return cluster.disconnect(each.index);
    case 'reconnect':
      return cluster.reconnectAll();
    case 'proxy':
      return cluster.setProxy(each.index, each.isAlive, each.lag);
    case 'wait':
      for (let tick = 0; tick < each.ticks; tick += 1) cluster.tick();
  }
}

/** Faults end, every app gets a release that works: then all must come to rest, within time for orphans, drains and deadlines. */
function healAndSettle(cluster: SimulatedCluster): void {
  cluster.healAll();
  for (const each of cluster.apps.values()) {
    if (each.removing) continue;
    const { spec } = each.current;
    cluster.deploy(each.id, { ...spec, env: { BEHAVIOUR: 'good', LAST: 'yes' } });
  }
  const patience = (20 * 60_000) / TICK_MS;
  for (let tick = 0; tick < patience && cluster.unsettled(); tick += 1) cluster.tick();
  const unsettled = cluster.unsettled();
  if (unsettled) throw new Error(`did not come to rest: ${unsettled}\n${cluster.log.slice(-40).join('\n')}`);
}

describe('a cluster under generated faults', () => {
  test('keeps its promises at every moment and comes to rest when the faults end', () => {
    fc.assert(
      fc.property(
        fc.record({
          agents: fc.integer({ min: 1, max: 4 }),
          proxies: fc.integer({ min: 0, max: 2 }),
          seed: fc.nat(),
        }),
        fc.array(step, { minLength: 3, maxLength: 25 }),
        (size, steps) => {
          const cluster = new SimulatedCluster(size);
          for (const each of steps) take(cluster, each);
          healAndSettle(cluster);
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
  });
});

describe('a release that never works', () => {
  test.each<Behaviour>(['crashes', 'never-healthy', 'never-ready'])(
    '%s: fails by the deadline and is rolled back, the old one serves on',
    (behaviour) => {
      const cluster = new SimulatedCluster({ agents: 2, proxies: 1, seed: 7 });
      const good: Wish = {
        app: APPS[0],
        instances: 2,
        behaviour: 'good',
        checked: true,
        asked: true,
        addressed: false,
        minimumHealthCapacity: 1,
        maximumOverCapacity: 1,
      };
      cluster.deploy(APPS[0], specOf(good));
      for (let tick = 0; tick < 60; tick += 1) cluster.tick();
      expect(cluster.unsettled()).toBe('');
      cluster.deploy(APPS[0], specOf({ ...good, behaviour }));
      let least = Infinity;
      for (let tick = 0; tick < 3_000 && cluster.deployments.size; tick += 1) {
        cluster.tick();
        const current = cluster.apps.get(APPS[0]);
        const routed = cluster.instancesOf(APPS[0]).filter((each) => each.routing === 'in').length;
        if (current) least = Math.min(least, routed);
      }
      expect(least).toBeGreaterThanOrEqual(2);
      expect(cluster.ended.map((each) => each.status)).toEqual(['succeeded', 'failed', 'succeeded']);
      expect(cluster.unsettled()).toBe('');
      expect(cluster.apps.get(APPS[0])?.current.spec.env['BEHAVIOUR']).toBe('good');
    },
  );
});
