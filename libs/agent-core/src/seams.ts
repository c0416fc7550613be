// The seams of the agent core (decisions.md 31): everything it touches in the world is one of these, a Clock, an Ids or a Runtime.
// Apps give real ones, specs and the simulator hand-written ones.
import type { AgentId, Assignment, ClusterId, InstanceId, RuntimeKind } from '#libs/model';
import type { ProbeOutcome } from '#libs/lifecycle';
import type { Runtime } from '#libs/runtime';
import type { TaskRecord } from './task-record.js';

/** One open connection to a control plane. */
export interface Connection {
  /** Queues one frame; dropped silently when the connection is closed. */
  send(frame: string): void;
  /** Bytes queued here and not yet taken by the system. */
  bufferedBytes(): number;
  /** Idempotent; `closed` is still called. */
  close(): void;
}

export interface ConnectionEvents {
  frame(text: string): void;
  /** Once, whoever closed it. */
  closed(reason: string): void;
}

export interface Network {
  /** Dials the control plane at this base URL; rejects with a reason for a person, also when the signal aborts. */
  open(url: string, events: ConnectionEvents, signal: AbortSignal): Promise<Connection>;
}

/** What an agent knows about itself over restarts. */
export interface AgentIdentity {
  readonly agentId: AgentId;
  /** Grows with each start; on disk before the first report. */
  readonly run: number;
  /** Highest epoch ever seen. */
  readonly epoch: number;
  /** Null: never belonged to a cluster. */
  readonly cluster: ClusterId | null;
}

/** What must survive about one instance. */
export interface JournalEntry {
  readonly instanceId: InstanceId;
  /** The newest one; null: no complete set names this instance. */
  readonly assignment: Assignment | null;
  /** The newest incarnation, as last known; null: not begun. */
  readonly task: TaskRecord | null;
  /** Launch delay of the agent's own restarts so far, ms. */
  readonly delayMs: number;
}

/** Every save resolves when it is on disk for good. */
export interface Journal {
  /** `identity` is null on the very first start. */
  load(): Promise<{ readonly identity: AgentIdentity | null; readonly entries: readonly JournalEntry[] }>;
  saveIdentity(identity: AgentIdentity): Promise<void>;
  saveInstance(entry: JournalEntry): Promise<void>;
  removeInstance(id: InstanceId): Promise<void>;
}

export interface HttpProbe {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
  /** An 1xx answer is neither good nor bad. */
  readonly ignoreHttp1xx: boolean;
}
export interface TcpProbe {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}
/** What a task itself answers to a GET, redirects not followed, certificates not verified. */
export interface HttpQuestion extends Omit<HttpProbe, 'ignoreHttp1xx'> {
  /** Most bytes of the body that are read; 0: decided on the head. */
  readonly bodyBytesMax: number;
}
export type HttpAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** As sent; an empty text when it was not. */
      readonly contentType: string;
      /** Text without NUL, cut at the limit; empty when it is no text. */
      readonly body: string;
    }
  /** `connected`: somebody listened, and gave no answer in time. */
  | { readonly kind: 'none'; readonly cause: string; readonly connected: boolean };

/** Never reject; a failure carries its cause in words. An aborted one may answer anything. */
export interface Probes {
  http(probe: HttpProbe, signal: AbortSignal): Promise<ProbeOutcome>;
  ask(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer>;
  tcp(probe: TcpProbe, signal: AbortSignal): Promise<ProbeOutcome>;
}

export interface DiskWatcher {
  /** Free share of the disk that holds the task outputs, 0..1. */
  freeShare(): Promise<number>;
}

/** The runtimes that this host has at the moment. */
export interface Runtimes {
  of(kind: RuntimeKind): Runtime | null;
}

export interface AgentLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
