// Table of contents: the Runtime seam.
export { RuntimeError } from './runtime.js';
export type {
  LogRead,
  PullProgress,
  Runtime,
  RuntimeHealth,
  TaskLaunch,
  TaskObservation,
} from './runtime.js';
