// Table of contents: a Docker Engine and an image for tests.
export { importBusyboxImage } from './busybox-image.js';
export type { TestImage } from './busybox-image.js';
export { canStartDockerd, findOrStartDocker } from './find-engine.js';
export type { MissingDocker, TestDocker } from './find-engine.js';
export { freeRange } from './bridge-range.js';
export { PrivateDockerd } from './private-dockerd.js';
