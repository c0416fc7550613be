// Table of contents: a proxy's conversation with the control plane.
export { TableSession } from './table-session.js';
export type { TableSessionParts } from './table-session.js';
export { CertifiedNames } from './certified-names.js';
export type { Certified } from './certified-names.js';
export { byBusiness, standingOf } from './standing.js';
export type { StandingCounts } from './standing.js';
export { tooManyConnections } from './too-many-connections.js';
export { cannotOpen, whyNotOpen } from './why-not-open.js';
export { WrongHeaders } from './wrong-headers.js';
export type { HeaderFault } from './wrong-headers.js';
export { judgeTable } from './judge-table.js';
export type { TableVerdict } from './judge-table.js';
export type { AbortedBy, ClosedBy, RequestRecord } from './request-record.js';
export { routesSearch } from './routes-search.js';
export type {
  ProxyJournal,
  ProxyMemory,
  ProxyNetwork,
  ReportOutcome,
  RoutesListener,
  RoutesQuery,
  ServingEngine,
  TableUser,
  TrafficSource,
  TrafficSums,
} from './seams.js';
