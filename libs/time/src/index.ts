// Table of contents: time as an input.
export { SystemClock } from './clock.js';
export type { Clock, Timer } from './clock.js';
export { ManualClock } from './manual-clock.js';
