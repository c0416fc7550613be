// Where a client's connection came in. Sockets do not say it themselves once they are wrapped (TLS, screening, a PROXY header), so it
// goes along beside them.
import type { Socket } from 'node:net';

export interface Origin {
  /** The client, as far as this proxy knows: the peer, or what a PROXY header said. */
  readonly clientAddress: string;
  /** The port the client connected to; goes to the task as X-Forwarded-Port. 0: unknown. */
  readonly localPort: number;
  /** Came over TLS to this proxy. */
  readonly secure: boolean;
  /** The service port it came in on; absent: a main port. */
  readonly servicePort?: number;
}

export function originOf(socket: Socket, more: Partial<Origin> = {}): Origin {
  return {
    clientAddress: socket.remoteAddress ?? 'unknown',
    localPort: socket.localPort ?? 0,
    secure: false,
    ...more,
  };
}
