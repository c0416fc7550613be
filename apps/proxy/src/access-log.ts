// The access log: a JSON line per request, of which a share is written and every failure is. It never holds a request up: lines wait in
// memory while the disk is slow, and beyond a bound they are dropped and counted. Opened anew on SIGHUP and SIGUSR1, for logrotate.
import { constants, createWriteStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { RequestRecord } from '#libs/proxy-core';
import { isBroken, versionOf, type Observer } from '#libs/proxy-engine';

/** Characters that may wait for the disk. */
const WAITING_MAX = 4 * 1024 * 1024;
const FLUSH_MS = 100;
const FLUSH_CHARS = 64 * 1024;
/** For the last lines, at the end: nobody may read the pipe, and the process must end all the same. */
const CLOSE_MS_MAX = 2_000;

export interface AccessLogOptions {
  /** `-`: standard output. */
  readonly file: string;
  /** 0 to 1: of those that did not fail. */
  readonly sample: number;
  /** Once per problem. */
  readonly onProblem: (text: string) => void;
  /** 0 <= x < 1. Default Math.random. */
  readonly random?: () => number;
}

export class AccessLog implements Observer {
  readonly #options: AccessLogOptions;
  readonly #random: () => number;
  #stream: Writable;
  #text = '';
  #timer: NodeJS.Timeout | undefined;
  #problem: string | undefined;
  #written = 0;
  #dropped = 0;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#stream = this.#open();
  }

  /** Lines since the start. */
  get counts(): { readonly written: number; readonly dropped: number } {
    return { written: this.#written, dropped: this.#dropped };
  }

  /** Why nothing is written, until it is opened anew. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** `taken`: which share of the requests that did not fail is told at all, where the engine has left out the others already. */
  ended(record: RequestRecord, taken = 1): void {
    const share = this.#options.sample / taken;
    if (!isFailure(record) && (share <= 0 || (share < 1 && this.#random() >= share))) return;
    if (this.#problem !== undefined || this.#text.length + this.#stream.writableLength > WAITING_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#written += 1;
    this.#text += lineOf(record, Date.now());
    if (this.#text.length >= FLUSH_CHARS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** After the file was moved away. */
  reopen(): void {
    this.#flush();
    // standard output cannot be opened anew
    if (this.#options.file === '-') return;
    const before = this.#stream;
    this.#problem = undefined;
    this.#stream = this.#open();
    before.end();
    // a pipe that nobody reads never ends
    if (before instanceof Socket) setTimeout(() => before.destroy(), CLOSE_MS_MAX).unref();
  }

  /** Resolves when all is written, or after 2 s. */
  close(): Promise<void> {
    this.#flush();
    if (this.#stream === process.stdout || this.#problem !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      // whoever waits for its end is told by "close", too
      const timer = setTimeout(() => this.#stream.destroy(), CLOSE_MS_MAX);
      this.#stream.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#stream.end();
    });
  }

  #open(): Writable {
    const { file, onProblem } = this.#options;
    const stream = openLog(file);
    stream.on('error', (error) => {
      if (this.#stream !== stream || this.#problem !== undefined) return;
      const name = file === '-' ? 'on standard output' : file;
      const remedy = file === '-' ? 'start the proxy anew' : 'SIGHUP opens it again';
      this.#problem = `the access log ${name} cannot be written: ${error.message}; ${remedy}`;
      onProblem(this.#problem);
    });
    return stream;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#text === '' || this.#problem !== undefined) return;
    this.#stream.write(this.#text);
    this.#text = '';
  }
}

function openLog(file: string): Writable {
  if (file === '-') return process.stdout;
  const fd = openPipe(file);
  if (fd === undefined) return createWriteStream(file, { flags: 'a', mode: 0o640 });
  return new Socket({ fd, readable: false, writable: true });
}

/** Of a named pipe. Opened for writing alone it would wait for a reader, and hold one of the few threads that write tables to disk. */
function openPipe(file: string): number | undefined {
  try {
    if (!statSync(file).isFIFO()) return undefined;
    return openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  } catch {
    // it is not there yet, or may not be read: opening it as a file says why
    return undefined;
  }
}

/**
 * No answer, one of ours or the task's that says so, or one that was broken off, unless by its client: readers of event streams and players
 * of films leave as they like. TCP has no status and is none.
 */
const isFailure = (record: RequestRecord): boolean =>
  record.status >= 500 ||
  (record.status === 0 && isBroken(record)) ||
  (record.abortedBy !== undefined && record.abortedBy !== 'client');

/** Neither query nor cookies nor credentials: a record has none. */
function lineOf(record: RequestRecord, now: number): string {
  const { service, target, durationMs } = record;
  return `${JSON.stringify({
    time: new Date(now).toISOString(),
    app: service?.appId,
    port: service?.portIndex,
    version: versionOf(record),
    task: target?.taskId,
    via: record.path,
    client: record.clientAddress,
    method: record.method,
    host: record.host,
    path: record.urlPath,
    id: record.requestId,
    status: record.status,
    ms: Math.round(durationMs * 1_000) / 1_000,
    retries: record.retries,
    bytes: record.bytesOut,
    bytesIn: record.bytesIn,
    closedBy: record.closedBy,
    abortedBy: record.abortedBy,
  })}\n`;
}
