// What a reconcile pass answers: decisions as data, each with its reason and the rows that carry it out.
// Rows are whole and already build on each other: of several writes to one row in a pass the last one is the state.
// A written row's revision is the snapshot's plus one, however many decisions touched it in this pass.
import type { AgentId, AppChange, AppId, Cause, DeploymentId, InstanceId } from '#libs/model';
import type { AgentExplanation } from '#libs/placement';
import type { Write } from '#libs/store';

export type DecisionKind =
  | 'create-instance'
  | 'place-instance'
  | 'request-stop'
  | 'advance-stop'
  | 'remove-instance'
  | 'relaunch-instance' // terminal: waits to be launched as the next incarnation
  | 'route-in'
  | 'route-out'
  | 'suspect'
  | 'unreachable' // its agent is lost, or is back
  | 'note-failure'
  | 'delay-launch'
  | 'brake' // the mass-kill brake of the app goes on or off
  | 'adopt-incarnation'
  | 'forget-traffic' // the shares of a rollout that is over
  | 'remove-app'
  | 'advance-deployment'
  | 'end-deployment';

export interface Decision {
  readonly kind: DecisionKind;
  readonly appId: AppId;
  readonly instanceId?: InstanceId;
  readonly deploymentId?: DeploymentId;
  readonly cause: Cause;
  readonly writes: readonly Write[];
  /** With `end-deployment` as failed: what takes it back; control-core starts that as a new deployment in the same commit. */
  readonly revert?: readonly AppChange[];
}

/** True now; an alarm of a reconciled app that is no longer listed is over. */
export interface Alarm {
  readonly kind: 'mass-kill-brake';
  readonly appId: AppId;
  readonly text: string;
}

/** A decision that breaks a promise: a bug. That app's decisions of this pass were dropped. */
export interface Violation {
  readonly rule: string;
  readonly appId: AppId;
  readonly text: string;
  /** The dropped decisions, for the log. */
  readonly decisions: readonly Decision[];
}

export interface WaitingExplanation {
  /** Instances of the app that found no place. */
  readonly instances: number;
  readonly perAgent: readonly AgentExplanation[];
}

export interface ReconcileResult {
  readonly decisions: readonly Decision[];
  /** Earliest of `wakeups`: when something changes by itself. */
  readonly wakeAt: number | null;
  /** Per reconciled app: when to make it dirty again although nothing was reported; null = never by itself. */
  readonly wakeups: ReadonlyMap<AppId, number | null>;
  /** Apps with instances that fit on no agent. Make them dirty when an agent changes or an instance ends. */
  readonly waiting: ReadonlyMap<AppId, WaitingExplanation>;
  /** Apps that wait for what these agents know by now: ask them, and make the app dirty when one has told all. */
  readonly awaited: ReadonlyMap<AppId, ReadonlySet<AgentId>>;
  readonly alarms: readonly Alarm[];
  readonly violations: readonly Violation[];
}
