// Which octets may stand where in a head (RFC 9110 5.5 and 5.6.2, RFC 9112 3.2): one table, one bit per kind of place.

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SPACE = 32;
export const QUOTE = 34;
export const COMMA = 44;
export const SLASH = 47;
export const COLON = 58;
export const SEMICOLON = 59;
export const EQUALS = 61;
export const BACKSLASH = 92;
export const SMALL_A = 97;
export const SMALL_Z = 122;
export const DELETE = 127;

/** tchar (RFC 9110 5.6.2). */
export const TOKEN = 1;
/** field-vchar, SP and HTAB (RFC 9110 5.5). obs-text is let through as it is. */
export const VALUE = 2;
/** Visible ASCII without `#`: more than RFC 3986 allows, for browsers send `|`, `^` and braces unescaped in queries. */
export const TARGET = 4;
/** reg-name of RFC 3986 3.2.2 without the comma: two Host lines that somebody joined have one. */
export const HOST_NAME = 8;
/** Inside the brackets of an IPv6 address. */
export const HOST_ADDRESS = 16;

const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function allow(table: Uint8Array, bit: number, chars: string): void {
  for (const char of chars) table[char.charCodeAt(0)] = (table[char.charCodeAt(0)] ?? 0) | bit;
}

function makeKinds(): Uint8Array {
  const table = new Uint8Array(256);
  for (let octet = 0x20; octet < 0x100; octet += 1) if (octet !== 0x7f) table[octet] = VALUE;
  for (let octet = 0x21; octet < 0x7f; octet += 1) table[octet] = VALUE | TARGET;
  table[TAB] = VALUE;
  table['#'.charCodeAt(0)] = VALUE;
  allow(table, TOKEN, `!#$%&'*+-.^_\`|~${DIGITS}${LETTERS}`);
  allow(table, HOST_NAME, `-._~!$&'()*+;=%${DIGITS}${LETTERS}`);
  allow(table, HOST_ADDRESS, `:.${DIGITS}abcdefABCDEF`);
  return table;
}

/** Bits by octet. */
export const KINDS = makeKinds();

/** Value of a hexadecimal digit by octet; 255: it is none. */
export const HEX = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit += 1) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}
