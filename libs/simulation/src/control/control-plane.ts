// One control plane of the simulated cluster: the real core, started again and again on the same address, as a supervisor would.
// What its app does with sockets is done here with the simulated network: sessions of agents, streams of tables, reports of proxies.
import type { FromAgent, ProxyReport, RoutesLine, ToAgent } from '#libs/agent-protocol';
import { LongrunError } from '#libs/api-contract';
import { AgentSessions, ControlCore, RouteSubscription } from '#libs/control-core';
import type { AgentLink, Log } from '#libs/control-core';
import type { StoredEvent } from '#libs/events';
import { asProxyId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import type { ReconcileSettings } from '#libs/reconciler';
import type { SimDatabase } from './database.js';
import type { Endpoint, EndpointEvents, SimNetwork } from '../engine/network.js';
import { SimProcess, type ClockError } from '../engine/sim-process.js';
import type { Random } from '../engine/random.js';
import type { Timeline } from '../engine/timeline.js';
import { wordsOf } from '../engine/words.js';

export const AGENT_SESSION_PATH = '/v3/agents/session';
/** Dial `/v3/routes?epoch=E&after=N&proxy=ID&run=RUN&address=A`; each message is a RoutesLine, or a RoutesRefusal and then the end. */
export const ROUTES_PATH = '/v3/routes';
/** Request `/v3/proxies/ID` with a ProxyReport as body; the answer is a ReportAnswer. */
export const PROXIES_PATH = '/v3/proxies/';

export interface RoutesRefusal {
  readonly type: 'refused';
  readonly problem: string;
  /** Base URL of the one that leads. */
  readonly leader?: string;
}
export type ReportAnswer =
  | { readonly status: 200; readonly body: unknown }
  | { readonly status: 409 | 503; readonly message: string; readonly leader?: string };

export interface ControlPlaneHooks {
  /** A line for the log of the run. */
  note(process: string, text: string): void;
  /** An error that the core logged: something that must not happen, or an alarm. */
  error(process: string, fields: object, text: string): void;
  events(process: string, events: readonly StoredEvent[]): void;
  tookOffice(process: string, epoch: number): void;
  /**
   * A proxy's report was taken, or a table sent to it because it asked, by one that leads with this epoch: its lease has begun anew, unless
   * another one leads by now.
   */
  proxyHeard(proxy: string, epoch: number): void;
  /** Frames of a session, as this control plane said or heard them, with the epoch it leads with. */
  said(agent: string, frame: ToAgent, epoch: number | null): void;
  heard(agent: string, frame: FromAgent, epoch: number | null): void;
}

export interface ControlPlaneParts {
  readonly index: number;
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly database: SimDatabase;
  readonly random: Random;
  readonly hooks: ControlPlaneHooks;
  readonly settings: ReconcileSettings;
  clockError(): ClockError;
}

/**
 * The net of the reconcile loop is all but taken away: whatever is to be done must be woken by what happened or by its own time, and a
 * change that nobody marked breaks a promise here instead of being late by some seconds.
 */
const SAFETY_MS = 10 * 60_000;
/** A process that could not start, or was killed, is started again after this. */
const RESTART_MS = 2_000;
export const SERVICE_PORTS = { from: 10_000, to: 10_099 };

export class SimControlPlane {
  readonly host: string;
  readonly address: string;
  readonly #parts: ControlPlaneParts;
  #process: SimProcess | null = null;
  #core: ControlCore | null = null;
  #lives = 0;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    this.host = `cp-${parts.index}`;
    this.address = `${this.host}:8080`;
  }

  get process(): SimProcess | null {
    return this.#process;
  }
  /** The core while the process lives. */
  get core(): ControlCore | null {
    return this.#process?.isAlive ? this.#core : null;
  }
  get leads(): boolean {
    return this.core?.leads ?? false;
  }

  start(): void {
    if (this.#process?.isAlive) return;
    const { timeline, random, hooks } = this.#parts;
    const name = `${this.host}#${(this.#lives += 1)}`;
    const process = new SimProcess(timeline, this.host, name, random.fork(name), this.#parts.clockError());
    this.#process = process;
    this.#core = null;
    hooks.note(name, 'starts');
    this.#serve(process).catch((error: unknown) => {
      hooks.note(name, `could not start: ${wordsOf(error)}`);
      this.kill(RESTART_MS);
    });
    // a crash point in the store kills it, too
    process.onKilled(() => {
      hooks.note(name, 'is dead');
      if (!this.#isDown) this.#startLater(RESTART_MS);
    });
  }

  #isDown = false;

  /** kill -9; started again after `downMs`. */
  kill(downMs: number): void {
    this.#isDown = true;
    this.#process?.kill();
    this.#isDown = false;
    this.#startLater(downMs);
  }

  #startLater(ms: number): void {
    this.#parts.timeline.after(ms, () => this.start());
  }

  async #serve(process: SimProcess): Promise<void> {
    const { database, network, settings } = this.#parts;
    const store = database.connect(process);
    const cluster = await store.clusterId();
    const log = this.#log(process.name);
    let sessions: AgentSessions | null = null;
    const streams = new Set<Endpoint>();
    const endAll = (reason: string): void => {
      for (const stream of streams) stream.close(reason);
      sessions?.endAll(reason);
    };
    const core = new ControlCore({
      store,
      clock: process.clock,
      ids: process.ids,
      log,
      cluster,
      address: this.address,
      seat: `${this.host}/${this.address}/`,
      servicePorts: SERVICE_PORTS,
      checkDisk: () => undefined,
      settings,
      safetyMs: SAFETY_MS,
      publisher: {
        events: (events) => this.#parts.hooks.events(process.name, events),
        officeLost: () => endAll('this control plane no longer leads'),
        cutOff: () => endAll('the store is away for so long that another control plane may lead'),
        epochChanged: () => sessions?.endAll('a new epoch began'),
      },
    });
    sessions = new AgentSessions({ core, log });
    this.#core = core;
    network.listen(this.address, {
      process,
      accept: (endpoint, path) =>
        path === AGENT_SESSION_PATH
          ? this.#agentSession(sessions, core, endpoint)
          : this.#routes(core, endpoint, path, streams),
      answer: async (path, body) => JSON.stringify(await this.#report(core, path, body)),
    });
    await core.start();
  }

  #agentSession(sessions: AgentSessions, core: ControlCore, endpoint: Endpoint): EndpointEvents {
    const { hooks } = this.#parts;
    let agent = '?';
    const link: AgentLink = {
      get isOpen() {
        return endpoint.isOpen;
      },
      unsentBytes: () => endpoint.unsentBytes(),
      send: (frame) => {
        hooks.said(agent, frame, core.leadership.epoch);
        endpoint.send(JSON.stringify(frame));
      },
      pause: () => endpoint.pause(),
      resume: () => endpoint.resume(),
      close: (reason) => endpoint.close(reason),
      cut: () => endpoint.close('cut'),
    };
    const session = sessions.open(link);
    return {
      message: (text) => {
        const frame = JSON.parse(text) as FromAgent;
        if (frame.type === 'hello') agent = frame.agent.id;
        hooks.heard(agent, frame, core.leadership.epoch);
        session.take(frame);
      },
      closed: () => session.linkClosed(),
    };
  }

  #routes(core: ControlCore, endpoint: Endpoint, path: string, streams: Set<Endpoint>): EndpointEvents {
    const query = new URLSearchParams(path.split('?')[1]);
    const known = { epoch: Number(query.get('epoch') ?? 0), number: Number(query.get('after') ?? -1) };
    const [proxy, run, address] = [query.get('proxy'), query.get('run'), query.get('address')];
    const asker = proxy && run && address ? { proxy, run, address } : null;
    const outlet = {
      needsDrain: false,
      write: (line: RoutesLine<RouteTable>): boolean => {
        endpoint.send(JSON.stringify(line));
        return true;
      },
    };
    let close = (): void => void (isOver = true);
    let isOver = false;
    streams.add(endpoint);
    RouteSubscription.open(core, asker, known, outlet).then(
      (subscription) => {
        if (asker) this.#parts.hooks.proxyHeard(asker.proxy, core.leadership.epoch ?? 0);
        if (isOver) subscription.close();
        else close = () => subscription.close();
      },
      (error: unknown) => {
        const refusal: RoutesRefusal = { type: 'refused', problem: wordsOf(error), ...this.#elsewhere(core) };
        endpoint.send(JSON.stringify(refusal));
        endpoint.close('refused');
      },
    );
    const closed = (): void => {
      streams.delete(endpoint);
      close();
    };
    return { message: () => undefined, closed };
  }

  async #report(core: ControlCore, path: string, body: string): Promise<ReportAnswer> {
    if (!core.leads)
      return { status: 503, message: 'this control plane does not lead', ...this.#elsewhere(core) };
    const id = path.slice(PROXIES_PATH.length);
    const report = JSON.parse(body) as ProxyReport;
    try {
      const answer = await core.proxies.report(asProxyId(id), report);
      this.#parts.hooks.proxyHeard(id, core.leadership.epoch ?? 0);
      return { status: 200, body: answer };
    } catch (error) {
      const isRefused = error instanceof LongrunError && error.status === 409;
      return { status: isRefused ? 409 : 503, message: wordsOf(error) };
    }
  }

  #elsewhere(core: ControlCore): { readonly leader?: string } {
    const { leader, holder } = core.leadership;
    return leader && leader.holder !== holder ? { leader: `http://${leader.address}` } : {};
  }

  #log(name: string): Log {
    const { hooks } = this.#parts;
    return {
      info: (fields, message) => {
        if ('epoch' in fields) hooks.tookOffice(name, Number(fields.epoch));
        hooks.note(name, message);
      },
      warn: (_fields, message) => hooks.note(name, message),
      error: (fields, message) => hooks.error(name, fields, message),
    };
  }
}
