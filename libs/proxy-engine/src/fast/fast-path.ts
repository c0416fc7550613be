// The fast path: plain HTTP/1.1 on bare connections, for anything that flows both ways. It listens nowhere: connections are handed to it,
// and it hands those that turn out to be unusual on to the full path.
import type { Duplex } from 'node:stream';
import type { Clock } from '#libs/time';
import type { Origin } from '../fronts/origin.js';
import { ClientConnection } from './client-connection.js';
import { Deadlines } from './deadlines.js';
import type { FastParts, FastWorld } from './fast-parts.js';
import { ReadBuffers } from './read-buffers.js';
import { UpstreamPools } from './upstream-pool.js';

export interface FastPathOptions extends FastParts {
  readonly clock: Clock;
  /** For the full path: a connection and the bytes of it that were read already. */
  readonly handOver: (socket: Duplex, origin: Origin, first: Buffer) => void;
}

export class FastPath {
  readonly #world: FastWorld;
  readonly #clients = new Set<ClientConnection>();
  readonly #owner;

  constructor({ clock, handOver, ...parts }: FastPathOptions) {
    this.#world = {
      ...parts,
      pools: new UpstreamPools(),
      deadlines: new Deadlines(clock),
      buffers: new ReadBuffers(),
    };
    this.#owner = { handOver, forget: (client: ClientConnection) => void this.#clients.delete(client) };
  }

  /** Serves this connection until it is closed or handed over. Bytes that were read of it already have been put back. */
  take(socket: Duplex, origin: Origin): void {
    if (socket.destroyed) return;
    this.#clients.add(new ClientConnection(this.#world, this.#owner, { socket, origin }));
  }

  /**
   * After the table has been swapped and before its departures are reckoned: idle connections to targets that left are closed in this
   * turn, requests in flight to them get the drain time.
   */
  swapped(): void {
    this.#world.pools.keepRouted(this.#world.routes.matcher);
    for (const client of this.#clients) client.watchDeparture(false);
  }

  /** The same for all of them, before the departures of all targets are reckoned. */
  stopping(): void {
    for (const client of this.#clients) client.watchDeparture(true);
  }

  /** Connections with a request under way, or with an answer that has not left yet. */
  busy(): number {
    let count = 0;
    for (const client of this.#clients) if (client.busy) count += 1;
    return count;
  }

  /**
   * Ends connections that were without a request at so many looks in a row; for each look while stopping. Returns how many may yet get
   * one: a client that writes just when we close loses its request, so a connection in use is closed with its next answer.
   */
  closeQuiet(looks: number): number {
    let waiting = 0;
    for (const client of [...this.#clients]) if (client.closeQuiet(looks)) waiting += 1;
    return waiting;
  }

  /** Closes up to so many connections without a request, the oldest first; returns how many. */
  shed(most: number): number {
    let closed = 0;
    for (const client of this.#clients) {
      if (closed === most) break;
      if (client.closeIdle()) closed += 1;
    }
    return closed;
  }

  /** Cuts what is left. */
  close(): void {
    for (const client of [...this.#clients]) client.destroy();
    this.#world.pools.leaveAll();
  }
}
