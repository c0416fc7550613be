// The full path: HTTP/1.x through node:http and http-proxy, for whatever the fast path does not take (HTTP/1.0, Expect, trailers,
// Upgrade, CONNECT). It listens nowhere: connections are handed to it, with the bytes that were read of them already.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { admit, type OwnAnswer } from '../admission/admit.js';
import { answerTransformOf } from '../admission/answer-transform.js';
import { limitBody } from '../admission/body-limit.js';
import type { FindOptions } from '../admission/find-route.js';
import { factsOf, type RequestFacts } from '../admission/request-facts.js';
import { ownAnswer, rawOwnAnswer } from '../answers.js';
import type { Origin } from '../fronts/origin.js';
import { tellOwn } from '../observe/own-record.js';
import { LINGER_MS } from '../fast/limits.js';
import { addForwarded, dropHopByHop } from './forwarded-headers.js';
import { Exchange, type ExchangeParts } from './exchange.js';
import { Http1Client } from './http1-client.js';
import { faultOfParser, faultOfRequest, type Fault } from './strict-screen.js';
import { Http1UpgradeClient } from './upgrade-client.js';
import { declineUpgrade, forwardUpgrade, isWebSocket } from './upgrade.js';

/** A client must have sent its whole head by then (slowloris). */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than the 60 s of common balancers in front, so that they close first. */
const CLIENT_IDLE_MS = 75_000;
const MAX_HEADER_BYTES = 32 * 1024;
const TIMEOUT_CHECK_MS = 2_000;

export interface FullPathParts extends ExchangeParts {
  /** True once this process stops: answers then end their connection. */
  readonly isStopping: () => boolean;
  /** The rules of this very moment. */
  readonly findOptions: () => FindOptions;
  /** Before each request: a promise while the table may be out of date, to wait for (decisions.md 10). */
  readonly freshen: () => Promise<void> | undefined;
}

interface Served {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Once a target is looked for. */
  exchange?: Exchange;
}

export class FullPath {
  readonly #parts: FullPathParts;
  readonly #server: Server;
  readonly #origins = new WeakMap<Duplex, Origin>();
  /** Connections on which something was refused. */
  readonly #distrusted = new WeakSet<Duplex>();
  /** The last request of each connection. */
  readonly #served = new WeakMap<Duplex, Served>();

  constructor(parts: FullPathParts) {
    this.#parts = parts;
    this.#server = this.#createServer();
    // starts its watch over slow clients, which otherwise comes with listening
    this.#server.emit('listening');
  }

  /** Serves this connection until it is closed. `first`: bytes of it that were read already. */
  take(client: Duplex, origin: Origin, first?: Buffer): void {
    this.#origins.set(client, origin);
    if (first && first.length > 0) client.unshift(first);
    this.#server.emit('connection', client);
    // whoever looked at the first bytes has paused it, and a listener for data alone does not undo that
    client.resume();
  }

  /** Ends connections without a request; for each poll while stopping. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Cuts what is left. */
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #createServer(): Server {
    const server = createServer(
      { maxHeaderSize: MAX_HEADER_BYTES, noDelay: true, connectionsCheckingInterval: TIMEOUT_CHECK_MS },
      (req, res) => {
        // an unexpected error costs this connection, not the process
        this.#exchange({ req, res }).catch(() => res.destroy());
      },
    );
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    // long uploads are fine while bytes flow
    server.requestTimeout = 0;
    server.keepAliveTimeout = CLIENT_IDLE_MS;
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (!isWebSocket(req)) declineUpgrade(server, req, socket, head);
      else this.#upgrade(req, socket, head).catch(() => socket.destroy());
    });
    // without a listener node answers with a bare status, and nobody is told
    server.on('clientError', (error, socket) => this.#cannotRead(error, socket));
    // without a listener node closes the connection and says nothing
    server.on('connect', (req: IncomingMessage, socket: Duplex) => {
      const own = refusalOf(faultOfRequest(req) ?? NO_TUNNELS);
      socket.on('error', () => socket.destroy());
      socket.end(rawOwnAnswer(own));
      tellOwn(this.#parts.observer, { own, origin: this.#originOf(req), startedAt: performance.now() });
    });
    return server;
  }

  async #exchange(served: Served): Promise<void> {
    const { req, res } = served;
    this.#served.set(req.socket, served);
    const startedAt = performance.now();
    const wait = this.#parts.freshen();
    if (wait) await wait;
    if (res.destroyed) return;
    const origin = this.#originOf(req);
    if (this.#isRefused(req, res, startedAt)) return;
    const encoding = req.headers['transfer-encoding'];
    const facts = factsOf(req, origin);
    const verdict = admit(facts, this.#parts.findOptions());
    if (verdict.kind === 'answer') {
      ownAnswer(res, verdict);
      return tellOwn(this.#parts.observer, { own: verdict, origin, startedAt, facts });
    }
    const client = new Http1Client(req, res, this.#parts.isStopping);
    const headers = dropHopByHop(req.headers);
    // announces trailers of a body that is chunked; node refuses it beside a length
    if (encoding === undefined) delete headers['trailer'];
    addForwarded(headers, origin, verdict.prefix);
    const transform = answerTransformOf(verdict, client.method, req.headers.host);
    const exchange = new Exchange(this.#parts, {
      client,
      route: verdict,
      headers,
      path: 'full',
      startedAt,
      origin,
      ...(transform ? { transform } : {}),
    });
    served.exchange = exchange;
    limitBody(verdict, client.body, (status, message) => exchange.refuse(status, message));
    exchange.begin();
  }

  /** Node's parser found what is no HTTP; nothing behind it is served. May be called again for what comes then. */
  #cannotRead(error: Error, socket: Duplex): void {
    if (this.#distrusted.has(socket)) return;
    this.#distrusted.add(socket);
    const fault = faultOfParser(error);
    // a connection that has said nothing asked for nothing
    const isMute = 'bytesRead' in socket && socket.bytesRead === 0;
    if (!fault || isMute || !socket.writable) return void socket.destroy();
    const { req, res, exchange } = this.#served.get(socket) ?? {};
    if (!res || res.closed) return this.#refuse(socket, fault);
    res.shouldKeepAlive = false;
    if (req?.complete === false && exchange)
      exchange.refuse(fault.status, `the request is not valid HTTP: ${fault.why}`);
    // the answer of the one before comes first; it may have said already that the connection stays
    else
      res.once('close', () => {
        if (res.writableFinished) this.#refuse(socket, fault);
      });
  }

  #refuse(socket: Duplex, fault: Fault): void {
    const own = refusalOf(fault);
    const origin = this.#origins.get(socket) ?? UNKNOWN;
    if (!socket.writableEnded) socket.end(rawOwnAnswer(own));
    // closing at once would take the answer away from a client that still sends
    const timer = this.#parts.clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
    tellOwn(this.#parts.observer, { own, origin, startedAt: performance.now() });
  }

  /** What cannot be trusted is answered at once, and nothing behind it on this connection is served, read already or not. */
  #isRefused(req: IncomingMessage, res: ServerResponse, startedAt: number): boolean {
    if (this.#distrusted.has(req.socket)) return true;
    const fault = faultOfRequest(req);
    if (!fault) return false;
    this.#distrusted.add(req.socket);
    res.shouldKeepAlive = false;
    const own = refusalOf(fault);
    ownAnswer(res, own);
    tellOwn(this.#parts.observer, { own, origin: this.#originOf(req), startedAt });
    return true;
  }

  async #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const startedAt = performance.now();
    const wait = this.#parts.freshen();
    if (wait) await wait;
    const origin = this.#originOf(req);
    const answerOwn = (own: OwnAnswer, facts?: RequestFacts): void => {
      socket.end(rawOwnAnswer(own));
      tellOwn(this.#parts.observer, { own, origin, startedAt, ...(facts ? { facts } : {}) });
    };
    const fault = faultOfRequest(req);
    if (fault) return answerOwn(refusalOf(fault));
    const facts = factsOf(req, origin);
    const verdict = admit(facts, this.#parts.findOptions());
    if (verdict.kind === 'answer') return answerOwn(verdict, facts);
    const headers = dropHopByHop(req.headers);
    delete headers['trailer'];
    delete headers['te'];
    if (head.length > 0) socket.unshift(head);
    const client = new Http1UpgradeClient(socket);
    await forwardUpgrade(this.#parts, { client, headers, origin, route: verdict, startedAt });
  }

  #originOf(req: IncomingMessage): Origin {
    return this.#origins.get(req.socket) ?? UNKNOWN;
  }
}

const NO_TUNNELS: Fault = { status: 501, why: 'CONNECT: this is a reverse proxy and opens no tunnels' };

const refusalOf = ({ status, why }: Fault): OwnAnswer => ({
  kind: 'answer',
  status,
  message: `the request is not served: ${why}`,
  headers: [],
});

/** Never met: each connection comes through `take`. */
const UNKNOWN: Origin = { clientAddress: 'unknown', localPort: 0, secure: false };
