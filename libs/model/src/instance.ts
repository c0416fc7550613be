// An instance: one placed copy of an app. Two parts with one writer each: what the control plane wants
// (goal, placement, routing, stop) and what its agent last reported.
import type { AgentId, AppId, InstanceId, TaskId, Timestamp } from './ids.js';
import type { Cause } from './cause.js';

/** Result of one health check on one task; Marathon's Health object without the instance id. Times are epoch ms of the agent. */
export interface HealthResult {
  /** A success and no failure after it. */
  readonly alive: boolean;
  readonly consecutiveFailures: number;
  readonly firstSuccessAt?: number;
  readonly lastSuccessAt?: number;
  readonly lastFailureAt?: number;
  readonly lastFailureCause?: string;
}

/**
 * What the agent's worker is doing with an incarnation, in the order of a life. `pulling` and `waiting` show as TASK_STAGING.
 * `ended` and `rejected` are terminal; `rejected` never started (reason says why).
 */
export type TaskPhase = 'waiting' | 'pulling' | 'starting' | 'running' | 'stopping' | 'ended' | 'rejected';

export type RejectReason =
  | 'port-taken' // no backoff; another port next time
  | 'image-not-found'
  | 'runtime-missing' // e.g. no Docker Engine on this agent
  | 'invalid' // the engine refused the definition (unknown parameter, bad path, …)
  | 'temporary'; // engine error that may pass; retried with backoff

export interface TaskExit {
  /** Exit status 0..255; absent when unknown (its shim is gone). 137 may be a SIGKILL. */
  readonly code?: number;
  readonly signal?: string;
  /** By a stop of ours. */
  readonly requested: boolean;
  readonly outOfMemory: boolean;
  /** For a person; with the last lines of stderr after a failure. */
  readonly message: string;
}

/** What a readiness check last got (behaviour.md 8). */
export interface ReadinessResult {
  readonly ready: boolean;
  /** With `preserveLastResponse` only. A task that could not be asked is 504, `text/plain`. */
  readonly lastResponse?: { readonly status: number; readonly contentType: string; readonly body: string };
}

/** Result of `check` as tasks show it (api.md 3.10); one member, as the check's kind. An empty object: asked, and no answer. */
export interface CheckResult {
  readonly http?: { readonly statusCode?: number };
  readonly tcp?: { readonly succeeded: boolean };
  readonly command?: { readonly exitCode?: number };
}

/** A full report about one instance; the newest one (run, sequence) wins and replaces all earlier ones. */
export interface InstanceStatus {
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly taskId: TaskId;
  readonly incarnation: number;
  /** Order of reports: the agent's run (grows with each start of the agent), then sequence. */
  readonly run: number;
  readonly sequence: number;
  readonly phase: TaskPhase;
  /** Epoch ms, the agent's clock. Absent before the start. */
  readonly startedAt?: number;
  /** When this phase began. */
  readonly since: number;
  readonly exit?: TaskExit;
  readonly reject?: { readonly reason: RejectReason; readonly message: string; readonly port?: number };
  /** One per health check of the launch spec, same order; null = no result yet. */
  readonly health: readonly (HealthResult | null)[];
  /** For ports without a health check of their own: every port accepted a TCP connection since this start. */
  readonly accepting: boolean;
  /** Answers of the readiness check of the assignment, once asked; `ready` stays true from the first ready answer on. */
  readonly readiness?: ReadinessResult;
  /** Newest result of the app's `check`. */
  readonly check?: CheckResult;
  /** Progress of a pull, for people; changes count as progress of the deployment. */
  readonly pull?: { readonly doneBytes: number; readonly totalBytes: number; readonly text: string };
  readonly ipAddresses: readonly { readonly ipAddress: string; readonly protocol: 'IPv4' | 'IPv6' }[];
  /** When its phase or its pull last changed, by the control plane's clock; set by status intake. */
  readonly movedAt?: number;
  /**
   * This task was healthy once, also if its agent was restarted and forgot; and since when it is not, as far as its agent cannot say.
   * By the control plane's clock; set by status intake.
   */
  readonly wasHealthy?: true;
  readonly turnedAt?: number;
  /** Since when one of its checks is reported as failing, by the control plane's clock: clocks of agents differ. Set by status intake. */
  readonly failingSince?: number;
  /** Since when it runs and every one of its checks passes, by the control plane's clock; set by status intake. Absent: not now. */
  readonly wellSince?: number;
  /** pid of the process or id of the container, for people and tests. */
  readonly handle?: string;
  /** Started by the agent itself while it had no session. */
  readonly autonomous: boolean;
}

/** Where a stop of ours stands (decisions.md 11). Each phase is entered by a commit; times are the control plane's clock. */
export type StopPhase =
  | 'unrouting' // left the table at `leftAt`; waiting for proxies to confirm
  | 'draining' // confirmed; waiting for requests in flight, until `drainUntil`
  | 'killing'; // the agent has been told

export interface InstanceStop {
  readonly phase: StopPhase;
  readonly cause: Cause;
  readonly since: number;
  readonly drainUntil?: number;
  /** After it is terminal: `relaunch` keeps the instance (next incarnation), `remove` forgets it. */
  readonly then: 'remove' | 'relaunch';
}

export type Routing =
  | 'out' // not in the table
  | 'in'
  | 'suspect'; // its agent is lost: used only when no other target answers

export interface Instance {
  readonly id: InstanceId;
  readonly appId: AppId;
  /** The app version it was created with; a relaunch keeps it (behaviour.md 10.1). */
  readonly version: Timestamp;
  /** Running until a stop with `then: remove` is decided; never goes back. */
  readonly goal: 'running' | 'stopped';
  /** Absent: no stop under way. */
  readonly stop?: InstanceStop;
  /** 0 = scheduled, never placed. Otherwise the incarnation that the control plane wants or has taken over from the agent. */
  readonly incarnation: number;
  /** Of this incarnation; absent before the first placement. */
  readonly taskId?: TaskId;
  /**
   * True while this incarnation may be running: set by placement, cleared when the agent reported it terminal.
   * A scheduled instance (waiting to be launched) has false, and keeps agent and report of its last incarnation for display.
   */
  readonly placed: boolean;
  readonly agentId?: AgentId;
  /** As `portsOf` lists the ports; 0 = that port has none (container networks). */
  readonly hostPorts: readonly number[];
  /** This incarnation was started for a deployment of an app with a readiness check, so it must answer ready once (behaviour.md 8). */
  readonly asksReadiness?: true;
  readonly createdAt: number;
  readonly placedAt?: number;
  /** The incarnation before was killed for its health: when it was well for the last time (its agent's clock, epoch ms). */
  readonly lastWellAt?: number;
  /** Why this incarnation was started (or the instance created). */
  readonly cause: Cause;
  readonly routing: Routing;
  /** Since when it is in the table without interruption; the control plane's clock, epoch ms. Absent in rows of older releases. */
  readonly routedAt?: number;
  /** Table number at which it last left the table; 0 = never was in it. */
  readonly leftAt: number;
  /** Agent lost: since when, by the control plane's clock. */
  readonly unreachableSince?: number;
  /** Counts every write of the fields above; guards a commit. Reports do not change it. */
  readonly goalRevision: number;
  /** The newest report of the current incarnation's task, or of the last one; written by status intake only. */
  readonly status?: InstanceStatus;
}
