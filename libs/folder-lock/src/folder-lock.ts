// One process of a role per data folder. The lock is an abstract unix socket named after the folder itself (device and inode, so no
// other path to it gets past): the kernel frees it with its holder, however that one died, so nothing can be left over, and two
// starters cannot both find it stale. Who connects is told who holds it (ADR 5).
import { statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { ConfigurationError } from '#libs/configuration';

const ANSWER_MS = 2_000;

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * The folder must exist. `role` is the program (`agent`, `proxy`, `longrun up`): each may hold the folder once. `about` is what the next
 * one is told besides pid and time, e.g. an address. Throws ConfigurationError that names the holder and the remedy.
 */
export async function lockFolder(folder: string, role: string, about = ''): Promise<FolderLock> {
  const { dev, ino } = statSync(folder);
  const name = `\0longrun/${role.replaceAll(' ', '-')}/${dev}-${ino}`;
  const since = new Date().toISOString();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`pid ${process.pid}, running since ${since}${about === '' ? '' : ` at ${about}`}`);
  });
  if (!(await listens(server, name))) {
    const holder = await askHolder(name);
    throw new ConfigurationError(
      `${folder} is held by another ${role} (${holder}); use that one, stop it first, or choose another folder with --data-dir`,
    );
  }
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

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
