// The data path: listeners, HTTP through http-proxy, WebSocket, TCP. It routes by the last table it was given and counts what is
// in flight per task; where tables come from and who hears about the counts is not its business (libs/proxy-core).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import type { TaskId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { Clock } from '#libs/time';
import { admit, type Verdict } from './admission/admit.js';
import { factsOf } from './admission/request-facts.js';
import { answer, ownAnswer, rawOwnAnswer } from './answers.js';
import { addForwarded, dropHopByHop } from './full/forwarded-headers.js';
import { HttpExchange, type ExchangeParts } from './full/http-exchange.js';
import { UpstreamAgent } from './full/upstream-agent.js';
import { declineUpgrade, forwardUpgrade, isWebSocket } from './full/upgrade.js';
import { LiveRoutes } from './targets/live-routes.js';
import { TargetClaims } from './targets/target-claims.js';
import { ServiceListeners } from './tcp/service-listeners.js';
import { sniff } from './tcp/sniff.js';
import { relayTcp } from './tcp/tcp-connection.js';

export interface ProxyEngineOptions {
  readonly clock: Clock;
  /** Address of all listeners. */
  readonly bind: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Answer /_app/ also for clients that are not on this host. */
  readonly appPaths: boolean;
  /** Asked before each request: a promise while the table may be out of date, to wait for (decisions.md 10). */
  readonly freshen?: () => Promise<void> | undefined;
  /** Nothing is in flight to this task any more. */
  readonly onIdle?: (task: TaskId) => void;
  /** Default 3 s. */
  readonly connectTimeoutMs?: number;
  /** Longest silence of a task during a request. Default 5 min. */
  readonly silenceMs?: number;
}

/** A client must have sent its whole head by then (slowloris). */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than the 60 s of common balancers in front, so that they close first. */
const CLIENT_IDLE_MS = 75_000;
const CONNECT_TIMEOUT_MS = 3_000;
const SILENCE_MS = 300_000;
const MAX_HEADER_BYTES = 32 * 1024;
const STOP_POLL_MS = 50;

export class ProxyEngine {
  readonly #options: ProxyEngineOptions;
  readonly #claims: TargetClaims;
  readonly #routes: LiveRoutes;
  readonly #server: Server;
  readonly #parts: ExchangeParts;
  /** Which service port a client connection came in on. */
  readonly #servicePorts = new WeakMap<Duplex, number>();
  #listeners: ServiceListeners | undefined;
  #stopping = false;

  constructor(options: ProxyEngineOptions) {
    this.#options = options;
    this.#claims = new TargetClaims(options.clock, (task) => options.onIdle?.(task));
    this.#routes = new LiveRoutes(this.#claims);
    this.#parts = {
      routes: this.#routes,
      proxy: httpProxy.createProxyServer({}),
      agent: new UpstreamAgent(),
      clock: options.clock,
      connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      silenceMs: options.silenceMs ?? SILENCE_MS,
      isStopping: () => this.#stopping,
    };
    this.#server = this.#createServer();
  }

  /** Resolves with the main port; rejects when it is taken. */
  async start(): Promise<number> {
    const { bind, clock } = this.#options;
    const port = await this.#listen();
    this.#listeners = new ServiceListeners({
      clock,
      bind,
      reserved: new Map([[port, 'it is the main port of the proxy']]),
      onConnection: (socket, servicePort) => {
        this.#accept(socket, servicePort).catch(() => socket.destroy());
      },
    });
    await this.#openPorts();
    return port;
  }

  /** From the moment of the call nothing new picks a target that is not in this table; resolves when its ports were opened or tried. */
  async swap(table: RouteTable): Promise<void> {
    this.#routes.swap(table);
    await this.#openPorts();
  }

  /** By task; only what is not 0. */
  inFlight(): ReadonlyMap<TaskId, number> {
    return this.#claims.counts();
  }

  warnings(): string[] {
    return this.#listeners?.warnings() ?? [];
  }

  /** Stops accepting, lets what is in flight finish for at most `graceMs`, then cuts it. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#listeners?.closeAll();
    this.#server.close();
    const until = this.#options.clock.now() + graceMs;
    while (this.#claims.counts().size > 0 && this.#options.clock.now() < until) {
      this.#server.closeIdleConnections();
      await this.#pause(STOP_POLL_MS);
    }
    this.#server.closeAllConnections();
    this.#parts.agent.destroy();
  }

  #listen(): Promise<number> {
    const { bind, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => reject(explainListen(error, bind, port)));
      this.#server.listen({ port, host: bind, backlog: 1024 }, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  #createServer(): Server {
    const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, noDelay: true }, (req, res) => {
      // an unexpected error costs this connection, not the process
      this.#exchange(req, res).catch(() => res.destroy());
    });
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    // long uploads are fine while bytes flow
    server.requestTimeout = 0;
    server.keepAliveTimeout = CLIENT_IDLE_MS;
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (!isWebSocket(req)) declineUpgrade(server, req, socket, head);
      else this.#upgrade(req, socket, head).catch(() => socket.destroy());
    });
    return server;
  }

  async #exchange(req: IncomingMessage, res: ServerResponse): Promise<void> {
    await this.#freshen();
    if (res.destroyed) return;
    const encoding = req.headers['transfer-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
      answer(res, 501, 'the only transfer encoding understood is chunked');
      return;
    }
    const verdict = this.#admit(req);
    if (verdict.kind === 'answer') return ownAnswer(res, verdict);
    dropHopByHop(req.headers);
    addForwarded(req, verdict.prefix);
    new HttpExchange(this.#parts, { req, res, route: verdict }).begin();
  }

  async #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    await this.#freshen();
    const verdict = this.#admit(req);
    if (verdict.kind === 'answer') socket.end(rawOwnAnswer(verdict));
    else await forwardUpgrade(this.#parts, { req, socket, head, route: verdict });
  }

  async #accept(socket: Socket, servicePort: number): Promise<void> {
    const drop = (): void => void socket.destroy();
    socket.on('error', drop);
    await this.#freshen();
    const service = this.#routes.matcher.byServicePort(servicePort);
    if (!service || socket.destroyed) {
      socket.destroy();
      return;
    }
    const toHttp = (client: Socket): void => {
      this.#servicePorts.set(client, servicePort);
      client.off('error', drop);
      this.#server.emit('connection', client);
      // sniffing has paused it, and a listener for data alone does not undo that
      client.resume();
    };
    if (service.mode === 'http') return toHttp(socket);
    const seen = service.mode === 'tcp' ? 'tcp' : await sniff(socket, this.#options.clock);
    if (seen === 'http') toHttp(socket);
    else if (seen === 'tcp') await relayTcp(this.#parts, socket, service);
    else if (seen === 'silent') await relayTcp(this.#parts, socket, service, toHttp);
  }

  #admit(req: IncomingMessage): Verdict {
    return admit(factsOf(req, this.#servicePorts.get(req.socket)), {
      matcher: this.#routes.matcher,
      appPaths: this.#options.appPaths,
    });
  }

  async #freshen(): Promise<void> {
    const wait = this.#options.freshen?.();
    if (wait) await wait;
  }

  async #openPorts(): Promise<void> {
    if (this.#stopping) return;
    const ports = this.#routes.matcher.table.services.flatMap(({ servicePort }) => servicePort ?? []);
    await this.#listeners?.apply(new Set(ports));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}

function explainListen(error: Error, bind: string, port: number): Error {
  const taken = 'code' in error && error.code === 'EADDRINUSE';
  const why = taken ? 'another process listens on it; stop that one or choose another port' : error.message;
  return new Error(`the main port ${port} cannot be opened on ${bind}: ${why}`, { cause: error });
}
