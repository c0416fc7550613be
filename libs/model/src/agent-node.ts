// An agent (one per host as a rule) and a proxy, as registered.
import type { AgentId, ProxyId } from './ids.js';
import type { Cause } from './cause.js';
import type { RuntimeKind } from './app-spec.js';

/** Inclusive. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface AgentResources {
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  /** MiB */
  readonly disk: number;
  readonly ports: readonly PortRange[];
}

/** What an agent says about itself on each hello. */
export interface AgentInfo {
  readonly id: AgentId;
  readonly hostname: string;
  /** Where the proxy reaches its host ports. */
  readonly address: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zone?: string;
  readonly resources: AgentResources;
  readonly runtimes: readonly RuntimeKind[];
  readonly version: string;
  /** Clear words about what this host cannot do (no cgroup limits, engine without live-restore, log output dropped, …). */
  readonly warnings: readonly string[];
}

export type AgentLiveness = 'connected' | 'disconnected' | 'lost';

export interface AgentNode {
  readonly info: AgentInfo;
  /** Last run number seen; an older run is refused. */
  readonly run: number;
  readonly liveness: AgentLiveness;
  /** When it got this liveness, control plane's clock. */
  readonly since: number;
  /** Why it is lost: how long it was silent, or who said so. Absent otherwise, and in rows of older releases. */
  readonly cause?: Cause;
  /** Less than 5 % of its disk is free. */
  readonly diskLow: boolean;
}

export interface ProxyNode {
  readonly id: ProxyId;
  readonly address: string;
  /** As it reported (ProxyListens of libs/agent-protocol). Absent: it is of an older release. */
  readonly listens?: {
    readonly httpsPort?: number;
    readonly httpsNames?: readonly string[];
    readonly httpsNamesCut?: true;
    readonly appPaths: boolean;
    readonly groups?: readonly string[];
    readonly servicePorts?: PortRange;
  };
  /** As it reported (ProxyAbout of libs/agent-protocol). Absent: it is of an older release. */
  readonly about?: {
    readonly engine: string;
    readonly host: string;
    readonly worker?: { readonly index: number; readonly of: number };
  };
  /** Leases end at this time of the control plane's clock; all start anew when a leader takes office. A report or a question for tables renews it. */
  readonly leaseUntil: number;
  /** Highest table this proxy confirmed: every worker swapped, no new request picks a target that left before it. */
  readonly confirmed: { readonly epoch: number; readonly number: number };
  /**
   * This leader has not heard it since it took office, or since it asked for tables: what is in flight at it is not known. What is stored
   * of it is not read.
   */
  readonly isUnheard?: true;
  /** Requests and connections in flight to tasks that have left its table. A task not named has none. */
  readonly inFlight: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}
