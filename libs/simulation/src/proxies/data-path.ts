// The data path of one life of a proxy: the table in use and the claims are the real ones (libs/proxy-engine), the requests are played.
// What comes while the process is frozen waits in its accept queue.
import type { TableUser } from '#libs/proxy-core';
import { LiveRoutes, TargetClaims } from '#libs/proxy-engine';
import type { RouteService, RouteTable } from '#libs/routing';
import type { TaskId } from '#libs/model';
import type { Random } from '../engine/random.js';
import type { SimNetwork } from '../engine/network.js';
import type { SimProcess } from '../engine/sim-process.js';
import type { FlightFact } from '../promises/watch.js';
import {
  Exchange,
  NO_TRIES,
  type ClientRequest,
  type ExchangeParts,
  type ExchangeResult,
} from './exchange.js';
import { Flights } from './flight.js';
import type { FindListener } from './listening-task.js';

export interface DataPathParts {
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly listener: FindListener;
  readonly hostOf: (address: string) => string;
  /** Nobody is there who could say anything. */
  readonly isDark: (host: string) => boolean;
  /** As ProxyEngine asks before each request. */
  readonly freshen: () => Promise<void> | undefined;
  /** A request is routed without waiting for a newer table. */
  readonly routedAtOnce: () => void;
  readonly onIdle: (task: TaskId) => void;
  readonly swapped: (table: RouteTable) => void;
  readonly ended: (request: ClientRequest, result: ExchangeResult) => void;
  readonly chose: ExchangeParts['chose'];
  readonly missed: ExchangeParts['missed'];
}

/** Opening and closing service ports. */
const SWAP_MS = [0, 20] as const;
/** Requests that wait to be accepted; more are turned away. */
const BACKLOG_MAX = 64;

export class DataPath implements TableUser {
  readonly #parts: DataPathParts;
  readonly #claims: TargetClaims;
  readonly #routes: LiveRoutes;
  readonly #flights: Flights;
  readonly #exchange: ExchangeParts;
  #backlog: ClientRequest[] = [];
  #drained: (() => void) | null = null;

  constructor(parts: DataPathParts) {
    const { process, network, listener, hostOf, isDark } = parts;
    const chance = parts.random.fork('targets');
    this.#parts = parts;
    this.#claims = new TargetClaims(process.clock, (task) => this.#idle(task));
    this.#routes = new LiveRoutes(this.#claims, { random: () => chance.share() });
    this.#flights = new Flights(process, process.timeline, network);
    this.#exchange = {
      clock: process.clock,
      routes: this.#routes,
      flights: this.#flights,
      listener,
      hostOf,
      isCutFrom: (host) =>
        isDark(host) || network.isCut(process.host, host) || network.isCut(host, process.host),
      ended: (request, result) => parts.ended(request, result),
      chose: parts.chose,
      missed: parts.missed,
    };
  }

  // ---- for the session
  swap(table: RouteTable): Promise<void> {
    this.#routes.swap(table);
    this.#parts.swapped(table);
    const { process, random } = this.#parts;
    return new Promise((resolve) => void process.clock.after(random.skewed(...SWAP_MS), resolve));
  }
  inFlight(): ReadonlyMap<TaskId, number> {
    return this.#claims.counts();
  }
  warnings(): readonly string[] {
    return [];
  }

  // ---- for the world
  get flights(): readonly FlightFact[] {
    return this.#flights.facts();
  }

  /** A request has come to the port of this proxy. */
  arrive(request: ClientRequest): void {
    if (!this.#parts.process.isFrozen) this.#accept(request);
    else if (this.#backlog.length < BACKLOG_MAX) this.#backlog.push(request);
  }

  /** The process runs again: what has waited is accepted, in order. */
  acceptWaiting(): void {
    const waiting = this.#backlog;
    this.#backlog = [];
    for (const request of waiting) this.#accept(request);
  }

  /** Resolves when nothing is in flight, or after so long. */
  drained(graceMs: number): Promise<void> {
    if (!this.#claims.counts().size) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#parts.process.clock.after(graceMs, resolve);
    });
  }

  #idle(task: TaskId): void {
    this.#parts.onIdle(task);
    if (!this.#claims.counts().size) this.#drained?.();
  }

  #accept(request: ClientRequest): void {
    const wait = this.#parts.freshen();
    if (!wait) {
      this.#parts.routedAtOnce();
      return this.#serve(request);
    }
    wait.then(
      () => this.#serve(request),
      (error: unknown) =>
        this.#parts.ended(request, { result: 'reset', taskId: null, text: String(error), missed: NO_TRIES }),
    );
  }

  #serve(request: ClientRequest): void {
    const service = this.#find(request);
    if (service) return new Exchange(this.#exchange, request, service).begin();
    const text = `no route for port ${request.portIndex} of ${request.appId}`;
    this.#parts.ended(request, { result: 'no-target', taskId: null, text, missed: NO_TRIES });
  }

  /** The first port of an app by its path, as people reach it; others at their service ports, as long as these are theirs. */
  #find({ appId, portIndex }: ClientRequest): RouteService | undefined {
    const { matcher } = this.#routes;
    const byPath = matcher.byAppPath(`/_app${appId}/`)?.service;
    if (byPath?.portIndex === portIndex) return byPath;
    const { services } = matcher.table;
    const wanted = services.find((each) => each.appId === appId && each.portIndex === portIndex);
    return wanted?.servicePort === undefined ? undefined : matcher.byServicePort(wanted.servicePort);
  }
}
