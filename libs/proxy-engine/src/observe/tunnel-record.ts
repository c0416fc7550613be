// What observers are told of a connection that was relayed (TCP, WebSocket): once, when both sides are closed.
import type { ClosedBy, RequestRecord } from '#libs/proxy-core';
import type { RouteService, RouteTarget } from '#libs/routing';
import { makeRequestId } from '../fast/request-id.js';
import type { Origin } from '../fronts/origin.js';
import { nobodyWatches, type Observer } from './observer.js';

/** Known when it begins. */
export interface TunnelStart {
  readonly service: RouteService;
  readonly origin: Origin;
  /** Of `performance`. */
  readonly startedAt: number;
  /** Absent: TCP. */
  readonly request?: Pick<RequestRecord, 'method' | 'host' | 'urlPath' | 'requestId'>;
}
export interface TunnelEnd {
  readonly target?: RouteTarget | undefined;
  /** Targets that were asked. */
  readonly asked: number;
  /** Of the handshake; 0: none. */
  readonly status: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly closedBy: ClosedBy;
}

export function tellTunnel(observer: Observer, start: TunnelStart, end: TunnelEnd): void {
  if (observer === nobodyWatches) return;
  const { service, origin, startedAt, request = NO_REQUEST } = start;
  const { target, asked, status, bytesIn = 0, bytesOut = 0, closedBy } = end;
  const via = start.request ? 'websocket' : 'tcp';
  observer.ended({
    path: start.request && !target ? 'own' : via,
    service,
    target,
    ...request,
    requestId: request.requestId === '' ? makeRequestId() : request.requestId,
    clientAddress: origin.clientAddress,
    status,
    durationMs: performance.now() - startedAt,
    retries: Math.max(0, asked - 1),
    bytesOut,
    bytesIn,
    closedBy,
  });
}

const NO_REQUEST = { method: '', host: undefined, urlPath: '', requestId: '' };

/** Counts what goes either way from now on: `ahead` bytes of the target have been read already. Costs nothing while it flows. */
export function meterOf(
  upstream: { readonly bytesRead: number; readonly bytesWritten: number },
  ahead = 0,
): () => { readonly bytesIn: number; readonly bytesOut: number } {
  const { bytesRead, bytesWritten } = upstream;
  return () => ({
    bytesIn: upstream.bytesWritten - bytesWritten,
    bytesOut: upstream.bytesRead - bytesRead + ahead,
  });
}
