// The certificates of the HTTPS port, from files that others renew: looked at every few seconds, taken over without a restart. A file
// that is broken or gone meanwhile leaves its old certificate in use and is a warning, for a port without a certificate is an outage;
// nothing of a file's content is ever shown.
import type { SecureContext } from 'node:tls';
import {
  CertificateError,
  certificateFiles,
  noneUsable,
  readCertificateFile,
  stampOf,
} from '#libs/certificate-files';
import type { Clock, Timer } from '#libs/time';
import type { OnNotice } from '../observe/notice.js';
import { servable, type Certificate } from './certificate.js';

export const POLL_MS = 2_000;
const SOON_MS = 14 * 24 * 3_600_000;

export interface CertificateStoreParts {
  readonly clock: Clock;
  /** Files, and folders of which each `*.pem` counts. */
  readonly paths: readonly string[];
  /** For the log. */
  readonly onNotice?: OnNotice;
}

interface Entry {
  /** Of the file when it was read last. */
  stamp: string;
  certificate: Certificate | undefined;
  problem: string | undefined;
  /** Not there at the last look: a rename may be under way. */
  missed: boolean;
}

export class CertificateStore {
  readonly #parts: CertificateStoreParts;
  readonly #entries = new Map<string, Entry>();
  #exact = new Map<string, Certificate>();
  #wild = new Map<string, Certificate>();
  #default: Certificate | undefined;
  #all: readonly Certificate[] = [];
  #pathProblems: string[] = [];
  #timer: Timer | undefined;
  #onChange: () => void = () => undefined;

  constructor(parts: CertificateStoreParts) {
    this.#parts = parts;
  }

  /** Reads all of them and goes on looking. Throws CertificateError when not one can be used. */
  start(onChange: () => void): void {
    this.#look();
    if (!this.#default) throw noneUsable(this.#parts.paths, this.warnings());
    this.#onChange = onChange;
    this.#again();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Exact before wildcard; without a match the default, for a client is better served with a name it can complain about. */
  contextFor(serverName: string): SecureContext {
    const name = serverName.toLowerCase().replace(/\.$/, '');
    const above = name.slice(name.indexOf('.') + 1);
    const found = this.#exact.get(name) ?? (name.includes('.') ? this.#wild.get(above) : undefined);
    return (found ?? this.#first).context;
  }

  /** In order of path; the same list until there is something new. */
  get all(): readonly Certificate[] {
    return this.#all;
  }
  /** For clients that name no server: the first file in order of path. */
  get default(): Certificate {
    return this.#first;
  }

  warnings(): string[] {
    const now = this.#parts.clock.now();
    const warnings = [...this.#pathProblems];
    for (const { problem, certificate } of this.#entries.values()) {
      if (problem !== undefined)
        warnings.push(certificate ? `${problem}; the old one stays in use` : problem);
      if (certificate) warnings.push(...validity(certificate, now));
    }
    return warnings;
  }

  get #first(): Certificate {
    // `start` has thrown otherwise, and the last one is never given up
    if (!this.#default) throw new CertificateError('no certificate was read');
    return this.#default;
  }

  #again(): void {
    this.#timer = this.#parts.clock.after(POLL_MS, () => {
      if (this.#look()) this.#onChange();
      this.#again();
    });
  }

  /** True: there is something new. */
  #look(): boolean {
    const files = this.#files();
    let changed = false;
    for (const file of files) changed = this.#read(file) || changed;
    for (const [file, entry] of this.#entries) {
      if (files.includes(file)) entry.missed = false;
      else if (!entry.missed) entry.missed = true;
      else changed = this.#lose(file, entry) || changed;
    }
    if (changed) this.#index();
    return changed;
  }

  #files(): readonly string[] {
    const { files, unread } = certificateFiles(this.#parts.paths);
    this.#pathProblems = [...unread].flatMap(([path, why]) => (this.#entries.has(path) ? [] : [why]));
    return files;
  }

  #read(file: string): boolean {
    const entry = this.#entries.get(file) ?? {
      stamp: '',
      certificate: undefined,
      problem: undefined,
      missed: false,
    };
    try {
      const stamp = stampOf(file);
      if (stamp === entry.stamp) return false;
      entry.stamp = stamp;
      this.#entries.set(file, entry);
      const fresh = servable(readCertificateFile(file));
      const isFirst = entry.certificate === undefined;
      entry.certificate = fresh;
      entry.problem = undefined;
      // what is to be expected is no warning
      if (!isFirst) this.#note(`the certificate in ${file} was renewed`, 'info');
      return true;
    } catch (error) {
      const problem = error instanceof CertificateError ? error.message : `${file} cannot be used`;
      this.#entries.set(file, entry);
      if (problem !== entry.problem) this.#note(problem);
      entry.problem = problem;
      return false;
    }
  }

  /** Gone for two looks. The last certificate stays. */
  #lose(file: string, entry: Entry): boolean {
    const others = [...this.#entries.values()].some((each) => each !== entry && each.certificate);
    if (entry.certificate && !others) {
      entry.problem = `${file} is gone`;
      return false;
    }
    this.#entries.delete(file);
    this.#note(`${file} is gone; its certificate is not used any more`);
    return true;
  }

  /** Where two have one name, the one that is valid longer. */
  #index(): void {
    this.#exact = new Map();
    this.#wild = new Map();
    const entries = [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#all = entries.flatMap(([, { certificate }]) => certificate ?? []);
    this.#default = this.#all[0];
    for (const certificate of this.#all) {
      for (const name of certificate.names) {
        const [map, key] = name.startsWith('*.') ? [this.#wild, name.slice(2)] : [this.#exact, name];
        const before = map.get(key);
        if (!before || before.notAfter < certificate.notAfter) map.set(key, certificate);
      }
    }
  }

  #note(text: string, level?: 'info'): void {
    this.#parts.onNotice?.(text, level);
  }
}

function validity({ source, notBefore, notAfter }: Certificate, now: number): string[] {
  if (notAfter <= now) return [`the certificate in ${source} has expired on ${dayOf(notAfter)}`];
  if (notBefore > now) return [`the certificate in ${source} is not valid before ${dayOf(notBefore)}`];
  // a certificate of a few days is renewed in its last third
  const soon = Math.min(SOON_MS, (notAfter - notBefore) / 5);
  return notAfter - now < soon ? [`the certificate in ${source} expires on ${dayOf(notAfter)}`] : [];
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
