// The data folder of `longrun up`: tokens, logs and the records by which the next start finds what this one left running.
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigurationError } from '#libs/configuration';
import type { ProcessIdentity } from '#libs/process-identity';

/** At a start, a log above this size is moved aside (one older one is kept). */
const LOG_BYTES_MAX = 32 * 1024 * 1024;
/** Where the last words of a process are looked for. */
const LOG_TAIL_BYTES = 16 * 1024;

export interface ChildRecord {
  readonly identity: ProcessIdentity;
  /** What it was started with; another signature cannot be taken over. */
  readonly signature: string;
}

export interface Tokens {
  readonly agent: string;
  readonly proxy: string;
}

export class DataFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
    try {
      for (const part of ['', 'records', 'logs', 'agent', 'proxy', 'postgres']) {
        mkdirSync(join(this.path, part), { recursive: true, mode: part === '' ? 0o755 : 0o700 });
        accessSync(join(this.path, part), constants.R_OK | constants.W_OK | constants.X_OK);
      }
    } catch (error) {
      throw new ConfigurationError(
        `cannot use ${this.path} as data folder: ${error instanceof Error ? error.message : String(error)}; choose another with --data-dir`,
      );
    }
  }

  in(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Made once, 256 bit each, readable by the owner only. */
  tokens(): Tokens {
    const file = this.in('tokens.json');
    const stored = readJson<Tokens>(file);
    if (stored?.agent && stored.proxy) return stored;
    const made = { agent: randomBytes(32).toString('hex'), proxy: randomBytes(32).toString('hex') };
    writeAside(file, made);
    return made;
  }

  record(name: string): ChildRecord | null {
    return readJson<ChildRecord>(this.in('records', `${name}.json`));
  }
  putRecord(name: string, record: ChildRecord): void {
    writeAside(this.in('records', `${name}.json`), record);
  }
  dropRecord(name: string): void {
    rmSync(this.in('records', `${name}.json`), { force: true });
  }

  /** A file descriptor that appends; a child writes to it, so it outlives the supervisor. */
  openLog(name: string): number {
    const file = this.logPath(name);
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
    return openSync(file, 'a', 0o600);
  }
  /** Cuts a log that a long-lived child keeps open; it appends, so it goes on at the new end. */
  boundLog(name: string): void {
    const file = this.logPath(name);
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 2 * LOG_BYTES_MAX) truncateSync(file, 0);
  }
  logPath(name: string): string {
    return this.in('logs', `${name}.log`);
  }
  /** The error with which this process gave up, as it logged it; null when it was killed, say, or the log cannot be read. */
  lastFailure(name: string, pid: number): string | null {
    const lines = tailOf(this.logPath(name)).split('\n').map(failureIn);
    return lines.findLast((failure) => failure?.pid === pid)?.msg ?? null;
  }
}

function tailOf(file: string): string {
  try {
    const from = Math.max(0, statSync(file).size - LOG_TAIL_BYTES);
    const buffer = Buffer.alloc(LOG_TAIL_BYTES);
    const log = openSync(file, 'r');
    try {
      return buffer.toString('utf8', 0, readSync(log, buffer, 0, LOG_TAIL_BYTES, from));
    } finally {
      closeSync(log);
    }
  } catch {
    return ''; // only a reason is missing then
  }
}

function failureIn(line: string): { pid: number; msg: string } | null {
  try {
    const { event, pid, msg } = JSON.parse(line) as { event?: unknown; pid?: unknown; msg?: unknown };
    return event === 'failed' && typeof pid === 'number' && typeof msg === 'string' ? { pid, msg } : null;
  } catch {
    return null; // a line of Node's, or the first one, cut
  }
}

function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return null; // absent or half-written by an older start: as if it were not there
  }
}

function writeAside(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
