// The header section, one pass over the octets: where each name and value lies, and the first thing that is wrong (RFC 9112 5).
// Nothing is copied before the whole section has been seen to be well-formed.
import * as octets from './octets.js';

// Copies: an imported constant is fetched in each turn of a loop, and its type checked; one of this file is part of the machine code
// (measured: the scan of a head took 1.5 times as long).
const COLON = octets.COLON;
const CR = octets.CR;
const DELETE = octets.DELETE;
const KINDS = octets.KINDS;
const LF = octets.LF;
const SMALL_A = octets.SMALL_A;
const SMALL_Z = octets.SMALL_Z;
const SPACE = octets.SPACE;
const TAB = octets.TAB;
const TOKEN = octets.TOKEN;

/** The section goes on behind the octets that are there. */
export const MORE = -1;
/** `found.why` says what is wrong. */
export const BAD = -2;
/** More lines than allowed. */
export const TOO_MANY = -3;

/**
 * What the last scan found. One for the process: a scan and the use of what it found happen in one turn, and an array per head would
 * cost as much as the scan.
 */
export const found = {
  /** Lines. */
  count: 0,
  /** Four offsets per line: name, end of name, value, end of value. */
  at: new Int32Array(4 * 128),
  why: '',
};

/**
 * Offset behind the empty line that ends the section that begins at `from`, or MORE, BAD, TOO_MANY. Reads up to `stop`.
 * The two long loops compare instead of asking a function or the table: most octets are small letters in a name, and anything but a
 * control character in a value. That is a quarter of the whole cost of a head.
 */
export function scanFields(data: Buffer, from: number, stop: number, maxLines: number): number {
  if (found.at.length < 4 * maxLines) found.at = new Int32Array(4 * maxLines);
  const at = found.at;
  let count = 0;
  let p = from;
  // the last octet looked at
  let octet = 0;
  for (;;) {
    if (p >= stop) return MORE;
    if (data[p] === CR) return endOfSection(data, p, stop, count);
    const name = p;
    while (
      p < stop &&
      (((octet = data[p] as number) >= SMALL_A && octet <= SMALL_Z) ||
        ((KINDS[octet] as number) & TOKEN) !== 0)
    )
      p += 1;
    if (p >= stop) return MORE;
    if (octet !== COLON || p === name) return badName(data, name, p);
    const nameEnd = p;
    p += 1;
    while (p < stop && ((octet = data[p] as number) === SPACE || octet === TAB)) p += 1;
    const value = p;
    while (p < stop && (((octet = data[p] as number) >= SPACE && octet !== DELETE) || octet === TAB)) p += 1;
    if (p >= stop) return MORE;
    if (octet !== CR) return badValue(octet);
    let valueEnd = p;
    while (valueEnd > value && ((octet = data[valueEnd - 1] as number) === SPACE || octet === TAB))
      valueEnd -= 1;
    p += 1;
    if (p >= stop) return MORE;
    if (data[p] !== LF) return bad('a CR without LF');
    p += 1;
    if (count === maxLines) return TOO_MANY;
    const slot = count * 4;
    at[slot] = name;
    at[slot + 1] = nameEnd;
    at[slot + 2] = value;
    at[slot + 3] = valueEnd;
    count += 1;
  }
}

function endOfSection(data: Buffer, p: number, stop: number, count: number): number {
  if (p + 1 >= stop) return MORE;
  if (data[p + 1] !== LF) return bad('a CR without LF');
  found.count = count;
  return p + 2;
}

function bad(why: string): number {
  found.why = why;
  return BAD;
}

function badName(data: Buffer, name: number, p: number): number {
  const octet = data[p] as number;
  if (octet === LF) return bad('a line that ends with LF alone');
  if (octet === CR) return bad('a header line without a colon');
  if (p > name)
    return bad(octet === SPACE || octet === TAB ? 'a blank before the colon' : notAllowed('name', octet));
  if (octet === SPACE || octet === TAB) return bad('a folded header line (obs-fold)');
  return bad(octet === COLON ? 'a header without a name' : notAllowed('name', octet));
}

function badValue(octet: number): number {
  return bad(octet === LF ? 'a line that ends with LF alone' : notAllowed('value', octet));
}

function notAllowed(place: string, octet: number): string {
  return `octet 0x${octet.toString(16).padStart(2, '0')} in a header ${place}`;
}
