// A clock that a test or the simulator moves by hand. Timers fire in the order of their time, then of their making.
import type { Clock, Timer } from './clock.js';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  #pending: Pending[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, delayMs), order: (this.#order += 1), callback };
    this.#pending.push(entry);
    return { cancel: () => void (this.#pending = this.#pending.filter((each) => each !== entry)) };
  }

  /** When the next timer is due, or null. */
  nextAt(): number | null {
    return this.#earliest()?.at ?? null;
  }

  /** Moves forward and fires what is due on the way, also timers made meanwhile. */
  advance(ms: number): void {
    const target = this.#now + ms;
    for (let next = this.#earliest(); next && next.at <= target; next = this.#earliest()) {
      this.#pending = this.#pending.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = target;
  }

  /** Work that takes so long: what becomes due meanwhile fires with the next advance. */
  spend(ms: number): void {
    this.#now += ms;
  }

  /** As a process that stood still for so long: everything that became due meanwhile fires now, late, in its order. */
  standStill(ms: number): void {
    this.spend(ms);
    this.advance(0);
  }

  #earliest(): Pending | undefined {
    return this.#pending.reduce<Pending | undefined>(
      (best, each) =>
        !best || each.at < best.at || (each.at === best.at && each.order < best.order) ? each : best,
      undefined,
    );
  }
}
