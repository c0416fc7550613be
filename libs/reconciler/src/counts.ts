// How many instances of an app there are: scaling (behaviour.md 4), rolling replacement by two sets (5) and removal.
// Creating is all that starting means here; the launch follows when a place and the launch delay allow it.
import { currentStatus, runningSince } from '#libs/lifecycle';
import { rollingWindow, scaleNeeds, victimOrder } from '#libs/planner';
import type { RollingWindow, VictimCandidate, VictimState } from '#libs/planner';
import { fieldValue } from '#libs/placement';
import { counted } from '#libs/model';
import type { Cause, Deployment, Instance, InstanceId } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import type { AppWork } from './app-work.js';
import { classify, isAvailable, isOutdated } from './classify.js';
import type { AppSituation } from './classify.js';
import { awaitedOf, isSettled, settledAt } from './settled.js';
import { isHeldByTraffic } from './traffic-share.js';
import { vacanciesOf } from './vacancies.js';

/** Brings the app's counts one move closer to what its work wants. */
export function adjustCounts(draft: AppDraft, work: AppWork): void {
  switch (work.kind) {
    case 'hold':
      return;
    case 'remove':
      return removeAll(draft, work.deployment);
    case 'scale':
      return scale(draft, work.deployment);
    case 'replace':
      return replace(draft, work.deployment);
  }
}

/** Wanted and counted: neither on its way out nor given up with its agent. */
export function isCounted(instance: Instance, situation: AppSituation): boolean {
  const set = classify(instance, situation);
  return set !== 'leaving' && set !== 'lost';
}

function removeAll(draft: AppDraft, deployment: Deployment | undefined): void {
  const cause = deploymentCause(deployment, `${draft.id} is removed`);
  for (const each of draft.instances) draft.stop(each.id, cause, 'remove');
}

function scale(draft: AppDraft, deployment: Deployment | undefined): void {
  const situation = draft.situation();
  const counted = situation.instances.filter((each) => isCounted(each, situation));
  const named = new Set(deployment?.victims ?? []);
  const namedCounted = counted.filter((each) => named.has(each.id)).length;
  const target = draft.app.current.spec.instances;
  const { toKill } = scaleNeeds(counted.length, target, namedCounted);
  const stopped = stopVictims(draft, counted, toKill, named, scaleCause(deployment, target, counted.length));
  // victims chosen by a person go first; their replacements (if any) start when they are gone
  if (draft.instances.some((each) => named.has(each.id))) return;
  const missing = target - counted.length + stopped;
  if (missing <= 0) return;
  const cause = scaleCause(deployment, target, counted.length);
  const vacancies = vacanciesOf(draft, deployment);
  const now = sliceOf(missing, draft);
  for (let place = 0; place < now; place += 1) draft.create(vacancies[place] ?? cause);
}

/** The two sets of a replacement, and what may be started and stopped now. */
export interface Replacement {
  /** Outdated ones that count and can be reached. */
  readonly old: readonly Instance[];
  /** Of these: they stay, for a share of the traffic goes to their version. */
  readonly held: ReadonlySet<InstanceId>;
  readonly fresh: readonly Instance[];
  readonly window: RollingWindow;
}

export function replacementOf(situation: AppSituation): Replacement {
  const { app, instances } = situation;
  const { spec } = app.current;
  const counted = instances.filter((each) => isCounted(each, situation));
  const old = counted.filter((each) => isOutdated(each, app) && each.unreachableSince === undefined);
  const fresh = counted.filter((each) => !isOutdated(each, app));
  const held = new Set(old.filter((each) => isHeldByTraffic(each, situation)).map(({ id }) => id));
  const leaving = instances.filter((each) => classify(each, situation) === 'leaving').length;
  const healthy = (of: readonly Instance[]): number =>
    of.filter((each) => isAvailable(each, situation)).length;
  const window = rollingWindow({
    n: spec.instances,
    ...spec.upgradeStrategy,
    // what is held makes no room, so the first new one comes above n whatever the strategy
    ...(held.size ? { minimumHealthCapacity: 1 } : {}),
    old: {
      active: old.length + leaving,
      wanted: old.length,
      healthy: healthy(old),
      keptUnhealthy: old.filter((each) => held.has(each.id) && !isAvailable(each, situation)).length,
    },
    new: {
      started: fresh.length,
      healthy: fresh.filter((each) => isSettled(each, situation)).length,
      serving: healthy(fresh),
    },
  });
  return { old, held, fresh, window };
}

function replace(draft: AppDraft, deployment: Deployment): void {
  const cause = deploymentCause(deployment, `version ${draft.app.current.version} replaces it`);
  giveUpIdleOld(draft, cause);
  const situation = draft.situation();
  const { spec } = draft.app.current;
  const { old, held, fresh, window } = replacementOf(situation);
  for (const each of fresh) {
    if (!isAvailable(each, situation)) continue;
    draft.wake(laterThan(settledAt(each, situation), situation));
    const awaited = awaitedOf(each, situation);
    if (awaited !== undefined) draft.awaited.add(awaited);
  }
  const unhealthyFirst = old
    .filter(({ id }) => !held.has(id))
    .sort(
      (a, b) =>
        Number(isAvailable(a, situation)) - Number(isAvailable(b, situation)) || a.createdAt - b.createdAt,
    );
  stopUpTo(
    draft,
    unhealthyFirst.map((each) => each.id),
    window.mayStop,
    () => cause,
  );
  const surplus = fresh.length - spec.instances;
  if (surplus > 0) stopSurplus(draft, fresh, surplus, scaleCause(deployment, spec.instances, fresh.length));
  start(
    draft,
    window.mayStart,
    deploymentCause(deployment, `a new instance of version ${draft.app.current.version}`),
  );
}

/** Never, when it is over. */
const laterThan = (at: number, { now }: AppSituation): number => (at > now ? at : Infinity);

/**
 * An old instance that runs nowhere is not launched again in its old version (behaviour.md 5); a dying one does not come back. One that is
 * held does: its version would otherwise lose instance by instance while its share stays.
 */
function giveUpIdleOld(draft: AppDraft, cause: Cause): void {
  const situation = draft.situation();
  for (const each of draft.instances) {
    if (!isOutdated(each, draft.app) || isHeldByTraffic(each, situation)) continue;
    if (!each.placed || each.stop) draft.stop(each.id, cause, 'remove');
  }
}

/** A restart that was taken back leaves good and bad ones of one config: here, unlike in scaling, the worst go first. */
function stopSurplus(draft: AppDraft, fresh: readonly Instance[], surplus: number, cause: Cause): void {
  const situation = draft.situation();
  const rank = (each: Instance): number =>
    Number(isAvailable(each, situation)) + Number(isSettled(each, situation));
  let left = surplus;
  for (const worst of [0, 1, 2]) {
    const group = fresh.filter((each) => rank(each) === worst);
    left -= stopVictims(draft, group, Math.min(left, group.length), new Set(), cause);
  }
}

function stopVictims(
  draft: AppDraft,
  counted: readonly Instance[],
  toKill: number,
  named: ReadonlySet<InstanceId>,
  cause: Cause,
): number {
  if (toKill <= 0) return 0;
  const situation = draft.situation();
  const candidates = counted.map((each) => candidateOf(draft, each, situation));
  const order = victimOrder(candidates, named, draft.app.current.spec.killSelection);
  const causeOf = (id: InstanceId): Cause =>
    named.has(id) ? { ...cause, kind: 'kill', text: 'killed by a person, and scaled down' } : cause;
  return stopUpTo(
    draft,
    order.map((each) => each.id),
    toKill,
    causeOf,
  );
}

/** Stops up to so many, skipping those that the gatekeeper keeps. Returns how many leave now. */
function stopUpTo(
  draft: AppDraft,
  ids: readonly InstanceId[],
  wanted: number,
  causeOf: (id: InstanceId) => Cause,
): number {
  let stopped = 0;
  for (const id of ids) {
    if (stopped >= wanted) break;
    if (draft.stop(id, causeOf(id), 'remove').kind === 'granted') stopped += 1;
  }
  return stopped;
}

function start(draft: AppDraft, count: number, cause: Cause): void {
  const now = sliceOf(count, draft);
  for (let started = 0; started < now; started += 1) draft.create(cause);
}

/** What this pass does of so many; the next one goes on. */
const sliceOf = (count: number, { context }: AppDraft): number =>
  Math.min(count, context.snapshot.settings.changedPerPass);

function candidateOf(draft: AppDraft, instance: Instance, situation: AppSituation): VictimCandidate {
  const groupBy = draft.app.current.spec.constraints.find((each) => each.operator === 'GROUP_BY');
  const agent =
    instance.agentId === undefined ? undefined : draft.context.snapshot.agents.get(instance.agentId);
  const group = groupBy && agent && instance.placed ? fieldValue(agent.info, groupBy.field) : undefined;
  const state = victimState(instance, situation);
  return {
    id: instance.id,
    state,
    since: sinceOf(state, instance, situation.now),
    ...(group === undefined ? {} : { group }),
  };
}

/** Of a starting one the time of that state counts, of others that at which they were staged or began to run (behaviour.md 4). */
function sinceOf(state: VictimState, instance: Instance, now: number): number {
  if (state === 'waiting') return instance.createdAt;
  const status = currentStatus(instance);
  return state === 'starting' && status ? status.since : runningSince(instance, now);
}

function victimState(instance: Instance, situation: AppSituation): VictimState {
  switch (classify(instance, situation)) {
    case 'waiting':
    case 'cycling':
      return 'waiting';
    case 'unreachable':
    case 'lost':
      return 'unreachable';
    case 'coming':
      return currentStatus(instance)?.phase === 'starting' ? 'starting' : 'staging';
    case 'unhealthy':
    case 'unready':
    case 'available':
      return 'running';
    default:
      return 'other';
  }
}

function scaleCause(deployment: Deployment | undefined, target: number, existing: number): Cause {
  const text = `${counted(target, 'instance is', 'instances are')} wanted, ${counted(existing, 'exists', 'exist')}`;
  if (deployment) return deploymentCause(deployment, text);
  return { kind: existing > target ? 'surplus' : 'shortage', text };
}

const deploymentCause = (deployment: Deployment | undefined, text: string): Cause => ({
  kind: 'deployment',
  text,
  ...(deployment ? { ref: deployment.id } : {}),
});
