// Table of contents: the proxy's data path.
export { ProxyEngine } from './proxy-engine.js';
export type { ProxyEngineOptions } from './proxy-engine.js';
