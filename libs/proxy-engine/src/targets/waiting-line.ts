// Requests of one service that wait until one of its targets has room: first come, first served among those that can be, bounded in
// number and in time. Whoever leads the line is looked at whenever something changes that could give it a target: a claim ends, the
// table is swapped, a target comes back from its rest, a newcomer grows.
import { QUEUE_LENGTH, QUEUE_MS, type RouteLimits } from '#libs/routing';
import type { Clock, Timer } from '#libs/time';
import type { Cancel, NoTarget, Placed } from './pick.js';
import type { TargetWish } from './wish.js';

interface Waiter {
  readonly wish: TargetWish;
  readonly ready: (placed: Placed) => void;
  readonly timer: Timer;
}

export interface LineParts {
  readonly clock: Clock;
  /** Undefined: has to wait on. */
  readonly attempt: (wish: TargetWish) => Placed | undefined;
  /** No target has room, whoever asks. */
  readonly isFull: () => boolean;
  /** When to look again although nothing has happened, epoch ms; Infinity: never. */
  readonly until: () => number;
  readonly refuse: (kind: 'queue-full' | 'queue-timeout') => NoTarget;
}

export class WaitingLine {
  readonly #parts: LineParts;
  /** In order of arrival. */
  readonly #waiters = new Set<Waiter>();
  #isServing = false;
  #asked: 'no' | 'some' | 'all' = 'no';
  #wake: Timer | undefined;

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  get length(): number {
    return this.#waiters.size;
  }

  /** True within the callbacks of those that are served. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Calls back in the same turn (and returns undefined) when the line itself is full. */
  add(
    wish: TargetWish,
    ready: (placed: Placed) => void,
    { queue = QUEUE_LENGTH, queueMs = QUEUE_MS }: RouteLimits,
  ): Cancel | undefined {
    if (this.#waiters.size >= queue) {
      ready({ kind: 'none', why: this.#parts.refuse('queue-full') });
      return undefined;
    }
    const timer = this.#parts.clock.after(queueMs, () => {
      if (this.#leave(waiter)) ready({ kind: 'none', why: this.#parts.refuse('queue-timeout') });
    });
    const waiter: Waiter = { wish, ready, timer };
    this.#waiters.add(waiter);
    this.#sleep();
    return () => void this.#leave(waiter);
  }

  /** After `changed` table also those are looked at that no room of the present one could help. */
  serve(changed: 'room' | 'table'): void {
    if (this.#waiters.size === 0) return;
    this.#asked = changed === 'table' || this.#asked === 'all' ? 'all' : 'some';
    // whoever is served may release at once; that is seen in the loop below
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (let asked = this.#takeAsked(); asked !== 'no'; asked = this.#takeAsked())
        this.#serveAll(asked === 'all');
    } finally {
      this.#isServing = false;
    }
    this.#sleep();
  }

  #takeAsked(): 'no' | 'some' | 'all' {
    const asked = this.#asked;
    this.#asked = 'no';
    return asked;
  }

  #serveAll(evenWhenFull: boolean): void {
    let isFull = this.#parts.isFull();
    for (const waiter of this.#waiters) {
      if (isFull && !evenWhenFull) return;
      const placed = this.#parts.attempt(waiter.wish);
      if (!placed) continue;
      this.#leave(waiter);
      waiter.ready(placed);
      isFull = this.#parts.isFull();
    }
  }

  #leave(waiter: Waiter): boolean {
    waiter.timer.cancel();
    const waited = this.#waiters.delete(waiter);
    if (this.#waiters.size === 0) this.#sleep();
    return waited;
  }

  #sleep(): void {
    this.#wake?.cancel();
    this.#wake = undefined;
    // where nobody has room only the end of a request helps
    if (this.#waiters.size === 0 || this.#parts.isFull()) return;
    const until = this.#parts.until();
    if (until === Infinity) return;
    this.#wake = this.#parts.clock.after(until - this.#parts.clock.now(), () => this.serve('room'));
  }
}
