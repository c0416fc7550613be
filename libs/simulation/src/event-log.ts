// The log of a run: every line goes into a digest, so that two runs of one seed can be compared byte by byte without keeping them.
import { createHash } from 'node:crypto';

/** Lines kept when the whole log was not asked for. */
const KEPT_LINES = 400;

export class EventLog {
  readonly #hash = createHash('sha256');
  readonly #startMs: number;
  readonly #keepAll: boolean;
  #lines: string[] = [];
  readonly counts = new Map<string, number>();

  constructor(startMs: number, keepAll: boolean) {
    this.#startMs = startMs;
    this.#keepAll = keepAll;
  }

  /** `at`: true time, epoch ms. */
  line(at: number, who: string, text: string): void {
    const line = `${clockOf(at - this.#startMs)} ${who}: ${text}`;
    this.#hash.update(`${line}\n`);
    this.#lines.push(line);
    if (!this.#keepAll && this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
  }
  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  get lines(): readonly string[] {
    return this.#keepAll ? this.#lines : this.#lines.slice(-KEPT_LINES);
  }
  /** Ends the log. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** `12:34.567` */
export function clockOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms - minutes * 60_000) / 1000).toFixed(3);
  return `${String(minutes).padStart(2, '0')}:${seconds.padStart(6, '0')}`;
}
