// The client of a WebSocket handshake, whether it came as an upgrade of HTTP/1.1 or as an extended CONNECT over HTTP/2 (h2/stream-upgrade.ts).
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { OwnAnswer } from '../admission/own-answer.js';
import { rawOwnAnswer } from '../answers.js';
import type { FlatHeaders } from './client-side.js';

export interface HandshakeAnswer {
  readonly status: number;
  readonly reason: string;
  /** Without what belongs to the connection. */
  readonly headers: FlatHeaders;
}

export interface UpgradeClient {
  /** What is relayed, once it was accepted. */
  readonly stream: Duplex;
  accept(answer: HandshakeAnswer): void;
  /** The target wants no WebSocket: the head of its answer; the body goes to `stream`, which ends with it. */
  pass(answer: HandshakeAnswer): void;
  /** Does nothing when the client has gone, or has an answer. */
  refuse(own: OwnAnswer): void;
}

export class Http1UpgradeClient implements UpgradeClient {
  readonly stream: Duplex;
  #answered = false;

  constructor(socket: Duplex) {
    this.stream = socket;
  }

  accept(answer: HandshakeAnswer): void {
    this.#write(answer, ['Connection', 'Upgrade', 'Upgrade', 'websocket']);
  }

  pass(answer: HandshakeAnswer): void {
    this.#write(answer, ['Connection', 'close']);
    // its end is seen by who reads
    this.stream.resume();
  }

  refuse(own: OwnAnswer): void {
    if (this.#answered || !this.stream.writable) return;
    this.#answered = true;
    this.stream.end(rawOwnAnswer(own));
  }

  #write({ status, reason, headers }: HandshakeAnswer, connection: FlatHeaders): void {
    this.#answered = true;
    const lines = [...headers, ...connection];
    let head = `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}\r\n`;
    for (let at = 0; at + 1 < lines.length; at += 2) head += `${lines[at]}: ${lines[at + 1]}\r\n`;
    this.stream.write(`${head}\r\n`);
  }
}
