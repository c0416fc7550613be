// WebSocket: the handshake is forwarded to a target over a connection of its own, then bytes are relayed and counted like a
// request in flight until both sides are closed. http-proxy's `ws` ends the client when a connect fails, so no other target could
// be tried; hence written on node:http.
// Other upgrades (h2c, which Java's client offers by default) are declined the way the RFC wants: by answering as if not asked.
import { createHash } from 'node:crypto';
import { request, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClosedBy } from '#libs/proxy-core';
import type { AdmittedRequest } from '../admission/admit.js';
import { askedPath } from '../admission/request-facts.js';
import { stickyCookie } from '../admission/sticky-cookie.js';
import { bodyBytesOf } from '../answers.js';
import { HEAD_LIMITS } from '../fast/limits.js';
import type { Origin } from '../fronts/origin.js';
import { isUsableRequestId, makeRequestId } from '../fast/request-id.js';
import type { Observer } from '../observe/observer.js';
import { meterOf, tellTunnel, type TunnelEnd, type TunnelStart } from '../observe/tunnel-record.js';
import { dial, type Dialled, type DialParts } from '../tcp/dial.js';
import type { Departures } from '../drain/departures.js';
import { onGone } from '../tcp/on-gone.js';
import { relayWebSocket } from '../drain/websocket-relay.js';
import type { HeaderMap } from './client-side.js';
import { editFlat, editMap } from './header-edits.js';
import { addForwarded, endToEnd } from './forwarded-headers.js';
import { HEAD_TOO_LONG, isHeadTooLong } from './http1-call.js';
import type { HandshakeAnswer, UpgradeClient } from './upgrade-client.js';

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
  readonly observer: Observer;
  /** Where the service's policy says nothing. */
  readonly silenceMs: number;
}

export interface UpgradeAsk {
  readonly client: UpgradeClient;
  /** As the client sent them, without what belongs to its connection; with a Sec-WebSocket-Key. */
  readonly headers: HeaderMap;
  readonly origin: Origin;
  readonly route: AdmittedRequest;
  /** Of `performance`. */
  readonly startedAt: number;
}

export async function forwardUpgrade(parts: UpgradeParts, ask: UpgradeAsk): Promise<void> {
  const { client, origin, route } = ask;
  client.stream.on('error', () => client.stream.destroy());
  const dialled = await dial(parts, route.service, {
    client: client.stream,
    wish: route.wish,
    endpoints: origin.endpoints,
  });
  new Upgrade(parts, ask).go(dialled);
}

class Upgrade {
  readonly #parts: UpgradeParts;
  readonly #ask: UpgradeAsk;
  readonly #headers: HeaderMap;
  readonly #start: TunnelStart;
  #told = false;

  constructor(parts: UpgradeParts, ask: UpgradeAsk) {
    this.#parts = parts;
    this.#ask = ask;
    const { headers, origin, route, startedAt } = ask;
    const { host, 'x-request-id': given } = headers;
    const requestId = typeof given === 'string' && isUsableRequestId(given) ? given : makeRequestId();
    this.#headers = { ...headers, 'x-request-id': requestId };
    addForwarded(this.#headers, origin, route.prefix);
    editMap(this.#headers, route.requestEdits);
    this.#start = {
      service: route.service,
      origin,
      startedAt,
      request: {
        method: 'GET',
        host: typeof host === 'string' ? host : undefined,
        urlPath: askedPath(route.asked),
        requestId,
      },
    };
  }

  go(dialled: Awaited<ReturnType<typeof dial>>): void {
    const { stream } = this.#ask.client;
    // an end counts, for WebSocket has no half-close
    if (stream.destroyed || stream.readableEnded) {
      stream.destroy();
      dialled.upstream?.destroy();
      dialled.release?.();
      return this.#tell(dialled, { status: 0, closedBy: 'client' });
    }
    if (dialled.upstream) return this.#handshake(dialled);
    const { routes } = this.#parts;
    const { service } = this.#ask.route;
    const reason = routes.matcher.counterpartOf(service)?.emptyReason ?? 'it is being removed';
    const why = reason === '' ? 'no instance accepted a connection' : reason;
    this.#refuse(dialled, 503, `cannot answer now: ${why}`, 'no-target');
  }

  #handshake(dialled: Dialled): void {
    const { upstream, target } = dialled;
    const { stream } = this.#ask.client;
    const asked = this.#request(dialled);
    const abandon = (): void => {
      asked.destroy();
      upstream.destroy();
    };
    const gone = (): void => {
      abandon();
      stream.destroy();
      this.#tell(dialled, { status: 0, closedBy: 'client' });
    };
    const stay = onGone(stream, gone);
    const refuse = (status: number, why: string, closedBy: ClosedBy): void => {
      stay();
      this.#refuse(dialled, status, why, closedBy);
      abandon();
    };
    upstream.once('close', dialled.release);
    const leave = this.#parts.departures.watch(target, () =>
      refuse(503, 'was stopped before it answered, after its drain time', 'drain'),
    );
    upstream.once('close', leave);
    const silenceMs = this.#ask.route.service.policy?.timeouts?.silenceMs ?? this.#parts.silenceMs;
    const silent = (): void => refuse(504, `did not answer within ${silenceMs / 1000} s`, 'silence');
    upstream.setTimeout(silenceMs, silent);
    asked.once('upgrade', (response, _connection, rest) => {
      upstream.off('close', leave);
      leave();
      upstream.setTimeout(0);
      upstream.off('timeout', silent);
      if (!this.#isAccepted(response)) return refuse(502, 'gave a handshake that is not valid', 'target');
      stay();
      this.#relay(dialled, response, rest);
    });
    asked.once('response', (response) => {
      stay();
      this.#pass(dialled, response);
    });
    asked.once('error', (error) =>
      refuse(
        502,
        isHeadTooLong(error)
          ? `gave an answer that is not valid HTTP (${HEAD_TOO_LONG})`
          : 'closed the connection during the handshake',
        'target',
      ),
    );
    asked.end();
  }

  #request({ upstream }: Dialled): ClientRequest {
    return request({
      createConnection: () => upstream,
      method: 'GET',
      path: this.#ask.route.url,
      maxHeaderSize: HEAD_LIMITS.headBytes,
      headers: { ...this.#headers, connection: 'Upgrade', upgrade: 'websocket' },
    });
  }

  /** RFC 6455 4.1; a client of HTTP/2 cannot look at it itself. */
  #isAccepted({ headers }: IncomingMessage): boolean {
    const key = String(this.#headers['sec-websocket-key']);
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    return headers['sec-websocket-accept']?.trim() === accept;
  }

  #relay(dialled: Dialled, response: IncomingMessage, rest: Buffer): void {
    const { upstream, target } = dialled;
    const { client, route } = this.#ask;
    const meter = meterOf(upstream, rest.length);
    const cookie = stickyCookie(route.service, target, route);
    client.accept(this.#answerOf(response, cookie));
    if (rest.length > 0) upstream.unshift(rest);
    let why: ClosedBy | undefined;
    // shortly before the task would be stopped both sides are told to go away
    const goAway = relayWebSocket({ client: client.stream, upstream, clock: this.#parts.clock }, (first) => {
      leave();
      dialled.release();
      this.#tell(dialled, { status: 101, ...meter(), closedBy: why ?? first });
    });
    const end = (because: ClosedBy): void => {
      why ??= because;
      goAway();
    };
    const leave = this.#parts.departures.watch(target, () => end('drain'));
    const tunnelMs = route.service.policy?.timeouts?.tunnelMs;
    // whatever goes either way passes this socket
    if (tunnelMs !== undefined) upstream.setTimeout(tunnelMs, () => end('silence'));
  }

  /** It does not want a WebSocket: its answer goes back. */
  #pass(dialled: Dialled, response: IncomingMessage): void {
    const { client } = this.#ask;
    const { stream } = client;
    let bytesOut = 0;
    response.on('data', (chunk: Buffer) => (bytesOut += chunk.length));
    client.pass(this.#answerOf(response, undefined));
    response.pipe(stream);
    const ended = (closedBy: ClosedBy): void => {
      if (!response.complete) stream.destroy();
      dialled.upstream.destroy();
      this.#tell(dialled, { status: response.statusCode ?? 0, bytesOut, closedBy });
    };
    response.once('close', () => ended('target'));
    stream.once('close', () => ended('client'));
  }

  #answerOf(response: IncomingMessage, cookie: string | undefined): HandshakeAnswer {
    const headers = endToEnd(response.rawHeaders, response.headers.connection);
    if (cookie !== undefined) headers.push('Set-Cookie', cookie);
    return {
      status: response.statusCode ?? 502,
      reason: response.statusMessage ?? '',
      headers: editFlat(headers, this.#ask.route.responseEdits),
    };
  }

  #refuse(dialled: Pick<TunnelEnd, 'asked'>, status: number, why: string, closedBy: ClosedBy): void {
    const { client, route } = this.#ask;
    const message = `app ${route.service.appId} ${why}`;
    const own = { kind: 'answer', status, message, headers: route.ownHeaders ?? [] } as const;
    client.refuse(own);
    this.#tell(dialled, { status, bytesOut: bodyBytesOf(own, 'GET'), closedBy });
  }

  #tell({ asked, target }: Pick<TunnelEnd, 'asked' | 'target'>, end: Omit<TunnelEnd, 'asked'>): void {
    if (this.#told) return;
    this.#told = true;
    tellTunnel(this.#parts.observer, this.#start, { asked, target, ...end });
  }
}
