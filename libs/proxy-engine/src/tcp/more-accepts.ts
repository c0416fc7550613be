// More than one accept per turn of the event loop, while that is needed. libuv accepts one connection per listener and turn (since 1.45, its
// pull request 3696), so in a proxy whose turns are long, because hundreds of connections have something to say in each, new ones wait for
// seconds in the listen queue. A copy of the listening socket is a listener of its own to libuv, with the same queue behind it.
import { spawn, type ChildProcess, type SendHandle } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { isHalfOpen } from './half-open.js';

/** One connection in nearly every turn: the queue has not been empty for a while. */
const SAMPLE = 32;
const SAMPLE_TURNS = 40;
/** With more of them a single connection costs measurably more: each copy is told of it and finds nothing. */
export const COPIES = 15;
/** Without need for so long they are closed again. */
const CALM_MS = 60_000;
/** To start a process and hear of it, on a machine that is busy. */
const ASK_MS = 10_000;
/** After one that failed: where files or memory are short, each that is tried makes them shorter. */
const PAUSE_MS = 10_000;

/**
 * Node can copy a socket only by sending it: this process sends back what it gets. It never listens itself, so that no connection can reach
 * it.
 */
const ECHO = `process.on('message', (count, handle) => {
  let left = count;
  for (let copy = 0; copy < count; copy += 1)
    process.send('copy', handle, () => { left -= 1; if (left === 0) process.disconnect(); });
});`;

/** One such process at a time, however many listeners ask; after one that brought nothing there is none for a while. */
let asking = false;

export interface MoreAcceptsOptions {
  /** Connections that may wait for their accept; as the server's, for all listen on one queue. Default: Node's, 511. */
  readonly backlog?: number;
  /** After which time without need the copies are closed, ms. Default 60 s. */
  readonly calmMs?: number;
  /** How long none is asked for after a failure, ms. Default 10 s. */
  readonly pauseMs?: number;
}

/** Of one server that listens. What a copy accepts is the server's `connection` event, too. */
export class MoreAccepts {
  readonly #server: Server;
  readonly #backlog: number | undefined;
  readonly #calmMs: number;
  readonly #pauseMs: number;
  readonly #copies = new Set<Server>();
  #accepted = 0;
  #turns = turnsSoFar();
  #isNeeded = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(server: Server, { backlog, calmMs = CALM_MS, pauseMs = PAUSE_MS }: MoreAcceptsOptions = {}) {
    this.#server = server;
    this.#backlog = backlog;
    this.#calmMs = calmMs;
    this.#pauseMs = pauseMs;
    server.on('connection', () => this.#count());
  }

  /** How many there are besides the server; each costs a file descriptor. */
  get copies(): number {
    return this.#copies.size;
  }

  /** None accepts any more; call it with the close of the server. */
  close(): void {
    this.#isClosed = true;
    this.#closeCopies();
  }

  #count(): void {
    this.#accepted += 1;
    if (this.#accepted < SAMPLE) return;
    this.#accepted = 0;
    const before = this.#turns;
    this.#turns = turnsSoFar();
    if (this.#turns - before > SAMPLE_TURNS) return;
    this.#isNeeded = true;
    if (!this.#timer && !this.#isClosed && !asking) this.#ask();
  }

  #ask(): void {
    // what has the socket behind a server is known to `listen` by this name
    const { _handle: handle } = this.#server as unknown as { _handle?: SendHandle | null };
    if (!handle) return;
    asking = true;
    let came = 0;
    const over = (): void => {
      if (came > 0) asking = false;
      else setTimeout(() => (asking = false), this.#pauseMs).unref();
    };
    copiesOf(handle, (copy) => {
      came += 1;
      this.#open(copy);
    }).then(over, over);
  }

  #open(handle: SendHandle): void {
    const copy = createServer({ allowHalfOpen: isHalfOpen(this.#server), noDelay: true });
    copy.on('connection', (socket) => void this.#server.emit('connection', socket));
    // an accept that failed (no file descriptor left)
    copy.on('error', () => undefined);
    copy.listen(handle, this.#backlog);
    if (this.#isClosed) return void copy.close();
    this.#copies.add(copy);
    if (!this.#timer) this.#watch();
  }

  /** Looks now and then whether they are still needed. */
  #watch(): void {
    this.#isNeeded = false;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isNeeded) this.#watch();
      else this.#closeCopies();
    }, this.#calmMs).unref();
  }

  #closeCopies(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const copy of this.#copies) copy.close();
    this.#copies.clear();
  }
}

const turnsSoFar = (): number => performance.nodeTiming.uvMetricsInfo.loopCount;

/**
 * Resolves when no more of them come; rejects with why there is no process to ask. That happens where files or memory are short: ENOMEM is
 * thrown by `spawn`; of EMFILE and ENFILE it gives a child without a channel, whose error comes later.
 */
function copiesOf(handle: SendHandle, onCopy: (copy: SendHandle) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', ECHO], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {},
      timeout: ASK_MS,
      killSignal: 'SIGKILL',
    });
    // each error is listened to: there may be one of the channel after that of the process; `close` comes behind the last message
    child.on('error', reject).once('close', () => resolve());
    child.on('message', (_message, copy) => {
      if (copy !== undefined) onCopy(copy);
    });
    if (child.connected) child.send(COPIES, handle, () => undefined);
    unref(child);
  });
}

/** It keeps no process from its end. */
function unref(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}
