// Forgetting unreachable instances (behaviour.md 10.4): after expungeAfterSeconds, but a suspect stays in the table until its
// replacement is routed (decisions.md 17), and its row is kept until no proxy can choose it. Also sets the wake-ups that waiting by time needs.
import { isAwaitingReadiness } from '#libs/lifecycle';
import type { Cause } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import type { AppWork } from './app-work.js';
import { acceptHoldUntil, classify, expungedAt, inactiveAt, isAvailable, isOutdated } from './classify.js';
import { forget } from './take-note.js';

export function expungeLost(draft: AppDraft, work: AppWork): void {
  const situation = draft.situation();
  const available = situation.instances.filter((each) => isAvailable(each, situation)).length;
  const isReplaced = available >= draft.app.current.spec.instances || draft.app.removing;
  for (const each of situation.instances) {
    if (!each.placed || each.unreachableSince === undefined) continue;
    // a replacement of the version does not wait for the old ones that it cannot reach
    const isGivenUp = work.kind === 'remove' || (work.kind === 'replace' && isOutdated(each, draft.app));
    const isDue = isGivenUp || draft.now >= expungedAt(each, situation);
    if (!isDue) draft.wake(expungedAt(each, situation));
    else if (isReplaced || each.routing === 'out') {
      const ref = each.agentId === undefined ? {} : { ref: each.agentId };
      const cause: Cause = { kind: 'lost-agent', text: 'its agent is lost; it is forgotten', ...ref };
      forget(draft, each, cause);
    }
  }
}

/** Moments at which classification changes by itself. */
export function wakeForTimers(draft: AppDraft): void {
  const situation = draft.situation();
  for (const each of situation.instances) {
    const set = classify(each, situation);
    if (set === 'unreachable') draft.wake(inactiveAt(each, situation));
    const isHeld = set === 'unready' && !draft.versionOf(each).spec.healthChecks.length;
    if (isHeld && !isAwaitingReadiness(each)) draft.wake(acceptHoldUntil(each, situation));
  }
}
