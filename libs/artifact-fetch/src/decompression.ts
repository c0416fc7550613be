// The bytes of a compressed file: gzip by Node, bzip2 and xz by the programs of the host, which Node does not have.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ArchiveError } from './archive-entry.js';
import type { Compression } from './artifact.js';
import { invalid } from './fetch-failure.js';

const PROGRAMS = {
  bzip2: { program: 'bzip2', remedy: 'install bzip2' },
  xz: { program: 'xz', remedy: 'install xz-utils' },
} as const;
/** Enough for `xz -9`; a crafted header may ask for 4 GiB. */
const XZ_DEFAULTS = '--memlimit-decompress=256MiB';

/** Throws ArchiveError for damaged bytes, `rejected: invalid` when a program is missing. */
export async function* decompressed(
  path: string,
  compression: Compression,
  shown: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (compression === 'bzip2' || compression === 'xz')
    return yield* byProgram(path, compression, shown, signal);
  const file = await open(path, 'r');
  const packed = file.createReadStream({ signal });
  const content = compression === 'none' ? packed : pipeline(packed, createGunzip(), () => undefined);
  try {
    yield* content as AsyncIterable<Buffer>;
  } finally {
    packed.destroy();
    await file.close().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EBADF') throw error; // the stream has closed it
    });
  }
}

async function* byProgram(
  path: string,
  compression: 'bzip2' | 'xz',
  shown: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { program, remedy } = PROGRAMS[compression];
  const file = await open(path, 'r');
  const child = spawn(program, ['-dc'], {
    stdio: [file.fd, 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', XZ_DEFAULTS },
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  ended.catch(() => undefined); // said below, or nobody asks any more
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => (words = `${words}${chunk.toString()}`.slice(0, 300)));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [code] = await ended.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw invalid(
        `fetch: ${shown} cannot be unpacked, for this agent has no ${program}: ${remedy}, or pack it with gzip`,
      );
    });
    if (code !== 0) throw new ArchiveError(`${program} says: ${words.trim() || `exit code ${code}`}`);
  } finally {
    child.kill('SIGKILL');
    await file.close();
  }
}
