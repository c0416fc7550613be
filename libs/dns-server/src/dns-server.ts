// The listeners of the name server: UDP and TCP on one port. A query costs a lookup and nothing is kept between two, so a flood of
// them can only cost time; connections by TCP are few and short.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { EMPTY_TABLE, type RouteTable } from '#libs/routing';
import { answerQuery, TCP_BYTES_MAX, type AnswerOptions } from './answer-query.js';
import { ZoneNames, type ZoneNamesOptions } from './zone-names.js';

export interface DnsServerOptions extends ZoneNamesOptions {
  readonly bind: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Seconds that resolvers may keep an answer, 0 to 3600. */
  readonly ttl: number;
}

const CONNECTIONS_MAX = 256;
/** RFC 7766 leaves it to the server; clients ask and go. */
const CONNECTION_IDLE_MS = 10_000;
/** Both listeners must get the same number; with port 0 the one of UDP may be taken by TCP. */
const BIND_ATTEMPTS = 20;

export class DnsServer {
  readonly #options: DnsServerOptions;
  #answers: AnswerOptions;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#answers = this.#answersFrom(EMPTY_TABLE);
  }

  /** Resolves with the port; rejects when it cannot be opened, with the remedy. */
  async start(): Promise<number> {
    const { port } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#open();
      } catch (error) {
        this.stop();
        if (port !== 0 || attempt === BIND_ATTEMPTS) throw this.#explain(error);
      }
    }
  }

  /** From now on answers come from this table. */
  swap(table: RouteTable): void {
    this.#answers = this.#answersFrom(table);
  }

  stop(): void {
    this.#udp?.close();
    this.#tcp?.close();
    this.#udp = undefined;
    this.#tcp = undefined;
    for (const connection of this.#connections) connection.destroy();
  }

  #answersFrom(table: RouteTable): AnswerOptions {
    const { zone, marathonZone, ttl } = this.#options;
    return {
      names: new ZoneNames(table, { zone, marathonZone }),
      ttl,
      serial: table.number,
      random: Math.random,
    };
  }

  async #open(): Promise<number> {
    const { bind, port } = this.#options;
    const udp = createSocket(bind.includes(':') ? 'udp6' : 'udp4');
    this.#udp = udp;
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind({ port, address: bind }, resolve);
    });
    // e.g. an answer to a client whose port is closed by now
    udp.removeAllListeners('error').on('error', () => undefined);
    udp.on('message', (query, from) => {
      const answer = answerQuery(query, this.#answers, 'udp');
      if (answer) udp.send(answer, from.port, from.address);
    });
    const tcp = createServer((socket) => this.#serve(socket));
    tcp.maxConnections = CONNECTIONS_MAX;
    this.#tcp = tcp;
    const bound = udp.address().port;
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen({ port: bound, host: bind }, resolve);
    });
    return bound;
  }

  /** Messages follow each other, each behind its length (RFC 1035 4.2.2). */
  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(CONNECTION_IDLE_MS, () => socket.destroy());
    let waiting = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const length = waiting.readUInt16BE(0);
        const answer = answerQuery(waiting.subarray(2, 2 + length), this.#answers, 'tcp');
        waiting = waiting.subarray(2 + length);
        if (answer) send(socket, answer);
      }
    });
    socket.on('drain', () => socket.resume());
  }

  #explain(error: unknown): Error {
    const { bind, port } = this.#options;
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    const why =
      code === 'EADDRINUSE'
        ? 'another process listens on it; stop that one or choose another --dns-port'
        : code === 'EACCES'
          ? 'this process may not open ports below 1024; choose another --dns-port and point your resolver at it'
          : String(error);
    return new Error(`the DNS port ${port} cannot be opened on ${bind}: ${why}`, { cause: error });
  }
}

/** A client that asks and does not read waits for itself. */
function send(socket: Socket, answer: Buffer): void {
  const framed = Buffer.alloc(2 + answer.length);
  framed.writeUInt16BE(Math.min(answer.length, TCP_BYTES_MAX), 0);
  answer.copy(framed, 2);
  if (!socket.write(framed)) socket.pause();
}
