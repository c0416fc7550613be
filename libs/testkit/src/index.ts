// Table of contents: what tests share.
export { freePort, freePorts } from './ports.js';
export { until } from './until.js';
export type { UntilOptions } from './until.js';
