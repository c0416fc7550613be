// What answering queries may take of the time of a process that serves requests beside it: a share, saved up for short bursts.

/** Of the time that goes by. */
const SHARE = 1 / 4;
/** What may be saved up, ms: a request waits no longer than this behind a burst. */
const SAVED_MS_MAX = 20;

export class WorkBudget {
  readonly #now: () => number;
  #savedMs = SAVED_MS_MAX;
  #at: number;

  /** `now`: ms, of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#at = now();
  }

  /** ms until there is time for another piece of work; 0: now. */
  waitMs(): number {
    const now = this.#now();
    this.#savedMs = Math.min(SAVED_MS_MAX, this.#savedMs + (now - this.#at) * SHARE);
    this.#at = now;
    return this.#savedMs > 0 ? 0 : Math.ceil(-this.#savedMs / SHARE) + 1;
  }

  /**
   * Does the work and counts its time; what it takes beyond the budget is made up for by waiting. A process that was held up meanwhile has
   * not worked: no piece counts for more than may be saved up.
   */
  spend<T>(work: () => T): T {
    const since = this.#now();
    try {
      return work();
    } finally {
      this.#savedMs -= Math.min(SAVED_MS_MAX, this.#now() - since);
    }
  }
}
