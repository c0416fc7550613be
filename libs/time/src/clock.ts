// The Clock seam: time as an input. `SystemClock` never goes back and never jumps: it starts at the wall clock, or where it is told, and
// then follows the monotonic one, so a clock that is set changes nothing (decisions.md 5).

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Epoch milliseconds, never decreasing, whole numbers. */
  now(): number;
  /** Calls back once, after at least `delayMs`. */
  after(delayMs: number, callback: () => void): Timer;
}

export class SystemClock implements Clock {
  readonly #offset: number;

  /** `startMs`: what it shows now, epoch ms; a clock that several hosts share, where they must agree. */
  constructor(startMs = Date.now()) {
    this.#offset = startMs - performance.now();
  }

  now(): number {
    return Math.floor(this.#offset + performance.now());
  }

  after(delayMs: number, callback: () => void): Timer {
    // setTimeout fires at once for delays beyond 2^31-1 ms
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), 2_147_483_647));
    return { cancel: () => clearTimeout(timer) };
  }
}
