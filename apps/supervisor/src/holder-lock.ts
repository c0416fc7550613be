// One supervisor per data folder: the lock is a unix socket whose owner says who it is. A socket that refuses is left over from a
// process that died, so no lock file can outlive its holder (decisions.md 26).
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '#libs/configuration';

/** Linux allows 107 bytes; stay clear of it. */
const SOCKET_PATH_BYTES_MAX = 100;
const ANSWER_MS = 2_000;

export interface Holder {
  readonly pid: number;
  readonly since: string;
  readonly url: string;
}

export function socketPathOf(dataDir: string, name: string): string {
  const direct = join(dataDir, name);
  if (Buffer.byteLength(direct) <= SOCKET_PATH_BYTES_MAX) return direct;
  const folder = join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `longrun-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, `${createHash('sha256').update(direct).digest('hex').slice(0, 16)}.sock`);
}

/** Throws ConfigurationError that names the holder when another supervisor has the folder. */
export async function takeHolderLock(dataDir: string, self: Holder): Promise<Server> {
  const path = socketPathOf(dataDir, 'up.sock');
  for (let tries = 0; tries < 5; tries += 1) {
    const server = await listen(path, self);
    if (server) return server;
    const holder = await ask(path);
    if (holder) {
      throw new ConfigurationError(
        `${dataDir} is held by "longrun up" with pid ${holder.pid}, running since ${holder.since} at ${holder.url}; ` +
          'use that one, stop it first, or choose another folder with --data-dir',
      );
    }
    rmSync(path, { force: true });
  }
  throw new ConfigurationError(
    `cannot take the lock ${path}: another start takes it at the same time; try again`,
  );
}

function listen(path: string, self: Holder): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(JSON.stringify(self));
    });
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE'
        ? resolve(null)
        : reject(new ConfigurationError(`cannot lock the data folder at ${path}: ${error.message}`)),
    );
    server.listen(path, () => resolve(server));
  });
}

/** Null when nobody is behind the socket. */
function ask(path: string): Promise<Holder | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      // refused or gone: stale; anything else is a holder that is too busy to answer
      resolve(
        error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
          ? null
          : { pid: 0, since: 'unknown', url: 'unknown' },
      ),
    );
    socket.on('end', () => {
      try {
        resolve(JSON.parse(text) as Holder);
      } catch {
        resolve({ pid: 0, since: 'unknown', url: 'unknown' });
      }
    });
  });
}
