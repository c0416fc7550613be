// Small clusters and what is asked of them, one change after another, drawn from a seed: everything that the API can change of apps that
// work, in all combinations of strategies, ports, constraints and checks, mostly with room for it and sometimes without.
import type { Random } from '../engine/random.js';
import { FIRST_HOST_PORT, toDefinition } from '../scenario/definition.js';
import type { AgentSize, AppWish, Scenario } from '../scenario/scenario.js';

/** One app of a change of several: it waits for the others in the same deployment. */
export interface WishOfMany {
  readonly app: string;
  readonly wish: AppWish;
  readonly dependencies: readonly string[];
}

export type Change =
  | { readonly do: 'deploy'; readonly app: string; readonly wish: AppWish }
  | { readonly do: 'deploy-many'; readonly wishes: readonly WishOfMany[] }
  | { readonly do: 'scale'; readonly app: string; readonly instances: number }
  | { readonly do: 'restart'; readonly app: string }
  | { readonly do: 'remove'; readonly app: string }
  | { readonly do: 'remove-group'; readonly group: string }
  /** `indexes`: of its instances, modulo how many there are. */
  | { readonly do: 'kill-and-scale'; readonly app: string; readonly indexes: readonly number[] };

/** What runs, by app. */
export type Standing = ReadonlyMap<string, AppWish>;

const GROUPS = ['', '', '/shop', '/shop/back'] as const;
const INSTANCES_MAX = 8;
/** All apps together: then some have to go. */
const TASKS_MAX = 40;

/** 3 to 8 agents of uneven size; `apps`: how many there are to begin with, 3 to 10. */
export function clusterOf(random: Random): { readonly scenario: Scenario; readonly apps: number } {
  const sizes = random.fork('sizes');
  const count = sizes.whole(3, 8);
  const zones = ['zone-a', 'zone-b', 'zone-c'] as const;
  const agents = Array.from({ length: count }, (_, index): AgentSize => ({
    cpus: sizes.whole(30, 80) / 10,
    mem: sizes.whole(1_500, 4_000),
    ports: 120,
    zone: zones[index % zones.length] ?? 'zone-a',
  }));
  const clocks = random.fork('clocks');
  const scenario: Scenario = {
    seed: `plans ${sizes.whole(0, 2 ** 31)}`,
    durationMs: Infinity,
    quietFromMs: Infinity,
    agents,
    controlPlanes: 1,
    proxies: sizes.whole(0, 1),
    clockOffsetMs: clocks.pick([0, 2_000]),
    clockDrift: clocks.pick([0, 0.0005]),
    actions: [],
  };
  return { scenario, apps: sizes.whole(3, 10) };
}

/** Begins with half of the apps, several at a time. `count`: changes before this one. */
export function nextChange(random: Random, standing: Standing, apps: number, count: number): Change {
  const names = [...standing.keys()].sort();
  const tasks = [...standing.values()].reduce((total, { instances }) => total + instances, 0);
  if (names.length < Math.min(3, apps / 2)) return createMany(random, random.whole(1, 3), count);
  const app = random.pick(names);
  const wish = wishOf(standing, app);
  if (tasks > TASKS_MAX) return { do: 'scale', app, instances: Math.floor(wish.instances / 3) };
  const kind = random.weighted<Change['do'] | 'settings' | 'new' | 'too-much'>([
    [8, 'deploy'],
    [5, 'scale'],
    [3, 'settings'],
    [3, 'restart'],
    [names.length > 1 ? 5 : 0, 'deploy-many'],
    [names.length < apps ? 5 : 1, 'new'],
    [names.length > 2 ? 2 : 0, 'remove'],
    [names.some((each) => each.startsWith('/shop/')) ? 1 : 0, 'remove-group'],
    [wish.instances > 0 ? 2 : 0, 'kill-and-scale'],
    [2, 'too-much'],
  ]);
  switch (kind) {
    case 'new':
      return create(random, count);
    case 'deploy':
      return { do: 'deploy', app, wish: nextRelease(random, wish) };
    case 'settings':
      return { do: 'deploy', app, wish: otherSettings(random, wish) };
    case 'too-much':
      return { do: 'deploy', app, wish: tooMuch(random, wish) };
    case 'deploy-many':
      return many(random, standing, names, count);
    case 'scale':
      return { do: 'scale', app, instances: otherCount(random, wish.instances) };
    case 'kill-and-scale': {
      const indexes = [random.whole(0, 9), ...(random.chance(0.4) ? [random.whole(0, 9)] : [])];
      return { do: 'kill-and-scale', app, indexes };
    }
    case 'remove-group':
      return { do: 'remove-group', group: '/shop' };
    case 'restart':
    case 'remove':
      return { do: kind, app };
  }
}

/** What runs once it is done. */
export function after(standing: Standing, change: Change): Standing {
  const next = new Map(standing);
  switch (change.do) {
    case 'deploy':
      return next.set(change.app, change.wish);
    case 'deploy-many':
      for (const { app, wish } of change.wishes) next.set(app, wish);
      return next;
    case 'scale':
      return next.set(change.app, { ...wishOf(standing, change.app), instances: change.instances });
    case 'restart':
      return next;
    case 'remove':
      next.delete(change.app);
      return next;
    case 'remove-group':
      for (const app of standing.keys()) if (app.startsWith(`${change.group}/`)) next.delete(app);
      return next;
    case 'kill-and-scale': {
      const wish = wishOf(standing, change.app);
      const killed = new Set(change.indexes.map((index) => index % wish.instances)).size;
      return next.set(change.app, { ...wish, instances: wish.instances - killed });
    }
  }
}

/** The body of a list of updates. */
export const definitionsOf = (wishes: readonly WishOfMany[]): readonly object[] =>
  wishes.map(({ app, wish, dependencies }) => ({ ...toDefinition(app, wish), dependencies }));

function wishOf(standing: Standing, app: string): AppWish {
  const wish = standing.get(app);
  if (!wish) throw new Error(`${app} does not run`);
  return wish;
}

function createMany(random: Random, apps: number, count: number): Change {
  const wishes = Array.from({ length: apps }, (_, index): WishOfMany => {
    const number = count * 3 + index + 1_000;
    const app = `${random.pick(GROUPS)}/app${number}`;
    return { app, wish: newWish(random, number), dependencies: [] };
  });
  return { do: 'deploy-many', wishes };
}

function create(random: Random, count: number): Change {
  return { do: 'deploy', app: `${random.pick(GROUPS)}/app${count}`, wish: newWish(random, count) };
}

function many(random: Random, standing: Standing, names: readonly string[], count: number): Change {
  const first = random.whole(0, names.length - 2);
  const chosen = names.slice(first, first + random.whole(2, 4));
  const isChain = random.chance(0.6);
  const wishes = chosen.map((app, index): WishOfMany => {
    const wish = wishOf(standing, app);
    const before = chosen[index - 1];
    return {
      app,
      wish: random.weighted<AppWish>([
        [5, nextRelease(random, wish)],
        [2, { ...wish, instances: otherCount(random, wish.instances) }],
        [1, wish],
      ]),
      dependencies: isChain && before !== undefined ? [before] : [],
    };
  });
  const isWithNew = random.chance(0.3);
  const extra: WishOfMany = { app: `/app${count}`, wish: newWish(random, count), dependencies: [] };
  return { do: 'deploy-many', wishes: isWithNew ? [...wishes, extra] : wishes };
}

function newWish(random: Random, count: number): AppWish {
  const ports = random.weighted<0 | 1 | 2>([
    [2, 0],
    [6, 1],
    [2, 2],
  ]);
  const isFixed = ports > 0 && random.chance(0.15);
  return {
    instances: random.whole(0, isFixed ? 3 : 5),
    behaviour: random.weighted<AppWish['behaviour']>([
      [18, 'good'],
      [1, 'slow'],
      [1, 'ignores-term'],
    ]),
    release: 1 + count * 100,
    runtime: random.chance(0.5) ? 'process' : 'docker',
    ports,
    // two apps never want the same one
    hostPort: isFixed ? FIRST_HOST_PORT + (count % 50) * 2 : 0,
    health:
      ports === 0
        ? random.pick(['none', 'command'])
        : random.pick(['none', 'http', 'http', 'tcp', 'command']),
    readiness: ports > 0 && random.chance(0.3),
    ...strategy(random),
    cpus: random.pick([0.1, 0.25, 0.5, 1]),
    mem: random.pick([32, 64, 128, 256]),
    constraint: random.weighted<AppWish['constraint']>([
      [5, 'none'],
      [2, 'unique'],
      [1, 'max-per-2'],
      [2, 'group-by-zone'],
    ]),
    progressDeadlineSeconds: 60,
    minReadySeconds: random.pick([0, 0, 5]),
    drainSeconds: random.pick([0, 2]),
    killGraceSeconds: random.pick([1, 3]),
    maxLaunchDelaySeconds: 10,
  };
}

const strategy = (random: Random): Pick<AppWish, 'minimumHealthCapacity' | 'maximumOverCapacity'> => ({
  minimumHealthCapacity: random.pick([0, 0.25, 0.5, 0.75, 1]),
  maximumOverCapacity: random.pick([0, 0.2, 0.5, 1]),
});

/** Another configuration, often of another size or strategy, and of another number now and then. */
const nextRelease = (random: Random, wish: AppWish): AppWish => ({
  ...wish,
  release: wish.release + 1,
  ...(random.chance(0.5) ? strategy(random) : {}),
  ...(random.chance(0.3) ? { cpus: random.pick([0.1, 0.25, 0.5, 1]) } : {}),
  ...(random.chance(0.3) ? { instances: otherCount(random, wish.instances) } : {}),
});

/** Nothing has to be replaced for some of these. */
const otherSettings = (random: Random, wish: AppWish): AppWish => ({
  ...wish,
  ...strategy(random),
  ...(random.chance(0.5) ? { instances: otherCount(random, wish.instances) } : {}),
});

/** More than any agent has, or more than they have together. */
const tooMuch = (random: Random, wish: AppWish): AppWish => ({
  ...wish,
  release: wish.release + 1,
  instances: Math.max(2, wish.instances),
  cpus: random.pick([2, 4, 6, 9]),
});

function otherCount(random: Random, instances: number): number {
  return Math.min(INSTANCES_MAX, random.pick([0, 1, instances + 1, instances + 2, instances * 2]));
}
