// Table of contents: the route table, matching a request to a service, choosing a target.
export { EMPTY_TABLE } from './route-table.js';
export type { RouteMode, RouteService, RouteTable, RouteTarget } from './route-table.js';
export { QUEUE_LENGTH, QUEUE_MS } from './route-policy.js';
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
export { waysIn } from './ways-in.js';
export { waysThrough } from './ways-through.js';
export type { ServingProxy, WayThrough } from './ways-through.js';
export type { WayByAppId, WayByHost, WayByServicePort, WayIn } from './ways-in.js';
export { servicePortsSince, servicePortSource } from './service-ports.js';
export type { RouteWarning } from './service-ports.js';
export { hostClaims } from './host-claims.js';
export type { HostClaim } from './host-claims.js';
export { deploymentGroups, siblingsAmong } from './labels/deployment-groups.js';
export type { DeploymentGroup, SiblingsOf } from './labels/deployment-groups.js';
export { hostAges } from './host-owners.js';
export { match, matchedPrefix } from './match.js';
export { servedBy, withinRange } from './groups.js';
export { isInside, parseAddress, parseNetwork } from './labels/network.js';
export type { Network } from './labels/network.js';
export type { AppPathMatch, RouteMatcher } from './match.js';
export { hashed, hasUntried, least, leastOfTwo, roundRobin } from './balance.js';
export type { Candidate, Chance, Exclusions, TargetLoad, Tier } from './balance.js';
export {
  ejectionMs,
  leftOut,
  newConduct,
  noteAnswer,
  noteConnect,
  noteFailures,
  noteRefusal,
} from './ejection.js';
export type { Conduct, Moment } from './ejection.js';
export { isOnItsWay } from './empty-reason.js';
export { fnv1a, hashOf } from './hash.js';
export {
  ASKS_FOR_PASSWORD,
  HOW_TO_REACH,
  NO_SUCH_APP,
  NOT_FROM_THIS_ADDRESS,
  NOT_FROM_THIS_ORIGIN,
  silentFor,
  tooLong,
} from './refusals.js';
export { shortHash, stickyCookieName } from './sticky-name.js';
export { BUDGET_PERCENT, RetryBudget } from './retry-budget.js';
export { answeringShares, drawShare } from './shares.js';
export type { AnsweringShare } from './shares.js';
export { shareAtAge, stepMs, weightOf } from './slow-start.js';
export { ANSWERING, groupOf, tiersOf } from './tiers.js';
export type { RankedTier, Ranking } from './tiers.js';
