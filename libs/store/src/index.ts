// Table of contents: the Store seam.
export { StoreUnavailable } from './store.js';
export type {
  Commit,
  CommitResult,
  EventPage,
  Guard,
  Leadership,
  Store,
  StoredState,
  Write,
} from './store.js';
