// Two agents must never share a data folder. The lock is an abstract unix socket named after the folder: the system frees it with its
// holder, however that one died, so nothing can be left over; who connects is told who holds it (decisions.md 26).
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { ConfigurationError } from '#libs/configuration';

const ANSWER_MS = 2_000;

export interface FolderLock {
  release(): Promise<void>;
}

/** The folder must exist. Throws ConfigurationError that names the holder. */
export async function lockFolder(dataDir: string): Promise<FolderLock> {
  const name = `\0longrun-agent-${createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 32)}`;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`pid ${process.pid}, running since ${SINCE}`);
  });
  if (!(await listens(server, name))) {
    throw new ConfigurationError(
      `${dataDir} is held by another agent (${await askHolder(name)}); stop that one, or choose another --data-dir`,
    );
  }
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

const SINCE = new Date().toISOString();

function listens(server: Server, name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(name, () => resolve(true));
  });
}

function askHolder(name: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(name);
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve(text || 'it does not say who it is');
    };
    socket.setTimeout(ANSWER_MS, done);
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', done);
    socket.on('end', done);
  });
}
