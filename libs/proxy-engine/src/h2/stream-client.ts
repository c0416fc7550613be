// A client that speaks HTTP/2: one stream. Node maps back-pressure of `pipe` to flow control windows, both ways.
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import type { OwnAnswer } from '../admission/admit.js';
import { partsOf } from '../answers.js';
import type { AnswerHead, ClientSide, FlatHeaders } from '../full/client-side.js';

/** Node refuses lists of them. */
const SINGLE = new Set([
  'content-type',
  'content-length',
  'etag',
  'location',
  'retry-after',
  'age',
  'server',
  'expires',
  'last-modified',
]);
const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'http2-settings',
]);

export class StreamClient implements ClientSide {
  readonly method: string;
  readonly body: Readable | undefined;
  readonly #stream: ServerHttp2Stream;
  #requestTrailers: readonly string[] = [];
  #trailers: FlatHeaders = [];
  #isTunnel = false;

  constructor(stream: ServerHttp2Stream, method: string, hasBody: boolean) {
    this.#stream = stream;
    this.method = method;
    this.body = hasBody ? stream : undefined;
    stream.on('trailers', (_headers, _flags, raw?: string[]) => (this.#requestTrailers = raw ?? []));
    // an answer that ended before the request did: the rest is not wanted (RFC 9113 8.1)
    stream.once('finish', () => {
      if (hasBody && !this.#isTunnel && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    if (!hasBody) stream.resume();
  }

  /** What comes is no request's body: the end of what goes out does not end it. */
  becomeTunnel(): void {
    this.#isTunnel = true;
  }

  requestTrailers(): FlatHeaders {
    return this.#requestTrailers;
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  onGone(callback: () => void): void {
    if (this.#stream.destroyed) process.nextTick(callback);
    else this.#stream.once('close', callback);
  }

  get answered(): boolean {
    return this.#stream.headersSent;
  }

  get finished(): boolean {
    // node ends a stream that the client has reset
    return this.#stream.writableFinished && !this.#stream.aborted;
  }

  inform(status: number, headers: FlatHeaders): void {
    if (this.gone || this.#stream.headersSent || status === 101) return;
    try {
      this.#stream.additionalHeaders({ ':status': status, ...headersOf(headers) });
    } catch {
      // hints are only hints
    }
  }

  answer({ status, headers, mayHaveTrailers, ends }: AnswerHead): Writable {
    const stream = this.#stream;
    stream.respond(
      { ':status': status, ...headersOf(headers) },
      { waitForTrailers: mayHaveTrailers && !ends, endStream: ends === true },
    );
    if (mayHaveTrailers && !ends)
      stream.once('wantTrailers', () => stream.sendTrailers(headersOf(this.#trailers)));
    return stream;
  }

  finish(trailers: FlatHeaders): void {
    this.#trailers = trailers;
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  answerOwn(own: OwnAnswer): void {
    if (this.gone) return;
    if (this.#stream.headersSent) return this.cut();
    const { headers, body } = partsOf(own);
    this.#stream.respond({ ':status': own.status, ...headersOf(headers.flat()) });
    if (!this.#stream.writableEnded) this.#stream.end(body);
  }

  cut(): void {
    // `close` would end the answer in order first: a torn one would look whole
    this.#stream.destroy(new Error('the answer was torn'));
  }
}

/** As node wants them: lower case, lists as arrays, nothing that belongs to an HTTP/1 connection. */
export function headersOf(flat: FlatHeaders): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase();
    const value = flat[at + 1] ?? '';
    if (name.startsWith(':') || OF_CONNECTION.has(name)) continue;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (!SINGLE.has(name)) headers[name] = [before, value].flat();
  }
  return headers;
}
