// Table of contents: HAProxy as the proxy's data path.
export { HaproxyEngine } from './haproxy-engine.js';
export type { HaproxyEngineOptions } from './engine-options.js';
export { lookAtHaproxy } from './haproxy-program.js';
export type { HaproxyAbilities } from './haproxy-program.js';
export type { EndedRequest } from './request-log.js';
