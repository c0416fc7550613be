// The listeners of the name server: UDP and TCP on one port. Nothing is kept between two queries, so a flood of them can only cost time,
// and of that it gets a share, for the same process serves requests: beyond it queries wait, and by UDP only some of them; resolvers ask
// again. Connections by TCP are few and short.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { EMPTY_TABLE, type RouteTable } from '#libs/routing';
import { answerQuery, TCP_BYTES_MAX, type AnswerOptions } from './answer-query.js';
import { WorkBudget } from './work-budget.js';
import { ZoneNames, type ZoneNamesOptions } from './zone-names.js';

export interface DnsServerOptions extends ZoneNamesOptions {
  readonly bind: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Seconds that resolvers may keep an answer, 0 to 3600. */
  readonly ttl: number;
  /** How the server of TCP comes to its connections; returns what ends that. Absent: it listens itself. */
  readonly listen?: Listen;
}

type Listen = (
  server: Server,
  at: { readonly port: number; readonly host: string },
  onListening: () => void,
) => () => void;

const listenHere: Listen = (server, at, onListening) => {
  server.listen(at, onListening);
  return () => void server.close();
};

const CONNECTIONS_MAX = 256;
/** RFC 7766 leaves it to the server; clients ask and go. */
const CONNECTION_IDLE_MS = 10_000;
const DATAGRAMS_WAITING_MAX = 256;
/** However it trickles: those who come later want one, too. */
const CONNECTION_MS_MAX = 60_000;
/** Both listeners must get the same number; with port 0 the one of UDP may be taken by TCP. */
const BIND_ATTEMPTS = 20;

interface Datagram {
  readonly query: Buffer;
  readonly from: RemoteInfo;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  #answers: AnswerOptions;
  #udp: UdpSocket | undefined;
  #stopListening: (() => void) | undefined;
  readonly #connections = new Set<Socket>();
  readonly #budget = new WorkBudget();
  #waiting: Datagram[] = [];
  #later: NodeJS.Timeout | undefined;

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
    this.#stopListening?.();
    this.#udp = undefined;
    this.#stopListening = undefined;
    clearTimeout(this.#later);
    this.#later = undefined;
    this.#waiting = [];
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
    const { bind, port, listen = listenHere } = this.#options;
    const udp = createSocket(bind.includes(':') ? 'udp6' : 'udp4');
    this.#udp = udp;
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind({ port, address: bind }, resolve);
    });
    // e.g. an answer to a client whose port is closed by now
    udp.removeAllListeners('error').on('error', () => undefined);
    udp.on('message', (query, from) => {
      // nobody can be answered at port 0, and trying to throws
      if (from.port === 0 || this.#waiting.length >= DATAGRAMS_WAITING_MAX) return;
      this.#waiting.push({ query, from });
      this.#answerWaiting(udp);
    });
    const tcp = createServer((socket) => this.#serve(socket));
    tcp.maxConnections = CONNECTIONS_MAX;
    const bound = udp.address().port;
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      this.#stopListening = listen(tcp, { port: bound, host: bind }, resolve);
    });
    return bound;
  }

  #answerWaiting(udp: UdpSocket): void {
    // it goes on by itself
    if (this.#later) return;
    while (this.#waiting.length > 0 && udp === this.#udp) {
      const waitMs = this.#budget.waitMs();
      if (waitMs > 0) {
        this.#later = setTimeout(() => {
          this.#later = undefined;
          this.#answerWaiting(udp);
        }, waitMs);
        return;
      }
      const { query, from } = this.#waiting.shift() as Datagram;
      const answer = this.#budget.spend(() => answerQuery(query, this.#answers, 'udp'));
      if (answer) udp.send(answer, from.port, from.address);
    }
  }

  /** Messages follow each other, each behind its length (RFC 1035 4.2.2). */
  #serve(socket: Socket): void {
    this.#connections.add(socket);
    let later: NodeJS.Timeout | undefined;
    const tooOld = setTimeout(() => socket.destroy(), CONNECTION_MS_MAX);
    socket.once('close', () => {
      this.#connections.delete(socket);
      clearTimeout(later);
      clearTimeout(tooOld);
    });
    socket.on('error', () => socket.destroy());
    socket.setTimeout(CONNECTION_IDLE_MS, () => socket.destroy());
    let waiting = Buffer.alloc(0);
    /** Until all is answered, the client does not read, or the time is used up; the latter two hold the client up. */
    const goOn = (): void => {
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const waitMs = this.#budget.waitMs();
        if (waitMs > 0 || socket.writableNeedDrain) {
          socket.pause();
          if (waitMs > 0) later = setTimeout(goOn, waitMs);
          return;
        }
        const query = waiting.subarray(2, 2 + waiting.readUInt16BE(0));
        waiting = waiting.subarray(2 + query.length);
        const answer = this.#budget.spend(() => answerQuery(query, this.#answers, 'tcp'));
        if (answer) send(socket, answer);
      }
      socket.resume();
    };
    socket.on('data', (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      goOn();
    });
    socket.on('drain', () => {
      clearTimeout(later);
      goOn();
    });
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

function send(socket: Socket, answer: Buffer): void {
  const framed = Buffer.alloc(2 + answer.length);
  framed.writeUInt16BE(Math.min(answer.length, TCP_BYTES_MAX), 0);
  answer.copy(framed, 2);
  socket.write(framed);
}
