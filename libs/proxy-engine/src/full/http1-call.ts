// Asks a target over HTTP/1.1, through http-proxy and the agent that keeps connections. http-proxy pipes a request's body at once, and
// what it has read from the client is gone when the connect fails; hence the gate: the body waits until the connection stands.
import { Stream } from 'node:stream';
import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type ProxyServer from 'http-proxy';
import type { Clock } from '#libs/time';
import { HEAD_LIMITS } from '../fast/limits.js';
import { endToEnd } from './forwarded-headers.js';
import { faultOfAnswer } from './strict-screen.js';
import {
  cleanTrailers,
  InvalidAnswer,
  type StartCall,
  type UpstreamAnswer,
  type UpstreamAsk,
  type UpstreamCall,
  type UpstreamEvents,
} from './upstream-call.js';

export interface Http1CallParts {
  readonly proxy: ProxyServer;
  readonly agent: Agent;
  readonly clock: Clock;
}

export const http1Calls =
  (parts: Http1CallParts): StartCall =>
  (ask, events) =>
    new Http1Call(parts, ask, events);

class Http1Call implements UpstreamCall {
  connected = false;
  consumed = false;
  readonly unseen = false;
  timedOut = false;
  readonly #parts: Http1CallParts;
  readonly #ask: UpstreamAsk;
  readonly #events: UpstreamEvents;
  #upstream: ClientRequest | undefined;
  #over = false;

  constructor(parts: Http1CallParts, ask: UpstreamAsk, events: UpstreamEvents) {
    this.#parts = parts;
    this.#ask = ask;
    this.#events = events;
    const { method, url, headers, target, fresh, hello } = ask;
    parts.proxy.web(
      requestLike(method, url, headers),
      NO_RESPONSE,
      {
        target: { protocol: 'http:', host: target.host, port: target.port },
        // without an agent http-proxy opens a connection for this request alone
        ...(fresh || hello ? {} : { agent: parts.agent }),
        // what http-proxy begins its request with; without a limit Node's is 16 KiB
        ssl: { maxHeaderSize: HEAD_LIMITS.headBytes },
        buffer: new Gate((upstream) => this.#prepare(upstream)),
        selfHandleResponse: true,
        toProxy: true,
      },
      (error) => this.#fail(error),
    );
  }

  get reused(): boolean {
    return this.#upstream?.reusedSocket === true;
  }

  abandon(): void {
    this.#over = true;
    this.#upstream?.destroy();
  }

  /** http-proxy has made the request, nothing of it is sent yet. */
  #prepare(upstream: ClientRequest): void {
    this.#upstream = upstream;
    // http-proxy folds double slashes, and gives a DELETE with a chunked body a length of 0, which would smuggle the body
    upstream.path = this.#ask.url;
    if (this.#ask.headers['transfer-encoding'] !== undefined) {
      upstream.removeHeader('content-length');
      upstream.setHeader('transfer-encoding', 'chunked');
    }
    upstream.once('socket', (socket) => {
      // node sends the head right after this, and until it is connected both wait in line
      if (this.#ask.hello) socket.write(this.#ask.hello);
      if (!socket.connecting) return this.#open(upstream);
      this.#limitConnect(socket, upstream);
      socket.once('connect', () => this.#open(upstream));
    });
    upstream.setTimeout(this.#ask.silenceMs, () => {
      this.timedOut = true;
      upstream.destroy(new Error('the task was silent for too long'));
    });
    // an upgrade that nobody asked for ends without an error
    upstream.once('close', () => {
      // an error costs its stack, and most requests have their answer by now
      if (!this.#over) this.#fail(new Error('no answer'));
    });
    upstream.on('information', ({ statusCode, rawHeaders }) => {
      if (!this.#over) this.#events.informed(statusCode, rawHeaders);
    });
    upstream.once('response', (response) => this.#respond(upstream, response));
  }

  #open(upstream: ClientRequest): void {
    this.connected = true;
    if (upstream.destroyed) return;
    const { body, requestTrailers } = this.#ask;
    if (!body) {
      upstream.end();
      return;
    }
    this.consumed = true;
    body.pipe(upstream, { end: false });
    body.once('end', () => {
      const trailers = cleanTrailers(requestTrailers());
      // node sends them with a chunked body only, and else drops them
      if (trailers.length > 0) upstream.addTrailers(pairs(trailers));
      upstream.end();
    });
  }

  #limitConnect(socket: Socket, upstream: ClientRequest): void {
    const timer = this.#parts.clock.after(this.#ask.connectTimeoutMs, () =>
      upstream.destroy(new Error('the connect took too long')),
    );
    socket.once('connect', () => timer.cancel());
    socket.once('close', () => timer.cancel());
  }

  #respond(upstream: ClientRequest, response: IncomingMessage): void {
    if (this.#over) return;
    if (response.statusCode === 101) {
      upstream.destroy(new Error('it switched protocols unasked'));
      return;
    }
    const fault = faultOfAnswer(response, this.#ask.method);
    if (fault !== undefined) {
      upstream.destroy();
      this.#fail(new InvalidAnswer(fault));
      return;
    }
    this.#over = true;
    this.#events.answered({
      status: response.statusCode ?? 502,
      reason: response.statusMessage ?? '',
      headers: endToEnd(response.rawHeaders, response.headers.connection),
      body: response,
      mayHaveTrailers: response.headers['transfer-encoding'] !== undefined,
      trailers: () => cleanTrailers(response.rawTrailers),
      isWhole: () => response.complete,
    } satisfies UpstreamAnswer);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.failed(isHeadTooLong(error) ? new InvalidAnswer(HEAD_TOO_LONG) : error);
  }
}

/** As the fast path says it. */
export const HEAD_TOO_LONG = `the head is longer than ${HEAD_LIMITS.headBytes} bytes`;

export const isHeadTooLong = (error: Error): boolean =>
  'code' in error && error.code === 'HPE_HEADER_OVERFLOW';

/** Handed to http-proxy as its `buffer`: the thing it pipes into the request it made. */
class Gate extends Stream {
  readonly #onRequest: (upstream: ClientRequest) => void;

  constructor(onRequest: (upstream: ClientRequest) => void) {
    super();
    this.#onRequest = onRequest;
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    this.#onRequest(destination as unknown as ClientRequest);
    return destination;
  }
}

/** What http-proxy reads of a request. A plain object, for a request may as well have come over HTTP/2. */
function requestLike(method: string, url: string, headers: UpstreamAsk['headers']): IncomingMessage {
  const request = new Stream();
  const { te: _ofConnection, ...kept } = headers;
  const said = { method, url, headers: kept, socket: { destroyed: false } };
  return Object.assign(request, said) as unknown as IncomingMessage;
}

/** http-proxy asks it whether an answer has begun, and leaves it alone: answers are handled here. */
const NO_RESPONSE = { headersSent: false, finished: false } as unknown as ServerResponse;

const pairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as [string, string]] : []));
