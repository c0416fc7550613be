// What the conformance cases share: an engine under test with the ports it was given, backends that say who they are, tables written
// short, and a client that hides nothing.
import {
  Agent,
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { asAppId, asInstanceId, asTaskId, timestampOf, type TaskId } from '#libs/model';
import type { ServingEngine } from '#libs/proxy-core';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import { freePort, freePorts } from '#libs/testkit';

export interface EngineWish {
  readonly port: number;
  readonly onIdle: (task: TaskId) => void;
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
  stop(): Promise<void>;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Ask {
  readonly port?: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly agent?: Agent;
}

export class EngineBench {
  readonly idle: TaskId[] = [];
  #engine: ServingEngine | undefined;
  #port = 0;
  #number = 0;
  readonly #closers: (() => Promise<void> | void)[] = [];

  constructor(private readonly make: EngineMaker) {}

  get engine(): ServingEngine {
    if (!this.#engine) throw new Error('the bench is not open');
    return this.#engine;
  }
  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    this.idle.length = 0;
    // another process may take the port between the look and the listening
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort();
      this.#engine = this.make({ port: this.#port, onIdle: (task) => this.idle.push(task) });
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
    const table = { cluster: 'c', epoch: 1, number: this.#number, madeAt: timestampOf(0), services };
    await this.engine.swap(table);
    return table;
  }

  freePort(): Promise<number> {
    return freePorts(1).then(([port]) => port as number);
  }

  /** Answers with its name; `/hold…` waits for `release`, `/echo` gives the body back. */
  async backend(task: string): Promise<Backend> {
    const seen: Backend['seen'] = [];
    let waiting: ServerResponse[] = [];
    const server = createServer((req, res) => void serve(req, res));
    const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      let body = '';
      for await (const chunk of req) body += String(chunk);
      const url = req.url ?? '';
      seen.push({ url, headers: req.headers, body });
      if (url.startsWith('/hold')) waiting.push(res);
      else res.end(url.startsWith('/echo') ? body : task);
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
    return { task, port, seen, release, held: () => waiting.length, stop };
  }

  /** Speaks first, then gives back what comes. */
  async tcpBackend(greeting: string): Promise<{ port: number }> {
    const sockets = new Set<Socket>();
    const server: TcpServer = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.write(greeting);
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port };
  }

  /** One request; rejects when the connection breaks. */
  ask({
    port = this.#port,
    path = '/',
    method = 'GET',
    headers = {},
    body,
    agent,
  }: Ask = {}): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          path,
          method,
          headers: { host: 'web.example', ...headers },
          agent: agent ?? false,
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.once('error', reject);
          response.once('end', () =>
            resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
          );
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
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

export function aService(
  targets: readonly { readonly task: string; readonly port: number }[],
  more: Partial<RouteService> = {},
): RouteService {
  return {
    appId: asAppId('/web'),
    portIndex: 0,
    mode: 'http',
    hosts: ['web.example'],
    sticky: false,
    redirectToHttps: false,
    emptyReason: targets.length > 0 ? '' : '2 instances are starting; "quoted"',
    targets: targets.map(({ task, port }) => aTarget(task, port)),
    ...more,
  };
}

export const aTarget = (task: string, port: number, more: Partial<RouteTarget> = {}): RouteTarget => ({
  taskId: asTaskId(task),
  instanceId: asInstanceId(`web.instance-${task}`),
  host: '127.0.0.1',
  port,
  suspect: false,
  ...more,
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
