// Reads a zip archive from an open file by its central directory, which is the list that counts. Stored and deflated entries; what
// is encrypted, packed otherwise or needs zip64 is refused by name. Checksums are compared.
import type { FileHandle } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import type { ArchiveEntry } from './archive-entry.js';
import { ArchiveError } from './archive-entry.js';

const END_SIGNATURE = 0x06054b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
/** A name is at most 64 KiB; 100,000 files have about 10 MB of them. */
const DIRECTORY_BYTES_MAX = 64 * 1024 * 1024;
const LINK_BYTES_MAX = 4_096;
const CHUNK_BYTES = 256 * 1024;
const UNIX = 3;
const FOLDER = 0o040000;
const SYMLINK = 0o120000;
const KIND = 0o170000;

interface Listed {
  readonly path: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly offset: number;
  /** Type and permissions; 0 when it was not packed by a Unix. */
  readonly unixMode: number;
}

export async function* zipEntries(file: FileHandle): AsyncGenerator<ArchiveEntry> {
  for (const listed of directoryOf(await centralDirectory(file))) {
    const kind = listed.unixMode & KIND;
    const body = contentOf(file, listed);
    const isLink = kind === SYMLINK;
    const isFolder = kind === FOLDER || listed.path.endsWith('/');
    yield {
      path: listed.path,
      type: isLink ? 'symlink' : isFolder ? 'folder' : kind === 0 || kind === 0o100000 ? 'file' : 'other',
      mode: listed.unixMode & 0o777 || (isFolder ? 0o755 : 0o644),
      linkTarget: isLink ? await linkTargetOf(body) : '',
      body,
    };
  }
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw new ArchiveError('it breaks off');
  return buffer;
}

async function centralDirectory(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const tailBytes = Math.min(size, END_BYTES + COMMENT_BYTES_MAX);
  const tail = await read(file, size - tailBytes, tailBytes);
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    const bytes = tail.readUInt32LE(at + 12);
    const offset = tail.readUInt32LE(at + 16);
    if (offset === 0xffffffff || tail.readUInt16LE(at + 10) === 0xffff) {
      throw new ArchiveError('it is a zip64 archive; pack it as .tar.gz');
    }
    if (bytes > DIRECTORY_BYTES_MAX) throw new ArchiveError('its list of files is too long');
    return read(file, offset, bytes);
  }
  throw new ArchiveError('it is no zip archive, or breaks off');
}

function* directoryOf(directory: Buffer): Generator<Listed> {
  for (let at = 0; at + CENTRAL_BYTES <= directory.length;) {
    if (directory.readUInt32LE(at) !== CENTRAL_SIGNATURE) throw new ArchiveError('it is damaged');
    const nameBytes = directory.readUInt16LE(at + 28);
    const path = directory.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes);
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    if (flags & 1) throw new ArchiveError(`entry '${path}' is encrypted`);
    if (method !== 0 && method !== 8)
      throw new ArchiveError(`entry '${path}' is packed in a way that is not known (${method})`);
    yield {
      path,
      method,
      crc: directory.readUInt32LE(at + 16),
      packedBytes: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
      unixMode: directory[at + 5] === UNIX ? directory.readUInt32LE(at + 38) >>> 16 : 0,
    };
    at += CENTRAL_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
}

async function* contentOf(file: FileHandle, listed: Listed): AsyncGenerator<Buffer> {
  if (listed.packedBytes === 0) return;
  const local = await read(file, listed.offset, LOCAL_BYTES);
  if (local.readUInt32LE(0) !== LOCAL_SIGNATURE) throw new ArchiveError(`entry '${listed.path}' is damaged`);
  const start = listed.offset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
  const packed = Readable.from(packedBytes(file, start, listed.packedBytes));
  const content = listed.method === 0 ? packed : pipeline(packed, createInflateRaw(), () => undefined);
  let crc = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } finally {
    packed.destroy();
  }
  if (crc !== listed.crc) throw new ArchiveError(`entry '${listed.path}' is damaged`);
}

/** Read by place: a stream of the handle would close it for the entries that follow. */
async function* packedBytes(file: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    yield await read(file, start + at, Math.min(CHUNK_BYTES, length - at));
  }
}

async function linkTargetOf(body: AsyncIterable<Buffer>): Promise<string> {
  let target = Buffer.alloc(0);
  for await (const chunk of body) {
    target = Buffer.concat([target, chunk]);
    if (target.length > LINK_BYTES_MAX) throw new ArchiveError('a link of it has a target that is too long');
  }
  return target.toString('utf8');
}
