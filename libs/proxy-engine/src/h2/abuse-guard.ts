// Counts what a client of HTTP/2 may do only so often: streams that it opens and cancels (rapid reset, CVE-2023-44487), PINGs, SETTINGS.
// nghttp2 has bounds of its own (1.57 and later: 1000 resets at once, then 33/s); these are lower and close in words a client can log.
import type { Clock } from '#libs/time';

const WINDOW_MS = 10_000;
/** In one window. A browser that leaves a page cancels at most the streams it may have open at once. */
export const RESETS_MAX = 200;
export const PINGS_MAX = 500;
export const SETTINGS_MAX = 50;

type Kind = 'reset' | 'ping' | 'settings';
const MAX: Readonly<Record<Kind, number>> = { reset: RESETS_MAX, ping: PINGS_MAX, settings: SETTINGS_MAX };

/** One per session. */
export class AbuseGuard {
  readonly #clock: Clock;
  #windowStart: number;
  #counts: Record<Kind, number> = { reset: 0, ping: 0, settings: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#windowStart = clock.now();
  }

  /** True: that was one too many. */
  isTooMuch(kind: Kind): boolean {
    const now = this.#clock.now();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now;
      this.#counts = { reset: 0, ping: 0, settings: 0 };
    }
    return (this.#counts[kind] += 1) > MAX[kind];
  }
}
