// Table of contents: the life of an instance, as pure functions.
export { tallyProbe } from './health-tally.js';
export type { ProbeMoment, ProbeOutcome } from './health-tally.js';
export { nextDelayMs } from './launch-delay.js';
