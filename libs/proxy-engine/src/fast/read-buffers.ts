// The buffers that answers of targets are read into. A buffer that a client's connection still needs after the turn of its read is lent to that
// write and comes back with it: over TLS no write is done in its own turn, and 64 KiB of new memory per answer cost more than all else.

const READ_BYTES = 64 * 1024;
/** Kept for later; more would only be a burst's leftover (8 MiB). */
const FREE_MAX = 128;

export class ReadBuffer {
  readonly bytes = Buffer.allocUnsafeSlow(READ_BYTES);
  /**
   * For the callback of the write that it was lent to. After a failed write it is left to the collector: who knows whether the kernel
   * is through with it.
   */
  readonly comeBack: (error?: Error | null) => void;

  constructor(free: ReadBuffer[]) {
    this.comeBack = (error) => {
      if (!error && free.length < FREE_MAX) free.push(this);
    };
  }
}

export class ReadBuffers {
  readonly #free: ReadBuffer[] = [];

  /** The caller's alone until it `comeBack`s. */
  take(): ReadBuffer {
    return this.#free.pop() ?? new ReadBuffer(this.#free);
  }
}
