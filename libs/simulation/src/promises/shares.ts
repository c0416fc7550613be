// Traffic that is shared between versions by weights (docs/design/deployments.md, "Held by shares of the traffic"; ADR 11): such a
// rollout keeps what has a weight, requests go by the weights, and with the shares ends what they held. Which share an instance belongs
// to is worked out anew here, from stored rows; the names in route tables are not believed.
import type { App, AppId, AppVersion, TaskId, TrafficShare } from '#libs/model';
import { isServing } from './serving.js';
import { broken, isReplaced, newStops, type ChoiceFact, type Watcher, type World } from './watch.js';

/** Versions of one config are one for the traffic; what the current one has adopted is of its config. */
const isLikeCurrent = (version: string, { current }: App): boolean =>
  version >= current.lastConfigChangeAt || (current.adopts ?? []).some((each) => each === version);

/** Null: nobody can say, for two shares mean the same; undefined: none is of its config. */
function shareOfVersion(app: App, definition: AppVersion): TrafficShare | null | undefined {
  const like = isLikeCurrent(definition.version, app);
  const found = (app.traffic?.shares ?? []).filter(
    ({ version, config }) =>
      config === definition.lastConfigChangeAt || (like && isLikeCurrent(version, app)),
  );
  return found.length > 1 ? null : found[0];
}

/** Of an older config, and with a weight. */
const isKept = (app: App, definition: AppVersion): boolean =>
  !isLikeCurrent(definition.version, app) && (shareOfVersion(app, definition)?.weight ?? 0) > 0;

/** What a rollout decides by itself; a person's kill, a crash and a lost agent are none of its. */
const OF_ROLLOUTS = new Set(['deployment', 'surplus']);
/** What ends an instance for good although it is to come back in its own version. */
const COMES_BACK = new Set(['health', 'crash', 'rejected']);

/** A rollout stops nothing that has a weight, and what fails of it meanwhile comes back in its version. */
export function sharesHoldRollouts(): Watcher {
  return {
    rule: 'shares-hold-rollouts',
    committed(fact, { stored }) {
      for (const { after } of newStops(fact)) {
        const app = stored.apps.get(after.appId);
        const { kind, text } = after.stop?.cause ?? {};
        if (!app?.traffic || app.removing || kind === undefined || !isReplaced(app.id, stored)) continue;
        const isMeant = OF_ROLLOUTS.has(kind) || (COMES_BACK.has(kind) && after.stop?.then === 'remove');
        if (!isMeant || !isKept(app, stored.versionOf(after))) continue;
        const shares = app.traffic.shares.map(({ version, weight }) => `${version} ${weight}`).join(', ');
        broken(
          'shares-hold-rollouts',
          `${after.id} is stopped for good (${text ?? kind}), and its version ${after.version} has traffic: ${shares}`,
        );
      }
    },
  };
}

/** A person looks at the new ones, which all serve: the rollout stands still, and that is meant. With a bad one its deadline runs. */
export function isCanary(id: AppId, stored: World['stored']): boolean {
  const app = stored.apps.get(id);
  if (!app?.traffic) return false;
  const staying = stored.instancesOf(id).filter(({ goal }) => goal === 'running');
  const fresh = staying.filter(({ version }) => isLikeCurrent(version, app));
  return (
    fresh.length > 0 &&
    staying.some((each) => isKept(app, stored.versionOf(each))) &&
    fresh.every((each) => isServing(each, stored.versionOf(each), Infinity))
  );
}

/** A proxy leaves a target out for 10 s at most after a failure (docs/design/proxy.md); clocks drift. */
const LEFT_OUT_MS = 11_000;
/** A draw by weights strays by so many standard deviations once in ten million runs; and what a few requests may do. */
const DEVIATIONS = 5.5;
const REQUESTS_SLACK = 3;

/** How many requests one share got, and how many it was to get. */
interface Tally {
  got: number;
  expected: number;
  variance: number;
}

/** Targets of one share, as the proxy that chooses knows them. */
interface Side {
  readonly weight: number;
  /** Some of them answer for sure. */
  isSure: boolean;
}

/** Requests go by weights, to nobody without one while somebody with one answers, and pinned ones to their version. */
export function sharesAreObeyed(): Watcher {
  const missedAt = new Map<string, number>();
  const tallies = new Map<AppId, Tally>();
  return {
    rule: 'shares-are-obeyed',
    missed(proxy, task, { now }) {
      missedAt.set(`${proxy} ${task}`, now);
    },
    chose(choice, world) {
      const { stored, now } = world;
      const app = stored.apps.get(choice.service.appId);
      // what an older table said cannot be worked out any more
      if (!app?.traffic || choice.table !== stored.tableNumber) return;
      const answers = (task: TaskId): boolean =>
        now - (missedAt.get(`${choice.proxy} ${task}`) ?? -Infinity) > LEFT_OUT_MS;
      const sides = sidesOf(choice, app, world, answers);
      if (!sides) return;
      const chosen = sides.of(choice.taskId);
      const pinned = app.traffic.shares.find(({ version }) => version === choice.pinned);
      if (choice.pinned !== undefined) return checkPinned(choice, chosen, pinned, sides.all.get(pinned));
      checkWeightless(choice, chosen, sides.all);
      if (!choice.tried.size) count(choice.service.appId, chosen, sides.all);
    },
    ended() {
      for (const [app, { got, expected, variance }] of tallies) {
        if (Math.abs(got - expected) <= DEVIATIONS * Math.sqrt(variance) + REQUESTS_SLACK) continue;
        broken(
          'shares-are-obeyed',
          `a share of ${app} was to get ${Math.round(expected)} requests, it got ${got}`,
        );
      }
    },
  };

  /** Where each version that has a weight and a target answers for sure, the chance of each is known. */
  function count(app: AppId, chosen: TrafficShare | undefined, all: ReadonlyMap<unknown, Side>): void {
    const weighty = [...all].filter(([, { weight }]) => weight > 0);
    const [first] = weighty;
    if (!first || weighty.length < 2 || !weighty.every(([, { isSure }]) => isSure)) return;
    const chance = first[1].weight / weighty.reduce((sum, [, { weight }]) => sum + weight, 0);
    const tally = tallies.get(app) ?? { got: 0, expected: 0, variance: 0 };
    tallies.set(app, tally);
    tally.got += chosen === first[0] ? 1 : 0;
    tally.expected += chance;
    tally.variance += chance * (1 - chance);
  }
}

interface Sides {
  readonly all: ReadonlyMap<TrafficShare | undefined, Side>;
  readonly of: (task: TaskId) => TrafficShare | undefined;
}

/** Null: of some target nobody can say to which share it belongs. */
function sidesOf(
  { service, tried }: ChoiceFact,
  app: App,
  { stored }: World,
  answers: (task: TaskId) => boolean,
): Sides | null {
  const all = new Map<TrafficShare | undefined, Side>();
  const shares = new Map<TaskId, TrafficShare | undefined>();
  for (const { taskId, suspect } of service.targets) {
    const instance = stored.instanceOfTask(taskId);
    const share = instance ? shareOfVersion(app, stored.versionOf(instance)) : null;
    if (share === null) return null;
    shares.set(taskId, share);
    const side = all.get(share) ?? { weight: share?.weight ?? 0, isSure: false };
    all.set(share, side);
    side.isSure ||= !suspect && !tried.has(taskId) && answers(taskId);
  }
  return { all, of: (task) => shares.get(task) };
}

function checkPinned(
  { proxy, taskId, pinned }: ChoiceFact,
  chosen: TrafficShare | undefined,
  meant: TrafficShare | undefined,
  side: Side | undefined,
): void {
  if (!meant || !side?.isSure || chosen === meant) return;
  broken(
    'shares-are-obeyed',
    `${proxy} sends a request that is pinned to ${pinned ?? ''} to ${taskId} of ${chosen?.version ?? 'a version without a share'}`,
  );
}

function checkWeightless(
  { proxy, taskId }: ChoiceFact,
  chosen: TrafficShare | undefined,
  all: ReadonlyMap<TrafficShare | undefined, Side>,
): void {
  if ((chosen?.weight ?? 0) > 0) return;
  const able = [...all].find(([, { weight, isSure }]) => weight > 0 && isSure);
  if (!able) return;
  broken(
    'shares-are-obeyed',
    `${proxy} sends a request to ${taskId}, whose version ${chosen?.version ?? ''} has no weight; ${able[0]?.version ?? ''} has ${able[1].weight} and answers`,
  );
}

/** Who shares traffic ends it (each does so in a scenario), and shares that are for nothing any more go by themselves. */
export function sharesEnd(): Watcher {
  return {
    rule: 'shares-end',
    ended({ stored }) {
      for (const { id, traffic } of stored.apps.values()) {
        if (traffic)
          broken('shares-end', `the traffic of ${id} is still shared: ${JSON.stringify(traffic.shares)}`);
      }
    },
  };
}
