// What the choice of a target answers: a claimed target, or why there is none and what to tell the client.
import type { RouteTarget } from '#libs/routing';

/**
 * How it went with a target, as far as it says something about the target:
 * - `ok`: it answered, whatever it said; its failures are forgotten.
 * - `failed`: it accepted, and then broke, stayed silent for too long, or gave an answer of a gateway kind (502, 503, 504).
 *   Several in a row leave it out for a while (policy `ejection`).
 * - `refused`: it did not accept a connection; it is left out at once, for 1, 2, 4, 8, then 10 s.
 * Nothing is said when the client left, or when the fault was its own.
 */
export type Outcome = 'ok' | 'failed' | 'refused';

/** A target with a claim on it: it is not stopped before its release (promise 2). */
export interface Pick {
  readonly target: RouteTarget;
  /** Ends the claim; calling it again does nothing. May hand the place to a request that waits, in the same turn. */
  release(outcome?: Outcome): void;
}

export type NoTargetKind =
  /** The service has left the table. */
  | 'removed'
  /** It has no target, and none is on its way. */
  | 'empty'
  /** It has no target so far; `message` says what it waits for. */
  | 'starting'
  /** Each of its targets was tried for this request. */
  | 'all-tried'
  /** The same, and all of them are left out because of earlier failures. */
  | 'all-ejected'
  /** Each of its targets has as many requests as it may have, and so has the queue. */
  | 'queue-full'
  /** It waited for its turn for too long. */
  | 'queue-timeout';

/** For a 503. */
export interface NoTarget {
  readonly kind: NoTargetKind;
  /** One sentence without a final stop, for the body: what, why. Names no host and no task. */
  readonly message: string;
  /** When it is worth while to ask again, whole seconds, at least 1. */
  readonly retryAfterS: number;
}

export type Placed =
  { readonly kind: 'placed'; readonly pick: Pick } | { readonly kind: 'none'; readonly why: NoTarget };

/** Leaves the queue: its `ready` is not called any more. Does nothing after that was called. */
export type Cancel = () => void;
