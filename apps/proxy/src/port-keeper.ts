// The ports of all workers, in the primary: it listens, accepts, and hands each connection to one worker after the other. node:cluster
// could do that by itself, but it loses the connection that it was just handing to a worker that dies, and closes a port with its last
// worker (docs/adr/0012-the-primary-keeps-the-ports.md). Here a connection belongs to the primary until a worker says that it has it,
// so the next one gets it when that worker dies first; and a port outlives its workers for a while: who comes meanwhile waits.
import type { Worker } from 'node:cluster';
import { createServer, type Server, type Socket } from 'node:net';
import type { OpenPort, PortAnswer, PortRequest } from './port-messages.js';

/** What it needs of a worker: that of node:cluster has it. */
export interface PortUser {
  readonly process: Pick<Worker['process'], 'send' | 'kill'>;
  isConnected(): boolean;
}

export interface PortKeeperOptions {
  /** How long a port stays open that its workers left by dying, ms. Default 10 s. */
  readonly keptMs?: number;
  /** Connections that may wait for a worker, of all ports; those beyond are closed. Default 4,096. */
  readonly waitingMax?: number;
}

/** A worker is back within a second or two. Beyond this a client is better off when it is refused and asks another proxy. */
const KEPT_MS = 10_000;
const WAITING_MAX = 4_096;

interface KeptPort {
  readonly name: string;
  readonly server: Server;
  /** Resolves when it listens, or with why it cannot. */
  readonly opened: Promise<NodeJS.ErrnoException | undefined>;
  /** With the number that the worker gave its listener. */
  readonly users: Map<PortUser, number>;
  readonly waiting: Socket[];
  /** Runs while nobody uses it. */
  timer?: NodeJS.Timeout;
}

interface Given {
  readonly socket: Socket;
  readonly port: KeptPort;
}

export class PortKeeper {
  readonly #keptMs: number;
  readonly #waitingMax: number;
  readonly #ports = new Map<string, KeptPort>();
  /** Those where connections wait, the one whose turn it is first. */
  readonly #queue = new Set<KeptPort>();
  /** Whose turn it is: who was given one goes to the end. */
  readonly #turns = new Set<PortUser>();
  /** What a worker has not yet said that it has. One each at most: a worker that is busy or frozen holds up no other connection. */
  readonly #given = new Map<PortUser, Given>();
  #waiting = 0;

  constructor({ keptMs = KEPT_MS, waitingMax = WAITING_MAX }: PortKeeperOptions = {}) {
    this.#keptMs = keptMs;
    this.#waitingMax = waitingMax;
  }

  /** A message of a worker. */
  take(worker: PortUser, request: PortRequest): void {
    if (request.type === 'taken') this.#answered(worker, request.taken);
    else if (request.type === 'close-port') this.#leave(worker, request.listener);
    else void this.#join(worker, request);
  }

  /** Nothing can be sent to it any more, and all that it said has been read: not before, for it may have said that it has a connection. */
  gone(worker: PortUser): void {
    this.#turns.delete(worker);
    for (const port of this.#ports.values())
      if (port.users.delete(worker) && port.users.size === 0)
        port.timer = setTimeout(() => this.#close(port), this.#keptMs).unref();
    this.#takeBack(worker);
  }

  /** Closes all ports, and the connections that no worker has. */
  stop(): void {
    for (const port of [...this.#ports.values()]) this.#close(port);
  }

  async #join(worker: PortUser, at: OpenPort): Promise<void> {
    const { listener, host, port } = at;
    const kept = this.#ports.get(nameOf(host, port)) ?? this.#open(at);
    clearTimeout(kept.timer);
    kept.users.set(worker, listener);
    const error = await kept.opened;
    // it was closed meanwhile, or its worker died
    if (kept.users.get(worker) !== listener) return;
    if (!error) {
      tell(worker, { type: 'port-opened', listener });
      this.#turns.add(worker);
      this.#give(kept);
      return;
    }
    kept.users.delete(worker);
    const { code, message } = error;
    tell(worker, { type: 'port-failed', listener, message, ...(code === undefined ? {} : { code }) });
  }

  #open({ host, port: number, backlog }: OpenPort): KeptPort {
    const name = nameOf(host, number);
    // paused: not a byte is read here; half-open: when an end is over is the worker's business
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      if (this.#waiting >= this.#waitingMax) socket.destroy();
      else this.#wait(port, socket, 'last');
    });
    const opened = new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once('error', (error) => {
        if (this.#ports.get(name) === port) this.#ports.delete(name);
        resolve(error);
      });
      server.listen({ host, port: number, ...(backlog === undefined ? {} : { backlog }) }, () => {
        // an accept that failed (no file descriptor left): the connection waits or is lost, the listener goes on
        server.removeAllListeners('error').on('error', () => undefined);
        resolve(undefined);
      });
    });
    const port: KeptPort = { name, server, opened, users: new Map(), waiting: [] };
    this.#ports.set(name, port);
    return port;
  }

  #leave(worker: PortUser, listener: number): void {
    for (const port of this.#ports.values()) {
      if (port.users.get(worker) !== listener) continue;
      port.users.delete(worker);
      if (port.users.size === 0) this.#close(port);
      return;
    }
  }

  #close(port: KeptPort): void {
    clearTimeout(port.timer);
    this.#ports.delete(port.name);
    this.#queue.delete(port);
    port.server.close();
    this.#waiting -= port.waiting.length;
    for (const socket of port.waiting.splice(0)) socket.destroy();
  }

  #wait(port: KeptPort, socket: Socket, place: 'first' | 'last'): void {
    if (this.#ports.get(port.name) !== port) {
      socket.destroy();
      return;
    }
    if (place === 'first') port.waiting.unshift(socket);
    else port.waiting.push(socket);
    this.#waiting += 1;
    this.#queue.add(port);
    this.#give(port);
  }

  /** As many as there are workers that have none. */
  #give(port: KeptPort): void {
    for (const worker of this.#turns) {
      const listener = port.users.get(worker);
      if (listener === undefined || this.#given.has(worker)) continue;
      const socket = port.waiting.shift();
      if (!socket) break;
      this.#waiting -= 1;
      this.#turns.delete(worker);
      this.#turns.add(worker);
      this.#given.set(worker, { socket, port });
      // kept open here, for it is ours until the worker has it
      worker.process.send(
        { type: 'connection', listener } satisfies PortAnswer,
        socket,
        { keepOpen: true },
        (error) => {
          // its channel broke: it ends, if it has not ended yet, and `gone` takes back what it was given
          if (error) worker.process.kill('SIGKILL');
        },
      );
    }
    this.#queue.delete(port);
    if (port.waiting.length > 0) this.#queue.add(port);
  }

  #answered(worker: PortUser, taken: boolean): void {
    if (taken) {
      // closes what this process has of it; the connection goes on
      this.#given.get(worker)?.socket.destroy();
      this.#given.delete(worker);
    } else this.#takeBack(worker);
    for (const port of [...this.#queue]) this.#give(port);
  }

  /** For another worker; it came before those that wait. */
  #takeBack(worker: PortUser): void {
    const given = this.#given.get(worker);
    this.#given.delete(worker);
    if (given) this.#wait(given.port, given.socket, 'first');
  }
}

const nameOf = (host: string, port: number): string => `${host} ${port}`;

function tell(worker: PortUser, answer: PortAnswer): void {
  // one that ends at this moment needs no answer
  if (worker.isConnected()) worker.process.send(answer, () => undefined);
}
