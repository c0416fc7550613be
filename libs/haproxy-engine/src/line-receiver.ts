// A named pipe that HAProxy's workers write lines to. HAProxy gets it open, as one of its files, so all its workers have it whatever becomes
// of us, also those that finish after a reload (which a ring of HAProxy's would no longer empty), and a proxy that was killed finds it again.
// It does not wait: what finds no room is lost.
import { execFile } from 'node:child_process';
import { closeSync, constants, lstatSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Longer ones are none of HAProxy's. Characters. */
const LINE_MAX = 64 * 1024;

export class LineReceiver {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  #fd: number | undefined;
  #socket: Socket | undefined;
  #rest = '';
  #isReading = false;

  /** `path`: of the pipe, in a folder that only we may enter. */
  constructor(path: string, onLine: (line: string) => void) {
    this.#path = path;
    this.#onLine = onLine;
  }

  /** For HAProxy, once it is open. */
  get fd(): number | undefined {
    return this.#fd;
  }

  /** Rejects where there can be no pipe. One that is there is used again. */
  async start(): Promise<void> {
    if (lstatSync(this.#path, { throwIfNoEntry: false })?.isFIFO() !== true) {
      rmSync(this.#path, { force: true, recursive: true });
      await run('mkfifo', ['-m', '600', this.#path]);
    }
    // for writing, too: so it has no end when nobody else has it open
    const fd = openSync(this.#path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const socket = new Socket({ fd, readable: true, writable: false });
      socket.setEncoding('latin1');
      socket.on('error', () => socket.destroy());
      this.#socket = socket;
      this.#fd = fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** From now on; until then lines wait in the pipe, as far as there is room. */
  read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#socket?.on('data', (text: string) => this.#take(text));
  }

  /** What was written until now is still read. */
  async stop(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS));
    this.#fd = undefined;
    this.#socket?.destroy();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    if (this.#rest.length > LINE_MAX) this.#rest = '';
  }
}

const LAST_LINES_MS = 50;
