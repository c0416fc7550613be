// One coarse clock for all time-outs of the fast path. A timer per request or connection would cost more than the request's parsing;
// so each connection says until when it is content, and one timer looks at all of them.
import type { Clock, Timer } from '#libs/time';

export interface Watched {
  /** Of the clock, ms; Infinity: content for ever. Read at each tick. */
  deadline: number;
  /** The deadline has passed, by up to one tick. Must set a new one or leave. */
  expire(): void;
  /** This process stood still for so long: what is waited for may have come meanwhile, and is not read yet. */
  stoodStill(ms: number): void;
}

/** How late a time-out may come. */
export const TICK_MS = 250;
/** A tick so late is a standstill: a stopped process, a virtual machine that was moved. */
const STOOD_STILL_MS = 1_000;

export class Deadlines {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;
  #now = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of the last tick, or of the moment in which the first one was added: at most a tick old while anything is watched and this process runs. */
  get now(): number {
    return this.#now;
  }

  add(watched: Watched): void {
    if (!this.#timer) this.#tickLater();
    this.#watched.add(watched);
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
  }

  #tickLater(): void {
    this.#now = this.#clock.now();
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#timer = undefined;
    // none is left: the next one that is added starts it again
    if (this.#watched.size === 0) return;
    const lateMs = this.#clock.now() - this.#now - TICK_MS;
    this.#tickLater();
    const now = this.#now;
    // also of what was read since, before this tick: it counts from a time before the standstill
    if (lateMs >= STOOD_STILL_MS) for (const each of this.#watched) each.stoodStill(lateMs);
    for (const each of this.#watched) {
      if (each.deadline <= now) each.expire();
    }
  }
}
