// Opens the output files of tasks. A task with a `user` owns the folder they lie in and may put a link, a pipe or anything else in
// their place, while the agent may be root: nothing but an ordinary file of one name is ever opened.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** A link is not followed, a pipe does not block. */
const SAFE = constants.O_NOFOLLOW | constants.O_NONBLOCK;

export const READ = constants.O_RDONLY;
export const WRITE = constants.O_WRONLY;
export const APPEND = constants.O_WRONLY | constants.O_APPEND;
export const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
export const APPEND_OR_NEW = APPEND | constants.O_CREAT;

const isOrdinary = (stat: Stats): boolean => stat.isFile() && stat.nlink === 1;
/** Not there, a link, a pipe that nobody reads, a folder. */
const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ELOOP', 'ENXIO', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Undefined when there is no such file, or something else in its place. The caller closes it. */
export function openLogFile(path: string, flags: number): number | undefined {
  try {
    const fd = openSync(path, flags | SAFE, 0o600);
    if (isOrdinary(fstatSync(fd))) return fd;
    closeSync(fd);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return undefined;
}

/** The same without blocking. */
export async function openLog(path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, flags | SAFE, 0o600);
    if (isOrdinary(await file.stat())) return file;
    await file.close();
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return undefined;
}

/** Calls `work` with the open file; undefined when there is none. */
export function withLogFile<T>(path: string, flags: number, work: (fd: number) => T): T | undefined {
  const fd = openLogFile(path, flags);
  if (fd === undefined) return undefined;
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

/** Bytes in it; undefined when there is none. */
export async function sizeOfLog(path: string): Promise<number | undefined> {
  const stat = await lstat(path).catch(() => undefined);
  return stat && isOrdinary(stat) ? stat.size : undefined;
}
