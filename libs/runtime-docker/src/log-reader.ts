// Byte offsets into the logs of a container, which the Engine does not have: it knows lines, their times, and drops the oldest
// file of five when 50 MB (of JSON) are full.
//
// The scheme: an offset counts the bytes of one stream since the container's first one. Reading from 0 counts them. While
// reading, the reader keeps marks, a time and the offset of the first entry of that time, and a later read begins at the last
// mark before its offset (`since` that time) instead of at the beginning: following costs what is new. Because marks are
// times, they hold when older lines are dropped; a read from a dropped offset goes on at the next known one and leaves the gap out.
// Marks are in memory: after a restart of the agent, the offsets of a task whose log has lost lines count from its oldest kept
// byte. When the host's clock was set back, times do not sort and every read counts from the beginning.
import type { LogRead } from '#libs/runtime';
import type { EngineClient } from './engine-client.js';
import { asSince, logEntries } from './log-frames.js';

interface Mark {
  readonly time: string;
  readonly offset: number;
}

/** Marks lie this far apart: 50 MB of log keep 200 of them. */
const MARK_BYTES = 256 * 1024;

/** One stream of one container. Reads are answered one after the other. */
export class LogReader {
  #marks: Mark[] = [];
  #newest: Mark | null = null;
  #isOrdered = true;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: EngineClient,
    private readonly container: string,
    private readonly stream: 'stdout' | 'stderr',
    /** It has a terminal: everything is on stdout then. */
    private readonly tty: boolean,
  ) {}

  /** As `Runtime.readLog`. Text never ends inside a character unless nothing else is there. */
  read(from: number, maxBytes: number): Promise<LogRead> {
    const read = this.#turn.then(async () => {
      const start = from >= 0 ? from : Math.max(0, (await this.#collect(Infinity, 0)).next + from);
      const { bytes, next } = await this.#collect(start, maxBytes);
      const text = wholeCharacters(bytes);
      return { text: text.toString('utf8'), next: next - (bytes.length - text.length) };
    });
    this.#turn = read.catch(() => undefined);
    return read;
  }

  /** The bytes from `start` on, and the offset after them; from beyond the end: nothing, and the end. */
  async #collect(start: number, maxBytes: number): Promise<{ bytes: Buffer; next: number }> {
    for (const mark of this.#candidates(start)) {
      const found = await this.#scan(mark, start, maxBytes);
      if (found) return found;
      this.#marks = this.#marks.filter((each) => each.offset > (mark?.offset ?? -1)); // dropped by the Engine
    }
    // everything known is dropped: go on from the last known offset with the oldest kept byte
    const base = { time: '', offset: this.#newest?.offset ?? 0 };
    return (await this.#scan(base, start, maxBytes)) ?? { bytes: Buffer.alloc(0), next: base.offset };
  }

  /** The best mark first, then later ones, which are there longer. Null: the beginning. */
  #candidates(start: number): (Mark | null)[] {
    const marks = this.#newest ? [...this.#marks, this.#newest] : this.#marks;
    if (!this.#isOrdered || marks.length === 0) return [null];
    const now = new Date().toISOString();
    if (marks.some((mark) => mark.time.slice(0, 23) > now.slice(0, 23))) return [null]; // the clock was set back
    const before = marks.filter((mark) => mark.offset <= start).at(-1);
    return [...(before ? [before] : []), ...marks.filter((mark) => mark.offset > start)];
  }

  /** Null when the entry of the mark is not there any more. */
  async #scan(
    mark: Mark | null,
    start: number,
    maxBytes: number,
  ): Promise<{ bytes: Buffer; next: number } | null> {
    const since = mark?.time ? { since: asSince(mark.time) } : {};
    const answer = await this.client.logs(this.container, { stream: this.stream, ...since });
    const parts: Buffer[] = [];
    let [offset, taken, isFirst, previous] = [mark?.offset ?? 0, 0, true, ''];
    try {
      for await (const { time, bytes } of logEntries(answer, this.tty)) {
        if (isFirst && mark?.time && time !== mark.time) return null;
        isFirst = false;
        this.#note(time, previous, offset);
        previous = time;
        const skip = Math.max(0, start - offset);
        offset += bytes.length;
        if (skip >= bytes.length) continue;
        const part = bytes.subarray(skip, skip + maxBytes - taken);
        parts.push(part);
        taken += part.length;
        if (taken >= maxBytes)
          return { bytes: Buffer.concat(parts), next: offset - (bytes.length - skip - part.length) };
      }
    } finally {
      answer.destroy();
    }
    return { bytes: Buffer.concat(parts), next: offset };
  }

  #note(time: string, previous: string, offset: number): void {
    if (time < previous) this.#isOrdered = false;
    if (time === previous || !this.#isOrdered) return; // a mark is the first entry of its time
    const last = this.#marks.at(-1);
    if (!last || offset >= last.offset + MARK_BYTES) this.#marks.push({ time, offset });
    if (!this.#newest || offset > this.#newest.offset) this.#newest = { time, offset };
  }
}

/** Without a character that is cut off at the end, so that a follower never shows half of one. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes;
    if (byte < 0xc0) continue; // inside a character
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back && bytes.length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
