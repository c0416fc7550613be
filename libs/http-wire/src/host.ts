// The authority of a request: Host, and the one in an absolute target (RFC 9110 7.2, RFC 3986 3.2.2).
import * as octets from './octets.js';

// Copies: an imported constant is fetched in each turn of a loop, and its type checked; one of this file is part of the machine code
// (measured: the scan of a head took 1.5 times as long).
const COLON = octets.COLON;
const HOST_ADDRESS = octets.HOST_ADDRESS;
const HOST_NAME = octets.HOST_NAME;
const KINDS = octets.KINDS;

const BRACKET = 91;
const BRACKET_END = 93;
const PORT_MAX = 65_535;

/** Empty: `value` is `uri-host [":" port]`, or empty as RFC 9110 7.2 allows. */
export function hostFault(value: string): string {
  if (value === '') return '';
  const end = value.charCodeAt(0) === BRACKET ? endOfAddress(value) : endOfName(value);
  if (end <= 0) return 'a Host that is no host name';
  if (end === value.length) return '';
  if (value.charCodeAt(end) !== COLON || !isPort(value, end + 1)) return 'a Host with a bad port';
  return '';
}

function endOfName(value: string): number {
  let p = 0;
  while (p < value.length && ((KINDS[value.charCodeAt(p)] as number) & HOST_NAME) !== 0) p += 1;
  return p === value.length || value.charCodeAt(p) === COLON ? p : -1;
}

function endOfAddress(value: string): number {
  let p = 1;
  while (p < value.length && ((KINDS[value.charCodeAt(p)] as number) & HOST_ADDRESS) !== 0) p += 1;
  return p > 1 && value.charCodeAt(p) === BRACKET_END ? p + 1 : -1;
}

/** An empty port is one, too (RFC 3986 3.2.3). */
function isPort(value: string, from: number): boolean {
  if (value.length - from > 5) return false;
  let port = 0;
  for (let p = from; p < value.length; p += 1) {
    const digit = value.charCodeAt(p) - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= PORT_MAX;
}

const ABSOLUTE = /^(https?):\/\/([^/?]*)/i;
const DEFAULT_PORT = { http: ':80', https: ':443' };

/**
 * What is wrong with an absolute target, empty if nothing is. Its authority must be the one of Host: two that differ are two
 * addressees, and whoever is behind this proxy may believe the other.
 */
export function absoluteFault(target: string, host: string | undefined): string {
  const match = ABSOLUTE.exec(target);
  if (!match) return 'a target that is neither a path nor an http URI';
  const authority = match[2] ?? '';
  if (authority.includes('@')) return 'user information in the target';
  if (authority === '' || hostFault(authority) !== '') return 'a target without a valid host';
  const port = (match[1] ?? '').toLowerCase() === 'http' ? DEFAULT_PORT.http : DEFAULT_PORT.https;
  if (host !== undefined && plain(authority, port) !== plain(host, port))
    return 'a Host that is not the one of the target';
  return '';
}

function plain(authority: string, port: string): string {
  const lower = authority.toLowerCase();
  if (lower.endsWith(port)) return lower.slice(0, -port.length);
  return lower.endsWith(':') ? lower.slice(0, -1) : lower;
}
