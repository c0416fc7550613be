// A client may offer another protocol than HTTP/1.1 (Java's HttpClient offers h2c with its first request) and must be answered all
// the same: a server that does not want the offer ignores it (RFC 9110, 7.8). Node hands such a request out as an upgrade, though,
// so it is put back in front of its connection without the offer.
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const OFFER = ['upgrade', 'http2-settings'];

/** True: the offer was no WebSocket, and the request goes on as a plain one. */
export function ignoreUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): boolean {
  if (request.headers.upgrade?.toLowerCase() === 'websocket') return false;
  const lines = [`${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/${request.httpVersion}`];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2);
    if (OFFER.includes(name.toLowerCase())) continue;
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? withoutOffer(value) : value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
  return true;
}

const withoutOffer = (connection: string): string =>
  connection
    .split(',')
    .map((each) => each.trim())
    .filter((each) => !OFFER.includes(each.toLowerCase()))
    .join(', ') || 'keep-alive';
