// The wire between control plane and proxy: a held NDJSON answer to `GET /v3/routes?after=N`, confirmations by
// `POST /v3/proxies/ID` (decisions.md 10, 20). Both with `Authorization: Bearer <token>`.

import type { TrafficReport } from './traffic-report.js';

/** The proxy posts at least this often, and at once after it swapped a table or an in-flight count fell to 0. Each post renews its lease. */
export const PROXY_RENEW_MS = 3_000;
/** Without a post for this long a proxy no longer holds back stops. It begins as well when a proxy asks for tables. */
export const PROXY_LEASE_MS = 10_000;
/** The control plane writes a heartbeat line at least this often. */
export const ROUTES_HEARTBEAT_MS = 3_000;

/** One line of `GET /v3/routes?after=NUMBER&epoch=EPOCH`; `table` is a RouteTable of libs/routing. Proxies say who they are: RoutesAsker. */
export type RoutesLine<Table> =
  | { readonly type: 'table'; readonly table: Table }
  | { readonly type: 'heartbeat'; readonly epoch: number; readonly number: number };

/**
 * Who asks for tables: `proxy`, `run` and `address` in the query of `GET /v3/routes`, as in its reports. Its lease is in force before the
 * first table is sent, for it routes by that one before its next report arrives. Absent: it is no proxy, or one of an older release; then
 * a lease begins with a report alone.
 */
export interface RoutesAsker {
  readonly proxy: string;
  readonly run: string;
  readonly address: string;
}

/** What people must know of a proxy, beside its main port, to reach apps. */
export interface ProxyListens {
  /** Absent: it has no certificates. */
  readonly httpsPort?: number;
  /**
   * What certificates that are valid now name: lower case, `*.x` for the names one label below x; at most `HTTPS_NAMES_MAX`. Absent: it has
   * no HTTPS port, or it is of an older release, which has one and does not say.
   */
  readonly httpsNames?: readonly string[];
  /** There are more names than those. */
  readonly httpsNamesCut?: true;
  /** `/_app/` is answered for clients on other hosts, too. */
  readonly appPaths: boolean;
  /** Of the services it serves those of these groups alone, at most `PROXY_GROUPS_MAX`. Absent, none or `*`: all, as with older releases. */
  readonly groups?: readonly string[];
  /** Service ports that it may open, both included. Absent: as the control plane's `--service-ports` says, as with older releases. */
  readonly servicePorts?: { readonly from: number; readonly to: number };
}
/** Each has 1 to 253 characters; with fewer than this a report stays far below the 4 MiB that are read of it. */
export const HTTPS_NAMES_MAX = 1_000;
/** Names of groups that one proxy may be told; each has 1 to 300 characters. */
export const PROXY_GROUPS_MAX = 1_000;

/** What people tell proxies apart by. */
export interface ProxyAbout {
  /** `builtin` or `haproxy`; later releases may have others. */
  readonly engine: string;
  /** Name of the host that it runs on. */
  readonly host: string;
  /** Of several processes of one proxy, which each report for themselves: which one this is, from 1, and of how many. */
  readonly worker?: { readonly index: number; readonly of: number };
}

/** Body of `POST /v3/proxies/ID`. */
export interface ProxyReport {
  readonly cluster: string | null;
  readonly address: string;
  /** Differs for each start of the process, so that a copied data folder is noticed. Absent: a proxy of an older release. */
  readonly run?: string;
  /** Absent: a proxy of an older release. */
  readonly listens?: ProxyListens;
  /** Absent: a proxy of an older release. */
  readonly about?: ProxyAbout;
  /** Highest epoch seen, kept on disk. */
  readonly epoch: number;
  /** Confirmed: swapped in every worker, no new request can pick what left before it. */
  readonly confirmed: { readonly epoch: number; readonly number: number };
  /** By task id: requests, WebSockets and TCP connections in flight to tasks that are not in the confirmed table. */
  readonly inFlight: Readonly<Record<string, number>>;
  /**
   * In words. One that begins with `app ID` or `service port NUMBER` is about that app, or the app that asks for that port, and is shown
   * with its own warnings as well.
   */
  readonly warnings: readonly string[];
  /** True when it leaves for good (ordered stop): its lease ends at once. */
  readonly leaving: boolean;
  /** Measured since the last report that was answered. Absent: nothing, or a proxy of an older release. */
  readonly traffic?: TrafficReport;
}
/** Answer 200; 409 with a message when the cluster differs or our epoch is lower than the proxy's. */
export interface ProxyReportAnswer {
  readonly cluster: string;
  readonly epoch: number;
  readonly number: number;
}
