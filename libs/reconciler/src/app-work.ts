// What a running deployment (or nobody) wants of an app at this moment (behaviour.md 3): only the action of the current step moves
// counts; an app whose step is still to come is locked, and one whose step is over is kept like any other.
import type { App, AppId, Deployment, DeploymentAction } from '#libs/model';

export type AppWork =
  | { readonly kind: 'remove'; readonly deployment?: Deployment }
  /** Locked: crashes are repaired, counts stay. */
  | { readonly kind: 'hold'; readonly deployment: Deployment }
  /** Bring the count to `instances`; outdated ones stay as they are. */
  | { readonly kind: 'scale'; readonly deployment?: Deployment }
  | { readonly kind: 'replace'; readonly deployment: Deployment };

export function workOf(app: App, deployment: Deployment | undefined): AppWork {
  if (app.removing) return { kind: 'remove', ...(deployment ? { deployment } : {}) };
  if (!deployment) return { kind: 'scale' };
  const action = currentAction(app.id, deployment);
  switch (action?.action) {
    case 'RestartApplication':
      return { kind: 'replace', deployment };
    case 'ScaleApplication':
      return { kind: 'scale', deployment };
    case 'StartApplication':
    case 'StopApplication':
      return { kind: 'hold', deployment };
    case undefined:
      return isStillToCome(app.id, deployment) ? { kind: 'hold', deployment } : { kind: 'scale' };
  }
}

/** Of the step under way; none before the first one. */
export const actionsUnderWay = ({ steps, currentStep }: Deployment): readonly DeploymentAction[] =>
  steps[currentStep - 1]?.actions ?? [];

const currentAction = (app: AppId, deployment: Deployment): DeploymentAction | undefined =>
  actionsUnderWay(deployment).find((each) => each.app === app);

const isStillToCome = (app: AppId, { steps, currentStep }: Deployment): boolean =>
  steps.slice(currentStep).some((step) => step.actions.some((each) => each.app === app));

/** Does it start instances of this app, now or in a step to come? What is placed meanwhile is asked whether it is ready (behaviour.md 8). */
export const startsInstances = (app: AppId, { steps, currentStep }: Deployment): boolean =>
  steps
    .slice(Math.max(0, currentStep - 1))
    .some((step) => step.actions.some((each) => each.app === app && STARTING.has(each.action)));

const STARTING: ReadonlySet<DeploymentAction['action']> = new Set(['ScaleApplication', 'RestartApplication']);
