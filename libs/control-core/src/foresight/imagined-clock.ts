// The clock of an imagined cluster: it stands still while things happen and jumps to the next timer when nothing does. A delay of 0 is a
// breath for everybody else in the process, so that one is taken in real time.
import { ManualClock, type Clock, type Timer } from '#libs/time';

export class ImaginedClock implements Clock {
  readonly #manual: ManualClock;
  readonly #breaths = new Set<Promise<void>>();

  constructor(
    private readonly real: Clock,
    startMs: number,
  ) {
    this.#manual = new ManualClock(startMs);
  }

  now(): number {
    return this.#manual.now();
  }

  after(delayMs: number, callback: () => void): Timer {
    if (delayMs > 0) return this.#manual.after(delayMs, callback);
    let isWanted = true;
    const breath = this.breath().then(() => {
      this.#breaths.delete(breath);
      if (isWanted) callback();
    });
    this.#breaths.add(breath);
    return {
      cancel: () => {
        isWanted = false;
      },
    };
  }

  /** Lets the rest of the process run. */
  breath(): Promise<void> {
    return new Promise((resolve) => this.real.after(0, resolve));
  }
  /** Resolves when no delay of 0 is pending. */
  async breathed(): Promise<void> {
    while (this.#breaths.size) await Promise.all(this.#breaths);
  }

  /** Epoch ms, or null. */
  nextAt(): number | null {
    return this.#manual.nextAt();
  }
  /** Not before now; what is due by then happens. */
  jumpTo(at: number): void {
    this.#manual.advance(Math.max(0, at - this.#manual.now()));
  }
}
