// Finds where a body ends in the bytes of a connection, without copying or changing them. Trailers are cut off: nobody behind this
// proxy asked for them, and few know what to do with them (RFC 9110 6.5.1 lets an intermediary drop them).
import { createChunkedScanner, type ChunkedScanner, type Framing } from '#libs/http-wire';
import { TRAILER_BYTES_MAX } from './limits.js';

const CR = 13;
const LF = 10;
/** Ends a chunked body whose trailers were cut off. */
const EMPTY_LINE = '\r\n';

/** One per body. What `take` found is in its fields until the next call. */
export class BodyMeter {
  /** The body is whole. */
  done: boolean;
  /** What is wrong with its frame; empty: nothing. Never goes back to empty. */
  fault = '';
  /** Bytes of the last data up to here belong to the body and go on. */
  end = 0;
  /** Where the next message begins in the last data, once done. */
  next = 0;
  /** Goes on behind them. */
  tail = '';
  readonly #scanner: ChunkedScanner | undefined;
  #taken = 0;
  /** Infinity: until the connection is closed. */
  #left: number;
  /** Of the trailer section; -1: not in it. */
  #trailerBytes = -1;
  /** Bytes of CR LF CR LF seen in a row. */
  #lineEnds = 0;

  constructor(framing: Framing) {
    this.#scanner = framing.kind === 'chunked' ? createChunkedScanner() : undefined;
    this.#left = framing.kind === 'length' ? framing.bytes : framing.kind === 'until-close' ? Infinity : 0;
    this.done = this.#left === 0 && !this.#scanner;
  }

  /** Octets of the body so far, without what frames them. */
  get bytes(): number {
    return this.#scanner?.dataBytes ?? this.#taken;
  }

  /** It is chunked and could be ended here with a last chunk. */
  get couldEnd(): boolean {
    return this.#scanner?.betweenChunks === true;
  }

  /** Takes what belongs to the body from `from` on. */
  take(data: Buffer, from: number): void {
    this.tail = '';
    if (this.#scanner) {
      this.#takeChunks(this.#scanner, data, from);
      return;
    }
    const there = data.length - from;
    if (there < this.#left) {
      this.#left -= there;
      this.#taken += there;
      this.end = data.length;
      return;
    }
    this.end = this.next = from + this.#left;
    this.#taken += this.#left;
    this.#left = 0;
    this.done = true;
  }

  #takeChunks(scanner: ChunkedScanner, data: Buffer, from: number): void {
    if (this.#trailerBytes >= 0) {
      this.end = from;
      this.#skipTrailers(data, from);
      return;
    }
    const verdict = scanner.scan(data, from);
    if (verdict.kind === 'more') {
      this.end = data.length;
    } else if (verdict.kind === 'end') {
      this.end = this.next = verdict.at;
      this.done = true;
    } else if (verdict.kind === 'bad') {
      this.fault = verdict.why;
      this.end = from;
    } else {
      this.end = verdict.at;
      this.#trailerBytes = 0;
      this.#skipTrailers(data, verdict.at);
    }
  }

  #skipTrailers(data: Buffer, from: number): void {
    for (let at = from; at < data.length; at += 1) {
      const octet = data[at];
      this.#trailerBytes += 1;
      if (octet === (this.#lineEnds % 2 === 0 ? CR : LF)) this.#lineEnds += 1;
      else if (this.#lineEnds % 2 === 1 || octet === LF || octet === 0)
        return this.#bad('a line end in a trailer that is none');
      else this.#lineEnds = 0;
      if (this.#lineEnds === 4) {
        this.next = at + 1;
        this.tail = EMPTY_LINE;
        this.done = true;
        return;
      }
      if (this.#trailerBytes > TRAILER_BYTES_MAX) return this.#bad('trailers longer than allowed');
    }
  }

  #bad(why: string): void {
    this.fault = why;
  }
}
