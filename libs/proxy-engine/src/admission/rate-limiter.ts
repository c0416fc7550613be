// Rates with bursts, for any number of keys in bounded memory: for each key only the time at which its allowance would be whole again
// (the generic cell rate algorithm, which admits what a token bucket admits). A key that is whole again needs no memory at all.
import type { Clock } from '#libs/time';

export interface Rate {
  /** Above 0. */
  readonly perSecond: number;
  /** How many may come at once; at least 1. */
  readonly burst: number;
}

const KEYS_MAX = 100_000;
const SWEEP_MS = 1_000;

export class RateLimiter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #wholeAt = new Map<string, number>();
  readonly #keysMax: number;
  #sweptAt = -Infinity;

  constructor(clock: Pick<Clock, 'now'>, keysMax = KEYS_MAX) {
    this.#clock = clock;
    this.#keysMax = keysMax;
  }

  /** Takes one, and gives 0; or takes none, and gives the seconds (at least 1) until there is one again. */
  take(key: string, { perSecond, burst }: Rate): number {
    const now = this.#clock.now();
    const each = 1_000 / perSecond;
    const most = each * burst;
    // never more than one burst away, whatever rate held before
    const wholeAt = Math.min(Math.max(this.#wholeAt.get(key) ?? now, now), now + most);
    const over = wholeAt + each - now - most;
    // times are whole ms, and rates are not
    if (over > 0.5) return Math.max(1, Math.ceil(over / 1_000));
    if (!this.#wholeAt.has(key)) this.#makeRoom(now);
    this.#wholeAt.set(key, wholeAt + each);
    return 0;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#wholeAt.size;
  }

  #makeRoom(now: number): void {
    if (this.#wholeAt.size < this.#keysMax) return;
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      for (const [key, wholeAt] of this.#wholeAt) {
        if (wholeAt <= now) this.#wholeAt.delete(key);
      }
    }
    if (this.#wholeAt.size < this.#keysMax) return;
    // under attack from more addresses than there is room for: the one that is known the longest is forgotten
    for (const key of this.#wholeAt.keys()) {
      this.#wholeAt.delete(key);
      return;
    }
  }
}
