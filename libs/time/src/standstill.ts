// Notices that this process stood still: a stopped process, a virtual machine that was moved, a turn of seconds. What others sent meanwhile
// waits unread then, so nobody's silence since may be taken for an answer.
import type { Clock, Timer } from './clock.js';

export interface StandstillLimits {
  readonly tickMs: number;
  /** A tick so much later than due. */
  readonly lateMs: number;
}

export class Standstill {
  readonly #clock: Clock;
  readonly #limits: StandstillLimits;
  readonly #over: (since: number, now: number) => void;
  #timer: Timer | null = null;
  #dueAt = Infinity;

  /** `over` is told once for each, before anything else happens: epoch ms at which this process was awake for the last time that is known. */
  constructor(clock: Clock, limits: StandstillLimits, over: (since: number, now: number) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#over = over;
  }

  watch(): void {
    this.#timer?.cancel();
    this.#dueAt = this.#clock.now() + this.#limits.tickMs;
    this.#timer = this.#clock.after(this.#limits.tickMs, () => this.#tick());
  }
  end(): void {
    this.#timer?.cancel();
    this.#dueAt = Infinity;
  }

  /** Before each decision: what arrived during a standstill may be read before timers fire. */
  check(): void {
    if (this.#clock.now() - this.#dueAt >= this.#limits.lateMs) this.#tick();
  }

  #tick(): void {
    const now = this.#clock.now();
    const dueAt = this.#dueAt;
    this.watch();
    if (now - dueAt >= this.#limits.lateMs) this.#over(dueAt - this.#limits.tickMs, now);
  }
}
