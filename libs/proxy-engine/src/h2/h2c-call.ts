// Asks a target over HTTP/2 without TLS (policy `protocol: h2c`), which gRPC needs. The body waits until the connection stands, so that
// a refused connect can go on to the next target; a stream that the target has refused unseen may be repeated (RFC 9113 8.7).
import {
  constants,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Clock } from '#libs/time';
import { HEAD_LIMITS } from '../fast/limits.js';
import { HEAD_TOO_LONG } from '../full/http1-call.js';
import {
  cleanTrailers,
  InvalidAnswer,
  type StartCall,
  type UpstreamAsk,
  type UpstreamCall,
  type UpstreamEvents,
} from '../full/upstream-call.js';
import type { PooledSession, SessionPool } from './session-pool.js';
import { headersOf } from './stream-client.js';

export interface H2cCallParts {
  readonly pool: SessionPool;
  readonly clock: Clock;
}

export const h2cCalls =
  (parts: H2cCallParts): StartCall =>
  (ask, events) =>
    new H2cCall(parts, ask, events);

const OF_CONNECTION = new Set(['host', 'connection', 'transfer-encoding', 'keep-alive', 'upgrade']);

class H2cCall implements UpstreamCall {
  consumed = false;
  unseen = false;
  timedOut = false;
  readonly reused: boolean;
  readonly #ask: UpstreamAsk;
  readonly #events: UpstreamEvents;
  readonly #pooled: PooledSession;
  readonly #stream: ClientHttp2Stream | undefined;
  #trailers: string[] = [];
  #whole = false;
  #over = false;

  constructor({ pool, clock }: H2cCallParts, ask: UpstreamAsk, events: UpstreamEvents) {
    this.#ask = ask;
    this.#events = events;
    const pooled = pool.acquire(ask.target, ask.fresh, ask.hello);
    this.#pooled = pooled;
    this.reused = pooled.used;
    try {
      this.#stream = pooled.session.request(this.#headers(), {
        endStream: !ask.body,
        waitForTrailers: ask.body !== undefined,
      });
    } catch (error) {
      // the session ended in this very turn, or a header that node does not send
      pool.release(pooled);
      const why = error instanceof Error ? error : new Error('the request could not be sent');
      process.nextTick(() => this.#fail(why));
      return;
    }
    this.#stream.once('close', () => pool.release(pooled));
    this.#listen(this.#stream);
    if (pooled.connected) this.#open(this.#stream);
    else this.#awaitConnect(pooled, clock);
  }

  get connected(): boolean {
    return this.#pooled.connected;
  }

  abandon(): void {
    this.#over = true;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  #headers(): OutgoingHttpHeaders {
    const { method, url, headers } = this.#ask;
    const kept: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(headers)) if (!OF_CONNECTION.has(name)) kept[name] = value;
    const host = headers['host'];
    return {
      ':method': method,
      ':path': url,
      ':scheme': 'http',
      ':authority': host === undefined ? '' : String(host),
      ...kept,
    };
  }

  #awaitConnect(pooled: PooledSession, clock: Clock): void {
    const stream = this.#stream as ClientHttp2Stream;
    const timer = clock.after(this.#ask.connectTimeoutMs, () => {
      if (!pooled.connected) pooled.session.destroy(new Error('the connect took too long'));
    });
    pooled.session.once('connect', () => {
      timer.cancel();
      this.#open(stream);
    });
    stream.once('close', () => timer.cancel());
  }

  #open(stream: ClientHttp2Stream): void {
    if (stream.destroyed) return;
    const { body, requestTrailers, silenceMs } = this.#ask;
    stream.setTimeout(silenceMs, () => {
      this.timedOut = true;
      stream.destroy(new Error('the task was silent for too long'));
    });
    if (!body) return;
    this.consumed = true;
    stream.once('wantTrailers', () => stream.sendTrailers(headersOf(cleanTrailers(requestTrailers()))));
    body.pipe(stream);
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on('headers', (headers, _flags, raw?: string[]) => {
      const status = Number(headers[':status']);
      if (this.#over || this.#isRefused(stream, raw ?? [])) return;
      if (status !== 101) this.#events.informed(status, raw ?? []);
    });
    stream.once('response', (headers: IncomingHttpHeaders, flags: number, raw?: string[]) =>
      this.#respond(stream, Number(headers[':status']), { raw: raw ?? [], flags }),
    );
    stream.on('trailers', (_headers, _flags, raw?: string[]) => {
      const fault = faultOfHead(raw ?? []);
      if (fault === undefined) this.#trailers = raw ?? [];
      else stream.destroy(new InvalidAnswer(fault));
    });
    stream.once(
      'end',
      () => (this.#whole = stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted),
    );
    stream.on('error', (error) => this.#fail(error));
    stream.once('close', () => this.#fail(new Error('no answer')));
  }

  #respond(
    stream: ClientHttp2Stream,
    status: number,
    { raw, flags }: { raw: string[]; flags: number },
  ): void {
    if (this.#over || this.#isRefused(stream, raw)) return;
    this.#over = true;
    const ends = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    this.#events.answered({
      status,
      reason: '',
      headers: raw.flatMap((name, at) =>
        at % 2 === 0 && !name.startsWith(':') ? [name, raw[at + 1] ?? ''] : [],
      ),
      body: stream,
      mayHaveTrailers: !ends,
      ends,
      trailers: () => cleanTrailers(this.#trailers),
      isWhole: () => this.#whole,
    });
  }

  /** A head beyond what one of HTTP/1.1 may have. */
  #isRefused(stream: ClientHttp2Stream, raw: readonly string[]): boolean {
    const fault = faultOfHead(raw);
    if (fault === undefined) return false;
    this.#fail(new InvalidAnswer(fault));
    stream.close(constants.NGHTTP2_CANCEL);
    return true;
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.connected) return this.#events.failed(causeOf(error));
    const code = this.#stream?.rstCode;
    this.unseen = code === constants.NGHTTP2_REFUSED_STREAM;
    this.#events.failed(isBeyondNode(error, code) ? new InvalidAnswer(BEYOND_NODE) : error);
  }
}

/** As long as it would be in HTTP/1.1. */
function faultOfHead(raw: readonly string[]): string | undefined {
  if (raw.length / 2 > HEAD_LIMITS.lines) return `more than ${HEAD_LIMITS.lines} header lines`;
  let bytes = 0;
  for (let at = 0; at + 1 < raw.length; at += 2)
    bytes += (raw[at]?.length ?? 0) + (raw[at + 1]?.length ?? 0) + LINE_FRAME;
  return bytes > HEAD_LIMITS.headBytes ? HEAD_TOO_LONG : undefined;
}
/** Colon, blank and line end. */
const LINE_FRAME = 4;

/** Streams of a session that could not connect are told of a cancel; why is what says whether the target refused, or we could not even ask. */
const causeOf = (error: Error): Error => (isError(error.cause) ? error.cause : error);

const isError = (value: unknown): value is Error =>
  typeof value === 'object' && value !== null && 'name' in value && 'message' in value;

/** A head so long that node does not hand it over: it resets the stream, or ends a session for too many frames of one head. */
const isBeyondNode = (error: Error, code: number | undefined): boolean =>
  code === constants.NGHTTP2_ENHANCE_YOUR_CALM || error.message.includes('CONTINUATION');
const BEYOND_NODE = `${HEAD_TOO_LONG}, or it refused the request with ENHANCE_YOUR_CALM`;
