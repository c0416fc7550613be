// One TCP health probe: connected in time is good (behaviour.md 7.2).
import { connect } from 'node:net';
import type { TcpProbe } from '#libs/agent-core';
import type { ProbeOutcome } from '#libs/lifecycle';
import { causeOf, isSelfConnection } from './self-connection.js';

/** Never rejects; an aborted one answers a failure. */
export function tcpProbe({ host, port, timeoutMs }: TcpProbe, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve(outcome);
    };
    const fail = (cause: string): void => answer({ kind: 'failure', cause });
    const abort = (): void => fail('aborted');
    const timer = setTimeout(
      () => fail(`no connection within ${timeoutMs / 1000} s (${host}:${port})`),
      timeoutMs,
    );
    signal.addEventListener('abort', abort);
    socket.on('error', (error) => fail(causeOf(error, host, port)));
    socket.once('connect', () => {
      if (isSelfConnection(socket)) fail(`connection refused (${host}:${port})`);
      else answer({ kind: 'success' });
    });
    if (signal.aborted) abort();
  });
}
