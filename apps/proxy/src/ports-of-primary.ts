// The same ports as a worker sees them: its servers do not listen, they are given connections by the primary (port-keeper.ts).
import type { Server, Socket } from 'node:net';
import { isHalfOpen, type Listen } from '#libs/proxy-engine';
import type { PortAnswer, PortRequest } from './port-messages.js';

interface Listener {
  readonly server: Server;
  readonly onListening: () => void;
  connections: number;
}

export class PortsOfPrimary {
  readonly #send: (request: PortRequest) => void;
  readonly #listeners = new Map<number, Listener>();
  #last = 0;

  constructor(send: (request: PortRequest) => void) {
    this.#send = send;
  }

  /** In place of `server.listen(at, onListening)`: an error comes as the server's event. */
  readonly listen: Listen = (server, at, onListening) => {
    const listener = (this.#last += 1);
    this.#listeners.set(listener, { server, onListening, connections: 0 });
    const { host, port, backlog } = at;
    this.#send({ type: 'open-port', listener, host, port, ...(backlog === undefined ? {} : { backlog }) });
    return () => {
      if (this.#listeners.delete(listener)) this.#send({ type: 'close-port', listener });
    };
  };

  /** A message of the primary. `socket` is absent when its connection ended on the way. */
  take(answer: PortAnswer, socket?: Socket): void {
    const listener = this.#listeners.get(answer.listener);
    if (answer.type === 'connection') this.#connection(listener, socket);
    else if (answer.type === 'port-opened') listener?.onListening();
    else if (listener) {
      this.#listeners.delete(answer.listener);
      const { code, message } = answer;
      listener.server.emit('error', Object.assign(new Error(message), code === undefined ? {} : { code }));
    }
  }

  #connection(listener: Listener | undefined, socket: Socket | undefined): void {
    // said before a byte is read: what is not taken can go to another worker
    this.#send({ type: 'taken', taken: listener !== undefined });
    if (!socket) return;
    if (!listener) {
      socket.destroy();
      return;
    }
    const { server } = listener;
    // what node would do for a server that listens
    if (server.maxConnections > 0 && listener.connections >= server.maxConnections) {
      socket.destroy();
      return;
    }
    listener.connections += 1;
    socket.once('close', () => (listener.connections -= 1));
    // the primary leaves both halves open
    socket.allowHalfOpen = isHalfOpen(server);
    socket.setNoDelay(true);
    server.emit('connection', socket);
  }
}
