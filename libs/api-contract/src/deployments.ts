// Deployments as Marathon shows them (api.md 1.4, 7), and how they ended, which only `/v3` tells.
import type { AppId, Deployment, DeploymentActionKind, DeploymentStep } from '#libs/model';
import { timestampOf } from '#libs/model';
import type { ReadinessInfo } from './readiness.js';

/** Answer to every change. */
export interface DeploymentResult {
  readonly version: string;
  readonly deploymentId: string;
}

export interface DeploymentInfo {
  readonly id: string;
  readonly version: string;
  readonly affectedApps: readonly string[];
  readonly affectedPods: readonly string[];
  readonly steps: readonly {
    readonly actions: readonly { readonly action: DeploymentActionKind; readonly app: string }[];
  }[];
  readonly currentActions: readonly {
    readonly action: DeploymentActionKind;
    readonly app: string;
    readonly readinessCheckResults: readonly ReadinessInfo[];
  }[];
  /** 1-based; 0 while it waits to start. */
  readonly currentStep: number;
  readonly totalSteps: number;
}

export const presentDeploymentResult = ({
  id,
  version,
}: Pick<Deployment, 'id' | 'version'>): DeploymentResult => ({
  version,
  deploymentId: id,
});

/** What the instances of an app have answered to its readiness check. */
export type ReadinessOf = (app: AppId) => readonly ReadinessInfo[];
const NOBODY_ASKED: ReadinessOf = () => [];

/** Answer to a dry run: the steps that the change would take (api.md 4.2). */
export const presentPlan = (steps: readonly DeploymentStep[]): Pick<DeploymentInfo, 'steps'> => ({
  steps: steps.map(({ actions }) => ({ actions: actions.map(({ action, app }) => ({ action, app })) })),
});

/** An item of `GET /v2/deployments`. */
export function presentDeployment(
  { id, version, steps, currentStep }: Deployment,
  readinessOf: ReadinessOf = NOBODY_ASKED,
): DeploymentInfo {
  const shown = steps.map(({ actions }) => ({
    actions: actions.map(({ action, app }) => ({ action, app })),
  }));
  const current = currentStep > 0 ? (shown[currentStep - 1]?.actions ?? []) : [];
  return {
    id,
    version,
    affectedApps: [...new Set(steps.flatMap(({ actions }) => actions.map(({ app }) => app)))],
    affectedPods: [],
    steps: shown,
    currentActions: current.map(({ action, app }) => ({
      action,
      app,
      readinessCheckResults: readinessOf(app),
    })),
    currentStep,
    totalSteps: steps.length,
  };
}

/** `GET /v3/deployments[/ID]`: also those that ended, with their reason (promise 4). */
export interface DeploymentStory extends DeploymentInfo {
  readonly status: Deployment['status'];
  readonly reason?: string;
  /** Who asked for it; `ref`: the deployment that it takes back. Absent where nobody can be named. */
  readonly cause?: { readonly kind: string; readonly text: string; readonly ref?: string };
  readonly startedAt: string;
  readonly endedAt?: string;
  /** While it runs: when it will fail if nothing moves before, and what of its step is not done. */
  readonly deadlineAt?: string;
  readonly waitsFor?: readonly string[];
}

/** `outlook`: of one that runs; `deadlineAt` in epoch ms. */
export function presentDeploymentStory(
  deployment: Deployment,
  readinessOf?: ReadinessOf,
  outlook?: { readonly deadlineAt: number; readonly waitsFor: readonly string[] },
): DeploymentStory {
  const { status, reason, cause, startedAt, endedAt } = deployment;
  return {
    ...presentDeployment(deployment, readinessOf),
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(cause === undefined ? {} : { cause }),
    startedAt: timestampOf(startedAt),
    ...(endedAt === undefined ? {} : { endedAt: timestampOf(endedAt) }),
    ...(outlook ? { deadlineAt: timestampOf(outlook.deadlineAt), waitsFor: outlook.waitsFor } : {}),
  };
}
