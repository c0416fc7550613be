// Requests that waited for the same table go on one after the other. After a standstill there may be a thousand of them, and without a leader
// all wait until the same moment. Sent to their targets at once they overflow listen queues, and Linux then lets those connections stand on
// our side alone: what was sent on them is repeated after 0.2, 0.4, 0.8 … s, so that an answer takes up to a minute.

import type { Clock } from '#libs/time';

/** One per turn of the event loop; where turns are long so many that the last one waits no longer than about this. */
const ALL_WITHIN_MS = 250;

export class OneByOne {
  readonly #clock: Clock;
  /** In order of arrival. */
  #waiting: (() => void)[] = [];
  #gone = 0;
  #turnAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves some time after `wait`, also when that fails. */
  after(wait: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const join = (): void => this.#join(resolve);
      wait.then(join, join);
    });
  }

  #join(go: () => void): void {
    if (this.#waiting.push(go) > 1) return;
    this.#turnAt = this.#clock.now();
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const now = this.#clock.now();
    const due = Math.ceil((this.#waiting.length * (now - this.#turnAt)) / ALL_WITHIN_MS);
    this.#turnAt = now;
    const until = Math.min(this.#waiting.length, this.#gone + Math.max(1, due));
    while (this.#gone < until) this.#waiting[this.#gone++]?.();
    if (this.#gone < this.#waiting.length) setImmediate(() => this.#turn());
    else {
      this.#waiting = [];
      this.#gone = 0;
    }
  }
}
