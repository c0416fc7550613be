// What happens to headers on the way: those that belong to one connection are dropped in both directions (RFC 9110 7.6.1), so a
// client's `Connection: close` never ends a kept connection to a task; X-Forwarded-* tell the task whom it really serves.
import type { IncomingHttpHeaders } from 'node:http';
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

/** In place. Proto, Host and Port of a terminator in front are kept; the client is added to For, and to Forwarded (RFC 7239 4). */
export function addForwarded(headers: HeaderMap, origin: Origin, prefix: string | undefined): void {
  const { clientAddress: client } = origin;
  const host = headers['host'] === undefined ? undefined : String(headers['host']);
  append(headers, 'x-forwarded-for', client);
  headers['x-forwarded-proto'] ??= origin.secure ? 'https' : 'http';
  headers['x-forwarded-port'] ??= String(origin.localPort);
  if (host !== undefined) headers['x-forwarded-host'] ??= host;
  if (prefix === undefined) delete headers['x-forwarded-prefix'];
  else headers['x-forwarded-prefix'] = prefix;
  const node = client.includes(':') ? `"[${client}]"` : client;
  const asked = host === undefined ? '' : `;host=${/^[\w.-]+$/.test(host) ? host : `"${host}"`}`;
  append(headers, 'forwarded', `for=${node}${asked};proto=${origin.secure ? 'https' : 'http'}`);
}

function append(headers: HeaderMap, name: string, value: string): void {
  const before = headers[name];
  headers[name] = before === undefined ? value : `${[before].flat().join(', ')}, ${value}`;
}

const namedBy = (connection: string | undefined): string[] =>
  connection === undefined ? [] : connection.split(',').map((each) => each.trim().toLowerCase());
