// Reads a tar archive from a stream: ustar, GNU long names, pax headers. Read here and not by the host's tar, because what those
// guard against differs, and an archive of a stranger must be judged entry by entry before anything of it is on the disk.
import type { ArchiveEntry } from './archive-entry.js';
import { ArchiveError } from './archive-entry.js';

const BLOCK = 512;
/** A name or an attribute that is longer is an attack. */
const HEADER_BYTES_MAX = 1024 * 1024;

const TYPES: Readonly<Record<string, ArchiveEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'folder',
};

export async function* tarEntries(source: AsyncIterable<Buffer>): AsyncGenerator<ArchiveEntry> {
  const input = new BlockReader(source);
  try {
    yield* entriesOf(input);
  } finally {
    await input.close();
  }
}

async function* entriesOf(input: BlockReader): AsyncGenerator<ArchiveEntry> {
  let next: Record<string, string> = {};
  let isFirst = true;
  for (;;) {
    const block = await input.take(BLOCK, isFirst);
    if (!block || block.every((byte) => byte === 0)) break;
    isFirst = false;
    const header = headerOf(block);
    if ('xgLK'.includes(header.type)) {
      if (header.size > HEADER_BYTES_MAX) throw new ArchiveError('a header of it is too long');
      const content = (await input.take(padded(header.size), false)) ?? Buffer.alloc(0);
      next = { ...next, ...attributesOf(header.type, content.subarray(0, header.size)) };
      continue;
    }
    const path = next['path'] ?? header.path;
    const size = next['size'] === undefined ? header.size : Number(next['size']);
    if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError(`entry '${path}' has no proper size`);
    const type = TYPES[header.type] ?? 'other';
    const isFolder = type === 'file' && path.endsWith('/');
    const bytes = type === 'file' ? size : 0;
    yield {
      path,
      type: isFolder ? 'folder' : type,
      mode: header.mode,
      linkTarget: next['linkpath'] ?? header.linkTarget,
      body: input.body(bytes),
    };
    next = {};
    await input.skipTo(padded(bytes));
  }
  if (isFirst) throw new ArchiveError('it is empty');
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

function headerOf(block: Buffer): {
  path: string;
  type: string;
  mode: number;
  size: number;
  linkTarget: string;
} {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== number(block, 148, 8)) throw new ArchiveError('it is no tar archive, or damaged');
  const isUstar = block.toString('latin1', 257, 262) === 'ustar';
  // GNU's own format has times where ustar has the prefix
  const prefix = isUstar && block[262] === 0 ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    path: prefix ? `${prefix}/${name}` : name,
    type: String.fromCharCode(block[156] ?? 0),
    mode: number(block, 100, 8) & 0o7777,
    size: number(block, 124, 12),
    linkTarget: text(block, 157, 100),
  };
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

/** Octal, or binary when the first bit is set (sizes of 8 GiB and more). */
function number(block: Buffer, at: number, length: number): number {
  if (((block[at] ?? 0) & 0x80) === 0) return Number.parseInt(text(block, at, length).trim() || '0', 8);
  return Number(block.readBigUInt64BE(at + length - 8));
}

function attributesOf(type: string, content: Buffer): Record<string, string> {
  if (type === 'g') return {}; // comments and defaults of the whole archive, nothing that is used here
  if (type === 'L') return { path: text(content, 0, content.length) };
  if (type === 'K') return { linkpath: text(content, 0, content.length) };
  const attributes: Record<string, string> = {};
  for (let at = 0; at < content.length;) {
    const blank = content.indexOf(' ', at);
    const length = Number(content.toString('latin1', at, blank));
    if (blank < 0 || !Number.isSafeInteger(length) || length <= blank - at)
      throw new ArchiveError('it is damaged');
    const record = content.toString('utf8', blank + 1, at + length - 1);
    const equals = record.indexOf('=');
    attributes[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  if (Object.keys(attributes).some((key) => key.startsWith('GNU.sparse'))) {
    throw new ArchiveError('it holds a sparse file; pack it without --sparse');
  }
  return attributes;
}

class BlockReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  /** Of the current body: how much was handed out. */
  #given = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; null at the end, where that is allowed. */
  async take(bytes: number, endIsFine: boolean): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    let missing = bytes;
    while (missing > 0) {
      const chunk = await this.#next(missing);
      if (!chunk && endIsFine && missing === bytes) return null;
      if (!chunk) throw new ArchiveError('it breaks off');
      parts.push(chunk);
      missing -= chunk.length;
    }
    this.#given = 0;
    return Buffer.concat(parts);
  }

  async *body(bytes: number): AsyncGenerator<Buffer> {
    while (this.#given < bytes) {
      const chunk = await this.#next(bytes - this.#given);
      if (!chunk) throw new ArchiveError('it breaks off');
      this.#given += chunk.length;
      yield chunk;
    }
  }

  /** Passes over what was not taken of a body of so many bytes, padding included. */
  async skipTo(bytes: number): Promise<void> {
    while (this.#given < bytes) {
      const chunk = await this.#next(bytes - this.#given);
      if (!chunk) throw new ArchiveError('it breaks off');
      this.#given += chunk.length;
    }
  }

  /** What comes after the end of the archive is not asked for. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(bytesMax: number): Promise<Buffer | null> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (done) return null;
      this.#rest = value;
    }
    const chunk = this.#rest.subarray(0, bytesMax);
    this.#rest = this.#rest.subarray(chunk.length);
    return chunk;
  }
}
