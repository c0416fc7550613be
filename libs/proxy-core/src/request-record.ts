// What is told of each request or connection when it is over: the only thing that statistics, access log and metrics are made of.
import type { RouteService, RouteTarget } from '#libs/routing';

/**
 * Why a connection that was relayed ended: who closed or broke it first; `drain`: its target left, or the proxy stops, and the time was over;
 * `silence`: nothing went either way for too long; `no-target`: none accepted; `forbidden`: not for this client.
 */
export type ClosedBy = 'client' | 'target' | 'drain' | 'silence' | 'no-target' | 'forbidden';

/**
 * Who broke a request off before its answer was whole, as HAProxy's termination states (CD, SD, sD, K) and Envoy's response flags (DC, UC, SI)
 * tell it:
 * - `client`: it left, before the answer or in the middle of it; it took none of it for longer than the silence that is allowed; or the body
 *   of its request turned out to be none when the answer had begun.
 * - `target`: it closed or reset the connection or the stream in the middle of its answer, or went on with what is no HTTP.
 * - `silence`: it said nothing for too long in the middle of its answer.
 * - `drain`: it left, or the proxy stops, and the time for what is in flight was over.
 */
export type AbortedBy = Extract<ClosedBy, 'client' | 'target' | 'silence' | 'drain'>;

export interface RequestRecord {
  /** Which way it went; `own`: no target was asked; `haproxy`: by HAProxy as the engine, over HTTP/1. */
  readonly path: 'fast' | 'full' | 'h2' | 'websocket' | 'tcp' | 'own' | 'haproxy';
  readonly service: RouteService | undefined;
  /** The last one asked. */
  readonly target: RouteTarget | undefined;
  readonly method: string;
  readonly host: string | undefined;
  /** As the client asked for it, whatever rules made of it for the target. Without query: queries hold secrets. */
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
  /** Of requests whose answer did not leave whole. Answers of the proxy's own always count as whole. */
  readonly abortedBy?: AbortedBy | undefined;
}
