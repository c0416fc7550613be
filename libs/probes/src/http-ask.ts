// Asks a task one HTTP question and takes what it answers: the status, and of a text body as much as the asker wants. The status alone
// is an answer: a body that does not end, or comes too late, is cut off.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpAnswer, HttpQuestion } from '#libs/agent-core';
import { startRequest } from './http-request.js';
import { causeOf, isSelfConnection } from './self-connection.js';

/** Never rejects; an aborted one answers `none`. */
export function httpAsk(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const { host, port, timeoutMs, bodyBytesMax } = question;
    const request = startRequest(question);
    let connected = false;
    let head: IncomingMessage | null = null;
    let body = Buffer.alloc(0);
    const done = (answer: HttpAnswer): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      request.destroy();
      resolve(answer);
    };
    const answered = (): void => {
      if (head) done(answerOf(head, body.subarray(0, bodyBytesMax), body.length > bodyBytesMax));
    };
    const fail = (cause: string): void => (head ? answered() : done({ kind: 'none', cause, connected }));
    const abort = (): void => done({ kind: 'none', cause: 'aborted', connected });
    const timer = setTimeout(
      () => fail(`no answer within ${timeoutMs / 1000} s (${host}:${port})`),
      timeoutMs,
    );
    signal.addEventListener('abort', abort);
    request.on('socket', (socket: Socket) =>
      socket.once('connect', () => {
        if (isSelfConnection(socket)) fail(`connection refused (${host}:${port})`);
        else connected = true;
      }),
    );
    request.on('error', (error) => fail(causeOf(error, host, port)));
    const read = (response: IncomingMessage): void => {
      head = response;
      if (!bodyBytesMax || !isText(response)) return answered();
      response.on('data', (chunk: Buffer) => {
        body = Buffer.concat([body, chunk]);
        if (body.length > bodyBytesMax) answered();
      });
      response.on('end', answered);
      response.on('error', answered);
    };
    request.on('upgrade', (response) => done(answerOf(response, body, false)));
    request.on('response', read);
    request.end();
    if (signal.aborted) abort();
  });
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, body: Buffer, isCut: boolean): HttpAnswer {
  // NUL is text for nobody; a character cut in half at the end is left out
  const text = new TextDecoder().decode(body).replaceAll('\0', '\uFFFD');
  return {
    kind: 'answer',
    status: statusCode,
    contentType: headers['content-type'] ?? '',
    body: isCut ? text.replace(/\uFFFD$/, '') : text,
  };
}

/** By its type; without one it is taken as text. */
function isText({ headers }: IncomingMessage): boolean {
  const type = headers['content-type']?.trim() ?? '';
  const isPlain = ['', 'identity'].includes(headers['content-encoding']?.trim().toLowerCase() ?? '');
  return isPlain && (!type || /^text\/|[/+](?:json|xml|yaml|javascript|x-www-form-urlencoded)\b/i.test(type));
}
