// Certificates of the HTTPS port, for HAProxy only those that were read and understood: it refuses a whole configuration for one broken
// file, and reads anew whatever is in its folder at each reload. A file that is broken leaves its last good one in use, as with the
// built-in engine; one that is gone takes its key with it, unless it was the last. Nothing of a file's content is ever shown.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CertificateError, certificateFiles, readCertificateFile, stampOf } from '#libs/certificate-files';
import type { Certified } from '#libs/proxy-core';
import { hashOf } from './config-text.js';

interface Good extends Certified {
  /** Certificates and key. */
  readonly pem: string;
}
interface Copy extends Good {
  readonly path: string;
}

const REFUSED = 'is refused by HAProxy, whose TLS library may ask for a longer key';
/** Of a copy: its place in the order, and whose it is. */
const COPY_NAME = /^\d{5}-([0-9a-f]{16})\.pem$/;
/** Whose the copies are; HAProxy reads nothing whose name begins with a dot. */
const SOURCES = '.sources';

export class CertificateCopies {
  readonly #paths: readonly string[];
  /** By path. */
  #copies: ReadonlyMap<string, Copy> = new Map();
  /** Those that HAProxy took last. */
  #taken: ReadonlyMap<string, Copy> = new Map();
  #all: readonly Certified[] = [];
  /** Of an earlier run of ours, by the hash of their path. */
  #earlier: ReadonlyMap<string, Good> = new Map();
  /** The paths of those, in order. */
  #sources: readonly string[] = [];
  /** Copies that HAProxy does not take though they are whole, by path; until the file changes. */
  readonly #refused = new Map<string, string>();
  #problems: string[] = [];

  /** `paths`: files, and folders of which each `*.pem` counts. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** What an earlier run of ours had in use: `folder` has copies as `files` names them. */
  remember(folder: string): void {
    const earlier = new Map<string, Good>();
    for (const [hash, name] of namesIn(folder).flatMap((each) => matchOf(COPY_NAME, each))) {
      const { good } = read(join(folder, name));
      if (good) earlier.set(hash, good);
    }
    this.#earlier = earlier;
    this.#sources = sourcesIn(folder);
  }

  /** Looks at all files; differs when a file was written, came or went. */
  stamp(): string {
    return this.#files()
      .map((path) => `${path} ${stampOrNone(path)}`)
      .join('\n');
  }

  /** Reads all of them. What is broken keeps what it had. */
  read(): void {
    const before = this.#copies;
    const copies = new Map<string, Copy>();
    this.#problems = [];
    for (const path of this.#files()) {
      const { good, why } = read(path);
      const old = before.get(path) ?? this.#earlier.get(hashOf(path));
      const isRefused = good !== undefined && this.#refused.get(path) === good.pem;
      const used = isRefused ? (old?.pem === good.pem ? undefined : old) : (good ?? old);
      if (used) copies.set(path, { ...used, path });
      const problem = why ?? (isRefused ? `${path} ${REFUSED}` : undefined);
      if (problem !== undefined) this.#problems.push(`${problem}${used ? '; the old one stays in use' : ''}`);
    }
    // an HTTPS port without any is an outage: the last ones stay, also those of a run before
    const last = before.size > 0 ? before : this.#ofEarlier();
    if (copies.size === 0 && last.size > 0) {
      this.#copies = last;
      this.#problems.push(
        `${[...last.keys()].slice(0, 3).join(', ')}: gone or broken; the last one stays in use`,
      );
    } else this.#copies = copies;
    this.#all = [...this.#copies.values()];
  }

  /** By file name, in the order in which HAProxy reads a folder: the first is for clients that name no known host. */
  files(): Map<string, string> {
    const copies = [...this.#copies.values()].map(
      ({ path, pem }, at) => [`${String(at).padStart(5, '0')}-${hashOf(path)}.pem`, pem] as const,
    );
    return new Map([...copies, [SOURCES, JSON.stringify([...this.#copies.keys()])]]);
  }

  /** HAProxy takes all of them. */
  accept(): void {
    this.#taken = this.#copies;
  }

  /** HAProxy does not take these copies; false: it names none of ours. Those of their files that it took before are used again. */
  refuse(complaint: string): boolean {
    const named = new Set([...complaint.matchAll(/\d{5}-([0-9a-f]{16})\.pem/g)].map(([, hash = '']) => hash));
    const copies = new Map(this.#copies);
    const culprits = [...copies.values()].filter(({ path }) => named.has(hashOf(path)));
    for (const { path, pem } of culprits) {
      this.#refused.set(path, pem);
      const old = this.#taken.get(path) ?? this.#earlier.get(hashOf(path));
      const isUsed = old !== undefined && old.pem !== pem;
      if (isUsed) copies.set(path, { ...old, path });
      else copies.delete(path);
      this.#problems.push(`${path} ${REFUSED}${isUsed ? '; the old one stays in use' : ''}`);
    }
    this.#copies = copies;
    this.#all = [...copies.values()];
    return culprits.length > 0;
  }

  get isEmpty(): boolean {
    return this.#copies.size === 0;
  }

  /** The same list until they are read again. */
  get all(): readonly Certified[] {
    return this.#all;
  }

  warnings(): readonly string[] {
    return this.#problems;
  }

  /** What an earlier run had in use of the files and folders that are named now. */
  #ofEarlier(): Map<string, Copy> {
    const isNamed = (path: string): boolean =>
      this.#paths.some((each) => each === path || join(each, basename(path)) === path);
    return new Map(
      this.#sources.filter(isNamed).flatMap((path) => {
        const good = this.#earlier.get(hashOf(path));
        return good ? [[path, { ...good, path }] as const] : [];
      }),
    );
  }

  /** Paths that cannot be looked at stay in their place: the old one of each may be in use. */
  #files(): readonly string[] {
    const files = this.#paths.flatMap((path) => {
      const found = certificateFiles([path]);
      return found.unread.size > 0 ? [path] : found.files;
    });
    return [...new Set(files)];
  }
}

function matchOf(pattern: RegExp, name: string): [hash: string, name: string][] {
  const hash = pattern.exec(name)?.[1];
  return hash === undefined ? [] : [[hash, name]];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // none, or not for us
    return [];
  }
}

function sourcesIn(folder: string): string[] {
  try {
    return JSON.parse(readFileSync(join(folder, SOURCES), 'utf8')) as string[];
  } catch {
    // none: of a run that wrote no such list
    return [];
  }
}

/** `why`: what is wrong with it, and where. */
function read(path: string): { readonly good?: Good; readonly why?: string } {
  try {
    const { chain, keyPem, names, notBefore, notAfter } = readCertificateFile(path);
    return { good: { pem: `${[...chain, keyPem].join('\n')}\n`, names, notBefore, notAfter } };
  } catch (error) {
    return { why: error instanceof CertificateError ? error.message : `${path} cannot be used` };
  }
}

function stampOrNone(path: string): string {
  try {
    return stampOf(path);
  } catch {
    // gone, or not for us
    return 'none';
  }
}
