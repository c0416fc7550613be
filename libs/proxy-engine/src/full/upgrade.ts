// WebSocket: the handshake is forwarded to a target over a connection of its own, then bytes are relayed and counted like a
// request in flight until both sides are closed. http-proxy's `ws` ends the client when a connect fails, so no other target could
// be tried; hence written on node:http.
// Other upgrades (h2c, which Java's client offers by default) are declined the way the RFC wants: by answering as if not asked.
import { request, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AdmittedRequest } from '../admission/admit.js';
import { stickyCookie } from '../admission/sticky-cookie.js';
import { rawAnswer } from '../answers.js';
import type { Origin } from '../fronts/origin.js';
import { dial, type Dialled, type DialParts } from '../tcp/dial.js';
import type { Departures } from '../drain/departures.js';
import { relayWebSocket } from '../drain/websocket-relay.js';
import { editMap } from './header-edits.js';
import { addForwarded, dropHopByHop, endToEnd } from './forwarded-headers.js';

export const isWebSocket = (req: IncomingMessage): boolean =>
  req.method === 'GET' && req.headers.upgrade?.toLowerCase() === 'websocket';

/** Hands the connection back to the HTTP server with the same request, without its Upgrade. */
export function declineUpgrade(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`];
  for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) {
    const name = req.rawHeaders[at] ?? '';
    if (!['upgrade', 'connection', 'http2-settings'].includes(name.toLowerCase()))
      lines.push(`${name}: ${req.rawHeaders[at + 1]}`);
  }
  const start = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  socket.unshift(Buffer.concat([start, head]));
  server.emit('connection', socket);
}

export interface UpgradeParts extends DialParts {
  readonly departures: Departures;
}

export interface UpgradeAsk {
  readonly req: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent behind its request. */
  readonly head: Buffer;
  readonly origin: Origin;
  readonly route: AdmittedRequest;
}

export async function forwardUpgrade(
  parts: UpgradeParts,
  { req, socket, head, origin, route }: UpgradeAsk,
): Promise<void> {
  const gone = (): void => void socket.destroy();
  socket.on('error', gone);
  const dialled = await dial(parts, route.service, { wish: route.wish, endpoints: origin.endpoints });
  if (!dialled) {
    const reason = parts.routes.matcher.counterpartOf(route.service)?.emptyReason ?? 'it is being removed';
    const why = reason === '' ? 'no instance accepted a connection' : reason;
    socket.end(rawAnswer(503, `app ${route.service.appId} cannot answer now: ${why}`));
    return;
  }
  if (head.length > 0) socket.unshift(head);
  handshake(parts, dialled, { req, socket, head, origin, route });
}

function handshake(parts: UpgradeParts, dialled: Dialled, { req, socket, origin, route }: UpgradeAsk): void {
  const { upstream, target, release } = dialled;
  const settled = once(release);
  if (socket.destroyed) {
    upstream.destroy();
    settled();
    return;
  }
  const headers = dropHopByHop(req.headers);
  delete headers['trailer'];
  delete headers['te'];
  addForwarded(headers, origin, route.prefix);
  editMap(headers, route.requestEdits);
  const asked = request({
    createConnection: () => upstream,
    method: 'GET',
    path: route.url,
    headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
  });
  const abandon = (): void => {
    asked.destroy();
    upstream.destroy();
  };
  socket.once('close', abandon);
  upstream.once('close', settled);
  asked.once('upgrade', (response, connection, rest) => {
    socket.off('close', abandon);
    const cookie = stickyCookie(route.service, target, route.wish.sticky);
    socket.write(headOf(response, ['Connection', 'Upgrade', 'Upgrade', 'websocket'], cookie));
    if (rest.length > 0) connection.unshift(rest);
    // shortly before the task would be stopped both sides are told to go away
    const goAway = relayWebSocket({ client: socket, upstream: connection, clock: parts.clock }, () => {
      leave();
      settled();
    });
    const leave = parts.departures.watch(target, goAway);
    const tunnelMs = route.service.policy?.timeouts?.tunnelMs;
    // whatever goes either way passes this socket
    if (tunnelMs !== undefined) upstream.setTimeout(tunnelMs, goAway);
  });
  // it does not want a WebSocket: its answer goes back as it is
  asked.once('response', (response) => {
    socket.write(headOf(response, ['Connection', 'close'], undefined));
    response.pipe(socket);
    response.once('close', () => {
      if (!response.complete) socket.destroy();
    });
  });
  asked.once('error', () => {
    if (socket.writable)
      socket.end(rawAnswer(502, `app ${route.service.appId} closed the connection during the handshake`));
  });
  asked.end();
}

function headOf(response: IncomingMessage, own: readonly string[], cookie: string | undefined): string {
  const status = response.statusCode ?? 502;
  const headers = [...endToEnd(response.rawHeaders, response.headers.connection), ...own];
  if (cookie !== undefined) headers.push('Set-Cookie', cookie);
  let head = `HTTP/1.1 ${status} ${response.statusMessage ?? STATUS_CODES[status] ?? ''}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${head}\r\n`;
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
