// How many probes run at the same time on one agent. First come, first served, and every check waits for one slot at most: so one
// task with slow answers delays the others by its share only.

export class ProbeSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  async use<T>(probe: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await probe();
    } finally {
      const next = this.#waiting.shift();
      // the slot is handed over, not freed, so that nobody overtakes the queue
      if (next) next();
      else this.#free += 1;
    }
  }
}
