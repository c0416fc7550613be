// The route table: which task answers for which port of which app. A value: computed whole from stored rows, numbered, swapped.
// Proxies refuse a lower (epoch, number) (decisions.md 9).
import type { AppId, InstanceId, TaskId, Timestamp } from '#libs/model';
import type { RoutePolicy, TrafficShares } from './route-policy.js';

export interface RouteTarget {
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly host: string;
  readonly port: number;
  /** Its agent is lost: used only when no other target answers. */
  readonly suspect: boolean;
  /** Of the app, as shown under /v2/apps/ID/versions. Absent in tables of an older control plane. */
  readonly version?: Timestamp;
  /** Of its agent. */
  readonly zone?: string;
  /** Its share beside its siblings: 0 to 256, 0 = no new requests while another one answers. Default 1. */
  readonly weight?: number;
  /** How long what is in flight to it may go on once it has left the table, ms (`longrun.io/drain-seconds`). Default 30 s. */
  readonly drainMs?: number;
  /** Its app, where that is not the service's: in the service of a deployment group. */
  readonly appId?: AppId;
}

/** `auto`: HTTP when the first bytes of a connection look like it, else TCP; the label HAPROXY_{n}_MODE pins it. */
export type RouteMode = 'auto' | 'http' | 'tcp';

/** A host and path as in `hosts` and `paths`. */
export interface OutrankedHost {
  readonly host: string;
  /** Absent: every path. */
  readonly path?: string;
  /** At least 1. */
  readonly by: number;
}

/** One port of one app, or of all apps of a deployment group (HAPROXY_DEPLOYMENT_GROUP). */
export interface RouteService {
  /** Of a deployment group: the group with a slash before it; no app of the table has this id. */
  readonly appId: AppId;
  readonly portIndex: number;
  /** Of the port in the definition, for DNS. Absent: it has none, or the control plane is older. */
  readonly portName?: string;
  /** Absent: the app asked for none or the range is exhausted. */
  readonly servicePort?: number;
  readonly mode: RouteMode;
  /** Virtual hosts, lower case: plain names, `*.x` for all names below x, `*` for all others. */
  readonly hosts: readonly string[];
  /** Path prefix with leading slash; it ends on a segment border unless the text ends with `*`. Absent: all paths. */
  readonly path?: string;
  /** All of them, `path` the first; present when there are several. */
  readonly paths?: readonly string[];
  /** Case of letters makes no difference to `path` and `paths`, which are lower case. */
  readonly pathIgnoreCase?: boolean;
  /** Among services of one host the greater one is asked first (HAPROXY_{n}_BACKEND_WEIGHT). Default 1 with a path, 0 without. */
  readonly matchWeight?: number;
  /**
   * Of its hosts and paths those that other services have asked for longer, each with how many of them have: of those that a proxy
   * serves the one with the fewest has it. Absent: none, or the control plane is older, whose first of the table has it.
   */
  readonly outranked?: readonly OutrankedHost[];
  /** Proxies that serve only some groups serve it if one of these is theirs (HAPROXY_GROUP). */
  readonly groups?: readonly string[];
  readonly sticky: boolean;
  readonly redirectToHttps: boolean;
  /** Absent: all defaults. */
  readonly policy?: RoutePolicy;
  /** Absent: every target counts alike. */
  readonly traffic?: TrafficShares;
  readonly targets: readonly RouteTarget[];
  /** Why no target is there, for the body of the 503: `2 instances are starting; the last one failed: …`. */
  readonly emptyReason: string;
}

export interface RouteTable {
  readonly cluster: string;
  readonly epoch: number;
  readonly number: number;
  /** Version of the newest app in it, for people. */
  readonly madeAt: Timestamp;
  readonly services: readonly RouteService[];
}

/** Before the first table: serves nothing, and any table is newer. */
export const EMPTY_TABLE: RouteTable = {
  cluster: '',
  epoch: 0,
  number: 0,
  madeAt: '' as Timestamp,
  services: [],
};
