// Table of contents: the agent without its edges.
export { Agent } from './agent.js';
export type { AgentParts } from './agent.js';
export { AUTONOMY_AFTER_MS } from './next-step.js';
export { ORPHAN_MS } from './instance-set.js';
export type {
  AgentIdentity,
  AgentLog,
  Connection,
  ConnectionEvents,
  DiskWatcher,
  HttpAnswer,
  HttpProbe,
  HttpQuestion,
  Journal,
  JournalEntry,
  Network,
  Probes,
  TcpProbe,
} from './seams.js';
export type { TaskRecord, TaskReport } from './task-record.js';
