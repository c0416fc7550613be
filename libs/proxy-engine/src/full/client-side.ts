// What an exchange needs of its client, whether that one speaks HTTP/1 (http1-client.ts) or HTTP/2 (h2/stream-client.ts).
import type { Readable, Writable } from 'node:stream';
import type { OwnAnswer } from '../admission/admit.js';

/** Header names and values in turn, as in `rawHeaders`. */
export type FlatHeaders = readonly string[];
/** Lower-case names; several lines of one name as an array. */
export type HeaderMap = Record<string, string | string[]>;

export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  /** Without what belongs to a connection. */
  readonly headers: string[];
  /** Trailers may follow the body. */
  readonly mayHaveTrailers: boolean;
  /** HTTP/2: the head is all there is, and clients (gRPC) want to see it at the head. */
  readonly ends?: boolean;
}

export interface ClientSide {
  readonly method: string;
  /** Undefined: the request has none. Not read before it is asked for, so that another target can get it. */
  readonly body: Readable | undefined;
  /** Complete when the body has ended. */
  requestTrailers(): FlatHeaders;
  /** The client has gone, or its whole answer is on its way. */
  readonly gone: boolean;
  /** Calls back once, when it is `gone`. */
  onGone(callback: () => void): void;
  /** Has the head of an answer left? */
  readonly answered: boolean;
  /** The whole answer was handed over. */
  readonly finished: boolean;
  /** A 1xx answer; left out where the client cannot have it. */
  inform(status: number, headers: FlatHeaders): void;
  /** Sends the head and returns where the body goes. */
  answer(head: AnswerHead): Writable;
  /** Ends the body. */
  finish(trailers: FlatHeaders): void;
  /** An answer of our own; when another one has begun that one is cut, so that nobody takes a torn answer for a whole one. */
  answerOwn(own: OwnAnswer): void;
  /** Tears the answer. */
  cut(): void;
}
