// What happens to headers on the way: those that belong to one connection are dropped in both directions (RFC 9110 7.6.1), so a
// client's `Connection: close` never ends a kept connection to a task; X-Forwarded-* tell the task whom it really serves.
import type { IncomingHttpHeaders } from 'node:http';
import type { Origin } from '../fronts/origin.js';

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  // answered by this proxy already
  'expect',
  'http2-settings',
]);

/** In place. Transfer-Encoding stays, for node frames the body by it. */
export function dropHopByHop(headers: IncomingHttpHeaders): void {
  for (const name of namedBy(headers.connection)) {
    // a client must not make us drop what says where the body ends or whom the request is for
    if (!ESSENTIAL.has(name)) delete headers[name];
  }
  for (const name of HOP_BY_HOP) delete headers[name];
}

const ESSENTIAL = new Set(['host', 'content-length', 'transfer-encoding']);

/** Names and values in turn, as received, without what belongs to the connection to the task. */
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

/** In place. Proto, Host and Port of a terminator in front are kept; the client is added to For. */
export function addForwarded(headers: IncomingHttpHeaders, origin: Origin, prefix: string | undefined): void {
  const before = headers['x-forwarded-for'];
  headers['x-forwarded-for'] =
    before === undefined ? origin.clientAddress : `${String(before)}, ${origin.clientAddress}`;
  headers['x-forwarded-proto'] ??= origin.secure ? 'https' : 'http';
  headers['x-forwarded-port'] ??= String(origin.localPort);
  if (headers.host !== undefined) headers['x-forwarded-host'] ??= headers.host;
  if (prefix === undefined) delete headers['x-forwarded-prefix'];
  else headers['x-forwarded-prefix'] = prefix;
}

const namedBy = (connection: string | undefined): string[] =>
  connection === undefined ? [] : connection.split(',').map((each) => each.trim().toLowerCase());
