// Certificates of the HTTPS port, for HAProxy only those that were read and understood: it refuses a whole configuration for one broken
// file, and reads anew whatever is in its folder at each reload. A file that is broken leaves its last good one in use, as with the
// built-in engine; one that is gone takes its key with it, unless it was the last. Nothing of a file's content is ever shown.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesOfCertificate, type Certified } from '#libs/proxy-core';
import { hashOf } from './config-text.js';

interface Copy extends Certified {
  readonly path: string;
  /** Certificates and key. */
  readonly pem: string;
}

/** A certificate with its chain and key has a few KiB. */
const BYTES_MAX = 1_048_576;
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^-]+-----END (?:[A-Z]+ )*PRIVATE KEY-----/;
const REFUSED = 'is refused by HAProxy, whose TLS library may ask for a longer key';
/** Of a copy: its place in the order, and whose it is. */
const COPY_NAME = /^\d{5}-([0-9a-f]{16})\.pem$/;

export class CertificateCopies {
  readonly #paths: readonly string[];
  /** By path. */
  #copies = new Map<string, Copy>();
  #all: readonly Certified[] = [];
  /** Of an earlier run of ours, by the hash of their path. */
  readonly #earlier = new Map<string, string>();
  /** Copies that HAProxy does not take though they are whole, with its words; until the file changes. */
  readonly #refused = new Map<string, { readonly pem: string; readonly why: string }>();
  #problems: string[] = [];

  /** `paths`: files, and folders of which each `*.pem` counts. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** What an earlier run of ours had in use: `folder` has copies as `files` names them. */
  remember(folder: string): void {
    for (const [hash, name] of namesIn(folder).flatMap((each) => matchOf(COPY_NAME, each))) {
      const pem = readPem(join(folder, name));
      if (pem.text !== undefined) this.#earlier.set(hash, pem.text);
    }
  }

  /** Looks at all files; differs when a file was written, came or went. */
  stamp(): string {
    return this.#files()
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return `${path} ${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
      })
      .join('\n');
  }

  /** Reads all of them. What is broken keeps what it had. */
  read(): void {
    const before = this.#copies;
    const copies = new Map<string, Copy>();
    this.#problems = [];
    for (const path of this.#files()) {
      const { text, why } = readPem(path);
      const old = before.get(path)?.pem ?? this.#earlier.get(hashOf(path));
      const refusal = text === undefined ? undefined : this.#refused.get(path);
      const refused = refusal?.pem === text ? refusal?.why : undefined;
      const pem = refused === undefined ? (text ?? old) : old === text ? undefined : old;
      if (pem !== undefined) copies.set(path, copyOf(path, pem));
      const problem = why ?? refused;
      if (problem !== undefined)
        this.#problems.push(`${path} ${problem}${pem === undefined ? '' : '; the old one stays in use'}`);
    }
    // an HTTPS port without any is an outage: the last ones stay
    if (copies.size === 0 && before.size > 0) {
      this.#copies = before;
      this.#problems.push(
        `${[...before.keys()].slice(0, 3).join(', ')}: gone or broken; the last one stays in use`,
      );
    } else this.#copies = copies;
    this.#all = [...this.#copies.values()];
  }

  /** By file name, in the order in which HAProxy reads a folder: the first is for clients that name no known host. */
  files(): Map<string, string> {
    return new Map(
      [...this.#copies.values()].map(({ path, pem }, at) => [
        `${String(at).padStart(5, '0')}-${hashOf(path)}.pem`,
        pem,
      ]),
    );
  }

  /** HAProxy does not take these copies; false: it names none of ours. The earlier ones of their files are used again. */
  refuse(complaint: string): boolean {
    const named = new Set([...complaint.matchAll(/\d{5}-([0-9a-f]{16})\.pem/g)].map(([, hash = '']) => hash));
    const culprits = [...this.#copies.values()].filter(({ path }) => named.has(hashOf(path)));
    for (const { path, pem } of culprits) {
      this.#refused.set(path, { pem, why: REFUSED });
      this.#copies.delete(path);
      this.#problems.push(`${path} ${REFUSED}`);
    }
    this.#all = [...this.#copies.values()];
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

  #files(): string[] {
    const files = this.#paths.flatMap((path) => {
      if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
      const inside = namesIn(path).filter((name) => name.endsWith('.pem') && !name.startsWith('.'));
      return inside.sort().map((name) => join(path, name));
    });
    return [...new Set(files)];
  }
}

/** Of a text that was understood before: its first certificate is the server's own. */
function copyOf(path: string, pem: string): Copy {
  const own = new X509Certificate(pem);
  const names = namesOfCertificate(own.subjectAltName, own.subject);
  return { path, pem, names, notBefore: Date.parse(own.validFrom), notAfter: Date.parse(own.validTo) };
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

/** `why`: what is wrong with it. */
function readPem(path: string): { readonly text?: string; readonly why?: string } {
  try {
    const stat = statSync(path);
    // a named pipe would be waited for without end
    if (!stat.isFile()) return { why: 'is not a file' };
    if (stat.size > BYTES_MAX) return { why: `is larger than ${BYTES_MAX} bytes` };
    const pem = readFileSync(path, 'utf8');
    const chain = pem.match(CERTIFICATES) ?? [];
    const key = KEY.exec(pem)?.[0];
    if (chain[0] === undefined || key === undefined)
      return { why: 'needs a certificate (-----BEGIN CERTIFICATE-----) and its private key, not encrypted' };
    const [own] = chain.map((each) => new X509Certificate(each));
    if (!own?.checkPrivateKey(createPrivateKey(key)))
      return {
        why: "has a key that does not belong to its first certificate; the server's own one must come first",
      };
    return { text: `${[...chain, key].join('\n')}\n` };
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    return {
      why: /^E[A-Z]+$/.test(code)
        ? `cannot be read: ${code}`
        : 'has a certificate or key that is not understood',
    };
  }
}
