// One HTTP or HTTPS health probe (behaviour.md 7.2): status 200 to 399 is good, redirects are not followed, certificates not verified.
// Decided on the head of the answer; the body is not read, for it may be endless.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpProbe } from '#libs/agent-core';
import type { ProbeOutcome } from '#libs/lifecycle';
import { startRequest } from './http-request.js';
import { causeOf, isSelfConnection } from './self-connection.js';

/** Never rejects; an aborted one answers a failure. */
export function httpProbe(probe: HttpProbe, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const { host, port, timeoutMs } = probe;
    const request = startRequest(probe);
    const answer = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      request.destroy();
      resolve(outcome);
    };
    let informed = false;
    // with an 1xx answer and no other one after it there is no result, if these are to be ignored
    const fail = (cause: string): void =>
      answer(informed && probe.ignoreHttp1xx ? { kind: 'none' } : { kind: 'failure', cause });
    const abort = (): void => fail('aborted');
    // the whole exchange, not the silence between two bytes
    const timer = setTimeout(
      () => fail(`no answer within ${timeoutMs / 1000} s (${host}:${port})`),
      timeoutMs,
    );
    signal.addEventListener('abort', abort);
    request.on('socket', (socket: Socket) =>
      socket.once('connect', () => {
        if (isSelfConnection(socket)) fail(`connection refused (${host}:${port})`);
      }),
    );
    request.on('error', (error) => fail(causeOf(error, host, port)));
    request.on('information', () => void (informed = true));
    request.on('upgrade', (response) => answer(outcomeOf(response, probe)));
    request.on('response', (response) => answer(outcomeOf(response, probe)));
    request.end();
    if (signal.aborted) abort();
  });
}

function outcomeOf({ statusCode = 0, statusMessage = '' }: IncomingMessage, probe: HttpProbe): ProbeOutcome {
  if (statusCode >= 200 && statusCode < 400) return { kind: 'success' };
  if (statusCode < 200 && probe.ignoreHttp1xx) return { kind: 'none' };
  return { kind: 'failure', cause: `${statusCode} ${statusMessage}`.trim() };
}
