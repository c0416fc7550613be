// At how many targets one request or connection is tried. A target that refuses a connection at once has seen nothing and cost next to no
// time: it is passed over and does not count, so that several tasks that died together do not hide those that serve.

/** Targets of one request that count, where its service names no other number. */
const TURNS_MAX = 3;
/** Passed over at most: a service of which nothing listens gets its 503 after this many. */
const PASSED_OVER_MAX = 20;

export class Turns {
  #taken = 0;
  #passedOver = 0;

  /** Targets that were tried, those that were passed over included. */
  get taken(): number {
    return this.#taken;
  }
  /** No further target may be tried. `most`: of those that count. */
  areOver(most: number = TURNS_MAX): boolean {
    return this.#taken - this.#passedOver >= most;
  }
  take(): void {
    this.#taken += 1;
  }
  /** The last one is asked again, on another connection. */
  takeBack(): void {
    this.#taken -= 1;
  }
  /** The last one did not accept a connection. */
  noteRefusal(error: Error | undefined): void {
    const isAtOnce = error !== undefined && 'code' in error && error.code === 'ECONNREFUSED';
    if (isAtOnce && this.#passedOver < PASSED_OVER_MAX) this.#passedOver += 1;
  }
}
