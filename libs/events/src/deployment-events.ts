// Events about a deployment whose row changed: steps that began, steps that ended, the end of the whole (events.md 6).
// Split in two, because what a step starts comes after its `deployment_info`, and what ends it comes before its end.
import type { Deployment, DeploymentStep } from '#libs/model';
import type { NewEvent } from './event.js';
import type { EventView, RowChange } from './event-view.js';
import { checksAdded, checksRemoved } from './health-events.js';
import { shownPlan } from './plan-size.js';
import { stepView } from './plan-view.js';

const stepAt = (deployment: Deployment, number: number): DeploymentStep | undefined =>
  deployment.steps[number - 1];

/** Steps entered by this commit: end of the one before, `deployment_info`, health checks switched on or off. */
export function advanceEvents({ before, after }: RowChange<Deployment>, view: EventView): NewEvent[] {
  if (!after) return [];
  const events: NewEvent[] = [];
  const last = Math.min(after.currentStep, after.steps.length);
  for (let number = (before?.currentStep ?? 0) + 1; number <= last; number += 1) {
    const previous = stepAt(after, number - 1);
    const step = stepAt(after, number);
    if (previous) events.push(...stepDone(after, previous, view));
    if (!step?.actions.length) continue;
    events.push(stepEvent('deployment_info', after, step, view), ...switchedChecks(after, step, view));
  }
  return events;
}

/** The end of the deployment, if this commit ended it. */
export function endEvents({ before, after }: RowChange<Deployment>, view: EventView): NewEvent[] {
  if (!after || after.status === 'running' || (before && before.status !== 'running')) return [];
  const step = stepAt(after, Math.min(after.currentStep, after.steps.length));
  const plan = shownPlan(after, step, view);
  if (after.status === 'succeeded') {
    return [
      ...(step ? stepDone(after, step, view) : []),
      { type: 'deployment_success', timestamp: view.now, payload: { id: after.id, plan } },
    ];
  }
  const failedStep = after.status === 'failed' && step;
  return [
    ...(failedStep ? [stepEvent('deployment_step_failure', after, failedStep, view)] : []),
    {
      type: 'deployment_failed',
      timestamp: view.now,
      payload: { id: after.id, plan, reason: after.reason ?? after.status },
    },
  ];
}

function stepDone(deployment: Deployment, step: DeploymentStep, view: EventView): NewEvent[] {
  if (!step.actions.length) return [];
  return [
    ...replacedChecks(deployment, step, view),
    stepEvent('deployment_step_success', deployment, step, view),
  ];
}

function stepEvent(
  type: 'deployment_info' | 'deployment_step_success' | 'deployment_step_failure',
  deployment: Deployment,
  step: DeploymentStep,
  view: EventView,
): NewEvent {
  return {
    type,
    timestamp: view.now,
    payload: { plan: shownPlan(deployment, step, view), currentStep: stepView(step) },
  };
}

/** A definition's checks begin with the step that starts it, and end with an app's Stop step. */
function switchedChecks(deployment: Deployment, step: DeploymentStep, view: EventView): NewEvent[] {
  return step.actions.flatMap(({ action, app }) => {
    const change = deployment.changes.find(({ appId }) => appId === app);
    const stopped = action === 'StopApplication' ? change?.before : null;
    const started = action === 'StartApplication' || action === 'RestartApplication' ? change?.after : null;
    return [
      ...(stopped ? checksRemoved(stopped, view.now) : []),
      ...(started ? checksAdded(started, view.now) : []),
    ];
  });
}

/** Once an app is replaced, nobody runs the old definition's checks. */
function replacedChecks(deployment: Deployment, step: DeploymentStep, view: EventView): NewEvent[] {
  return step.actions.flatMap(({ action, app }) => {
    const before = deployment.changes.find(({ appId }) => appId === app)?.before;
    return action === 'RestartApplication' && before ? checksRemoved(before, view.now) : [];
  });
}
