// Virtual time: a queue of things that will happen. Between two of them everything that needs no time runs until it is idle, so the
// order of all that happens depends on the queue alone, and a run of half an hour takes a second.

export interface Scheduled {
  cancel(): void;
}

interface Entry {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | null;
}

/** So often the event loop goes round: it hears of rejections that nobody handles, and costs more than most of what happens. */
const TURNS_PER_LOOP = 32;

export class Timeline {
  #now: number;
  #order = 0;
  #happened = 0;
  readonly #heap: Entry[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  /** True time, epoch ms; no process sees it but through its own clock. */
  get now(): number {
    return this.#now;
  }
  /** How many things have happened. */
  get happened(): number {
    return this.#happened;
  }

  at(timeMs: number, callback: () => void): Scheduled {
    const entry: Entry = { at: Math.max(timeMs, this.#now), order: (this.#order += 1), callback };
    this.#push(entry);
    return { cancel: () => void (entry.callback = null) };
  }
  after(delayMs: number, callback: () => void): Scheduled {
    return this.at(this.#now + Math.max(0, delayMs), callback);
  }

  /** Runs up to this time; `settled` is called after each thing that happened, once nothing is left that needs no time. */
  run(untilMs: number, settled: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      let turns = 0;
      // as queueMicrotask, without the async resource that it makes each time
      const idle = Promise.resolve();
      const step = (): void => {
        try {
          settled();
          const next = this.#pop(untilMs);
          if (!next) {
            this.#now = untilMs;
            return resolve();
          }
          this.#now = next.at;
          this.#happened += 1;
          next.callback?.();
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)));
        }
        turns = (turns + 1) % TURNS_PER_LOOP;
        if (turns === 0) setImmediate(step);
        else idle.then(nextTurn, reject);
      };
      // all promises that can go on do so before the next tick, for the queue of microtasks is emptied first
      const nextTurn = (): void => process.nextTick(step);
      setImmediate(step);
    });
  }

  /** The next that is due and was not cancelled. */
  #pop(untilMs: number): Entry | null {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (first.callback && first.at > untilMs) return null;
      this.#removeFirst();
      if (first.callback) return first;
    }
    return null;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || !heap.length) return;
    let index = 0;
    for (;;) {
      const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
      if (!left) break;
      const child = right && isBefore(right, left) ? right : left;
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = child === left ? 2 * index + 1 : 2 * index + 2;
    }
    heap[index] = last;
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
