// Table of contents: HAProxy as the proxy's data path.
export { HaproxyEngine } from './haproxy-engine.js';
export type { HaproxyEngineOptions } from './haproxy-engine.js';
