// One connection to a target: being opened, in use by one exchange, or idle in its pool. It reads into a buffer of its own that is used
// again as soon as its bytes have gone on, which they mostly have by the end of the same turn.
import { connect, type Socket } from 'node:net';
import { TICK_MS, type Deadlines, type Watched } from './deadlines.js';
import type { ReadBuffer, ReadBuffers } from './read-buffers.js';
import type { TargetPool } from './upstream-pool.js';

export interface UpstreamParts {
  readonly deadlines: Deadlines;
  readonly buffers: ReadBuffers;
}

/** Whoever uses the connection at the moment. */
export interface UpstreamUser {
  connected(): void;
  /** True: the bytes are still needed after the call. */
  received(data: Buffer): boolean;
  /** All that was written has left. */
  drained(): void;
  /** The target has said its last word, or the connection broke. Called once, and nothing after it. */
  closed(error: Error | undefined): void;
  /** Nothing has moved for as long as `silentAfter` said, or the connect took too long. */
  silent(): void;
}

export class UpstreamConnection implements Watched {
  readonly socket: Socket;
  readonly pool: TargetPool;
  deadline: number;
  user: UpstreamUser | undefined;
  /** It stands. */
  connected = false;
  /** It has carried a request before. */
  reused = false;
  readonly #deadlines: Deadlines;
  readonly #buffers: ReadBuffers;
  #buffer: ReadBuffer | undefined;
  #paused = false;

  constructor(pool: TargetPool, { deadlines, buffers }: UpstreamParts, connectMs: number) {
    this.pool = pool;
    this.#buffers = buffers;
    this.#deadlines = deadlines;
    deadlines.add(this);
    this.deadline = deadlines.now + connectMs;
    this.socket = connect({
      host: pool.host,
      port: pool.port,
      noDelay: true,
      onread: { buffer: () => this.#nextBuffer(), callback: (bytes, into) => this.#received(bytes, into) },
    });
    this.socket.on('connect', () => this.#onConnect());
    this.socket.on('drain', () => this.user?.drained());
    this.socket.on('end', () => this.#lost(undefined));
    this.socket.on('error', (error) => this.#lost(error));
    this.socket.on('close', () => this.#onClose());
  }

  /** Counts from now on: each piece of traffic begins it anew. */
  silentAfter(ms: number): void {
    this.deadline = this.#deadlines.now + ms;
  }

  /** Its user does not want to hear more for now. */
  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  /**
   * The buffer of the bytes that are just being received, for one write that needs them for longer; the callback of that write gives it
   * back. Reads go on into another one.
   */
  lend(): ReadBuffer | undefined {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    return buffer;
  }

  /** Its exchange is over, and the connection may carry another one within this time. */
  release(idleMs: number): void {
    this.user = undefined;
    this.resume();
    // the deadline counts from a moment up to a tick ago and is seen up to a tick late: rather too early than too late
    this.deadline = this.#deadlines.now + idleMs - TICK_MS;
    this.pool.keep(this);
  }

  /** Without a word to its user. */
  destroy(): void {
    this.user = undefined;
    this.deadline = Infinity;
    this.socket.destroy();
  }

  expire(): void {
    if (!this.user) {
      this.destroy();
      return;
    }
    this.deadline = Infinity;
    this.user.silent();
  }

  /** One that nobody uses has been idle all the time: its target may have ended it. */
  stoodStill(ms: number): void {
    if (this.user) this.deadline += ms;
  }

  #onConnect(): void {
    this.connected = true;
    this.user?.connected();
  }

  /** Before each read. */
  #nextBuffer(): Buffer {
    this.#buffer ??= this.#buffers.take();
    return this.#buffer.bytes;
  }

  #received(bytes: number, into: Uint8Array): boolean {
    const { user } = this;
    if (!user) {
      // nobody asked for anything
      this.destroy();
      return true;
    }
    const data = Buffer.from(into.buffer, into.byteOffset, bytes);
    if (user.received(data)) this.#buffer = undefined;
    return !this.#paused;
  }

  #lost(error: Error | undefined): void {
    const { user } = this;
    this.destroy();
    user?.closed(error);
  }

  #onClose(): void {
    this.#deadlines.remove(this);
    this.pool.forget(this);
    this.lend()?.comeBack();
    this.#lost(undefined);
  }
}
