// Notices that this process stood still: a stopped process, a virtual machine that was moved, a turn of seconds. What others sent meanwhile
// waits unread then, so nobody's silence since may be taken for an answer.
import type { Clock, Timer } from '#libs/time';

const TICK_MS = 2_000;
/** A tick so much later than due. Shorter standstills are within what leases and reports allow for. */
const STOOD_STILL_MS = 1_000;

export class Standstill {
  readonly #clock: Clock;
  readonly #over: (since: number, now: number) => void;
  #timer: Timer | null = null;
  #tickAt = Infinity;

  /** `over` is told once for each, before anything else happens: epoch ms at which this process was awake for the last time that is known. */
  constructor(clock: Clock, over: (since: number, now: number) => void) {
    this.#clock = clock;
    this.#over = over;
  }

  watch(): void {
    this.#arm();
  }
  end(): void {
    this.#timer?.cancel();
    this.#tickAt = Infinity;
  }

  /** Before each decision: what arrived during a standstill may be read before timers fire. */
  check(): void {
    const now = this.#clock.now();
    if (now - this.#tickAt < STOOD_STILL_MS) return;
    const since = this.#tickAt - TICK_MS;
    this.#arm();
    this.#over(since, now);
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#tickAt = this.#clock.now() + TICK_MS;
    this.#timer = this.#clock.after(TICK_MS, () => {
      this.check();
      this.#arm();
    });
  }
}
