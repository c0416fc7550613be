// Table of contents: the proxy's data path.
export { ProxyEngine } from './proxy-engine.js';
export type { ProxyEngineOptions } from './proxy-engine.js';
export type { TlsOptions } from './tls/tls-front.js';
export { isHalfOpen } from './tcp/half-open.js';
export type { Listen, ListenAt } from './tcp/listen.js';
// the choice of targets without sockets: the simulator plays the rest
export { LiveRoutes } from './targets/live-routes.js';
export type { LiveRoutesOptions } from './targets/live-routes.js';
export type { Cancel, NoTarget, NoTargetKind, Outcome, Pick, Placed } from './targets/pick.js';
export { TargetClaims } from './targets/target-claims.js';
export { Turns } from './targets/turns.js';
// what is measured of it
export type { Observer } from './observe/observer.js';
export { HeaderRefusals } from './observe/header-refusals.js';
export type { HeaderRefusalCount } from './observe/header-refusals.js';
export { versionOf } from './observe/version-of.js';
export { isBroken, TrafficStats } from './observe/traffic-stats.js';
export { mergeInFlight, mergeStanding, mergeTotals, prometheusText } from './observe/snapshot.js';
export type { ProcessSnapshot, TableState } from './observe/snapshot.js';
