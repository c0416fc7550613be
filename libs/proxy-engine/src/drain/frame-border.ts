// Passes the bytes of one direction of a WebSocket on and knows where its frames end (RFC 6455 5.2), so that a close frame of our own can
// be put between two of them: in the middle of one it would be taken for payload. What comes after it is thrown away.
import { Transform, type TransformCallback } from 'node:stream';

/** "Going away" (RFC 6455 7.4.1). */
const GOING_AWAY = 1001;
const CLOSE = 0x88;
const MASKED = 0x80;

export class FrameBorder extends Transform {
  /** Frames to a server are masked (RFC 6455 5.1). */
  readonly #masked: boolean;
  #head = Buffer.alloc(0);
  /** Bytes of the present frame that are still to come, behind its head. */
  #left = 0;
  #closing = false;
  #closed = false;

  constructor(toServer: boolean) {
    super();
    this.#masked = toServer;
  }

  /** As soon as no frame is under way. */
  goAway(): void {
    this.#closing = true;
    if (this.#left === 0 && this.#head.length === 0) this.#putClose();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let at = 0;
    while (at < chunk.length && !this.#closed) {
      at = this.#step(chunk, at);
      if (this.#closing && this.#left === 0 && this.#head.length === 0) {
        this.push(chunk.subarray(0, at));
        this.#putClose();
        return done();
      }
    }
    if (!this.#closed) this.push(chunk);
    done();
  }

  /** Nothing can follow the end. */
  override _flush(done: TransformCallback): void {
    this.#closed = true;
    done();
  }

  /** Offset behind what belongs to the present frame, or to its head. */
  #step(chunk: Buffer, from: number): number {
    if (this.#left > 0) {
      const taken = Math.min(this.#left, chunk.length - from);
      this.#left -= taken;
      return from + taken;
    }
    // heads have at most 14 bytes: one at a time is quick enough
    this.#head = Buffer.concat([this.#head, chunk.subarray(from, from + 1)]);
    const size = headBytes(this.#head);
    if (this.#head.length === size) {
      this.#left = payloadBytes(this.#head);
      this.#head = Buffer.alloc(0);
    }
    return from + 1;
  }

  #putClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    // a mask of zeros leaves the payload as it is
    this.push(
      this.#masked
        ? Buffer.from([CLOSE, MASKED | 2, 0, 0, 0, 0, GOING_AWAY >> 8, GOING_AWAY & 255])
        : Buffer.from([CLOSE, 2, GOING_AWAY >> 8, GOING_AWAY & 255]),
    );
  }
}

function headBytes(head: Buffer): number {
  const second = head[1];
  if (second === undefined) return 2;
  const length = second & 127;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : 4);
}

function payloadBytes(head: Buffer): number {
  const length = (head[1] ?? 0) & 127;
  if (length === 126) return head.readUInt16BE(2);
  return length === 127 ? Number(head.readBigUInt64BE(2)) : length;
}
