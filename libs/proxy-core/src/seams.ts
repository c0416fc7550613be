// What a table session needs from the world: the network to the control plane, a memory that survives restarts, and the data path
// it feeds. Implementations may be real (apps/proxy) or simulated; none of them may throw where a value is promised.
import type {
  ProxyReport,
  ProxyReportAnswer,
  RoutesAsker,
  TrafficAbort,
  TrafficReport,
  TrafficStanding,
} from '#libs/agent-protocol';
import type { ProxyId, TaskId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { Certified } from './certified-names.js';

/** What a proxy remembers. */
export interface ProxyMemory {
  /** The cluster it belongs to; null: none so far. */
  readonly cluster: string | null;
  /** Highest epoch ever seen. */
  readonly epoch: number;
  /** The last table that was swapped in; null: none so far. */
  readonly table: RouteTable | null;
}

export interface ProxyJournal {
  /** Resolves when it would survive a crash of the host; rejects when it cannot be written. */
  save(memory: ProxyMemory): Promise<void>;
}

export interface RoutesQuery {
  /** Base URL of the control plane. */
  readonly at: string;
  readonly epoch: number;
  readonly after: number;
  /** This process. */
  readonly by: RoutesAsker;
}

export interface RoutesListener {
  /** One parsed line. */
  readonly onLine: (line: unknown) => void;
  /** Once, and nothing after it. `leader`: ask there instead. */
  readonly onEnd: (end: { readonly problem: string; readonly leader?: string }) => void;
}

export type ReportOutcome =
  | { readonly kind: 'answer'; readonly answer: ProxyReportAnswer }
  /** Another cluster, a lower epoch, or a token that is not accepted. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'elsewhere'; readonly leader: string }
  | { readonly kind: 'failed'; readonly message: string };

export interface ProxyNetwork {
  /** Holds `GET /v3/routes` open until it ends or is closed; after `close` nothing is called. */
  followRoutes(query: RoutesQuery, listener: RoutesListener): { close(): void };
  /** `POST /v3/proxies/ID`; always resolves, within `timeoutMs`. */
  report(at: string, proxy: ProxyId, report: ProxyReport, timeoutMs: number): Promise<ReportOutcome>;
  /** The newest table, or null when it could not be had within `timeoutMs`. Asked without a name: reports begin the lease there. */
  fetchTable(at: string, timeoutMs: number): Promise<unknown>;
}

/** The data path. */
export interface TableUser {
  /**
   * From the call on no new request picks what is not in this table; resolves when that holds in every worker.
   * Never rejects. May be called again before it has resolved: then the newer table is the one to carry out.
   */
  swap(table: RouteTable): Promise<void>;
  inFlight(): ReadonlyMap<TaskId, number>;
  warnings(): readonly string[];
}

/** What the data path measured, for its reports. */
export interface TrafficSource {
  /** What came since the last one that was answered; called for each report. Undefined: nothing. */
  take(): TrafficReport | undefined;
  /** The control plane has what was taken last. */
  answered(): void;
}

/** What went to one target since this was told last, by an engine that sees no single requests of its own. */
export interface TrafficSums {
  /** Answers by the first digit of their status, 1 to 5. */
  readonly byClass: readonly [number, number, number, number, number];
  /** Without an answer, and connections where there are no answers (TCP). */
  readonly broken: number;
  readonly connections: number;
  readonly retries: number;
  /** Times that the target was left out for failing. */
  readonly ejections: number;
  /** Broken off before the answer was whole, by whom, as far as the engine tells. */
  readonly aborted?: Readonly<Partial<Record<TrafficAbort, number>>>;
  /** To clients. */
  readonly bytesOut: number;
  /** Of the newest ones, ms. */
  readonly averageMs: number;
}

/** A data path with listeners of its own: the built-in engine, or HAProxy driven by us. */
export interface ServingEngine extends TableUser {
  /** Resolves with the main port once it accepts connections; rejects when that port cannot be opened, with the remedy. */
  start(): Promise<number>;
  /** Stops accepting, lets what is in flight finish for at most so long, then cuts it. */
  stop(graceMs: number): Promise<void>;
  /** Those of its HTTPS port, none without one; the same list as long as they are the same. */
  certificates(): readonly Certified[];
  /** What is in flight, waits and is left out right now, the busiest first. */
  standings(): readonly TrafficStanding[];
}
