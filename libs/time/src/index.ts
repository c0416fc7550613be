// Table of contents: time and randomness as inputs.
export { SystemClock } from './clock.js';
export type { Clock, Timer } from './clock.js';
export { randomIds } from './ids.js';
export type { Ids } from './ids.js';
export { ManualClock } from './manual-clock.js';
export { Standstill } from './standstill.js';
export type { StandstillLimits } from './standstill.js';
