// Table of contents: messages between control plane, agents and proxies.
export { HEARTBEAT_MS, MAX_FRAME_BYTES, PROTOCOL_VERSION, SESSION_DEAD_MS } from './messages.js';
export type {
  AgentUpdate,
  Assignments,
  AssignmentsAck,
  FromAgent,
  Heartbeat,
  Hello,
  LogCancel,
  LogChunk,
  LogRequest,
  Refused,
  Statuses,
  StatusesAck,
  ToAgent,
  Welcome,
} from './messages.js';
export {
  HTTPS_NAMES_MAX,
  PROXY_GROUPS_MAX,
  PROXY_LEASE_MS,
  PROXY_RENEW_MS,
  ROUTES_HEARTBEAT_MS,
} from './proxy-messages.js';
export type {
  ProxyAbout,
  ProxyListens,
  ProxyReport,
  ProxyReportAnswer,
  RoutesAsker,
  RoutesLine,
} from './proxy-messages.js';
export {
  LATENCY_BUCKETS,
  latencyBound,
  latencyBucket,
  latencyQuantile,
  TRAFFIC_ABORTS,
  TRAFFIC_COUNTS,
  TRAFFIC_SERIES_MAX,
} from './traffic-report.js';
export type {
  TrafficAbort,
  TrafficCount,
  TrafficReport,
  TrafficSeries,
  TrafficStanding,
} from './traffic-report.js';
