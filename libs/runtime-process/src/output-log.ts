// One output file of a task. The task appends (O_APPEND) and never notices: rotation copies the file aside and truncates it, what
// is written between the two is lost (a few bytes at most). Offsets count from the first byte ever written: an older piece is named
// by the offset where it starts (`stdout.000010485760`), so a reader's offset stays right over rotations and restarts.
import { fstatSync, ftruncateSync, readSync, renameSync, writeSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LogRead } from '#libs/runtime';
import { APPEND, NEW, openLog, READ, sizeOfLog, withLogFile, WRITE } from './log-file.js';

interface Piece {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** The remainder copied in one go before truncating; more than this between two looks is lost rather than waited for. */
const REMAINDER_BYTES = 4 * 1024 * 1024;

const none = (): string[] => [];

/** Bytes of a character begun but not finished at the end. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

export class OutputLog {
  /** While output is dropped: the size to cut back to. */
  #mark: number | undefined;

  constructor(readonly path: string) {}

  /** `from` below 0 counts from the end. Reads at most to the end of one piece; nothing beyond the end. */
  async read(from: number, maxBytes: number): Promise<LogRead> {
    const pieces = await this.#pieces();
    const last = pieces[pieces.length - 1];
    const end = last ? last.start + last.size : 0;
    const wanted = from < 0 ? Math.max(0, end + from) : from;
    const piece = pieces.find((each) => wanted < each.start + each.size);
    if (!piece) return { text: '', next: Math.min(wanted, end) };
    const start = Math.max(wanted, piece.start);
    const file = await openLog(piece.path, READ);
    if (!file) return { text: '', next: start };
    try {
      const length = Math.min(Math.max(1, maxBytes), piece.start + piece.size - start);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start - piece.start);
      return textOf(buffer.subarray(0, bytesRead), { start, isCutInFront: from < 0, isTiny: maxBytes < 4 });
    } finally {
      await file.close();
    }
  }

  /** The last whole lines within `maxBytes`, over a rotation too; empty when there is nothing. */
  async tail(maxBytes: number): Promise<string> {
    let text = '';
    let from = -maxBytes;
    for (;;) {
      const more = await this.read(from, maxBytes);
      if (!more.text) break;
      text += more.text;
      from = more.next;
    }
    const isCut = Buffer.byteLength(text) >= maxBytes - 3;
    const firstEnd = text.indexOf('\n');
    return isCut && firstEnd >= 0 && firstEnd < text.length - 1 ? text.slice(firstEnd + 1) : text;
  }

  /** When the file is over the limit: the newest `limit` bytes go aside, and of all pieces the newest `files` stay. Gives its size before. */
  async rotate(limit: number, files: number): Promise<number> {
    const size = (await sizeOfLog(this.path)) ?? 0;
    if (size <= limit) return size;
    const pieces = await this.#pieces();
    const from = Math.max(0, size - Math.max(limit, REMAINDER_BYTES));
    const start = (pieces[pieces.length - 1]?.start ?? 0) + from;
    const aside = `${this.path}.${String(start).padStart(15, '0')}`;
    if (!(await this.#copyAside(`${aside}.tmp`, from, size))) return size;
    // in one turn, so that no reader sees a byte twice; killed here, the file is copied a second time, and nothing is lost
    renameSync(`${aside}.tmp`, aside);
    this.#copyRemainder(aside, size);
    withLogFile(this.path, WRITE, (fd) => ftruncateSync(fd, 0));
    const older = pieces.slice(0, -1);
    for (const piece of older.slice(0, Math.max(0, older.length + 2 - files)))
      await rm(piece.path, { force: true });
    return size;
  }

  /** Cuts back to the size at the first call and gives the number of bytes dropped; `keepDropping` false ends it. */
  drop(keepDropping: boolean): number {
    const excess = withLogFile(this.path, WRITE, (fd) => {
      const { size } = fstatSync(fd);
      const mark = (this.#mark ??= size);
      if (size > mark) ftruncateSync(fd, mark);
      return Math.max(0, size - mark);
    });
    if (!keepDropping) this.#mark = undefined;
    return excess ?? 0;
  }

  /** False when there is nothing to copy any more. */
  async #copyAside(target: string, from: number, size: number): Promise<boolean> {
    const source = await openLog(this.path, READ);
    if (!source) return false;
    try {
      await rm(target, { force: true });
      const copy = await openLog(target, NEW);
      if (!copy) return false;
      await pipeline(
        source.createReadStream({ start: from, end: size - 1, autoClose: false }),
        copy.createWriteStream(),
      );
      return true;
    } finally {
      await source.close();
    }
  }

  /** Synchronous up to the truncation: as little as possible is written in between. */
  #copyRemainder(target: string, copied: number): void {
    withLogFile(this.path, READ, (from) => {
      const length = Math.min(REMAINDER_BYTES, fstatSync(from).size - copied);
      if (length <= 0) return;
      const bytes = Buffer.alloc(length);
      const read = readSync(from, bytes, 0, length, copied);
      withLogFile(target, APPEND, (to) => writeSync(to, bytes, 0, read));
    });
  }

  /** Oldest first; the last one is the file that the task writes. */
  async #pieces(): Promise<Piece[]> {
    const folder = dirname(this.path);
    const prefix = `${basename(this.path)}.`;
    const pieces: Piece[] = [];
    for (const name of (await readdir(folder).catch(none)).sort()) {
      const start = name.slice(prefix.length);
      if (!name.startsWith(prefix) || !/^\d{15}$/.test(start)) continue;
      const path = join(folder, name);
      const size = await sizeOfLog(path);
      if (size !== undefined) pieces.push({ path, start: Number(start), size });
    }
    const previous = pieces[pieces.length - 1];
    const size = await sizeOfLog(this.path);
    if (size === undefined) return pieces; // never made, or removed by the task itself
    return [...pieces, { path: this.path, start: previous ? previous.start + previous.size : 0, size }];
  }
}

/** Whole characters only, so that pieces can be joined: the rest of one comes with the next read. */
function textOf(
  bytes: Buffer,
  { start, isCutInFront, isTiny }: { start: number; isCutInFront: boolean; isTiny: boolean },
): LogRead {
  let first = 0;
  while (isCutInFront && first < Math.min(3, bytes.length) && ((bytes[first] ?? 0) & 0xc0) === 0x80)
    first += 1;
  const open = unfinished(bytes);
  // a reader of single bytes would wait for ever
  const end = isTiny && open >= bytes.length - first ? bytes.length : bytes.length - open;
  return { text: bytes.subarray(first, end).toString('utf8'), next: start + end };
}
