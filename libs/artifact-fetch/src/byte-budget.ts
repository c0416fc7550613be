// How many bytes a sandbox may take by what is fetched into it, unpacked files included, and what is told while it grows.
import type { PullProgress } from '#libs/runtime';
import type { Clock } from '#libs/time';
import { invalid } from './fetch-failure.js';

const MIB = 1024 * 1024;
/** Contract of Runtime.prepare. */
const PROGRESS_MS = 1_000;

export class ByteBudget {
  #taken = 0;

  /** `remedy`: what to change when it is not enough. */
  constructor(
    readonly maxBytes: number,
    private readonly remedy: string,
  ) {}

  /** Throws `rejected: invalid` when it is used up. */
  take(bytes: number, shown: string): void {
    this.#taken += bytes;
    if (this.#taken > this.maxBytes) throw this.#exceeded(shown);
  }

  /** For a size known beforehand: nothing is taken. */
  assertRoom(bytes: number, shown: string): void {
    if (this.#taken + bytes > this.maxBytes) throw this.#exceeded(shown);
  }

  #exceeded(shown: string): Error {
    const mib = Math.floor(this.maxBytes / MIB);
    return invalid(`fetch: ${shown} needs more than the ${mib} MiB that are allowed; ${this.remedy}`);
  }
}

/** Adds up what arrives and tells it once per second. */
export class ProgressReport {
  #doneBytes = 0;
  #totalBytes = 0;
  #toldAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (pull: PullProgress) => void,
  ) {}

  expect(bytes: number): void {
    this.#totalBytes += bytes;
  }

  /** `text`: what is going on, e.g. `fetching http://host/a.tgz`. */
  add(bytes: number, text: string): void {
    this.#doneBytes += bytes;
    const now = this.clock.now();
    if (now - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = now;
    this.tell({ doneBytes: this.#doneBytes, totalBytes: Math.max(this.#totalBytes, this.#doneBytes), text });
  }
}
