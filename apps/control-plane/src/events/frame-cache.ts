// The frames that streams are about to send, in memory once for all of them: what was just published, and what was read from the
// store and did not fit into a socket. Bounded in bytes, least recently used goes first; whatever is missing is read again.
import type { EventFrame } from './event-frame.js';

const BYTES_MAX = 2 * 1024 * 1024;

export class FrameCache {
  readonly #frames = new Map<number, EventFrame>();
  #bytes = 0;

  get(number: number): EventFrame | undefined {
    const frame = this.#frames.get(number);
    if (frame) {
      this.#frames.delete(number);
      this.#frames.set(number, frame);
    }
    return frame;
  }

  /** One larger than the bound stays until the next one comes. */
  put(frame: EventFrame): void {
    if (this.#frames.has(frame.number)) return;
    this.#frames.set(frame.number, frame);
    this.#bytes += frame.full.length;
    for (const [number, oldest] of this.#frames) {
      if (this.#bytes <= BYTES_MAX || oldest === frame) return;
      this.#frames.delete(number);
      this.#bytes -= oldest.full.length;
    }
  }

  clear(): void {
    this.#frames.clear();
    this.#bytes = 0;
  }
}
