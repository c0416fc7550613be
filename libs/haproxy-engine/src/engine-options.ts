// What an engine with HAProxy is made of, and whom it tells.
import type { HeaderFault, TrafficSums } from '#libs/proxy-core';
import type { TaskId } from '#libs/model';
import type { RouteService, RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { AccessWish } from './request-log.js';
import type { LookUp } from './target-addresses.js';
import type { ConfigOptions } from './write-config.js';

export interface HaproxyEngineOptions extends ConfigOptions {
  readonly clock: Clock;
  /** Default: `haproxy` by PATH. */
  readonly program?: string;
  /** Nothing is in flight to this task any more. */
  readonly onIdle?: (task: TaskId) => void;
  /** What went to a target since the last call, now and then; without one: what HAProxy itself answered for the service. */
  readonly onCounted?: (service: RouteService, target: RouteTarget | undefined, sums: TrafficSums) => void;
  /**
   * An access log is wanted. `share`: of the requests that did not fail, 0 to 1; those that HAProxy takes for failures are all told. `onEnded`:
   * once for each that is told; `taken`: which share of such requests is told at all.
   */
  readonly accessLog?: AccessWish;
  /** A connection was closed, for it did not begin with the PROXY header that its service wants. */
  readonly onHeaderRefused?: (service: RouteService, fault: HeaderFault) => void;
  /** For the log. */
  readonly onNotice?: (text: string) => void;
  /** Default: as the system does. */
  readonly lookUp?: LookUp;
  /** Where this host stands, for services that prefer targets of their own zone. Default: nowhere, and none is preferred. */
  readonly zone?: string;
}
