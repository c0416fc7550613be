// A WebSocket over one stream of HTTP/2 (RFC 8441): CONNECT with `:protocol websocket`. Towards the target it is the upgrade of HTTP/1.1, whose
// key and accept are of that connection alone.
import { randomBytes } from 'node:crypto';
import type { ServerHttp2Stream } from 'node:http2';
import type { OwnAnswer } from '../admission/own-answer.js';
import type { HeaderMap } from '../full/client-side.js';
import { without } from '../full/http1-client.js';
import type { HandshakeAnswer, UpgradeClient } from '../full/upgrade-client.js';
import { headersOf, type StreamClient } from './stream-client.js';
import type { StreamHead } from './stream-head.js';

export class StreamUpgradeClient implements UpgradeClient {
  readonly stream: ServerHttp2Stream;
  readonly #client: StreamClient;

  constructor(stream: ServerHttp2Stream, client: StreamClient) {
    this.stream = stream;
    this.#client = client;
  }

  accept({ headers }: HandshakeAnswer): void {
    // a side that has ended is still told the last frame of the other
    this.#client.becomeTunnel();
    // there is no 101 in HTTP/2, and no key to answer (RFC 8441 5)
    this.#respond(200, without(headers, 'sec-websocket-accept'));
  }

  pass({ status, headers }: HandshakeAnswer): void {
    this.#respond(status, [...headers]);
  }

  refuse(own: OwnAnswer): void {
    if (!this.stream.headersSent) this.#client.answerOwn(own);
  }

  #respond(status: number, headers: string[]): void {
    if (this.stream.destroyed || this.stream.headersSent) return;
    this.stream.respond({ ':status': status, ...headersOf(headers) });
  }
}

/** For the target, with a key: the client of HTTP/2 has none. */
export function handshakeHeaders({ headers }: StreamHead): HeaderMap {
  const {
    'content-length': _length,
    expect: _expect,
    te: _te,
    'sec-websocket-key': _key,
    'sec-websocket-accept': _accept,
    ...kept
  } = headers;
  return {
    'sec-websocket-version': '13',
    ...kept,
    'sec-websocket-key': randomBytes(16).toString('base64'),
  };
}
