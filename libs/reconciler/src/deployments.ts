// Running deployments in a pass: one step at a time, its end, or its failure at the deadline (promise 4). At most one move per
// deployment and pass, so that every step is seen by whoever follows the events.
import type { AppId, Cause, Deployment } from '#libs/model';
import { revertChanges } from '#libs/planner';
import { actionsUnderWay } from './app-work.js';
import type { Decision } from './decision.js';
import { deadlineMs, IDLE_NOTE_MS, idleMs, isIdleNoteDue } from './deadline.js';
import { lastGood } from './last-good.js';
import { openActions } from './outlook.js';
import { isActionDone, isMarked, progressMark, situationsUnderWay } from './progress.js';
import type { SituationOf } from './progress.js';
import type { ClusterSnapshot } from './snapshot.js';
import { isJustDue, TOLD_ENOUGH_MS } from './settled.js';
import { isHeldOnPurpose } from './traffic-hold.js';

export interface DeploymentMove {
  readonly deployment: Deployment;
  readonly decision: Decision | null;
  /** When to look again although nothing was reported. */
  readonly wakeAt: number | null;
}

/** The first step begins before its apps are looked at, so that they work on it in the same pass. */
export function beginDeployment(deployment: Deployment, appId: AppId, now: number): DeploymentMove {
  if (deployment.currentStep > 0 || !deployment.steps.length)
    return { deployment, decision: null, wakeAt: null };
  const text = `step 1 of ${deployment.steps.length}`;
  return advance(deployment, { ...moved(deployment, now), currentStep: 1 }, appId, text, now);
}

/** After its apps were looked at: is the step done, has anything moved, is it too late? */
export function moveDeployment(
  deployment: Deployment,
  appId: AppId,
  snapshot: ClusterSnapshot,
  situationOf: SituationOf,
  now: number,
): DeploymentMove {
  const { steps, currentStep } = deployment;
  if (actionsUnderWay(deployment).every((each) => isActionDone(each, situationOf(each), deployment))) {
    if (currentStep >= steps.length) return end(deployment, 'succeeded', 'every step is done', appId, now);
    const next = { ...moved(deployment, now), currentStep: currentStep + 1 };
    return advance(deployment, next, appId, `step ${currentStep + 1} of ${steps.length}`, now);
  }
  const mark = progressMark(deployment, situationOf);
  if (mark !== deployment.progressMark) {
    // how things stand when a step begins is no progress: its time counts from its beginning
    const isFirst = !isMarked(deployment);
    const next = { ...(isFirst ? deployment : moved(deployment, now)), progressMark: mark };
    const text = isFirst ? 'how its step began is noted' : 'it made progress';
    const left = deadlineMs(next, snapshot, situationOf, now) - idleMs(next, snapshot, now);
    const wakeAt = now + Math.min(Math.max(0, left), IDLE_NOTE_MS);
    return { ...advance(deployment, next, appId, text, now), wakeAt };
  }
  if (isHeldOnPurpose(deployment, situationOf)) return keepWaiting(deployment, appId, snapshot, now);
  const idle = idleMs(deployment, snapshot, now);
  const left = deadlineMs(deployment, snapshot, situationOf, now) - idle;
  if (left > 0) {
    const wakeAt = now + Math.min(left, IDLE_NOTE_MS);
    if (!isIdleNoteDue(deployment, snapshot, now)) return { deployment, decision: null, wakeAt };
    const noted = { ...deployment, idle: { ms: idle, at: now } };
    return { ...advance(deployment, noted, appId, 'its time without progress is noted', now), wakeAt };
  }
  if (situationsUnderWay(deployment, situationOf).some(isJustDue))
    return { deployment, decision: null, wakeAt: now + TOLD_ENOUGH_MS };
  const reason = failureText(deployment, situationOf, idle);
  const failed = end(deployment, 'failed', reason, appId, now);
  return withRevert(failed, snapshot, situationOf);
}

/** Time in which a person holds it counts as progress: noted as often as other time, so that the deadline begins anew after it. */
function keepWaiting(
  deployment: Deployment,
  appId: AppId,
  snapshot: ClusterSnapshot,
  now: number,
): DeploymentMove {
  const wakeAt = now + IDLE_NOTE_MS;
  if (!isIdleNoteDue(deployment, snapshot, now)) return { deployment, decision: null, wakeAt };
  const text = 'it is held by the shares of the traffic';
  return { ...advance(deployment, moved(deployment, now), appId, text, now), wakeAt };
}

/** Something happened: the time without progress begins anew. */
function moved({ idle: _, ...deployment }: Deployment, now: number): Deployment {
  return { ...deployment, progressAt: now };
}

function advance(
  before: Deployment,
  after: Deployment,
  appId: AppId,
  text: string,
  now: number,
): DeploymentMove {
  const deployment: Deployment = { ...after, revision: before.revision + 1 };
  return {
    deployment,
    decision: decisionOf('advance-deployment', deployment, appId, text),
    // the next step is looked at as soon as this move is committed
    wakeAt: after.currentStep === before.currentStep ? null : now,
  };
}

function end(
  before: Deployment,
  status: 'succeeded' | 'failed',
  text: string,
  appId: AppId,
  now: number,
): DeploymentMove {
  const deployment: Deployment = {
    ...before,
    status,
    endedAt: now,
    ...(status === 'failed' ? { reason: text } : {}),
    revision: before.revision + 1,
  };
  return { deployment, decision: decisionOf('end-deployment', deployment, appId, text), wakeAt: null };
}

/** There is something to go back to when an app existed before; a rollback that fails is not rolled back again. */
function withRevert(
  move: DeploymentMove,
  snapshot: ClusterSnapshot,
  situationOf: SituationOf,
): DeploymentMove {
  const { deployment, decision } = move;
  const hasOlder = deployment.changes.some((each) => each.before && each.after);
  if (!decision || !hasOlder || deployment.revertOf !== undefined) return move;
  const changes = deployment.changes.map((each) => ({
    ...each,
    before: lastGood(each, situationOf({ app: each.appId })),
  }));
  return { ...move, decision: { ...decision, revert: revertChanges({ changes }, snapshot.apps) } };
}

function failureText(deployment: Deployment, situationOf: SituationOf, idle: number): string {
  const step = `step ${deployment.currentStep} of ${deployment.steps.length}`;
  return `no progress for ${Math.round(idle / 1000)} s in ${step}: ${openActions(deployment, situationOf).join('; ')}`;
}

function decisionOf(kind: Decision['kind'], deployment: Deployment, appId: AppId, text: string): Decision {
  const cause: Cause = { kind: 'deployment', text, ref: deployment.id };
  return {
    kind,
    appId,
    deploymentId: deployment.id,
    cause,
    writes: [{ kind: 'put-deployment', deployment }],
  };
}
