// What the fields of a head say about the message as a whole: its length, its host, its connection (RFC 9110 7.2, 7.6.1, 8.6; RFC 9112 6).
import { found } from './field-lines.js';
import { hostFault } from './host.js';
import { SPACE, TAB } from './octets.js';
import * as special from './special-fields.js';

const NO_NAMES: readonly string[] = Object.freeze([]);
/** More options than this in Connection are nobody's honest list. */
const CONNECTION_NAMES_MAX = 32;
/**
 * Fields that Connection may not name: a forwarder removes what is named there, and without these the message would have another end
 * or another addressee.
 */
const NEVER_HOP_BY_HOP = new Set(['content-length', 'transfer-encoding', 'host', 'content-encoding']);
/** Not `trim`, which takes the octet 0xa0 for a blank, too. */
const SPACES_AROUND = /^ +| +$/g;
const TOKEN_PATTERN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One for the process, as `found`: valid until the next head is read. */
export const facts = {
  lines: [] as string[],
  host: undefined as string | undefined,
  /** -1: no Content-Length. */
  length: -1,
  chunked: false,
  close: false,
  keepAlive: false,
  names: NO_NAMES,
  /** Empty: nothing unusual. */
  unusual: '',
  why: '',
};

/**
 * Reads the lines of the last scan. `text` is the head as latin1, `base` the offset of its first octet in `data`. Returns 0, or the
 * status of a refusal whose reason is `facts.why`.
 */
export function readFields(data: Buffer, text: string, base: number): number {
  const { at, count } = found;
  const lines: string[] = new Array<string>(count * 2);
  facts.lines = lines;
  facts.host = undefined;
  facts.length = -1;
  facts.chunked = false;
  facts.close = false;
  facts.keepAlive = false;
  facts.names = NO_NAMES;
  facts.unusual = '';
  for (let line = 0; line < count; line += 1) {
    const slot = line * 4;
    const name = at[slot] as number;
    const nameEnd = at[slot + 1] as number;
    const value = text.slice((at[slot + 2] as number) - base, (at[slot + 3] as number) - base);
    lines[line * 2] = text.slice(name - base, nameEnd - base);
    lines[line * 2 + 1] = value;
    const kind = specialField(data, name, nameEnd);
    if (kind !== 0) {
      const status = readSpecial(kind, value, data, slot);
      if (status !== 0) return status;
    }
  }
  if (facts.chunked && facts.length >= 0) return refuse('both Content-Length and Transfer-Encoding');
  return 0;
}

const { specialField } = special;

function readSpecial(kind: number, value: string, data: Buffer, slot: number): number {
  switch (kind) {
    case special.HOST:
      return readHost(value);
    case special.CONTENT_LENGTH:
      return readLength(value, data, slot);
    case special.TRANSFER_ENCODING:
      return readEncoding(value, data, slot);
    case special.CONNECTION:
      return readConnection(value, data, slot);
    case special.DISGUISED:
      return refuse('a framing field written with an underscore');
    case special.TE:
      if (value.toLowerCase() !== 'trailers') facts.unusual = 'TE';
      return 0;
    case special.PROXY_CONNECTION:
      facts.unusual = 'Proxy-Connection';
      return readConnection(value, data, slot);
    default:
      facts.unusual = kind === special.UPGRADE ? 'Upgrade' : kind === special.EXPECT ? 'Expect' : 'Trailer';
      return 0;
  }
}

function refuse(why: string, status = 400): number {
  facts.why = why;
  return status;
}

function readHost(value: string): number {
  if (facts.host !== undefined) return refuse('more than one Host');
  const fault = hostFault(value);
  if (fault !== '') return refuse(fault);
  facts.host = value;
  return 0;
}

/**
 * 1*DIGIT and nothing else (RFC 9110 8.6). A zero in front is legal and refused all the same: whoever reads it as octal frames
 * otherwise. A second line is refused even when it says the same.
 */
function readLength(value: string, data: Buffer, slot: number): number {
  if (facts.length >= 0) return refuse('more than one Content-Length');
  if (hasTab(data, slot)) return refuse('a tab beside the value of Content-Length');
  const digits = value.length;
  if (digits === 0 || digits > 16) return refuse('a Content-Length that is no number up to 2^53-1');
  let length = 0;
  for (let i = 0; i < digits; i += 1) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return refuse('a Content-Length that is no number up to 2^53-1');
    length = length * 10 + digit;
  }
  if (length > Number.MAX_SAFE_INTEGER) return refuse('a Content-Length that is no number up to 2^53-1');
  if (digits > 1 && value.charCodeAt(0) === 48) return refuse('a Content-Length with a zero in front');
  facts.length = length;
  return 0;
}

/**
 * `chunked`, written just so, with at most one space before it and nothing behind: parsers differ in what else they take for it.
 * Other codings are 501 (RFC 9112 6.1); chunked twice or not last is 400 (6.3).
 */
function readEncoding(value: string, data: Buffer, slot: number): number {
  if (facts.chunked) return refuse('more than one Transfer-Encoding');
  if (value === 'chunked') {
    facts.chunked = true;
    return blanksAround(data, slot) <= 1 ? 0 : refuse('blanks around the value of Transfer-Encoding');
  }
  const codings = value.split(',').map((each) => each.replace(SPACES_AROUND, '').toLowerCase());
  const chunked = codings.indexOf('chunked');
  if (codings.length === 1 && chunked === 0) return refuse('Transfer-Encoding: chunked in another case');
  if (value === '' || codings.includes('')) return refuse('an empty Transfer-Encoding');
  if (chunked >= 0 && chunked < codings.length - 1) {
    return refuse('a Transfer-Encoding in which chunked is not last, or not alone');
  }
  return refuse('the only transfer encoding understood is chunked', 501);
}

/** Octets between the colon and the value and behind it; a tab counts as many. */
function blanksAround(data: Buffer, slot: number): number {
  const { at } = found;
  const before = (at[slot + 2] as number) - (at[slot + 1] as number) - 1;
  const trailing = data[at[slot + 3] as number];
  if (trailing === SPACE || trailing === TAB || hasTab(data, slot)) return 99;
  return before;
}

function hasTab(data: Buffer, slot: number): boolean {
  const { at } = found;
  const value = at[slot + 2] as number;
  for (let p = (at[slot + 1] as number) + 1; p < value; p += 1) if (data[p] === TAB) return true;
  for (let p = at[slot + 3] as number; data[p] === SPACE || data[p] === TAB; p += 1) {
    if (data[p] === TAB) return true;
  }
  return false;
}

/** Tabs are legal here and refused: llhttp, for one, does not see a `close` beside a tab. */
function readConnection(value: string, data: Buffer, slot: number): number {
  if (value.includes('\t') || hasTab(data, slot)) return refuse('a tab in Connection');
  const lower = value.toLowerCase();
  if (lower === 'keep-alive') {
    facts.keepAlive = true;
    return 0;
  }
  if (lower === 'close') {
    facts.close = true;
    return 0;
  }
  const names = facts.names.slice();
  for (const part of lower.split(',')) {
    const option = part.replace(SPACES_AROUND, '');
    // a recipient must bear empty elements (RFC 9110 5.6.1)
    if (option === '') continue;
    if (!TOKEN_PATTERN.test(option)) return refuse('a Connection option that is no token');
    if (NEVER_HOP_BY_HOP.has(option)) return refuse(`Connection names ${option}`);
    if (option === 'close') facts.close = true;
    else if (option === 'keep-alive') facts.keepAlive = true;
    else names.push(option);
  }
  if (names.length > CONNECTION_NAMES_MAX) return refuse('too many Connection options');
  facts.names = names;
  return 0;
}
