// Launch backoff (behaviour.md 9): how long to wait before the next start after one that ended badly.
// The control plane uses it with Postgres's clock, an agent without a session with its own (decisions.md 15).
import type { LaunchBackoff } from '#libs/model';

/** The delay after one more failure, in ms: min(initial, max) first, then previous x factor, at most max. */
export function nextDelayMs(previousMs: number, backoff: Omit<LaunchBackoff, 'delayMs'>): number {
  const grown = previousMs > 0 ? previousMs * backoff.factor : backoff.initialMs;
  return Math.min(Math.round(grown), backoff.maxMs);
}
