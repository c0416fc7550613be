// The data folder: made once and whole, and checked before every start.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Layout } from './layout.js';

/** The superuser and the database, both of this name. */
export const DATABASE = 'longrun';

/** How a program of PostgreSQL is run for this layout: command, its arguments, and as whom. */
export function commandOf({ account, programs, data }: Layout, program: string, args: readonly string[]) {
  const [file = '', ...rest] = [...account.prefix, join(programs, 'bin', program), ...args];
  const { uid, gid } = account;
  const identity = uid === undefined ? {} : { uid, gid: gid ?? uid };
  // not our working directory, which another user may be unable to enter; not our PG* variables
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  return { file, args: rest, options: { ...identity, cwd: dirname(data), env } };
}

/** Makes the cluster if there is none; refuses one of another major version. */
export async function ensureCluster(layout: Layout, durable: boolean): Promise<void> {
  const { data, major } = layout;
  const versionFile = join(data, 'PG_VERSION');
  if (!existsSync(versionFile)) return makeCluster(layout, durable);
  const found = Number.parseInt(await readFile(versionFile, 'utf8'), 10);
  if (found !== major) {
    throw new Error(
      `${data} holds PostgreSQL ${found} data and this release brings PostgreSQL ${major}: dump it with pg_dumpall of ${found} and ` +
        `load it into a Postgres of your own (DATABASE_URL), start with another --data-dir, or use the release that made it`,
    );
  }
}

/** initdb aside, then rename: a kill in between leaves nothing that looks like a cluster. */
async function makeCluster(layout: Layout, durable: boolean): Promise<void> {
  const draft = `${layout.data}.new`;
  await rm(draft, { recursive: true, force: true });
  const { uid, gid } = layout.account;
  await mkdir(draft, { mode: 0o700 });
  if (uid !== undefined) await chown(draft, uid, gid ?? uid);
  const options = [
    '-U',
    DATABASE,
    '-E',
    'UTF8',
    '--locale=C',
    '-A',
    'trust',
    ...(durable ? [] : ['--no-sync']),
  ];
  await runToEnd(layout, 'initdb', ['-D', draft, ...options]);
  // Only through the socket, whose folder only we can enter; no password to keep, and TCP is off.
  await writeFile(join(draft, 'pg_hba.conf'), 'local all all trust\n');
  const alone = ['--single', '-D', draft, '-c', 'exit_on_error=on', 'postgres'];
  await runToEnd(layout, 'postgres', alone, `create database ${DATABASE};\n`);
  await rename(draft, layout.data);
}

/** `input` goes to its standard input. */
async function runToEnd(layout: Layout, program: string, args: readonly string[], input = ''): Promise<void> {
  const command = commandOf(layout, program, args);
  const child = spawn(command.file, command.args, { ...command.options, stdio: 'pipe' });
  let output = '';
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-2_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  // it may end without reading all of it
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status !== 0) throw new Error(`${program} failed (${status}): ${output.trim()}`);
}
