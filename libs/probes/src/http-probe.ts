// One HTTP or HTTPS health probe (behaviour.md 7.2): status 200 to 399 is good, redirects are not followed, certificates not verified.
// Decided on the head of the answer; the body is not read, for it may be endless.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { HttpProbe } from '#libs/agent-core';
import type { ProbeOutcome } from '#libs/lifecycle';
import { causeOf, isSelfConnection } from './self-connection.js';

/** Never rejects; an aborted one answers a failure. */
export function httpProbe(probe: HttpProbe, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const { host, port, timeoutMs } = probe;
    const request = start(probe);
    const answer = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      request.destroy();
      resolve(outcome);
    };
    const fail = (cause: string): void => answer({ kind: 'failure', cause });
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
    request.on('information', () => {
      if (probe.ignoreHttp1xx) answer({ kind: 'none' });
    });
    request.on('upgrade', (response) => answer(outcomeOf(response, probe)));
    request.on('response', (response) => answer(outcomeOf(response, probe)));
    request.end();
    if (signal.aborted) abort();
  });
}

function start({ scheme, host, port, path }: HttpProbe): ReturnType<typeof httpRequest> {
  const options: RequestOptions = {
    host,
    port,
    path: requestTarget(path),
    agent: false,
    headers: { 'user-agent': 'longrun-health-check', accept: '*/*', connection: 'close' },
  };
  return scheme === 'https' ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
}

/** As given, it may be encoded already; only bytes that no request line may hold are escaped. */
function requestTarget(path: string): string {
  const bytes = [...Buffer.from(path.startsWith('/') ? path : `/${path}`)];
  return bytes
    .map((byte) =>
      byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}

function outcomeOf({ statusCode = 0, statusMessage = '' }: IncomingMessage, probe: HttpProbe): ProbeOutcome {
  if (statusCode >= 200 && statusCode < 400) return { kind: 'success' };
  if (statusCode < 200 && probe.ignoreHttp1xx) return { kind: 'none' };
  return { kind: 'failure', cause: `${statusCode} ${statusMessage}`.trim() };
}
