// Finds the end of a chunked body in pieces cut anywhere (RFC 9112 7.1). The octets go on as they are, so nothing may pass here that
// the next parser could cut elsewhere: no blanks, no bare line ends, no oversized numbers.
import type { ChunkedScanner, ChunkedVerdict } from './message.js';
import * as octets from './octets.js';

// Copies: an imported constant is fetched in each turn of a loop, and its type checked; one of this file is part of the machine code
// (measured: the scan of a head took 1.5 times as long).
const BACKSLASH = octets.BACKSLASH;
const CR = octets.CR;
const EQUALS = octets.EQUALS;
const HEX = octets.HEX;
const KINDS = octets.KINDS;
const LF = octets.LF;
const QUOTE = octets.QUOTE;
const SEMICOLON = octets.SEMICOLON;
const TAB = octets.TAB;
const TOKEN = octets.TOKEN;
const VALUE = octets.VALUE;

const SIZE_START = 0;
const SIZE = 1;
const SIZE_LF = 2;
const EXTENSION_NAME_START = 3;
const EXTENSION_NAME = 4;
const EXTENSION_VALUE_START = 5;
const EXTENSION_VALUE = 6;
const EXTENSION_QUOTED = 7;
const EXTENSION_ESCAPED = 8;
const EXTENSION_QUOTED_END = 9;
const DATA = 10;
const DATA_CR = 11;
const DATA_LF = 12;
const LAST = 13;
const LAST_LF = 14;
const OVER = 15;

/** With zeros in front. 2^53-1 has 14. */
const SIZE_DIGITS_MAX = 16;
/** Octets of extensions of one body, as node:http allows: else each chunk of one octet may bring a line of any length. */
const EXTENSION_BYTES_MAX = 16 * 1024;
/** Octets of one chunk's extensions. */
const EXTENSION_LINE_MAX = 1024;

const WANT_MORE: ChunkedVerdict = Object.freeze({ kind: 'more' });

class StrictScanner implements ChunkedScanner {
  #state = SIZE_START;
  #digits = 0;
  #size = 0;
  /** Octets of the present chunk that are still to come. */
  #left = 0;
  /** Of all chunks so far, by their sizes. */
  #announced = 0;
  #extensionBytes = 0;
  #lineBytes = 0;
  #why = '';

  get dataBytes(): number {
    return this.#announced - this.#left;
  }

  get betweenChunks(): boolean {
    return this.#state === SIZE_START;
  }

  scan(data: Buffer, from: number): ChunkedVerdict {
    if (this.#state === OVER) return { kind: 'bad', why: this.#why };
    let p = from;
    while (p < data.length) {
      if (this.#state === DATA) {
        const step = Math.min(this.#left, data.length - p);
        p += step;
        this.#left -= step;
        if (this.#left === 0) this.#state = DATA_CR;
        continue;
      }
      const octet = data[p] as number;
      if (this.#state === LAST && octet !== CR) return this.#trailers(p);
      if (!this.#step(octet)) return this.#bad(octet);
      p += 1;
      if (this.#state === OVER) return { kind: 'end', at: p };
    }
    return WANT_MORE;
  }

  #trailers(at: number): ChunkedVerdict {
    this.#state = OVER;
    this.#why = 'octets behind the end of a body';
    return { kind: 'trailers', at };
  }

  #bad(octet: number): ChunkedVerdict {
    this.#why ||= `octet 0x${octet.toString(16).padStart(2, '0')} where a chunk's frame goes on`;
    this.#state = OVER;
    return { kind: 'bad', why: this.#why };
  }

  /** Everything but chunk data. False: this octet cannot stand here. */
  #step(octet: number): boolean {
    switch (this.#state) {
      case SIZE_START:
      case SIZE:
        return this.#inSize(octet);
      case SIZE_LF:
        return octet === LF && this.#endOfSizeLine();
      case DATA_CR:
        return this.#expect(octet, CR, DATA_LF);
      case DATA_LF:
        return this.#expect(octet, LF, SIZE_START);
      case LAST:
        return this.#expect(octet, CR, LAST_LF);
      case LAST_LF:
        this.#why = octet === LF ? 'octets behind the end of a body' : '';
        return this.#expect(octet, LF, OVER);
      default:
        return this.#inExtension(octet);
    }
  }

  #expect(octet: number, wanted: number, next: number): boolean {
    if (octet !== wanted) return false;
    this.#state = next;
    return true;
  }

  #inSize(octet: number): boolean {
    const digit = HEX[octet] as number;
    if (digit !== 255) return this.#addDigit(digit);
    if (this.#state === SIZE_START) return false;
    if (octet === CR) return this.#expect(octet, CR, SIZE_LF);
    this.#lineBytes = 0;
    return this.#expect(octet, SEMICOLON, EXTENSION_NAME_START);
  }

  #addDigit(digit: number): boolean {
    if (this.#state === SIZE_START) {
      this.#state = SIZE;
      this.#digits = 0;
      this.#size = 0;
    }
    this.#digits += 1;
    this.#size = this.#size * 16 + digit;
    if (this.#digits <= SIZE_DIGITS_MAX && this.#size <= Number.MAX_SAFE_INTEGER) return true;
    this.#why = 'a chunk size over 2^53-1 or of more than 16 digits';
    return false;
  }

  #endOfSizeLine(): boolean {
    this.#left = this.#size;
    this.#announced += this.#size;
    this.#state = this.#size === 0 ? LAST : DATA;
    return true;
  }

  /** `;name`, `;name=token`, `;name="quoted"`; without the blanks that RFC 9112 lets a recipient bear (7.1.1), for parsers differ there. */
  #inExtension(octet: number): boolean {
    this.#lineBytes += 1;
    this.#extensionBytes += 1;
    if (this.#lineBytes > EXTENSION_LINE_MAX || this.#extensionBytes > EXTENSION_BYTES_MAX) {
      this.#why = 'chunk extensions longer than allowed';
      return false;
    }
    const kind = KINDS[octet] as number;
    switch (this.#state) {
      case EXTENSION_NAME_START:
        return (kind & TOKEN) !== 0 && this.#to(EXTENSION_NAME);
      case EXTENSION_NAME:
        if ((kind & TOKEN) !== 0) return true;
        return octet === EQUALS ? this.#to(EXTENSION_VALUE_START) : this.#endOfExtension(octet);
      case EXTENSION_VALUE_START:
        if (octet === QUOTE) return this.#to(EXTENSION_QUOTED);
        return (kind & TOKEN) !== 0 && this.#to(EXTENSION_VALUE);
      case EXTENSION_VALUE:
        return (kind & TOKEN) !== 0 || this.#endOfExtension(octet);
      case EXTENSION_QUOTED:
        if (octet === QUOTE) return this.#to(EXTENSION_QUOTED_END);
        if (octet === BACKSLASH) return this.#to(EXTENSION_ESCAPED);
        return isQuotable(octet, kind);
      case EXTENSION_ESCAPED:
        return isQuotable(octet, kind) && this.#to(EXTENSION_QUOTED);
      default:
        return this.#endOfExtension(octet);
    }
  }

  #endOfExtension(octet: number): boolean {
    if (octet === SEMICOLON) return this.#to(EXTENSION_NAME_START);
    return octet === CR && this.#to(SIZE_LF);
  }

  #to(state: number): true {
    this.#state = state;
    return true;
  }
}

/** Printable ASCII and the space: tabs and obs-text are legal in quotes and of no use there. */
function isQuotable(octet: number, kind: number): boolean {
  return (kind & VALUE) !== 0 && octet < 0x80 && octet !== TAB;
}

/** A scanner for one body. After `end`, `trailers` or `bad` it says `bad`. */
export function createChunkedScanner(): ChunkedScanner {
  return new StrictScanner();
}
