// Where a client's connection came in. Sockets do not say it themselves once they are wrapped (TLS, screening, a PROXY header), so it
// goes along beside them.
import type { Socket } from 'node:net';
import type { Endpoints } from '../tcp/proxy-header.js';

export interface Origin {
  /** The client, as far as this proxy knows: the peer, or what a PROXY header said. */
  readonly clientAddress: string;
  /** The port the client connected to; goes to the task as X-Forwarded-Port. 0: unknown. */
  readonly localPort: number;
  /** Came over TLS to this proxy. */
  readonly secure: boolean;
  /** The service port it came in on; absent: a main port. */
  readonly servicePort?: number;
  /** Both ends of the client's connection, for targets that want a PROXY header. Absent: not known. */
  readonly endpoints?: Endpoints | undefined;
}

/** What `more` says need not be asked of the system, and both ends are asked for only by who wants them: each answer is a system call. */
export function originOf(socket: Socket, { endpoints: told, ...more }: Partial<Origin> = {}): Origin {
  return {
    clientAddress: told?.from.address ?? plain(socket.remoteAddress ?? 'unknown'),
    localPort: more.localPort ?? told?.to.port ?? socket.localPort ?? 0,
    secure: false,
    ...more,
    get endpoints() {
      return told ?? endpointsOf(socket);
    },
  };
}

/** Undefined: it is closed. */
export function endpointsOf(socket: Socket): Endpoints | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  return {
    from: { address: plain(remoteAddress), port: remotePort ?? 0 },
    to: { address: plain(localAddress), port: localPort ?? 0 },
  };
}

/** A listener on `::` shows clients of IPv4 as `::ffff:192.0.2.1` (RFC 4291 2.5.5.2); tasks, lists and logs know them without. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
