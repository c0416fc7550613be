// The Engine's log answer: frames of an 8-byte header (stream, length) and one log entry, each entry led by its time.
import type { Readable } from 'node:stream';

export interface LogEntry {
  /** `2026-01-01T00:00:00.123456789Z`: fixed width, so it sorts as text. */
  readonly time: string;
  /** What the task wrote, newline included. */
  readonly bytes: Buffer;
}

const HEADER = 8;
const TIME = 30;

/** Entries in the order of writing. A frame that breaks off is dropped: the next read finds it whole. */
export async function* logEntries(stream: Readable): AsyncGenerator<LogEntry> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (rest.length - at >= HEADER) {
      const end = at + HEADER + rest.readUInt32BE(at + 4);
      if (rest.length < end) break;
      const body = rest.subarray(at + HEADER, end);
      yield { time: body.toString('latin1', 0, TIME), bytes: body.subarray(TIME + 1) };
      at = end;
    }
    rest = rest.subarray(at);
  }
}

/** As the Engine's `since` wants it. */
export function asSince(time: string): string {
  return `${Date.parse(`${time.slice(0, 19)}Z`) / 1000}.${time.slice(20, 29)}`;
}
