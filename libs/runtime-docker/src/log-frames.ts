// The Engine's log answer: frames of an 8-byte header (stream, length) and one log entry, each entry led by its time. Of a container
// with a terminal (`tty`) there are no frames, only entries: lines, and pieces of lines that are too long for one entry.
import type { Readable } from 'node:stream';

export interface LogEntry {
  /** `2026-01-01T00:00:00.123456789Z`: fixed width, so it sorts as text. */
  readonly time: string;
  /** What the task wrote, newline included. */
  readonly bytes: Buffer;
}

const HEADER = 8;
const TIME = 30;
/** The Engine cuts a line after so many bytes; more when it held what is no UTF-8. */
const PIECE_BYTES = 16 * 1024;
const NEXT_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /g;
const NEWLINE = 10;

/** Entries in the order of writing. A frame that breaks off is dropped: the next read finds it whole. `tty`: the container has one. */
export function logEntries(stream: Readable, tty: boolean): AsyncGenerator<LogEntry> {
  return tty ? rawEntries(stream) : framedEntries(stream);
}

async function* framedEntries(stream: Readable): AsyncGenerator<LogEntry> {
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

async function* rawEntries(stream: Readable): AsyncGenerator<LogEntry> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let end = endOfRaw(rest, at); end !== null; end = endOfRaw(rest, at)) {
      yield rawEntry(rest.subarray(at, end));
      at = end;
    }
    rest = rest.subarray(at);
  }
  if (rest.length > TIME + 1) yield rawEntry(rest); // the last one may have no newline
}

/** Where the entry that begins at `at` ends; null: it goes on. */
function endOfRaw(bytes: Buffer, at: number): number | null {
  const newline = bytes.indexOf(NEWLINE, at + TIME + 1);
  const lineEnd = newline < 0 ? bytes.length : newline + 1;
  const pieceEnd = at + TIME + 1 + PIECE_BYTES;
  if (lineEnd > pieceEnd) {
    NEXT_TIME.lastIndex = 0;
    const next = NEXT_TIME.exec(bytes.toString('latin1', pieceEnd, lineEnd));
    if (next) return pieceEnd + next.index;
  }
  return newline < 0 ? null : lineEnd;
}

const rawEntry = (entry: Buffer): LogEntry => ({
  time: entry.toString('latin1', 0, TIME),
  bytes: entry.subarray(TIME + 1),
});

/** As the Engine's `since` wants it. */
export function asSince(time: string): string {
  return `${Date.parse(`${time.slice(0, 19)}Z`) / 1000}.${time.slice(20, 29)}`;
}
