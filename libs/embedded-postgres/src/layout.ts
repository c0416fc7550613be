// Where everything of one embedded Postgres lies, and its preparation for the account it runs as.
//   DATADIR/data            the cluster          DATADIR/postgres.log   what Postgres says
//   DATADIR/socket          its unix socket, mode 700; a path too long for a socket goes to a hashed name in the runtime folder
//   DATADIR/location.json   only if the other three had to go elsewhere (account `other-user`): where, followed for ever after
import { createHash } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  lchown,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseAccount, otherUser, publicHome } from './account.js';
import type { Account, AccountKind } from './account.js';
import { copyBinaries, installedBinaries, linksComplete, makeLinks } from './binaries.js';
import type { Binaries } from './binaries.js';

export interface Layout {
  readonly account: Account;
  /** Holds bin, lib and share. */
  readonly programs: string;
  readonly major: number;
  readonly data: string;
  readonly log: string;
  readonly socketDir: string;
}

/** sockaddr_un holds 107 bytes; `/.s.PGSQL.5432.lock` needs 19 of them. */
const SOCKET_DIR_BYTES = 88;

/** `runtimeDir`: for a socket whose path would be too long; default: the folder for temporary files. */
export interface LayoutOptions {
  readonly dataDir: string;
  readonly account?: AccountKind;
  readonly runtimeDir?: string;
}

export async function prepareLayout({
  dataDir,
  account: wanted,
  runtimeDir,
}: LayoutOptions): Promise<Layout> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const base = await realpath(dataDir);
  const account = await accountFor(base, wanted);
  const home = account.kind === 'other-user' ? await publicHomeFor(base, account) : base;
  const installed = await installedBinaries();
  return {
    account,
    major: installed.major,
    programs: await programsFor(account, home, installed),
    data: join(home, 'data'),
    log: join(home, 'postgres.log'),
    socketDir: await socketDirFor(home, account, runtimeDir ?? tmpdir()),
  };
}

/** A folder keeps the way it was made with: its owner, and the place written in location.json. */
async function accountFor(base: string, wanted?: AccountKind): Promise<Account> {
  const uid = process.getuid?.() ?? 0;
  const moved = existsSync(join(base, 'location.json'));
  if (moved && uid === 0) return otherUser();
  const data = join(base, moved ? 'location.json' : 'data');
  const owner = existsSync(data) ? await stat(data) : undefined;
  if (!owner || owner.uid === uid) return chooseAccount(wanted);
  if (uid === 0) return { ...otherUser(owner.uid, owner.gid), kind: 'self' };
  throw new Error(
    `${data} belongs to user ${owner.uid}, we are ${uid}: start Longrun as that user, or give it another --data-dir`,
  );
}

/** Data that this folder already has moves along, once. */
async function publicHomeFor(base: string, { uid = 0, gid = 0 }: Account): Promise<string> {
  const home = publicHome(base);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const here = join(base, 'data');
  if (existsSync(here) && !existsSync(join(home, 'data'))) {
    const draft = join(home, 'data.moving');
    await rm(draft, { recursive: true, force: true });
    await cp(here, draft, { recursive: true, verbatimSymlinks: true });
    await chownAll(draft, uid, gid);
    await rename(draft, join(home, 'data'));
    await rename(here, join(base, 'data.moved'));
  }
  await writeFile(join(base, 'location.json'), `${JSON.stringify({ postgres: home })}\n`);
  for (const path of ['/var/lib/longrun', home]) await chmod(path, path === home ? 0o700 : 0o755);
  await chown(home, uid, gid);
  return home;
}

async function chownAll(path: string, uid: number, gid: number): Promise<void> {
  await lchown(path, uid, gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of await readdir(path)) await chownAll(join(path, name), uid, gid);
}

/** The installed programs where the account can reach them with all links, else a copy beside the data. */
async function programsFor({ uid, gid }: Account, home: string, installed: Binaries): Promise<string> {
  if (uid === undefined) {
    const complete = () => linksComplete(installed.folder);
    // somebody else's installation may refuse us the links
    const linked = (await complete()) || (await makeLinks(installed.folder).then(complete, () => false));
    if (linked) return installed.folder;
  }
  const copy = join(home, `postgres-${installed.version}`);
  await copyBinaries(installed.folder, copy);
  if (uid !== undefined) await chownAll(copy, uid, gid ?? uid);
  return copy;
}

async function socketDirFor(home: string, { uid, gid }: Account, runtimeDir: string): Promise<string> {
  const owner = uid ?? process.getuid?.() ?? 0;
  const near = join(home, 'socket');
  const digest = createHash('sha256').update(home).digest('hex').slice(0, 16);
  const fits = Buffer.byteLength(near) <= SOCKET_DIR_BYTES;
  const path = fits ? near : join(runtimeDir, `longrun-${owner}-${digest}`);
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made && uid !== undefined) await chown(path, uid, gid ?? uid);
  // Whoever can enter this folder is the database's superuser: nobody else may have put it there.
  const entry = lstatSync(path);
  if (!entry.isDirectory() || entry.uid !== owner) {
    throw new Error(`${path} is not a folder of ours: remove it and start again`);
  }
  await chmod(path, 0o700);
  return path;
}
