// Limits the retries of a service: they help while few requests fail, and bury a service whose requests all do. Counted in
// a window of the last 10 s that moves on second by second.

const SECONDS = 10;
/** So that a service with few requests has its retries, too. */
const FLOOR = 10;
export const BUDGET_PERCENT = 20;

export class RetryBudget {
  readonly #requests = new Uint32Array(SECONDS);
  readonly #retries = new Uint32Array(SECONDS);
  #requestsSum = 0;
  #retriesSum = 0;
  #second = 0;

  /** A request, not a retry of one. `now`: epoch ms, never decreasing. */
  request(now: number): void {
    const at = this.#slotAt(now);
    this.#requests[at] = (this.#requests[at] ?? 0) + 1;
    this.#requestsSum += 1;
  }

  /** Counts a retry, unless there are too many: more than `percent` of the requests of the window, and 10 on top. */
  take(now: number, percent = BUDGET_PERCENT): boolean {
    const at = this.#slotAt(now);
    if (this.#retriesSum + 1 > FLOOR + (this.#requestsSum * percent) / 100) return false;
    this.#retries[at] = (this.#retries[at] ?? 0) + 1;
    this.#retriesSum += 1;
    return true;
  }

  /** Forgets what is 10 s old. */
  #slotAt(now: number): number {
    const second = Math.floor(now / 1_000);
    const passed = Math.min(second - this.#second, SECONDS);
    for (let step = 1; step <= passed; step += 1) {
      const slot = (this.#second + step) % SECONDS;
      this.#requestsSum -= this.#requests[slot] ?? 0;
      this.#retriesSum -= this.#retries[slot] ?? 0;
      this.#requests[slot] = 0;
      this.#retries[slot] = 0;
    }
    if (passed > 0) this.#second = second;
    return second % SECONDS;
  }
}
