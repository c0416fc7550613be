// The words of the strict HTTP/1.1 reader: what a head says, how its body is framed, and what can be wrong (RFC 9110, RFC 9112).

/** How the end of a body is found (RFC 9112 6.3). `until-close` only in answers. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

/** Header lines in order, as sent: name and value in turn. Values without surrounding blanks; latin1. */
export type HeaderLines = readonly string[];

export interface RequestHead {
  readonly method: string;
  /** As on the request line: origin or absolute form. */
  readonly target: string;
  readonly lines: HeaderLines;
  readonly host: string | undefined;
  readonly framing: Framing;
  /** The client may send another request on this connection. */
  readonly keepAlive: boolean;
  /** Lower-case names that its Connection header lists. Empty for most. */
  readonly connectionNames: readonly string[];
  /** Offset of the first byte behind the head. */
  readonly end: number;
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly lines: HeaderLines;
  readonly framing: Framing;
  /** The connection may carry another request after this answer. */
  readonly keepAlive: boolean;
  readonly connectionNames: readonly string[];
  readonly end: number;
}

/** What a reader says of the bytes so far. */
export type HeadVerdict<Head> =
  | { readonly kind: 'head'; readonly head: Head }
  /** Not whole yet. */
  | { readonly kind: 'more' }
  /** Well-formed as far as seen, but not for the fast path (Upgrade, Expect, CONNECT, HTTP/1.0, Trailer, …): for requests only. */
  | { readonly kind: 'unusual'; readonly why: string }
  /** Malformed or ambiguous: never forwarded. `status` 400, 414, 431, 501 or 505; of an answer 502. */
  | { readonly kind: 'bad'; readonly status: number; readonly why: string };

export interface HeadLimits {
  /** Bytes of the whole head. */
  readonly headBytes: number;
  /** Bytes of the request target. */
  readonly targetBytes: number;
  /** Header lines. */
  readonly lines: number;
}

/** Where a chunked body ends, found without copying or changing it. One per body. */
export interface ChunkedScanner {
  /** All that was seen is whole chunks: a last chunk could follow at once. */
  readonly betweenChunks: boolean;
  /** Octets of data so far, without what frames them. */
  readonly dataBytes: number;
  /**
   * Looks at the bytes of `data` from `from` on. `end`: the body ends before offset `at`. `more`: all of it belongs to the body.
   * `trailers`: a trailer section begins at `at` (the bytes before it belong to the body).
   */
  scan(data: Buffer, from: number): ChunkedVerdict;
}
export type ChunkedVerdict =
  | { readonly kind: 'more' }
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'trailers'; readonly at: number }
  | { readonly kind: 'bad'; readonly why: string };

/** What a request says about its answer's body (RFC 9112 6.3). */
export interface AnswerTo {
  readonly method: string;
}

export type ReadRequestHead = (data: Buffer, from: number, limits: HeadLimits) => HeadVerdict<RequestHead>;
export type ReadResponseHead = (
  data: Buffer,
  from: number,
  limits: HeadLimits,
  to: AnswerTo,
) => HeadVerdict<ResponseHead>;

/** What a reader says of the trailer section that a `ChunkedScanner` found. `end`: the message ends before offset `at`. */
export type TrailerVerdict =
  | { readonly kind: 'more' }
  | { readonly kind: 'end'; readonly at: number; readonly lines: HeaderLines }
  | { readonly kind: 'bad'; readonly why: string };
export type ReadTrailerSection = (data: Buffer, from: number, limits: HeadLimits) => TrailerVerdict;
