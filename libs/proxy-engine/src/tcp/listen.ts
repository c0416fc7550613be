// How a server comes to its connections: by listening itself, or, in a worker of several, from a process that listens for all of them.
import type { Server } from 'node:net';
import { MoreAccepts } from './more-accepts.js';

export interface ListenAt {
  readonly host: string;
  readonly port: number;
  /** Connections that may wait for their accept. */
  readonly backlog?: number;
}

/** As `server.listen(at, onListening)`: what fails is the server's `error` event. What it returns ends the listening. */
export type Listen = (server: Server, at: ListenAt, onListening: () => void) => () => void;

export const listenHere: Listen = (server, at, onListening) => {
  const more = new MoreAccepts(server, at);
  server.listen(at, onListening);
  return () => {
    more.close();
    server.close();
  };
};
