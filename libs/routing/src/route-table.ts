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
}

/** `auto`: HTTP when the first bytes of a connection look like it, else TCP; the label HAPROXY_{n}_MODE pins it. */
export type RouteMode = 'auto' | 'http' | 'tcp';

/** One port of one app. */
export interface RouteService {
  readonly appId: AppId;
  readonly portIndex: number;
  /** Absent: the app asked for none or the range is exhausted. */
  readonly servicePort?: number;
  readonly mode: RouteMode;
  /** Virtual hosts, lower case, from HAPROXY_{n}_VHOST. */
  readonly hosts: readonly string[];
  /** Path prefix with leading slash, from HAPROXY_{n}_PATH. */
  readonly path?: string;
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
