// The wire between control plane and agent: JSON frames on one WebSocket (decisions.md 20), at most 1 MiB each.
// The agent dials `GET /v3/agents/session` with `Authorization: Bearer <token>` and says hello.
import type { AgentInfo, Assignment, ClusterId, InstanceId, InstanceStatus, TaskId } from '#libs/model';

export const PROTOCOL_VERSION = 1;
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Both sides send a heartbeat this often. */
export const HEARTBEAT_MS = 3_000;
/** Silence after which either side gives the session up. */
export const SESSION_DEAD_MS = 10_000;

export interface Hello {
  readonly type: 'hello';
  readonly protocol: number;
  /** Null: this agent never belonged to a cluster. */
  readonly cluster: ClusterId | null;
  readonly agent: AgentInfo;
  /** On disk before the first report; grows with each start of the agent. */
  readonly run: number;
  /** Highest epoch ever seen; a control plane with a lower one must step back. */
  readonly epoch: number;
}
export interface Welcome {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly cluster: ClusterId;
  readonly epoch: number;
  /** See Heartbeat. */
  readonly at?: number;
}
/** The session ends after it. `leader`: base URL to dial instead. `final`: do not try again without a change (other cluster, bad protocol, overlapping ports). */
export interface Refused {
  readonly type: 'refused';
  readonly reason: string;
  readonly final: boolean;
  readonly leader?: string;
}
/**
 * `full`: the complete set begins; what it does not name is an orphan. It may span frames: `more` is true on all but the last,
 * and only the whole set counts. Without `full`: a change. Numbers grow by 1 per frame within a session, from 1.
 */
export interface Assignments {
  readonly type: 'assignments';
  readonly number: number;
  readonly full: boolean;
  readonly more: boolean;
  readonly items: readonly Assignment[];
  /** Forget these (they are terminal and acknowledged). */
  readonly removed: readonly InstanceId[];
}
export interface AssignmentsAck {
  readonly type: 'assignments-ack';
  /** All frames up to this one are on the agent's disk. */
  readonly number: number;
}
/** At most one status per instance: the newest. Repeated until acknowledged. After `welcome` the agent sends all it has. */
export interface Statuses {
  readonly type: 'statuses';
  readonly items: readonly InstanceStatus[];
}
/** Sent only after the commit (decisions.md 8): all statuses up to this sequence of this run are stored. */
export interface StatusesAck {
  readonly type: 'statuses-ack';
  readonly sequence: number;
}
export interface AgentUpdate {
  readonly type: 'agent-update';
  readonly agent: AgentInfo;
  readonly diskLow: boolean;
}
/**
 * The first one of an agent follows all its statuses, so that the control plane knows when it has been told everything. One of the control
 * plane that says when it was sent is answered with another one, behind all that the agent finds out by a look at its tasks. Either member
 * may be absent, for a process of an older release neither asks nor answers.
 */
export interface Heartbeat {
  readonly type: 'heartbeat';
  /** From the control plane: epoch ms, its clock. */
  readonly at?: number;
  /**
   * From an agent: the newest `at` of this session after which it has looked at its tasks; 0: there was no look yet. However long this frame
   * was on its way, what had happened to tasks by then was said before it.
   */
  readonly heard?: number;
}

/** Logs of a task, read on the agent. Offsets are bytes; a negative `from` counts from the end. */
export interface LogRequest {
  readonly type: 'log-request';
  readonly request: string;
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  readonly stream: 'stdout' | 'stderr';
  readonly from: number;
  readonly follow: boolean;
}
export interface LogCancel {
  readonly type: 'log-cancel';
  readonly request: string;
}
/** `end`: no more will come (file ended and not following, task forgotten, or `error`). Text is UTF-8 with replacement characters. */
export interface LogChunk {
  readonly type: 'log-chunk';
  readonly request: string;
  readonly text: string;
  readonly end: boolean;
  readonly error?: string;
}

export type FromAgent = Hello | AssignmentsAck | Statuses | AgentUpdate | Heartbeat | LogChunk;
export type ToAgent = Welcome | Refused | Assignments | StatusesAck | Heartbeat | LogRequest | LogCancel;
