// What the conformance cases share: an engine under test with the ports it was given, backends that say who they are, tables written
// short, and a client that hides nothing.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TaskId } from '#libs/model';
import type { HeaderFault, RequestRecord, ServingEngine } from '#libs/proxy-core';
import type { RouteService, RouteTable } from '#libs/routing';
import {
  aService as aServiceOf,
  ask,
  aTable,
  freePort,
  listen,
  tcpServer,
  type Answered,
  type Ask as AskOf,
  type TargetAt,
} from '#libs/testkit';

export { aTarget } from '#libs/testkit';

/** Where engines under test stand. */
export const OWN_ZONE = 'zone-a';

/** What an engine tells of a request that has ended; how long it took is no case, for machines are shared. */
export type Told = Omit<RequestRecord, 'durationMs'>;

export interface EngineWish {
  readonly port: number;
  /** Of the engine. */
  readonly zone: string;
  readonly onIdle: (task: TaskId) => void;
  /** Of each request, as for an access log that leaves none out. Undefined: none is wanted. */
  readonly onEnded: ((told: Told) => void) | undefined;
  readonly onHeaderRefused: (service: RouteService, fault: HeaderFault) => void;
}
/** An engine that is not started, on loopback. Called for each case. */
export type EngineMaker = (wish: EngineWish) => ServingEngine;

export interface Backend {
  readonly task: string;
  readonly port: number;
  /** Requests that came, in order. */
  readonly seen: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** Requests to /hold wait for this. */
  release(): void;
  readonly held: () => number;
  /** Of bodies that came, also of requests that were broken off. */
  readonly bytes: () => number;
  /** From now on it answers all others with that status (200 at first), or ends their connections without an answer. */
  behave(how: number | 'cut'): void;
  stop(): Promise<void>;
}

/** Of the main port unless it names another. */
export type Ask = Partial<AskOf>;

export class EngineBench {
  readonly idle: TaskId[] = [];
  #engine: ServingEngine | undefined;
  #port = 0;
  #number = 0;
  readonly #closers: (() => Promise<void> | void)[] = [];

  readonly told: Told[] = [];
  /** Connections that were closed for their PROXY header: app and fault. */
  readonly headersRefused: string[] = [];

  constructor(
    private readonly make: EngineMaker,
    /** The engine is to tell of each request. */
    private readonly isTold = false,
  ) {}

  get engine(): ServingEngine {
    if (!this.#engine) throw new Error('the bench is not open');
    return this.#engine;
  }
  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    this.idle.length = 0;
    this.told.length = 0;
    this.headersRefused.length = 0;
    // another process may take the port between the look and the listening
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort();
      this.#engine = this.make({
        port: this.#port,
        zone: OWN_ZONE,
        onIdle: (task) => this.idle.push(task),
        onHeaderRefused: ({ appId }, fault) => void this.headersRefused.push(`${appId} ${fault}`),
        onEnded: this.isTold ? (told) => void this.told.push(told) : undefined,
      });
      try {
        await this.#engine.start();
        return;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
    await this.#engine?.stop(0);
    this.#engine = undefined;
  }

  /** A table with the next number, swapped in. */
  async route(...services: RouteService[]): Promise<RouteTable> {
    this.#number += 1;
    const table = aTable(this.#number, ...services);
    await this.engine.swap(table);
    return table;
  }

  freePort(): Promise<number> {
    return freePort();
  }

  /**
   * Answers with its name; `/hold…` waits for `release`, `/echo` gives the body back, `/cut` ends the connection without an answer, `/to?X` sends
   * Location and Content-Location with what X is decoded.
   */
  async backend(task: string): Promise<Backend> {
    const seen: Backend['seen'] = [];
    let waiting: ServerResponse[] = [];
    let bytes = 0;
    const server = createServer((req, res) => {
      // who breaks off in the middle of a body was not seen
      serve(req, res).catch(() => res.destroy());
    });
    let behaviour: number | 'cut' = 200;
    const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      let body = '';
      for await (const chunk of req) {
        bytes += (chunk as Buffer).length;
        body += String(chunk);
      }
      const url = req.url ?? '';
      seen.push({ url, headers: req.headers, body });
      if (url.startsWith('/hold')) waiting.push(res);
      else if (url.startsWith('/cut') || behaviour === 'cut') req.socket.destroy();
      else if (url.startsWith('/to?')) {
        const value = decodeURIComponent(url.slice('/to?'.length));
        res.writeHead(201, { location: value, 'content-location': value }).end();
      } else res.writeHead(behaviour).end(url.startsWith('/echo') ? body : task);
    };
    server.on('upgrade', (_req, socket: Socket) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      );
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    });
    const port = await listen(server);
    const stop = (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    };
    this.#closers.push(stop);
    const release = (): void => {
      const answers = waiting;
      waiting = [];
      for (const res of answers) res.end(task);
    };
    const behave = (how: typeof behaviour): void => void (behaviour = how);
    return { task, port, seen, release, held: () => waiting.length, bytes: () => bytes, behave, stop };
  }

  /** Speaks first, then gives back what comes. */
  async tcpBackend(greeting: string): Promise<{ port: number }> {
    const { port, close } = await tcpServer((socket) => {
      socket.write(greeting);
      socket.pipe(socket);
    });
    this.#closers.push(close);
    return { port };
  }

  /** One request; rejects when the connection breaks. */
  ask(wish: Ask = {}): Promise<Answered> {
    return ask({ port: this.#port, ...wish });
  }

  /** Who answered each of `count` requests, one after the other. */
  async tally(count: number, ask: Ask = {}): Promise<Record<string, number>> {
    const answers: Record<string, number> = {};
    for (let turn = 0; turn < count; turn += 1) {
      const { status, text } = await this.ask(ask);
      const who = status === 200 ? text : String(status);
      answers[who] = (answers[who] ?? 0) + 1;
    }
    return answers;
  }
}

/** Of HTTP alone: what the first bytes of a connection decide is not what these cases are about. */
export const aService = (targets: readonly TargetAt[], more: Partial<RouteService> = {}): RouteService =>
  aServiceOf(targets, { mode: 'http', ...more });
