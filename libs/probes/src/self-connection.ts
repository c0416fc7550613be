// A connection to itself: where task ports lie in the range of outgoing ones, the system may pick the very port it is asked to reach
// as the source, and TCP then connects the socket to itself without any listener. That is no answer.
import type { Socket } from 'node:net';

export const isSelfConnection = (socket: Socket): boolean =>
  socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;

/** What the system says, short enough to show: `connection refused`, not a stack. */
export function causeOf(error: NodeJS.ErrnoException, host: string, port: number): string {
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset',
    EHOSTUNREACH: 'host unreachable',
    ENOTFOUND: 'unknown host name',
    ETIMEDOUT: 'connection timed out',
  };
  return `${known[error.code ?? ''] ?? error.message} (${host}:${port})`;
}
