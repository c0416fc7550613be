// A bound on how many starts the Engine is asked for at once. Measured: both cores are busy from two starts per core on,
// more of them only wait longer inside the Engine.
import { availableParallelism } from 'node:os';

export const STARTS_AT_ONCE = 2 * availableParallelism();

export class StartSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce = STARTS_AT_ONCE) {
    this.#free = atOnce;
  }

  /** Runs `work` when a slot is free, in the order of asking. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
