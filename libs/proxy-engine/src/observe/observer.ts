// Who is told of each request or connection when it is over.
import type { HeaderFault, RequestRecord } from '#libs/proxy-core';
import type { RouteService, RouteTarget } from '#libs/routing';

/** Called once per request, in the turn in which it ends: must not throw or block. */
export interface Observer {
  ended(record: RequestRecord): void;
  /** A target is left out for failing, for a while. */
  leftOut?(service: RouteService, target: RouteTarget): void;
  /** A connection was closed, for it did not begin with the PROXY header that its service wants. It asked for nothing, so `ended` is not called. */
  headerRefused?(service: RouteService, fault: HeaderFault): void;
}

export const nobodyWatches: Observer = { ended: () => undefined };
