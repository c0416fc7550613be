// Table of contents: tasks as plain processes.
export { ProcessRuntime } from './process-runtime.js';
export type { ProcessRuntimeOptions, RuntimeLog } from './process-runtime.js';
