// A client of the full path: a request and response of node:http.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { OwnAnswer } from '../admission/admit.js';
import { ownAnswer } from '../answers.js';
import type { AnswerHead, ClientSide, FlatHeaders } from './client-side.js';

export class Http1Client implements ClientSide {
  readonly method: string;
  readonly body: Readable | undefined;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #isStopping: () => boolean;

  /** `isStopping`: answers then end their connection. */
  constructor(req: IncomingMessage, res: ServerResponse, isStopping: () => boolean) {
    this.#req = req;
    this.#res = res;
    this.#isStopping = isStopping;
    this.method = req.method ?? 'GET';
    const hasBody =
      req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    this.body = hasBody ? req : undefined;
    // a client that breaks off in the middle; `close` follows
    res.once('error', () => res.destroy());
  }

  requestTrailers(): FlatHeaders {
    return this.#req.rawTrailers;
  }

  get gone(): boolean {
    return this.#res.destroyed || this.#req.socket.destroyed;
  }

  onGone(callback: () => void): void {
    // comes after the last byte was handed to the system as well as when the client has gone
    this.#res.once('close', callback);
  }

  get answered(): boolean {
    return this.#res.headersSent;
  }

  get finished(): boolean {
    return this.#res.writableFinished;
  }

  inform(status: number, headers: FlatHeaders): void {
    // HTTP/1.0 knows none, 100 was sent by this proxy if it was asked for, 101 is another path's
    if (status !== 103 || this.#req.httpVersionMinor === 0 || this.#res.headersSent) return;
    const links = valuesOf(headers, 'link');
    try {
      if (links.length > 0) this.#res.writeEarlyHints({ link: links });
    } catch {
      // a Link that node does not understand: hints are only hints
    }
  }

  answer({ status, reason, headers, mayHaveTrailers }: AnswerHead): Writable {
    const res = this.#res;
    if (this.#isStopping()) res.shouldKeepAlive = false;
    // node refuses to announce trailers that it could not send
    const chunked = mayHaveTrailers && this.#req.httpVersionMinor > 0 && this.method !== 'HEAD';
    res.writeHead(status, reason, chunked ? headers : without(headers, 'trailer'));
    return res;
  }

  finish(trailers: FlatHeaders): void {
    if (trailers.length > 0 && this.#res.chunkedEncoding) this.#res.addTrailers(pairsOf(trailers));
    this.#res.end();
  }

  answerOwn(own: OwnAnswer): void {
    if (this.#isStopping()) this.#res.shouldKeepAlive = false;
    ownAnswer(this.#res, own);
  }

  cut(): void {
    this.#res.destroy();
  }
}

const pairsOf = (flat: FlatHeaders): [string, string][] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as [string, string]] : []));

export const valuesOf = (flat: FlatHeaders, name: string): string[] =>
  pairsOf(flat).flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));

export const without = (flat: FlatHeaders, name: string): string[] =>
  pairsOf(flat).flatMap(([key, value]) => (key.toLowerCase() === name ? [] : [key, value]));
