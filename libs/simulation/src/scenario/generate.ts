// A scenario from a seed: half an hour of a small cluster in which people release, scale and remove while things go wrong. Seeds have
// moods, so that rare combinations (a rollout while proxies are frozen, a leader that dies at each commit of a storm) occur often enough.
// Each part draws from a stream of its own, so that a change to one of them leaves the others as they were.
import { Random } from '../engine/random.js';
import { FIRST_HOST_PORT } from './definition.js';
import { mendsOf } from './mends.js';
import {
  CRASH_WRITES,
  type Action,
  type AgentSize,
  type AppWish,
  type Behaviour,
  type CrashWrite,
  type Deed,
  type Party,
  type Scenario,
} from './scenario.js';
import { staleProxyOf } from './stale-proxy.js';
import { youngDeathsOf } from './young-deaths.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DURATION_MS = 30 * MINUTE;
/** The last ten minutes are for deadlines (150 s at most), backoffs and whatever is left to converge. */
const QUIET_FROM_MS = 20 * MINUTE;
/** All apps are there by then. */
const SETTLED_MS = 90 * SECOND;

/** Kinds of faults, named after what they hit. */
type Trouble = 'tasks' | 'hosts' | 'engines' | 'network' | 'control-planes' | 'store' | 'proxies';

interface Mood {
  readonly name: string;
  readonly weight: number;
  /** How many things go wrong: from, to. */
  readonly faults: readonly [number, number];
  readonly troubles: readonly (readonly [number, Trouble])[];
  /** Share of releases that are bad. */
  readonly bad: number;
  /** Share of faults that hit soon after somebody asked for something. */
  readonly close: number;
}

const ALL: Mood['troubles'] = [
  [3, 'tasks'],
  [2, 'hosts'],
  [2, 'engines'],
  [3, 'network'],
  [3, 'control-planes'],
  [2, 'store'],
  [3, 'proxies'],
];
const MOODS: readonly Mood[] = [
  { name: 'calm', weight: 1, faults: [0, 4], troubles: ALL, bad: 0.15, close: 0.5 },
  { name: 'releases', weight: 2, faults: [2, 8], troubles: ALL, bad: 0.6, close: 0.8 },
  { name: 'tasks', weight: 1, faults: [10, 24], troubles: [[1, 'tasks']], bad: 0.2, close: 0.5 },
  {
    name: 'network',
    weight: 2,
    faults: [10, 24],
    troubles: [
      [8, 'network'],
      [1, 'control-planes'],
      [1, 'proxies'],
    ],
    bad: 0.2,
    close: 0.6,
  },
  {
    name: 'control planes',
    weight: 2,
    faults: [8, 18],
    troubles: [
      [8, 'control-planes'],
      [1, 'network'],
    ],
    bad: 0.25,
    close: 0.8,
  },
  {
    name: 'store',
    weight: 1,
    faults: [6, 16],
    troubles: [
      [6, 'store'],
      [2, 'control-planes'],
    ],
    bad: 0.2,
    close: 0.8,
  },
  {
    name: 'hosts',
    weight: 2,
    faults: [6, 16],
    troubles: [
      [6, 'hosts'],
      [3, 'engines'],
      [1, 'network'],
    ],
    bad: 0.2,
    close: 0.5,
  },
  {
    name: 'proxies',
    weight: 2,
    faults: [8, 20],
    troubles: [
      [8, 'proxies'],
      [1, 'network'],
      [1, 'control-planes'],
    ],
    bad: 0.15,
    close: 0.9,
  },
  { name: 'everything', weight: 3, faults: [12, 28], troubles: ALL, bad: 0.3, close: 0.6 },
];

/** The same seed, the same scenario. Faults end, and people ask for nothing, from `quietFromMs` on. */
export function scenarioOf(seed: string): Scenario {
  const random = new Random(seed).fork('scenario');
  const mood = moodOf(random.fork('mood'));
  const sizes = random.fork('sizes');
  const agentCount = sizes.whole(3, 8);
  const plans = plansOf(random, sizes.whole(3, 10), agentCount);
  const agents = agentsOf(random.fork('agents'), agentCount, plans);
  const appAsks = plans.flatMap((plan, index) => asksOf(random.fork(`asks ${index}`), plan, mood));
  const asks = [...appAsks, ...groupAsksOf(random.fork('groups'), appAsks)];
  const faults = faultsOf(random, mood, asks, agentCount);
  const shares = sharesOf(random.fork('shares'), mood, asks, agentCount);
  const young = youngOf(random.fork('young deaths'), asks);
  const stale = staleOf(random.fork('stale proxy'), asks);
  const mends = mendsOf(random.fork('mends'), [...asks, ...young, ...stale], QUIET_FROM_MS);
  const clocks = random.fork('clocks');
  const slices = random.fork('slices').weighted<{ readonly changedPerPass?: number }>(SLICES);
  return {
    seed,
    durationMs: DURATION_MS,
    quietFromMs: QUIET_FROM_MS,
    agents,
    controlPlanes: 2,
    proxies: 2,
    clockOffsetMs: clocks.weighted([
      [1, 0],
      [2, 2000],
      [1, 120_000],
    ]),
    clockDrift: clocks.weighted([
      [1, 0],
      [2, 0.0005],
      [1, 0.01],
    ]),
    ...slices,
    actions: [...asks, ...faults, ...shares, ...young, ...stale, ...mends].sort((a, b) => a.at - b.at),
  };
}

/** In the product a pass changes so many of an app that here all would be one slice. */
const SLICES: readonly (readonly [number, { readonly changedPerPass?: number }])[] = [
  [5, {}],
  [1, { changedPerPass: 1 }],
  [2, { changedPerPass: 3 }],
];

/** In words, for progress lines and stories. */
export const moodNameOf = (seed: string): string =>
  moodOf(new Random(seed).fork('scenario').fork('mood')).name;

const moodOf = (random: Random): Mood =>
  random.weighted(MOODS.map((mood): readonly [number, Mood] => [mood.weight, mood]));

// ---- apps

/** An app and what it starts with. */
interface Plan {
  readonly app: string;
  readonly wish: AppWish;
}

const TASKS_MIN = 10;
const TASKS_MAX = 45;

function plansOf(random: Random, count: number, agents: number): readonly Plan[] {
  let left = TASKS_MAX;
  const plans = Array.from({ length: count }, (_, index): Plan => {
    const own = random.fork(`app ${index}`);
    const wish = wishOf(own, index, agents);
    const instances = Math.max(1, Math.min(wish.instances, left - (count - index - 1)));
    left -= instances;
    return { app: appName(own, index), wish: { ...wish, instances } };
  });
  const total = TASKS_MAX - left;
  const [first, ...rest] = plans;
  if (!first || total >= TASKS_MIN) return plans;
  const more = { ...first.wish, instances: first.wish.instances + TASKS_MIN - total };
  return [{ ...first, wish: { ...more, constraint: 'none', hostPort: 0 } }, ...rest];
}

/** Some of them in groups. */
const appName = (random: Random, index: number): string =>
  `${random.pick(['', '', '/shop', '/shop/back'])}/app${index}`;

function wishOf(random: Random, index: number, agents: number): AppWish {
  const instances = random.weighted([
    [2, 1],
    [2, 2],
    [3, 3],
    [3, 4],
    [2, 5],
    [2, 6],
    [1, 8],
    [1, 10],
  ]);
  const constraint = random.weighted<AppWish['constraint']>([
    [6, 'none'],
    [2, 'unique'],
    [1, 'max-per-2'],
    [2, 'group-by-zone'],
  ]);
  const ports = random.weighted<0 | 1 | 2>([
    [1, 0],
    [7, 1],
    [2, 2],
  ]);
  const isFixed = ports > 0 && random.chance(0.15);
  const isOnePerHost = isFixed || constraint === 'unique';
  return {
    instances: isOnePerHost ? Math.min(instances, random.chance(0.1) ? agents + 1 : agents - 1) : instances,
    behaviour: 'good',
    release: 1,
    runtime: random.chance(0.5) ? 'process' : 'docker',
    ports,
    // two apps never want the same one
    hostPort: isFixed ? FIRST_HOST_PORT + index * 2 : 0,
    health: healthOf(random, ports),
    readiness: ports > 0 && random.chance(0.35),
    minimumHealthCapacity: random.weighted([
      [1, 0],
      [3, 0.5],
      [3, 1],
    ]),
    maximumOverCapacity: random.weighted([
      [2, 0],
      [2, 0.25],
      [3, 1],
    ]),
    cpus: random.pick([0.1, 0.25, 0.5, 1]),
    mem: random.pick([32, 64, 128, 256]),
    constraint,
    progressDeadlineSeconds: random.pick([60, 90, 120, 150]),
    minReadySeconds: random.weighted([
      [3, 0],
      [1, 5],
      [1, 15],
    ]),
    drainSeconds: random.pick([0, 5, 10, 30]),
    killGraceSeconds: random.pick([1, 3, 10, 20]),
    // shorter ones, with which a bad release is started again all the time, belong to the stale proxy
    maxLaunchDelaySeconds: random.pick([5, 10, 30]),
  };
}

const healthOf = (random: Random, ports: number): AppWish['health'] =>
  ports === 0
    ? random.pick(['none', 'command'])
    : random.weighted([
        [1, 'none'],
        [6, 'http'],
        [2, 'tcp'],
        [1, 'command'],
      ]);

/** Big enough for the apps as a rule; now and then all of it is taken, or not enough. */
function agentsOf(random: Random, count: number, plans: readonly Plan[]): readonly AgentSize[] {
  const taken = random.weighted([
    [6, 0.5],
    [2, 0.85],
    [1, 1.15],
  ]);
  const sum = (of: (wish: AppWish) => number): number =>
    plans.reduce((total, { wish }) => total + wish.instances * of(wish), 0);
  const biggest = Math.max(...plans.map(({ wish }) => wish.cpus));
  const highest = Math.max(
    ...plans.map(({ wish: { hostPort } }) => (hostPort && hostPort + 2) - FIRST_HOST_PORT),
  );
  const hasFewPorts = random.chance(0.5);
  return Array.from({ length: count }, (_, index) => {
    const uneven = 0.7 + 0.6 * random.share();
    const each = uneven / taken / count;
    return {
      cpus: Math.max(biggest, Math.ceil(sum(({ cpus }) => cpus) * each * 10) / 10),
      mem: Math.max(512, Math.ceil(sum(({ mem }) => mem) * each * 1.5)),
      // few of them: they are used again soon
      ports: hasFewPorts ? Math.max(highest, Math.ceil(sum(({ ports }) => ports) * each) + 2) : 40,
      zone: `zone-${'abc'[index % 3] ?? 'a'}`,
    };
  });
}

// ---- what people ask

/** What an ask makes of an app; its next release differs from all before. */
interface Standing {
  readonly wish: AppWish;
  /** A wish that it had before, to go back to. */
  readonly earlier: AppWish | null;
  readonly isRemoved: boolean;
  readonly releases: number;
}
interface Ask {
  readonly deed: Deed;
  readonly standing: Standing;
  /** What comes next comes soon: in the middle of what this one started. */
  readonly isUnfinished?: boolean;
}
type AskKind =
  | 'release'
  | 'bad-release'
  | 'settings'
  | 'earlier'
  | 'scale'
  | 'restart'
  | 'remove'
  | 'roll-back'
  | 'cancel'
  | 'kill'
  | 'kill-and-scale';

/** The first deploy of an app and what follows; asks of one app are minutes apart, or seconds when they cut into each other. */
function asksOf(random: Random, { app, wish }: Plan, mood: Mood): readonly Action[] {
  const isBadFromTheStart = random.chance(mood.bad / 4);
  const first = isBadFromTheStart ? { ...wish, behaviour: badBehaviour(random, wish) } : wish;
  let standing: Standing = { wish: runnable(first), earlier: null, isRemoved: false, releases: 1 };
  let at = random.whole(2 * SECOND, 40 * SECOND);
  const asks: Action[] = [{ do: 'deploy', app, wish: standing.wish, force: false, at }];
  const most = random.weighted([
    [1, 0],
    [2, 2],
    [3, 4],
    [2, 6],
  ]);
  at = SETTLED_MS + random.whole(0, 3 * MINUTE);
  while (asks.length <= most && at < QUIET_FROM_MS - 5 * SECOND) {
    const ask = nextAsk(random, app, standing, mood);
    // what has no instance any more is gone at once
    if (ask.deed.do === 'remove' && random.chance(SHUT_DOWN_FIRST)) {
      asks.push({ do: 'scale', app, instances: 0, force: true, at });
      at = Math.min(at + MINUTE, QUIET_FROM_MS - 5 * SECOND);
    }
    asks.push({ ...ask.deed, at });
    standing = ask.standing;
    at +=
      ask.isUnfinished && random.chance(0.5)
        ? random.skewed(SECOND, MINUTE)
        : random.whole(MINUTE, 5 * MINUTE);
  }
  return asks;
}

function nextAsk(random: Random, app: string, standing: Standing, mood: Mood): Ask {
  const { wish, earlier, isRemoved } = standing;
  const force = random.chance(0.3);
  if (isRemoved) return deploy(app, standing, { ...wish, behaviour: 'good' }, force);
  const isBad = wish.behaviour !== 'good';
  const kind = random.weighted<AskKind>([
    [isBad ? 10 : 10 * (1 - mood.bad), 'release'],
    [10 * mood.bad, 'bad-release'],
    [2, 'settings'],
    [earlier ? 2 : 0, 'earlier'],
    [4, 'scale'],
    [2, 'restart'],
    [3, 'remove'],
    [isBad ? 4 : 1, 'roll-back'],
    [2, 'cancel'],
    [3, 'kill'],
    [1, 'kill-and-scale'],
  ]);
  switch (kind) {
    case 'release': {
      const behaviour = random.chance(0.1) ? (['slow', 'ignores-term'] as const)[random.whole(0, 1)] : 'good';
      return deploy(app, standing, { ...wish, behaviour: behaviour ?? 'good' }, force || isBad);
    }
    case 'bad-release':
      return deploy(app, standing, { ...wish, behaviour: badBehaviour(random, wish) }, force);
    case 'settings':
      return deploy(app, standing, { ...wish, ...otherSettings(random) }, force);
    case 'earlier':
      return deploy(app, standing, earlier ?? wish, force);
    case 'scale': {
      const instances = random.pick([0, 1, wish.instances + 1, wish.instances + 2, wish.instances * 2]);
      const scaled = { ...wish, instances: Math.min(instances, 12) };
      return {
        deed: { do: 'scale', app, instances: scaled.instances, force },
        standing: { ...standing, wish: scaled },
        isUnfinished: true,
      };
    }
    case 'restart':
      return { deed: { do: 'restart', app, force }, standing, isUnfinished: true };
    case 'remove':
      return {
        deed: { do: 'remove', app, force },
        standing: { ...standing, isRemoved: true },
        isUnfinished: true,
      };
    case 'roll-back':
    case 'cancel':
      return { deed: { do: kind, app }, standing: { ...standing, wish: earlier ?? wish } };
    case 'kill':
    case 'kill-and-scale':
      return {
        deed: { do: 'kill', app, index: random.whole(0, 9), scale: kind === 'kill-and-scale' },
        standing,
      };
  }
}

/** Share of scenarios in which somebody removes a group, if several apps are in it. */
const GROUP_REMOVED = 0.4;
/** Share of the removals before which somebody scales all of it down to nothing. */
const SHUT_DOWN_FIRST = 0.4;
const GROUPS = ['/shop', '/shop/back'];

/** All apps of a group go in one deployment, whatever else goes on with them; in every other scenario it comes back some minutes later. */
function groupAsksOf(random: Random, asks: readonly Action[]): readonly Action[] {
  const deploys = asks.filter((each) => each.do === 'deploy');
  const membersOf = (group: string): readonly string[] => [
    ...new Set(deploys.map(({ app }) => app).filter((app) => app.startsWith(`${group}/`))),
  ];
  const groups = GROUPS.filter((group) => membersOf(group).length > 1);
  if (!groups.length || !random.chance(GROUP_REMOVED)) return [];
  const group = random.pick(groups);
  const at = SETTLED_MS + random.whole(0, QUIET_FROM_MS - SETTLED_MS - 5 * SECOND);
  const comesBack = random.chance(0.5);
  const again = membersOf(group).flatMap((app): Action[] => {
    const wish = deploys.findLast((each) => each.app === app && each.at < at)?.wish;
    const later = at + random.whole(20 * SECOND, 4 * MINUTE);
    if (!wish || !comesBack || later > QUIET_FROM_MS - 5 * SECOND) return [];
    return [{ do: 'deploy', app, wish, force: true, at: later }];
  });
  const down = random.chance(SHUT_DOWN_FIRST)
    ? membersOf(group).map((app): Action => ({
        do: 'scale',
        app,
        instances: 0,
        force: true,
        at: at - MINUTE,
      }))
    : [];
  return [...down, { do: 'remove-group', group, force: random.chance(0.7), at }, ...again];
}

/** As another release, unless it is one that was there before. */
function deploy(app: string, standing: Standing, wish: AppWish, force: boolean): Ask {
  const releases = standing.releases + 1;
  const next = runnable({ ...wish, release: wish === standing.earlier ? wish.release : releases });
  return {
    deed: { do: 'deploy', app, wish: next, force },
    standing: { wish: next, earlier: standing.wish, isRemoved: false, releases },
    isUnfinished: true,
  };
}

const otherSettings = (random: Random): Partial<AppWish> => ({
  minimumHealthCapacity: random.pick([0, 0.5, 1]),
  maximumOverCapacity: random.pick([0, 0.25, 1]),
  killGraceSeconds: random.pick([1, 10]),
  drainSeconds: random.pick([0, 10, 30]),
});

/** Only bad ones that the app's checks can tell from good ones, and some that none can. */
function badBehaviour(random: Random, { health, readiness, ports }: AppWish): Behaviour {
  const isChecked = health !== 'none';
  return random.weighted<Behaviour>([
    [3, 'crashes-at-start'],
    [3, 'crashes-after'],
    [isChecked ? 4 : 0, 'never-healthy'],
    [readiness && ports > 0 ? 4 : 0, 'never-ready'],
    [isChecked ? 3 : 0, 'goes-bad'],
    [isChecked ? 2 : 0, 'flaps'],
    [2, 'image-missing'],
    [1, 'pulls-long'],
    [1, 'slow'],
    [1, 'ignores-term'],
  ]);
}

/** Images belong to containers. */
const runnable = (wish: AppWish): AppWish =>
  wish.behaviour === 'image-missing' || wish.behaviour === 'pulls-long'
    ? { ...wish, runtime: 'docker' }
    : wish;

// ---- traffic that is shared between versions

/** Share of scenarios in which somebody does so. */
const SHARING = 0.25;
type SharedTraffic = Extract<Action, { readonly do: 'share-traffic' }>;
type Weights = Pick<SharedTraffic, 'current' | 'previous'>;
const CANARY: readonly (readonly [number, Weights])[] = [
  [4, { current: 10, previous: 90 }],
  [2, { current: 1, previous: 1 }],
  [2, { current: 900, previous: 100 }],
  [3, { current: 0, previous: 100 }],
  [2, { current: 100, previous: 0 }],
  // the other one is not named
  [1, { current: 100, previous: null }],
];
/** Changes nothing until the next release comes, which gets nothing. */
const BEFORE_RELEASE: Weights = { current: 100, previous: null };

/** For one or two of the releases, and now and then something goes wrong meanwhile. */
function sharesOf(random: Random, mood: Mood, asks: readonly Action[], agents: number): readonly Action[] {
  if (!random.chance(SHARING)) return [];
  const releases = asks.filter(
    (each) => each.do === 'deploy' && each.at >= SETTLED_MS && each.at < QUIET_FROM_MS - MINUTE,
  );
  const good = releases.filter((each) => each.do === 'deploy' && each.wish.behaviour === 'good');
  if (!releases.length) return [];
  return Array.from({ length: random.whole(1, 2) }, (_, index) => {
    const own = random.fork(`share ${index}`);
    const release = own.pick(good.length && own.chance(0.8) ? good : releases);
    const shares = release.do === 'deploy' ? sharesOfRelease(own, release.app, release.at) : [];
    const troubles = own.weighted([
      [2, 0],
      [2, 1],
      [2, 2],
      [1, 4],
    ]);
    const faults = Array.from({ length: troubles }, (_each, at): Action => {
      const fault = own.fork(`fault ${at}`);
      const { forMs } = shares[0] ?? { forMs: MINUTE };
      const latest = Math.min(release.at + forMs, QUIET_FROM_MS - 2 * SECOND);
      return faultAt(fault, mood, fault.whole(release.at, latest), agents);
    });
    return [...shares, ...faults];
  }).flat();
}

/** From before the release or out of the middle of it, changed some times, and all ended at one time. */
function sharesOfRelease(random: Random, app: string, releasedAt: number): readonly SharedTraffic[] {
  const isBefore = random.chance(0.6);
  const first =
    releasedAt + (isBefore ? -random.whole(SECOND, 20 * SECOND) : random.whole(2 * SECOND, 15 * SECOND));
  const end = Math.min(first + random.whole(30 * SECOND, 7 * MINUTE), QUIET_FROM_MS);
  const shares: SharedTraffic[] = [];
  let weights = isBefore ? BEFORE_RELEASE : random.weighted(CANARY);
  for (let at = first; at < end && shares.length < 5; at += random.whole(10 * SECOND, 2 * MINUTE)) {
    const pin = random.weighted<SharedTraffic['pin']>([
      [3, 'none'],
      [1, 'current'],
      [weights.previous === null ? 0 : 1, 'previous'],
    ]);
    shares.push({ do: 'share-traffic', app, ...weights, pin, forMs: end - at, at });
    weights = random.weighted(CANARY);
  }
  return shares;
}

/** Share of scenarios with such a release. */
const DYING_YOUNG = 0.2;

const youngOf = (random: Random, asks: readonly Action[]): readonly Action[] =>
  random.chance(DYING_YOUNG) ? youngDeathsOf(random, asks, SETTLED_MS, QUIET_FROM_MS) : [];

/** Share of scenarios in which a proxy routes by an old table while ports change hands. */
const STALE_PROXY = 0.15;

const staleOf = (random: Random, asks: readonly Action[]): readonly Action[] =>
  random.chance(STALE_PROXY) ? staleProxyOf(random, asks, SETTLED_MS, QUIET_FROM_MS) : [];

// ---- what goes wrong

function faultsOf(random: Random, mood: Mood, asks: readonly Action[], agents: number): readonly Action[] {
  const counts = random.fork('faults');
  const count = counts.whole(...mood.faults);
  return Array.from({ length: count }, (_, index): Action => {
    const own = random.fork(`fault ${index}`);
    const near = own.chance(mood.close) ? own.pick(asks).at + own.skewed(0, 45 * SECOND) : null;
    const at = Math.min(near ?? own.whole(20 * SECOND, QUIET_FROM_MS), QUIET_FROM_MS - 2 * SECOND);
    const fault = faultAt(own, mood, at, agents);
    return fault.do === 'crash-control-plane' ? crashOf(own.fork('crash'), fault, asks) : fault;
  });
}

/** Of the crashes at a commit: those that wait for one with a certain write. */
const AT_WRITES = 0.7;

type ControlPlaneCrash = Extract<Action, { readonly do: 'crash-control-plane' }>;

/** Some wait for a commit with a certain write, from just before somebody asks for what needs one. */
function crashOf(random: Random, crash: ControlPlaneCrash, asks: readonly Action[]): ControlPlaneCrash {
  if (crash.when === 'now') return crash;
  const write = random.chance(AT_WRITES) ? random.pick(CRASH_WRITES) : null;
  if (!write) return crash;
  const causes = causesOf(write, asks);
  const asked = causes.length ? random.pick(causes).at - random.whole(0, 3 * SECOND) : crash.at;
  const at = Math.max(20 * SECOND, Math.min(asked, QUIET_FROM_MS - 2 * SECOND));
  const nth = random.weighted([
    [4, 1],
    // of what an ask makes only one of
    [write.startsWith('remove-') ? 0 : 1, 2],
    [write.startsWith('remove-') ? 0 : 1, 3],
  ]);
  return within({ ...crash, at, which: 'leader', write, nth }, random.whole(MINUTE, 4 * MINUTE));
}

/** Waits for its commit, and is over in time: also when that comes as late as it may. */
function within(crash: ControlPlaneCrash, ms: number): ControlPlaneCrash {
  if (crash.when === 'now') return crash;
  const most = QUIET_FROM_MS - crash.at;
  const withinMs = Math.min(ms, Math.floor(most / 2));
  return { ...crash, withinMs, downMs: Math.min(crash.downMs, most - withinMs) };
}

/** Asks after which such a commit comes; of the rest any may, or a fault. */
function causesOf(write: CrashWrite, asks: readonly Action[]): readonly Action[] {
  const isGroup = ({ do: what }: Action): boolean => what === 'remove-group';
  switch (write) {
    case 'remove-app':
      // several go at once, and their deployment ends some commits later
      return asks.some(isGroup) ? asks.filter(isGroup) : asks.filter((each) => each.do === 'remove');
    case 'remove-group':
      return asks.filter((each) => isGroup(each) || each.do === 'remove');
    case 'put-group':
      return asks.filter((each) => each.do === 'deploy' && each.app.split('/').length > 2);
    default:
      return asks;
  }
}

function faultAt(random: Random, { troubles }: Mood, at: number, agents: number): Action {
  const most = QUIET_FROM_MS - at;
  const forMs = Math.min(most, lengthOf(random));
  const fault: Action = { ...faultOf(random, random.weighted(troubles), forMs, agents), at };
  return fault.do === 'crash-control-plane' ? within(fault, MINUTE) : fault;
}

/** Some are over before anybody notices, most last about as long as leases and time limits, few for minutes. */
const lengthOf = (random: Random): number =>
  random.weighted([
    [3, random.whole(200, 5 * SECOND)],
    [5, random.whole(5 * SECOND, 45 * SECOND)],
    [2, random.whole(45 * SECOND, 4 * MINUTE)],
  ]);

function faultOf(random: Random, trouble: Trouble, forMs: number, agents: number): Deed {
  const agent = random.whole(0, agents - 1);
  const index = random.whole(0, 99);
  const proxy = random.whole(0, 1);
  const which = random.chance(0.75) ? 'leader' : 'standby';
  switch (trouble) {
    case 'tasks':
      return random.weighted<Deed>([
        [4, { do: 'crash-task', index, ...siblingsOf(random.fork('siblings')) }],
        [3, { do: 'sicken', index, forMs }],
        [3, { do: 'hang', index, forMs }],
        // a checker that all agents share is what the brake is for
        [2, { do: 'blind-checks', agent, all: random.chance(0.4), forMs }],
      ]);
    case 'hosts':
      return random.weighted<Deed>([
        [4, { do: 'restart-agent', agent, downMs: forMs }],
        [4, { do: 'power-off', agent, downMs: forMs }],
        [3, { do: 'freeze-agent', agent, forMs }],
      ]);
    case 'engines':
      return random.weighted<Deed>([
        [3, { do: 'engine', agent, fault: random.pick(['errors', 'slow'] as const), forMs }],
        [1, { do: 'fill-disk', agent, forMs }],
        [2, { do: 'take-port', agent, index, forMs }],
      ]);
    case 'network':
      return networkFault(random, forMs, agents);
    case 'control-planes':
      return random.weighted<Deed>([
        [
          6,
          {
            do: 'crash-control-plane',
            which,
            when: random.pick(['now', 'before-commit', 'after-commit'] as const),
            nth: random.whole(1, 5),
            downMs: forMs,
          },
        ],
        [3, { do: 'freeze-control-plane', which, forMs }],
        [1, { do: 'abdicate' }],
      ]);
    case 'store':
      return random.weighted<Deed>([
        [3, { do: 'store-refuses', forMs }],
        [
          2,
          {
            do: 'store-fails-over',
            // short, and to a server whose clock is ahead: a lease is over there while its holder knows nothing of it
            downMs: random.chance(0.5) ? random.whole(100, 900) : Math.min(forMs, MINUTE),
            clockStepMs: random.pick([0, 0, 500, -500, 5000, -5000, 12_000, 12_000]),
          },
        ],
        [3, { do: 'lose-answers', count: random.whole(1, 3) }],
      ]);
    case 'proxies':
      return random.weighted<Deed>([
        [5, { do: 'freeze-proxy', proxy, forMs }],
        [3, { do: 'crash-proxy', proxy, downMs: forMs }],
        [
          2,
          {
            do: 'cut',
            from: { kind: 'proxy', index: proxy },
            to: aControlPlane(random),
            bothWays: true,
            forMs,
          },
        ],
      ]);
  }
}

/** Now and then something that an app cannot stand comes to several of its tasks. */
const siblingsOf = (random: Random): { readonly siblings?: number } =>
  random.chance(0.3) ? { siblings: random.whole(1, 9) } : {};

const aControlPlane = (random: Random): Party => ({ kind: 'control-plane', index: random.whole(0, 1) });

function networkFault(random: Random, forMs: number, agents: number): Deed {
  const agent: Party = { kind: 'agent', index: random.whole(0, agents - 1) };
  const proxy: Party = { kind: 'proxy', index: random.whole(0, 1) };
  const plane = aControlPlane(random);
  const [near, far] = random.weighted<readonly [Party, Party]>([
    [4, [agent, plane]],
    [3, [proxy, plane]],
    [2, [proxy, agent]],
    [3, [plane, { kind: 'store' }]],
    [
      1,
      [
        { kind: 'control-plane', index: 0 },
        { kind: 'control-plane', index: 1 },
      ],
    ],
  ]);
  const [from, to] = random.chance(0.5) ? [near, far] : [far, near];
  if (random.chance(0.7)) return { do: 'cut', from, to, bothWays: random.chance(0.6), forMs };
  return {
    do: 'weather',
    from,
    to,
    extraMs: random.pick([50, 500, 2000, 8000]),
    doubled: random.pick([0, 0.2, 0.9]),
    spreadMs: random.pick([0, 200, 4000]),
    forMs,
  };
}
