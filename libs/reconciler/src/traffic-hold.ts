// A rollout that waits on purpose: while a share of the traffic goes to an older version, its instances stay although newer ones are there
// (`PUT /v3/apps/ID/traffic`). Read from the shares and the instances that exist, like everything of a rollout; nothing remembers it.
import { shareOf } from '#libs/model';
import type { Deployment } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import { actionsUnderWay } from './app-work.js';
import { classify } from './classify.js';
import type { AppSituation } from './classify.js';
import { replacementOf } from './counts.js';
import { isActionDone } from './progress.js';
import type { SituationOf } from './progress.js';
import { isSettled } from './settled.js';

/** What is left for this to be done is in a person's hands: all that may run beside the older version does, and serves for long enough. */
export function isHeldOnPurpose(deployment: Deployment, situationOf: SituationOf): boolean {
  const open = actionsUnderWay(deployment).filter(
    (each) => !isActionDone(each, situationOf(each), deployment),
  );
  return (
    open.length > 0 &&
    open.every((each) => {
      const situation = situationOf(each);
      return each.action === 'RestartApplication' && situation !== null && isAtHold(situation);
    })
  );
}

function isAtHold(situation: AppSituation): boolean {
  const { old, fresh, held, window } = replacementOf(situation);
  const isMoving = situation.instances.some((each) => classify(each, situation) === 'leaving');
  return (
    held.size > 0 &&
    held.size === old.length &&
    !isMoving &&
    fresh.length > 0 &&
    window.mayStart === 0 &&
    fresh.every((each) => isSettled(each, situation))
  );
}

/** The shares were for a rollout that is over: they go when fewer than two of the versions that they name are left. */
export function upkeepTraffic(draft: AppDraft, deployment: Deployment | undefined): void {
  const { traffic, current, removing } = draft.app;
  if (!traffic || deployment || removing) return;
  const running = draft.instances
    .filter(({ goal }) => goal === 'running')
    .map((each) => draft.versionOf(each));
  const present = new Set([current, ...running].map((each) => shareOf(traffic, each, current)));
  const left = traffic.shares.filter((share) => present.has(share));
  if (left.length === traffic.shares.length || left.length > 1) return;
  const text = 'all its instances are of one version again, so there is nothing to share the traffic between';
  draft.putApp('forget-traffic', ({ traffic: _, ...app }) => app, { kind: 'deployment', text });
}
