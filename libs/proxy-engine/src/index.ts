// Table of contents: the proxy's data path.
export { ProxyEngine } from './proxy-engine.js';
export type { ProxyEngineOptions } from './proxy-engine.js';
// the choice of targets without sockets: the simulator plays the rest
export { LiveRoutes } from './targets/live-routes.js';
export type { Pick } from './targets/live-routes.js';
export { TargetClaims } from './targets/target-claims.js';
