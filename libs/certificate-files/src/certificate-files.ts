// Which files hold certificates, and their text without ever waiting: certbot, cert-manager and people replace files in different ways
// (rename, symlink, write in place), and all of them change what `stat` says.
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateError } from './certificate-error.js';
import { readPem, type CertificatePem } from './read-pem.js';

/** A chain and its key are a few KB. */
const FILE_BYTES = 1024 * 1024;

export interface CertificateFiles {
  /** Each once, in order of the paths, of a folder in order of name. */
  readonly files: readonly string[];
  /** Paths that could not be looked at, with a sentence why. */
  readonly unread: ReadonlyMap<string, string>;
}

/** `paths`: files, and folders of which each `*.pem` counts that is not hidden. Never throws. */
export function certificateFiles(paths: readonly string[]): CertificateFiles {
  const unread = new Map<string, string>();
  const files = paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [path];
      const inside = readdirSync(path).filter((name) => name.endsWith('.pem') && !name.startsWith('.'));
      return inside.sort().map((name) => join(path, name));
    } catch (error) {
      unread.set(path, cannotRead(path, error));
      return [];
    }
  });
  return { files: [...new Set(files)], unread };
}

/** Differs when the file was written, replaced or came, or somebody else may read it. Throws CertificateError where there is none. */
export function stampOf(file: string): string {
  try {
    // that of the inode: it changes with each of these, and nobody sets it back
    const { ctimeMs, size, ino } = statSync(file);
    return `${ctimeMs} ${size} ${ino}`;
  } catch (error) {
    throw new CertificateError(cannotRead(file, error));
  }
}

/** Throws CertificateError, also where reading could take long: a pipe that nobody writes to, a device, a file of more than 1 MiB. */
export const readCertificateFile = (file: string): CertificatePem => readPem(file, textOf(file));

function textOf(file: string): string {
  let opened: number | undefined;
  try {
    // else opening a pipe waits for its writer
    opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(opened);
    if (!stat.isFile()) throw new CertificateError(`${file} is no regular file`);
    if (stat.size > FILE_BYTES)
      throw new CertificateError(
        `${file} has ${stat.size} bytes; certificates with their chain and key have at most ${FILE_BYTES}`,
      );
    return readFileSync(opened, 'utf8');
  } catch (error) {
    throw error instanceof CertificateError ? error : new CertificateError(cannotRead(file, error));
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

const cannotRead = (path: string, error: unknown): string => `${path} cannot be read: ${codeOf(error)}`;

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
