// Bounds of the fast path; the full path keeps the same where Node lets it.
import type { HeadLimits } from '#libs/http-wire';

export const HEAD_LIMITS: HeadLimits = { headBytes: 32 * 1024, targetBytes: 8 * 1024, lines: 256 };
/** A client must have sent its whole head by then (slowloris). */
export const HEAD_MS = 15_000;
/** Longer than the 60 s of common balancers in front, so that they close first. */
export const CLIENT_IDLE_MS = 75_000;
/** How long a client may go on sending after the last answer of its connection; what it sends is thrown away. */
export const LINGER_MS = 5_000;
/**
 * Bytes that may wait on one connection in one direction before its source is told to pause: small, for there may be thousands of
 * clients that read slowly. At least Node's high-water mark of a socket, else no `drain` would come.
 */
export const BUFFERED_BYTES_MAX = 64 * 1024;
/** Of one trailer section; trailers are not forwarded. */
export const TRAILER_BYTES_MAX = 8 * 1024;
