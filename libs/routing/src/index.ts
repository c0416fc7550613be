// Table of contents: the route table, matching a request to a service, choosing a target.
export type { RouteMode, RouteService, RouteTable, RouteTarget } from './route-table.js';
export type {
  Balance,
  BasicAuth,
  HeaderEdit,
  RouteCors,
  RouteEjection,
  RouteHsts,
  RouteLimits,
  RoutePolicy,
  RouteRetries,
  RouteTimeouts,
  TrafficShares,
} from './route-policy.js';
export { buildRouteTable, routeWarnings } from './build-route-table.js';
export type { RoutedApp, RouteTableInput } from './build-route-table.js';
export type { RouteWarning } from './service-ports.js';
export { match } from './match.js';
export type { AppPathMatch, RouteMatcher } from './match.js';
export { ejectionMs, pickTarget } from './balance.js';
export type { TargetLoad, TargetWish } from './balance.js';
