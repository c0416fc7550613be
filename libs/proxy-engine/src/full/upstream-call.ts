// One attempt to ask one target, whatever it speaks (http1-call.ts, h2/h2c-call.ts). What it was that failed decides whether the
// request may be sent again, so the attempt knows how far it got.
import type { Readable } from 'node:stream';
import type { RouteTarget } from '#libs/routing';
import type { FlatHeaders, HeaderMap } from './client-side.js';

export interface UpstreamAsk {
  readonly target: RouteTarget;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Host, and everything for the task; nothing that belongs to a connection but Transfer-Encoding. */
  readonly headers: HeaderMap;
  readonly body: Readable | undefined;
  readonly requestTrailers: () => FlatHeaders;
  /** What a connection to the target begins with, about this client: such a connection must carry requests of no other. */
  readonly hello?: Buffer;
  /** On a connection of its own, not on a kept one. */
  readonly fresh: boolean;
  readonly connectTimeoutMs: number;
  /** Silence after which the request is given up. */
  readonly silenceMs: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly reason: string;
  /** Without what belongs to the connection. */
  readonly headers: string[];
  readonly body: Readable;
  readonly mayHaveTrailers: boolean;
  /** HTTP/2: the head came with the end of the stream. */
  readonly ends?: boolean;
  /** Complete when the body has ended. */
  readonly trailers: () => FlatHeaders;
  /** The body is there to its last byte. */
  readonly isWhole: () => boolean;
}

export interface UpstreamEvents {
  informed(status: number, headers: FlatHeaders): void;
  answered(answer: UpstreamAnswer): void;
  /** Ended without an answer. */
  failed(error: Error): void;
}

export interface UpstreamCall {
  /** The connection stood: a failure is not a refused connect. */
  readonly connected: boolean;
  /** Bytes of the body may have left: it cannot be sent again. */
  readonly consumed: boolean;
  /** The connection had served a request before. */
  readonly reused: boolean;
  /** The target has said that it did not look at the request (RFC 9113 8.7). */
  readonly unseen: boolean;
  /** Gave up because of `silenceMs`. */
  readonly timedOut: boolean;
  /** Nobody wants the answer any more; nothing is called afterwards. */
  abandon(): void;
}

/** What came is no answer that may be passed on; the message says why. */
export class InvalidAnswer extends Error {}

export type StartCall = (ask: UpstreamAsk, events: UpstreamEvents) => UpstreamCall;

/** Names that no trailer may have: they frame, route or authenticate, and a receiver could take them for headers (RFC 9110 6.5.1). */
const NO_TRAILERS =
  /^(?::.*|transfer-encoding|content-length|content-encoding|content-type|content-range|host|connection|keep-alive|proxy-.*|te|trailer|upgrade|authorization|set-cookie|cookie|cache-control|expect|max-forwards|range|if-.*|x-forwarded-.*|forwarded)$/i;

export function cleanTrailers(flat: FlatHeaders): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = flat[at] ?? '';
    if (!NO_TRAILERS.test(name)) kept.push(name, flat[at + 1] ?? '');
  }
  return kept;
}
