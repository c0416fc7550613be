// Unpacks an archive into a sandbox that nobody uses yet. Nothing may leave it: absolute names, `..`, links out of it, names that
// pass through a link, devices and pipes are refused, and with them the whole archive. Ownership is not taken over, set-user-id and
// the like are dropped.
import { chmod, link, lstat, mkdir, open, rm, symlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path/posix';
import type { ArchiveEntry } from './archive-entry.js';
import { assertNotReserved } from './artifact.js';
import { invalid } from './fetch-failure.js';

/** What a file takes at least on a disk; so a million empty files are not free. */
const ENTRY_BYTES = 4_096;

export interface UnpackingParts {
  readonly sandbox: string;
  readonly shown: string;
  /** Counts what is written; throws when it is too much. */
  take(bytes: number): void;
  readonly signal: AbortSignal;
}

export class Unpacking {
  constructor(private readonly parts: UnpackingParts) {}

  async place(entry: ArchiveEntry): Promise<void> {
    const { sandbox, signal } = this.parts;
    signal.throwIfAborted();
    this.parts.take(ENTRY_BYTES);
    const path = this.#inside(entry.path, entry);
    if (path === '.') return;
    assertNotReserved(path, `'${entry.path}' of ${this.parts.shown}`);
    await this.#makeFolder(dirname(path), entry);
    const target = join(sandbox, path);
    const isThere = await kindOf(target);
    if (entry.type === 'folder') {
      if (isThere !== 'folder') await this.#makeFolder(path, entry);
      return chmod(target, permissionsOf(entry.mode) | 0o700);
    }
    if (isThere === 'folder') throw this.#refused(entry, 'a folder of this name is there already');
    if (isThere) await rm(target);
    if (entry.type === 'file') return this.#write(target, entry);
    if (entry.type === 'symlink') return this.#symlink(path, entry);
    if (entry.type === 'hardlink') return this.#hardlink(target, entry);
    throw this.#refused(entry, 'it is neither a file nor a folder nor a link');
  }

  async #write(target: string, entry: ArchiveEntry): Promise<void> {
    const file: FileHandle = await open(target, 'wx', 0o600);
    try {
      for await (const chunk of entry.body) {
        this.parts.signal.throwIfAborted();
        this.parts.take(chunk.length);
        await file.writeFile(chunk);
      }
      await file.chmod(permissionsOf(entry.mode) | 0o600);
    } finally {
      await file.close();
    }
  }

  /**
   * Leading `..` start in a real folder, so they can be counted; one further on could climb out by way of another link, and is
   * refused.
   */
  async #symlink(path: string, entry: ArchiveEntry): Promise<void> {
    const words = entry.linkTarget.split('/').filter((word) => word !== '' && word !== '.');
    const ups = words.findIndex((word) => word !== '..');
    const climbs = ups < 0 ? words.length : ups;
    const depth = path.split('/').length - 1;
    const isInside = !isAbsolute(entry.linkTarget) && climbs <= depth && !words.slice(climbs).includes('..');
    if (!isInside || entry.linkTarget === '')
      throw this.#refused(entry, `it links to '${entry.linkTarget}', outside of the sandbox`);
    await symlink(entry.linkTarget, join(this.parts.sandbox, path));
  }

  async #hardlink(target: string, entry: ArchiveEntry): Promise<void> {
    const of = this.#inside(entry.linkTarget, entry);
    await this.#makeFolder(dirname(of), entry);
    const existing = join(this.parts.sandbox, of);
    if ((await kindOf(existing)) !== 'file')
      throw this.#refused(entry, `it links to '${entry.linkTarget}', which is no file of it`);
    await link(existing, target);
  }

  /** All real folders: a name that passes through a link is refused. */
  async #makeFolder(path: string, entry: ArchiveEntry): Promise<void> {
    await makeFolders(this.parts.sandbox, path, () =>
      this.#refused(entry, 'its path passes through a link or a file'),
    );
  }

  #inside(path: string, entry: ArchiveEntry): string {
    const isOutside =
      path === '' || isAbsolute(path) || path.split('/').includes('..') || path.includes('\0');
    if (isOutside) throw this.#refused(entry, 'it would be outside of the sandbox');
    return normalize(path).replace(/\/+$/, '');
  }

  #refused(entry: ArchiveEntry, why: string): Error {
    const path = entry.path.replaceAll('\0', '?').slice(0, 200);
    return invalid(`fetch: ${this.parts.shown} is not unpacked because of its entry '${path}': ${why}`);
  }
}

/** No group or others write, whatever the archive says; nothing runs as somebody else. */
const permissionsOf = (mode: number): number => mode & 0o755;

async function kindOf(path: string): Promise<'file' | 'folder' | 'other' | null> {
  try {
    const stat = await lstat(path);
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** `path` below `root`, folder by folder; throws what `refuse` makes where something else is in the way. */
export async function makeFolders(root: string, path: string, refuse: () => Error): Promise<void> {
  let at = root;
  for (const name of path.split('/').filter((each) => each !== '.' && each !== '')) {
    at = join(at, name);
    const kind = await kindOf(at);
    if (kind === null) await mkdir(at, 0o755);
    else if (kind !== 'folder') throw refuse();
  }
}
