// What is known of a request before a target is chosen, whichever path reads it (fast, full, HTTP/2). Admission decides from this alone,
// so that all paths route, refuse and edit alike.
import type { IncomingMessage } from 'node:http';
import type { Origin } from '../fronts/origin.js';

export interface RequestFacts {
  /** As sent, upper case for known ones. */
  readonly method: string;
  /** Origin or absolute form, as on the request line; of HTTP/2 its `:path`. */
  readonly url: string;
  /** The Host header, or `:authority`. */
  readonly host: string | undefined;
  /** Lower-case name; several lines of one name joined by `, ` (cookies by `; `). */
  header(name: string): string | undefined;
  /** The client, as far as this proxy knows: the peer, or what a PROXY header said. */
  readonly clientAddress: string;
  /** Came over TLS to this proxy. */
  readonly secure: boolean;
  /** The service port it came in on; absent: a main port. */
  readonly servicePort?: number;
  /** Bytes of the body; undefined: not known in advance (chunked). */
  readonly bodyBytes: number | undefined;
}

/** Between the client and us, or what ends TLS in front of us, which says so. */
export const isSecure = (facts: RequestFacts): boolean =>
  facts.secure || facts.header('x-forwarded-proto') === 'https';

/** The path of a request target, for the log: without its query, which may hold secrets, and without the authority of the absolute form. */
export function askedPath(url: string): string {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  // `*` and what is no target stay
  return path.startsWith('/')
    ? path
    : path.replace(/^https?:\/\/[^/]+(.*)$/i, (_all, rest: string) => rest || '/');
}

export function factsOf(req: IncomingMessage, origin: Origin): RequestFacts {
  const length = req.headers['content-length'];
  const chunked = req.headers['transfer-encoding'] !== undefined;
  return {
    method: req.method ?? 'GET',
    url: req.url ?? '/',
    host: req.headers.host,
    header: (name) => {
      const value = req.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    clientAddress: origin.clientAddress,
    secure: origin.secure,
    ...(origin.servicePort === undefined ? {} : { servicePort: origin.servicePort }),
    bodyBytes: chunked ? undefined : Number(length ?? 0),
  };
}
