// One listener per service port of the table. A port that is taken by somebody else is tried again every second and shown as a
// warning; it never holds the table back (decisions.md 23). A port that left the table stops accepting; what is in flight goes on.
import { createServer, type Socket } from 'node:net';
import { whyNotOpen } from '#libs/proxy-core';
import type { Clock, Timer } from '#libs/time';
import type { Listen } from './listen.js';

const RETRY_MS = 1_000;
/** Connections that may wait for their accept; the system has a bound of its own (net.core.somaxconn, 4096 by default). */
export const BACKLOG = 4_096;

interface Listener {
  readonly bind: string;
  /** While it listens, or is about to. */
  stopListening?: () => void;
  timer?: Timer;
  problem?: string;
}

export interface ListenerParts {
  readonly clock: Clock;
  /** Unless the service's labels say otherwise. */
  readonly bind: string;
  /** Ports that are never opened here, with the reason: the proxy's own. */
  readonly reserved: ReadonlyMap<number, string>;
  readonly listen: Listen;
  readonly onConnection: (socket: Socket, port: number) => void;
}

export class ServiceListeners {
  readonly #parts: ListenerParts;
  readonly #listeners = new Map<number, Listener>();

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  /**
   * Opens and closes so that exactly these are open; resolves after each new port was tried once. The address of a port, if it has one
   * of its own; one that changes closes the port and opens it there.
   */
  async apply(ports: ReadonlyMap<number, string | undefined>): Promise<void> {
    for (const [port, { bind }] of [...this.#listeners]) {
      if (!ports.has(port) || (ports.get(port) ?? this.#parts.bind) !== bind) this.#close(port);
    }
    const fresh = [...ports].filter(([port]) => !this.#listeners.has(port));
    await Promise.all(fresh.map(([port, bind]) => this.#open(port, bind ?? this.#parts.bind)));
  }

  warnings(): string[] {
    return [...this.#listeners.values()].flatMap(({ problem }) => problem ?? []);
  }

  closeAll(): void {
    for (const port of [...this.#listeners.keys()]) this.#close(port);
  }

  async #open(port: number, bind: string): Promise<void> {
    const listener: Listener = { bind };
    this.#listeners.set(port, listener);
    const reserved = this.#parts.reserved.get(port);
    if (reserved !== undefined) listener.problem = `service port ${port} is not opened: ${reserved}`;
    else await this.#try(port, listener);
  }

  #try(port: number, listener: Listener): Promise<void> {
    const { clock, listen, onConnection } = this.#parts;
    const { bind } = listener;
    return new Promise((resolve) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        onConnection(socket, port),
      );
      let isOpen = false;
      server.on('error', (error) => {
        // an accept that failed (no file descriptor left): the listener goes on
        if (isOpen) return;
        listener.problem = `service port ${port} cannot be opened on ${bind}: ${whyNotOpen(error)}; tried again every second`;
        delete listener.stopListening;
        // closed meanwhile: nothing to retry
        if (this.#listeners.get(port) === listener)
          listener.timer = clock.after(RETRY_MS, () => void this.#try(port, listener));
        resolve();
      });
      listener.stopListening = listen(server, { port, host: bind, backlog: BACKLOG }, () => {
        isOpen = true;
        delete listener.problem;
        resolve();
      });
    });
  }

  #close(port: number): void {
    const listener = this.#listeners.get(port);
    this.#listeners.delete(port);
    listener?.timer?.cancel();
    listener?.stopListening?.();
  }
}
