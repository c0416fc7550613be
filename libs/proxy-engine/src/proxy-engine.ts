// The data path: listeners, HTTP through http-proxy, WebSocket, TCP. It routes by the last table it was given and counts what is
// in flight per task; where tables come from and who hears about the counts is not its business (libs/proxy-core).
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import type { TrafficStanding } from '#libs/agent-protocol';
import type { TaskId } from '#libs/model';
import {
  byBusiness,
  cannotOpen,
  standingOf,
  whyNotOpen,
  WrongHeaders,
  type Certified,
} from '#libs/proxy-core';
import type { RouteTable } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { FindOptions } from './admission/find-route.js';
import type { OwnAnswer } from './admission/own-answer.js';
import { rawOwnAnswer } from './answers.js';
import { Gates } from './admission/gates.js';
import { Departures } from './drain/departures.js';
import { beginsHttp2 } from './fronts/preface.js';
import { h2cCalls } from './h2/h2c-call.js';
import { SessionPool } from './h2/session-pool.js';
import { H2Front } from './h2/h2-front.js';
import { ConnectionGate } from './fronts/connection-gate.js';
import { OneByOne } from './fronts/one-by-one.js';
import { originOf, type Origin } from './fronts/origin.js';
import { acceptService } from './fronts/service-front.js';
import { BODY_PACE, type BodyPace } from './fast/body-pace.js';
import { FastPath } from './fast/fast-path.js';
import { FullPath, type FullPathParts } from './full/full-path.js';
import { http1Calls } from './full/http1-call.js';
import { UpstreamAgent } from './full/upstream-agent.js';
import { tellOwn } from './observe/own-record.js';
import type { OnNotice } from './observe/notice.js';
import { nobodyWatches, type Observer } from './observe/observer.js';
import { LiveRoutes } from './targets/live-routes.js';
import { TargetClaims } from './targets/target-claims.js';
import { TlsFront, type TlsOptions } from './tls/tls-front.js';
import { listenHere, type Listen } from './tcp/listen.js';
import { BACKLOG, ServiceListeners } from './tcp/service-listeners.js';

export interface ProxyEngineOptions {
  readonly clock: Clock;
  /** Address of all listeners. */
  readonly bind: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Answer /_app/ also for clients that are not on this host. */
  readonly appPaths: boolean;
  /** Absent: its servers listen themselves. */
  readonly listen?: Listen;
  /** Asked before each request: a promise while the table may be out of date, to wait for (decisions.md 10). */
  readonly freshen?: () => Promise<void> | undefined;
  /** Nothing is in flight to this task any more. */
  readonly onIdle?: (task: TaskId) => void;
  /** Absent: no HTTPS port. */
  readonly tls?: TlsOptions;
  readonly onNotice?: OnNotice;
  /** Told of each request when it is over. */
  readonly observer?: Observer;
  /** Plain HTTP/1.1 as bytes (fast/), the rest through node:http. Default true; false: all of it through node:http. */
  readonly fastPath?: boolean;
  /** Where this process runs, for services that prefer targets of their own zone. */
  readonly zone?: string;
  /** Connections of clients at once in this process: below what the limit of open files leaves. Absent: no bound of our own. */
  readonly connectionsMax?: number;
  /** Connections at once of one client address. Absent: any number. */
  readonly connectionsPerClient?: number;
  /** Default 3 s. */
  readonly connectTimeoutMs?: number;
  /** Longest silence of a task during a request. Default 5 min. */
  readonly silenceMs?: number;
  /** Bodies of HTTP/1.1 requests that come more slowly are refused (408). Default 240 bytes per second after 30 s. */
  readonly bodyPace?: BodyPace;
}

/** One list, so that nothing is new of it. */
const NONE: readonly Certified[] = [];
const CONNECT_TIMEOUT_MS = 3_000;
const SILENCE_MS = 300_000;
const STOP_POLL_MS = 50;
/** A second of them: a client that asks at least so often never has a connection closed under its next request by a stop. */
const QUIET_LOOKS = 20;
/** A round trip to a client far away. Not more: Node's clients hold back what they wrote in that moment until the second GOAWAY. */
const NOTICE_MS = 500;
/** Connections without a request that make room for new ones, at a time. */
const SHED = 64;

export class ProxyEngine {
  readonly #options: ProxyEngineOptions;
  readonly #claims: TargetClaims;
  readonly #routes: LiveRoutes;
  readonly #departures: Departures;
  readonly #agent = new UpstreamAgent();
  readonly #sessions: SessionPool;
  readonly #parts: FullPathParts;
  readonly #full: FullPath;
  readonly #h2: H2Front;
  readonly #fast: FastPath | undefined;
  readonly #gate: ConnectionGate;
  readonly #wrongHeaders: WrongHeaders;
  readonly #main: Server;
  #stopListening: (() => void) | undefined;
  /** Of connections to the main port, where they need not be asked for it. */
  #mainPort: Pick<Origin, 'localPort'> | undefined;
  readonly #tls: TlsFront | undefined;
  /** For redirects; once both are open. */
  #ports: Pick<FindOptions, 'ports'> = {};
  #listeners: ServiceListeners | undefined;
  #stopping = false;
  #cutting = false;

  constructor(options: ProxyEngineOptions) {
    this.#options = options;
    this.#claims = new TargetClaims(options.clock, (task) => options.onIdle?.(task));
    this.#routes = new LiveRoutes(this.#claims, {
      ...(options.zone === undefined ? {} : { zone: options.zone }),
      onLeftOut: (service, target) => options.observer?.leftOut?.(service, target),
    });
    this.#departures = new Departures(options.clock);
    const gates = new Gates(options.clock);
    this.#sessions = new SessionPool(options.clock);
    const http1 = http1Calls({
      proxy: httpProxy.createProxyServer({}),
      agent: this.#agent,
      clock: options.clock,
    });
    const { connectionsMax: most, connectionsPerClient: perClient } = options;
    const fresh = new OneByOne(options.clock);
    this.#wrongHeaders = new WrongHeaders(options.clock);
    this.#gate = new ConnectionGate({
      ...(most === undefined ? {} : { most }),
      ...(perClient === undefined ? {} : { perClient }),
      clock: options.clock,
      shed: () => this.#shed(),
    });
    this.#parts = {
      routes: this.#routes,
      departures: this.#departures,
      observer: options.observer ?? nobodyWatches,
      http1,
      h2c: h2cCalls({ pool: this.#sessions, clock: options.clock }),
      clock: options.clock,
      connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      silenceMs: options.silenceMs ?? SILENCE_MS,
      bodyPace: options.bodyPace ?? BODY_PACE,
      isStopping: () => this.#stopping,
      isCutting: () => this.#cutting,
      findOptions: () => ({
        matcher: this.#routes.matcher,
        appPaths: options.appPaths,
        gates,
        ...this.#ports,
      }),
      freshen: () => {
        const wait = options.freshen?.();
        return wait && fresh.after(wait);
      },
    };
    this.#full = new FullPath(this.#parts);
    this.#h2 = new H2Front(this.#parts);
    if (options.fastPath !== false)
      this.#fast = new FastPath({
        ...this.#parts,
        handOver: (socket, origin, first) => {
          if (beginsHttp2(first)) this.#h2.take(socket, origin, first);
          else this.#full.take(socket, origin, first);
        },
      });
    if (options.tls)
      this.#tls = new TlsFront({
        ...options,
        ...options.tls,
        mayConnect: (socket) => this.#gate.enter(socket) && this.#enterAs(socket),
        toHttp1: (socket, origin) => this.#http(socket, origin),
        toHttp2: (socket, origin) => this.#h2.take(socket, origin),
      });
    this.#main = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the main port; rejects when it is taken. */
  async start(): Promise<number> {
    const { bind, clock } = this.#options;
    // first of all: it may lack a certificate
    const https = await this.#tls?.start();
    const port = await this.#listen();
    if (https !== undefined) this.#ports = { ports: { http: port, https } };
    const service = {
      ...this.#parts,
      toHttp: (socket: Socket, origin: Origin) => this.#http(socket, origin),
      mayConnect: (socket: Socket, address: string) => this.#gate.enterAs(socket, address),
      onWrongHeader: (servicePort: number) => this.#wrongHeaders.note(servicePort),
    };
    this.#listeners = new ServiceListeners({
      clock,
      bind,
      reserved: new Map([
        [port, 'it is the main port of the proxy'],
        ...(https === undefined ? [] : ([[https, 'it is the HTTPS port of the proxy']] as const)),
      ]),
      listen: this.#options.listen ?? listenHere,
      onConnection: (socket, servicePort) => {
        if (this.#gate.enter(socket)) acceptService(service, socket, servicePort);
        else socket.destroy();
      },
    });
    await this.#openPorts();
    return port;
  }

  /** From the moment of the call nothing new picks a target that is not in this table; resolves when its ports were opened or tried. */
  async swap(table: RouteTable): Promise<void> {
    this.#routes.swap(table);
    this.#fast?.swapped();
    this.#departures.swap(table);
    this.#sessions.swapped(table);
    await this.#openPorts();
  }

  /** By task; only what is not 0. */
  inFlight(): ReadonlyMap<TaskId, number> {
    return this.#claims.counts();
  }

  /** What is in flight, waits and is left out right now, the busiest first. */
  standings(): TrafficStanding[] {
    return this.#routes
      .standings()
      .sort(byBusiness)
      .map(({ service, target, ...counts }) => standingOf(service, target, counts));
  }

  warnings(): string[] {
    return [
      ...(this.#listeners?.warnings() ?? []),
      ...(this.#tls?.warnings() ?? []),
      ...this.#gate.warnings(),
      ...this.#wrongHeaders.warnings(),
    ];
  }

  /** Of the HTTPS port, as they are at present; none without one. */
  certificates(): readonly Certified[] {
    return this.#tls?.certificates() ?? NONE;
  }

  /** Of the HTTPS port, once it is open; undefined without certificates. */
  get httpsPort(): number | undefined {
    return this.#ports.ports?.https;
  }

  /** Stops accepting, lets what is in flight finish for at most `graceMs`, then cuts it. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#listeners?.closeAll();
    this.#stopListening?.();
    this.#tls?.stop();
    this.#fast?.stopping();
    this.#h2.stop(Math.min(NOTICE_MS, graceMs));
    this.#departures.endAll(graceMs);
    const until = this.#options.clock.now() + graceMs;
    // of a few workers the primary may have sent one a connection just now: two looks let it arrive, and be handed back
    for (let look = 0; this.#options.clock.now() < until && (this.#closeIdle() || look < 2); look += 1)
      await this.#pause(STOP_POLL_MS);
    this.#cutting = true;
    this.#full.close();
    this.#h2.close();
    this.#fast?.close();
    this.#gate.close();
    this.#agent.destroy();
    this.#sessions.close();
  }

  #listen(): Promise<number> {
    const { bind, port, listen = listenHere } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        this.#tls?.stop();
        reject(new Error(cannotOpen('main', bind, port, whyNotOpen(error)), { cause: error }));
      };
      this.#main.once('error', failed);
      this.#stopListening = listen(this.#main, { port, host: bind, backlog: BACKLOG }, () => {
        this.#main.off('error', failed);
        // an accept that failed (no file descriptor left): the connection waits or is lost, the listener goes on
        this.#main.on('error', () => undefined);
        const address = this.#main.address();
        const localPort = typeof address === 'object' && address !== null ? address.port : port;
        this.#mainPort = { localPort };
        resolve(localPort);
      });
    });
  }

  /** On the main port. */
  #accept(socket: Socket): void {
    if (!this.#gate.enter(socket)) this.#refuse(socket, 503, 'the proxy has no room for another connection');
    else if (!this.#enterAs(socket)) this.#refuse(socket, 429, 'too many connections from this address');
    else this.#http(socket, originOf(socket, this.#mainPort));
  }

  /** Nothing is read of it: whatever it asks, this is the answer. */
  #refuse(socket: Socket, status: number, message: string): void {
    const own: OwnAnswer = { kind: 'answer', status, message, headers: [] };
    tellOwn(this.#parts.observer, { own, origin: originOf(socket), startedAt: performance.now() });
    socket.on('error', () => socket.destroy());
    socket.end(rawOwnAnswer(own), () => socket.destroy());
  }

  /** Half of them sessions of HTTP/2 where there are so many: else a client that is about to ask would make room for those that rest. */
  #shed(): number {
    const sessions = this.#h2.shed(SHED / 2);
    return sessions + (this.#fast?.shed(SHED - sessions) ?? 0);
  }

  #enterAs(socket: Socket): boolean {
    return this.#gate.enterAs(socket, socket.remoteAddress ?? 'unknown');
  }

  /** Every HTTP connection, whichever port it came in on. */
  #http(socket: Duplex, origin: Origin): void {
    (this.#fast ?? this.#full).take(socket, origin);
  }

  /** True while anything is left to wait for. */
  #closeIdle(): boolean {
    this.#full.closeIdle();
    const waiting = this.#fast?.closeQuiet(QUIET_LOOKS) ?? 0;
    return (
      waiting > 0 || this.#h2.noticed > 0 || this.#claims.counts().size > 0 || (this.#fast?.busy() ?? 0) > 0
    );
  }

  async #openPorts(): Promise<void> {
    if (this.#stopping) return;
    const ports = this.#routes.matcher.table.services.flatMap(({ servicePort, policy }) =>
      servicePort === undefined ? [] : [[servicePort, policy?.bind] as const],
    );
    await this.#listeners?.apply(new Map(ports));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}
