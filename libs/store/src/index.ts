// Table of contents: the Store seam, its memory implementation, and what a Store implementation builds on.
export { StoreUnavailable } from './store.js';
export type {
  Commit,
  CommitResult,
  EventPage,
  Guard,
  Leadership,
  ReasonPage,
  Store,
  StoredReason,
  StoredState,
  Write,
} from './store.js';
export { MemoryStore, portConflict } from './memory-store.js';
export {
  DEPLOYMENTS_KEPT,
  EVENTS_KEPT,
  EVENTS_KEPT_MS,
  REASONS_KEPT_MS,
  REASONS_PER_INSTANCE,
  VERSIONS_KEPT,
} from './retention.js';
export { planWrites, RowChanges } from './write-plan.js';
export { introducedTask } from './introduced-task.js';
export type { WritePlan } from './write-plan.js';
