// Table of contents: what tests share.
export { canStartDockerd, findOrStartDocker, importBusyboxImage, PrivateDockerd } from './docker/index.js';
export type { MissingDocker, TestDocker, TestImage } from './docker/index.js';
export { freePort, freePorts } from './ports.js';
export { until } from './until.js';
export type { UntilOptions } from './until.js';
