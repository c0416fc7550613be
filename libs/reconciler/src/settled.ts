// Whether a new instance can be relied on in a replacement: it has served for some time without interruption. A release that passes its
// first check and then fails would otherwise take the old one down in the seconds between (promise 4).
import { currentStatus, hasRoutablePorts, MIN_READY_LABEL } from '#libs/lifecycle';
import { SETTING_RANGES } from '#libs/model';
import type { AgentId, App, Instance } from '#libs/model';
import { acceptHoldUntil, isAvailable } from './classify.js';
import type { AppSituation } from './classify.js';
import type { ClusterSnapshot, ReconcileSettings } from './snapshot.js';

/** The app's setting, its label, or the control plane's setting. A label that is no number of seconds, 0 to a day, is as if absent. */
export function minReadyMsOf(
  { current, settings: own }: Pick<App, 'current' | 'settings'>,
  settings: Pick<ReconcileSettings, 'minReadyMs'>,
): number {
  const seconds = own?.minReadySeconds ?? Number(current.spec.labels[MIN_READY_LABEL]?.trim() || Number.NaN);
  return seconds >= 0 && seconds <= SETTING_RANGES.minReadySeconds.to ? seconds * 1000 : settings.minReadyMs;
}

/**
 * An agent that said nothing for longer is not believed any more to have said all. Agents say something every 3 s; the rest is for the
 * way. Milliseconds.
 */
export const TOLD_ENOUGH_MS = 4_000;

/** Available now, and for long enough. */
export const isSettled = (instance: Instance, situation: AppSituation): boolean =>
  isAvailable(instance, situation) &&
  situation.now >= settledAt(instance, situation) &&
  isToldOf(instance, situation);

/** The agent that has only to say that nothing happened for an available instance to be settled. */
export const awaitedOf = (instance: Instance, situation: AppSituation): AgentId | undefined =>
  situation.now >= settledAt(instance, situation) && !isToldOf(instance, situation)
    ? instance.agentId
    : undefined;

/** A new instance has just served for long enough: its agent is being asked, or what follows from its answer has only begun. */
export const isJustDue = (situation: AppSituation): boolean =>
  situation.instances.some((each) => {
    const since = isAvailable(each, situation) ? situation.now - settledAt(each, situation) : -1;
    return since >= 0 && since <= TOLD_ENOUGH_MS;
  });

/**
 * It had served for long enough when its agent last told all that it knew, and that was not long ago. A row by itself is not enough: the
 * task may have ended since, while a leader took office or stood still or a frame was on its way, and would seem to have served ever longer.
 * Where serving for a while is not asked for, the row as it is has to do.
 */
function isToldOf(instance: Instance, situation: AppSituation): boolean {
  const { app, settings, toldUntil, now } = situation;
  if (!toldUntil || instance.agentId === undefined || minReadyMsOf(app, settings) === 0) return true;
  const until = toldUntil(instance.agentId);
  return until >= settledAt(instance, situation) && now - until <= TOLD_ENOUGH_MS;
}

/** When an available instance is settled if nothing interrupts it; in the past: it is. Rows of older releases count as settled. */
export function settledAt(instance: Instance, situation: AppSituation): number {
  const since = Math.max(currentStatus(instance)?.wellSince ?? 0, inPlaceSince(instance, situation));
  return since + minReadyMsOf(situation.app, situation.settings);
}

/** In the table; one that does not accept connections, since the time for that is over. */
function inPlaceSince(instance: Instance, situation: AppSituation): number {
  if (!hasRoutablePorts(situation.versionOf(instance).spec)) return 0;
  return instance.routing === 'in' ? (instance.routedAt ?? 0) : acceptHoldUntil(instance, situation);
}

/** As a member of a situation. */
export const toldIn = ({ toldUntil }: Pick<ClusterSnapshot, 'toldUntil'>): Pick<AppSituation, 'toldUntil'> =>
  toldUntil ? { toldUntil } : {};
