// Stops under way, phase by phase (decisions.md 11): unrouting -> draining -> killing. Each is entered when its condition holds,
// and skipped when it holds at once. Invariant (promise 2): the agent is told only after every live proxy let go of the task.
import type { Instance, InstanceStop } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import { drainMsOf, isConfirmedOut, isDrained, nextLeaseEnd } from './confirmation.js';

/** Moves each stop of the app as far as it goes now. */
export function advanceStops(draft: AppDraft): void {
  for (const instance of draft.instances) {
    if (!instance.stop || !instance.placed) continue;
    const next = nextPhase(draft, instance, instance.stop);
    if (next !== instance.stop) {
      draft.change('advance-stop', instance.id, (row) => ({ ...row, stop: next }), next.cause);
    }
  }
}

function nextPhase(draft: AppDraft, instance: Instance, stop: InstanceStop): InstanceStop {
  const { snapshot, now } = draft.context;
  const version = draft.versionOf(instance);
  if (stop.phase === 'killing') return stop;
  if (!isConfirmedOut(instance, version, snapshot, now)) {
    draft.wake(nextLeaseEnd(instance, snapshot, now));
    return stop;
  }
  if (isDrained(instance, version, snapshot, now)) return enter(stop, 'killing', now);
  const drainUntil = drainUntilOf(stop, drainMsOf(version, snapshot.settings), snapshot.officeSince, now);
  if (now >= drainUntil) return enter(stop, 'killing', now);
  draft.wake(drainUntil);
  return stop.phase === 'draining' ? stop : { ...enter(stop, 'draining', now), drainUntil };
}

/** An end set by an earlier leader was read off another clock: the time begins anew with the office. */
const drainUntilOf = (stop: InstanceStop, drainMs: number, officeSince: number, now: number): number =>
  stop.drainUntil !== undefined && stop.since >= officeSince
    ? stop.drainUntil
    : (stop.phase === 'draining' ? officeSince : now) + drainMs;

const enter = (stop: InstanceStop, phase: InstanceStop['phase'], now: number): InstanceStop => ({
  ...stop,
  phase,
  since: now,
});
