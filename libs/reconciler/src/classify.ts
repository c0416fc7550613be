// Puts every instance of an app into exactly one set. The rules are an ordered table, the first that fits decides, and each says
// why it exists; what is done about a set is decided elsewhere. Invariant: the last rule fits always, so no instance is forgotten.
import {
  currentStatus,
  hasEnded,
  hasRoutablePorts,
  healthOf,
  isAwaitingReadiness,
  isReportedUnready,
  isRunning,
  runningSince,
} from '#libs/lifecycle';
import { isOfCurrentConfig } from '#libs/model';
import type { AgentId, App, AppVersion, Instance } from '#libs/model';
import type { ReconcileSettings } from './snapshot.js';

export type InstanceSet =
  | 'ended' // reported terminal, not handled yet
  | 'leaving' // a stop that removes it is under way
  | 'lost' // its agent is lost and it is no longer counted
  | 'unreachable' // its agent is lost, still counted
  | 'cycling' // a stop after which it is launched again
  | 'waiting' // to be launched
  | 'coming' // placed, not running yet
  | 'unhealthy' // runs, and a check failed
  | 'unready' // runs, its checks or ports have not answered yet
  | 'available'; // healthy and routed: what the floor counts

/** One app as classification sees it. */
export interface AppSituation {
  readonly app: App;
  readonly instances: readonly Instance[];
  readonly versionOf: (instance: Instance) => AppVersion;
  readonly settings: Pick<ReconcileSettings, 'acceptHoldMs' | 'minReadyMs'>;
  readonly officeSince: number;
  readonly now: number;
  /** See ClusterSnapshot. */
  readonly toldUntil?: (agent: AgentId) => number;
  /** Sets that are known, by row: rows are never changed in place. Absent: each question is answered anew. */
  readonly known?: Map<Instance, InstanceSet>;
}

interface Rule {
  readonly set: InstanceSet;
  readonly why: string;
  readonly fits: (instance: Instance, situation: AppSituation) => boolean;
}

/** First match wins. */
export const CLASSIFICATION_RULES: readonly Rule[] = [
  {
    set: 'ended',
    why: 'the end of a task comes before every other fact: nothing can be asked of it any more',
    fits: (instance) => instance.placed && hasEnded(instance),
  },
  {
    set: 'leaving',
    why: 'a decided removal never goes back, whatever is reported meanwhile',
    fits: (instance) => instance.goal === 'stopped' || instance.stop?.then === 'remove',
  },
  {
    set: 'lost',
    why: 'after inactiveAfterSeconds an unreachable instance is replaced, so it no longer counts',
    fits: (instance, situation) => instance.placed && situation.now >= inactiveAt(instance, situation),
  },
  {
    set: 'unreachable',
    why: 'until then it may come back and still counts',
    fits: (instance) => instance.placed && instance.unreachableSince !== undefined,
  },
  {
    set: 'cycling',
    why: 'it counts as wanted, but nothing may be expected of it until it runs again',
    fits: (instance) => instance.stop !== undefined,
  },
  { set: 'waiting', why: 'wanted and nowhere', fits: (instance) => !instance.placed },
  { set: 'coming', why: 'the agent has not reported it running', fits: (instance) => !isRunning(instance) },
  {
    set: 'unhealthy',
    why: 'only a reported failure makes unhealthy; no result yet does not',
    fits: (instance, { versionOf }) => isReportedUnready(instance, versionOf(instance)),
  },
  {
    set: 'unready',
    why: 'promise 1: not counted before checks passed and it is routed',
    fits: (instance, situation) => !answers(instance, situation),
  },
  { set: 'available', why: 'all else failed to fit: healthy and routed', fits: () => true },
];

export function classify(instance: Instance, situation: AppSituation): InstanceSet {
  const known = situation.known?.get(instance);
  if (known) return known;
  const set = judge(instance, situation);
  situation.known?.set(instance, set);
  return set;
}

function judge(instance: Instance, situation: AppSituation): InstanceSet {
  return CLASSIFICATION_RULES.find((rule) => rule.fits(instance, situation))?.set ?? 'available';
}

export type Sets = Readonly<Record<InstanceSet, readonly Instance[]>>;

/** All instances of the situation by set. */
export function classifyAll(situation: AppSituation): Sets {
  const sets: Record<InstanceSet, Instance[]> = {
    ended: [],
    leaving: [],
    lost: [],
    unreachable: [],
    cycling: [],
    waiting: [],
    coming: [],
    unhealthy: [],
    unready: [],
    available: [],
  };
  for (const each of situation.instances) sets[classify(each, situation)].push(each);
  return sets;
}

/** Healthy and routed (promise 3); vacuously routed without TCP ports (decisions.md 12). */
export const isAvailable = (instance: Instance, situation: AppSituation): boolean =>
  classify(instance, situation) === 'available';

/** Of another config than the current one: replaced by a RestartApplication. */
export const isOutdated = (instance: Instance, app: App): boolean =>
  !isOfCurrentConfig(instance.version, app.current);

/** When an unreachable instance stops counting; Infinity = never, or it is not unreachable. */
export function inactiveAt(instance: Instance, situation: AppSituation): number {
  return unreachableDeadline(instance, situation, 'inactiveAfterSeconds');
}

/** When an unreachable instance is forgotten; Infinity = never, or it is not unreachable. */
export function expungedAt(instance: Instance, situation: AppSituation): number {
  return unreachableDeadline(instance, situation, 'expungeAfterSeconds');
}

function unreachableDeadline(
  instance: Instance,
  { versionOf, officeSince }: AppSituation,
  member: 'inactiveAfterSeconds' | 'expungeAfterSeconds',
): number {
  const strategy = versionOf(instance).spec.unreachableStrategy;
  if (instance.unreachableSince === undefined || strategy === 'disabled') return Infinity;
  // timers start anew when a leader takes office: it could not hear the agent before
  return Math.max(instance.unreachableSince, officeSince) + strategy[member] * 1000;
}

/**
 * What counts for the floor and as `considered healthy` in a replacement (behaviour.md 5). Marathon counts an app with a `check` or a
 * readiness check but no health check as never healthy there, so that a rollout without room above could not move; here it is healthy
 * when it runs, for a `check` blocks nothing (behaviour.md 8), and ready first, if it is asked.
 */
function answers(instance: Instance, situation: AppSituation): boolean {
  const version = situation.versionOf(instance);
  if (version.spec.healthChecks.length && healthOf(instance, version) !== true) return false;
  if (isAwaitingReadiness(instance)) return false;
  if (!hasRoutablePorts(version.spec) || instance.routing === 'in') return true;
  // with checks it enters the table as soon as they pass; without, Marathon calls it healthy when it runs
  return !version.spec.healthChecks.length && situation.now >= acceptHoldUntil(instance, situation);
}

/**
 * Until when an instance without checks that does not accept yet is held back, and does not count; in the past when no instance of its
 * app ever accepted, itself included, for then nobody expects it to, and there is nothing to hand over.
 */
export function acceptHoldUntil(instance: Instance, { instances, settings, now }: AppSituation): number {
  if (!hasAccepted(instances)) return 0;
  // by our clock: that of its agent may be behind by more than the whole time. Rows of older releases do not say
  const since = currentStatus(instance)?.wellSince ?? runningSince(instance, now);
  return since + settings.acceptHoldMs;
}

/** Of a list of rows; asked about each of thousands that do not accept. */
const accepted = new WeakMap<readonly Instance[], boolean>();

function hasAccepted(instances: readonly Instance[]): boolean {
  const found =
    accepted.get(instances) ?? instances.some(({ routing, leftAt }) => routing !== 'out' || leftAt > 0);
  accepted.set(instances, found);
  return found;
}
