// A deployment: an ordered plan from one state of some apps to another, and how far it is.
import type { AppId, DeploymentId, InstanceId, Timestamp } from './ids.js';
import type { Cause } from './cause.js';
import type { AppVersion } from './app-spec.js';
import type { Group, GroupId } from './group.js';

export type DeploymentActionKind =
  'StartApplication' | 'StopApplication' | 'ScaleApplication' | 'RestartApplication';
export interface DeploymentAction {
  readonly action: DeploymentActionKind;
  readonly app: AppId;
}
/** Its actions run in parallel; the next step starts when all of them are done. */
export interface DeploymentStep {
  readonly actions: readonly DeploymentAction[];
}

/** What the plan changes; enough to take it back without asking history. */
export interface AppChange {
  readonly appId: AppId;
  readonly before: AppVersion | null;
  readonly after: AppVersion | null;
}

/** The part of a group that a plan changes. */
export type GroupState = Pick<Group, 'dependencies' | 'enforceRole'>;
/** A group that came, went or got other dependencies. */
export interface GroupChange {
  readonly groupId: GroupId;
  readonly before: GroupState | null;
  readonly after: GroupState | null;
}

export type DeploymentStatus = 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface Deployment {
  readonly id: DeploymentId;
  readonly version: Timestamp;
  readonly status: DeploymentStatus;
  readonly steps: readonly DeploymentStep[];
  /** 0 before the first step, then 1-based. */
  readonly currentStep: number;
  readonly changes: readonly AppChange[];
  /** Absent: none. */
  readonly groupChanges?: readonly GroupChange[];
  /** Chosen by a person (kill and scale): these go first. */
  readonly victims: readonly InstanceId[];
  readonly startedAt: number;
  readonly endedAt?: number;
  /** It takes that deployment back; should it fail too, it is not taken back again. */
  readonly revertOf?: DeploymentId;
  /** Who asked for it: the request, or for an automatic rollback the deployment that failed. Absent in rows of older releases. */
  readonly cause?: Cause;
  /** Why it failed or was cancelled. */
  readonly reason?: string;
  /** Last time anything moved; the deadline counts from here (decisions.md 18). */
  readonly progressAt: number;
  /**
   * Time without progress that was written down: so many ms until `at`, epoch ms. Absent: none since `progressAt`, and in rows of
   * older releases. Without it a control plane that is restarted often would never reach a deadline.
   */
  readonly idle?: { readonly ms: number; readonly at: number };
  /** Digest of what counts as progress, to see whether anything moved. */
  readonly progressMark: string;
  readonly revision: number;
}
