// What is told of each request or connection when it is over: the only thing that statistics, access log and metrics are made of.
import type { RouteService, RouteTarget } from '#libs/routing';

/**
 * Why a connection that was relayed ended: who closed or broke it first; `drain`: its target left, or the proxy stops, and the time was over;
 * `silence`: nothing went either way for too long; `no-target`: none accepted; `forbidden`: not for this client.
 */
export type ClosedBy = 'client' | 'target' | 'drain' | 'silence' | 'no-target' | 'forbidden';

export interface RequestRecord {
  /** Which way it went; `own`: no target was asked. */
  readonly path: 'fast' | 'full' | 'h2' | 'websocket' | 'tcp' | 'own';
  readonly service: RouteService | undefined;
  /** The last one asked. */
  readonly target: RouteTarget | undefined;
  readonly method: string;
  readonly host: string | undefined;
  /** Without query: queries hold secrets. */
  readonly urlPath: string;
  readonly clientAddress: string;
  readonly requestId: string;
  /** Of the answer; 0: the connection broke before one, or TCP. */
  readonly status: number;
  /** From the first byte of the request to the last of the answer, ms. */
  readonly durationMs: number;
  /** Targets asked after the first one. */
  readonly retries: number;
  /** To the client, of the body: neither heads nor what frames chunks, so that all paths count alike. */
  readonly bytesOut: number;
  /** From the client; of connections that were relayed (WebSocket, TCP). */
  readonly bytesIn?: number;
  /** Of connections that were relayed. */
  readonly closedBy?: ClosedBy;
}

/** Called once per request, in the turn in which it ends: must not throw or block. */
export interface Observer {
  ended(record: RequestRecord): void;
  /** A target is left out for failing, for a while. */
  leftOut?(service: RouteService, target: RouteTarget): void;
}

export const nobodyWatches: Observer = { ended: () => undefined };
