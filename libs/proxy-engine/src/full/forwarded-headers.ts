// What happens to headers on the way: those that belong to one connection are dropped in both directions (RFC 9110 7.6.1), so a
// client's `Connection: close` never ends a kept connection to a task; X-Forwarded-* tell the task whom it really serves.
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv6 } from 'node:net';
import type { HeaderMap } from './client-side.js';
import type { Origin } from '../fronts/origin.js';

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
  // answered by this proxy already
  'expect',
  'http2-settings',
]);

/** Without them. Transfer-Encoding stays, for node frames the body by it; and so does the wish for trailers, for gRPC's sake. */
export function dropHopByHop(given: IncomingHttpHeaders): HeaderMap {
  const named = new Set(namedBy(given.connection));
  const headers: HeaderMap = {};
  for (const [name, value] of Object.entries(given)) {
    // a client must not make us drop what says where the body ends or whom the request is for
    if (value === undefined || HOP_BY_HOP.has(name) || (named.has(name) && !ESSENTIAL.has(name))) continue;
    headers[name] = value;
  }
  if (/\btrailers\b/i.test(String(given['te'] ?? ''))) headers['te'] = 'trailers';
  return headers;
}

const ESSENTIAL = new Set(['host', 'content-length', 'transfer-encoding']);

/** Names and values in turn, as received, without what belongs to the connection to the task. `Trailer` stays: it is about the body. */
export function endToEnd(rawHeaders: readonly string[], connection: string | undefined): string[] {
  const named = new Set(namedBy(connection));
  const kept: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || lower === 'transfer-encoding' || named.has(lower)) continue;
    kept.push(name, rawHeaders[at + 1] ?? '');
  }
  return kept;
}

/**
 * In place. The client's connection is added to For; Proto, Host and Port that came are kept, for a terminator of TLS in front knows them
 * better. Forwarded says the same in its words.
 */
export function addForwarded(headers: HeaderMap, origin: Origin, prefix: string | undefined): void {
  const own = headers['host'] === undefined ? undefined : String(headers['host']);
  const given = lineOf(headers['x-forwarded-for']);
  const chain = given === undefined ? origin.clientAddress : `${given}, ${origin.clientAddress}`;
  const proto = keptProto(lineOf(headers['x-forwarded-proto'])) ?? (origin.secure ? 'https' : 'http');
  const host = keptHost(lineOf(headers['x-forwarded-host'])) ?? own;
  headers['x-forwarded-for'] = chain;
  headers['x-forwarded-proto'] = proto;
  headers['x-forwarded-port'] ??= String(origin.localPort);
  if (host === undefined) delete headers['x-forwarded-host'];
  else headers['x-forwarded-host'] = host;
  if (prefix === undefined) delete headers['x-forwarded-prefix'];
  else headers['x-forwarded-prefix'] = prefix;
  headers['forwarded'] = forwardedOf({ chain, proto, host });
}

const lineOf = (value: string | string[] | undefined): string | undefined =>
  value === undefined ? undefined : [value].flat().join(', ');

const firstOf = (list: string): string => (list.split(',', 1)[0] ?? '').trim();

/** What came as X-Forwarded-Proto, if it names a scheme; of several the first, which is the client's. */
export function keptProto(given: string | undefined): string | undefined {
  const first = given === undefined ? '' : firstOf(given).toLowerCase();
  return /^[a-z][a-z\d+.-]{0,31}$/.test(first) ? first : undefined;
}

/** The same of X-Forwarded-Host. */
export function keptHost(given: string | undefined): string | undefined {
  const first = given === undefined ? '' : firstOf(given);
  return /^(?:[\w.-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i.test(first) ? first : undefined;
}

/** As they go to the task in X-Forwarded-For, -Proto and -Host. */
export interface ForwardedFacts {
  readonly chain: string;
  readonly proto: string;
  readonly host: string | undefined;
}

/**
 * RFC 7239 4, for the task alone: what a client sent under this name is dropped, for balancers that set X-Forwarded-* pass it by unread.
 * Host and proto stand in one element only: of several some readers take the first, others the last.
 */
export function forwardedOf({ chain, proto, host }: ForwardedFacts): string {
  const asked = host === undefined ? '' : `;host=${/^[\w.-]+$/.test(host) ? host : `"${host}"`}`;
  const of = `${asked};proto=${proto}`;
  const commaAt = chain.indexOf(',');
  if (commaAt < 0) return `for=${nodeOf(chain)}${of}`;
  const others = chain.slice(commaAt + 1).split(',');
  const rest = others.map((each) => `, for=${nodeOf(each.trim())}`).join('');
  return `for=${nodeOf(chain.slice(0, commaAt).trim())}${of}${rest}`;
}

/** RFC 7239 6; what is no address is not repeated in a place where it could be read as something else. */
function nodeOf(address: string): string {
  if (/^[\d.]{7,15}$/.test(address)) return address;
  if (/^[\da-f:.]{2,45}$/i.test(address) && isIPv6(address)) return `"[${address}]"`;
  return /^(?:[\d.]{7,15}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i.test(address) ? `"${address}"` : 'unknown';
}

const namedBy = (connection: string | undefined): string[] =>
  connection === undefined ? [] : connection.split(',').map((each) => each.trim().toLowerCase());
