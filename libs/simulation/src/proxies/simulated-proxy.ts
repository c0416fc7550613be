// One proxy of the simulated cluster: the real session with the control plane (libs/proxy-core) and the real choice of targets
// (libs/proxy-engine) over a simulated network, disk and clients. Its process may be frozen, killed and started again.
import { asProxyId, type ProxyId, type TaskId } from '#libs/model';
import { TableSession } from '#libs/proxy-core';
import type { RouteTable } from '#libs/routing';
import type { SimNetwork } from '../engine/network.js';
import type { Random } from '../engine/random.js';
import { SimProcess, type ClockError } from '../engine/sim-process.js';
import type { Timeline } from '../engine/timeline.js';
import type { ChoiceFact, FlightFact, RequestFact } from '../promises/watch.js';
import { Clients } from './clients.js';
import { DataPath } from './data-path.js';
import { mayRepeat, type ClientRequest } from './exchange.js';
import type { FindListener } from './listening-task.js';
import { ProxyDisk } from './proxy-disk.js';
import { ProxyLink } from './proxy-link.js';

export interface ProxyHooks {
  /** A line for the log of the run. */
  note(who: string, text: string): void;
  /** From now on new requests are matched with this table. Also told after a restart, with the one from disk. */
  onSwap(proxy: SimulatedProxy, table: RouteTable): void;
  /** A request is matched with the table that is there. */
  onRoutedAtOnce(proxy: SimulatedProxy): void;
  /** A request has its end, as its client sees it. Requests that die with the proxy have none. */
  onRequest(request: RequestFact): void;
  /** A target is chosen for a request to an app whose traffic is shared by weights. */
  onChoice(choice: ChoiceFact): void;
  /** A connect to this task or its answer has failed: this proxy may leave it out for a while. */
  onMiss(proxy: SimulatedProxy, task: TaskId): void;
}

export interface SimulatedProxyParts {
  readonly index: number;
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly random: Random;
  /** Base URLs with commas between them. A proxy is given one: the first has the first, and so on. */
  readonly controlPlane: string;
  /** Asked for each life of the process. */
  readonly clockError: () => ClockError;
  readonly listener: FindListener;
  /** The name in the network of the host that has this address; absent: partitions never keep a proxy from tasks. */
  readonly hostOf?: (address: string) => string;
  /** This host has no power; absent: all have. */
  readonly isDark?: (host: string) => boolean;
  readonly hooks: ProxyHooks;
}

interface Life {
  readonly process: SimProcess;
  readonly session: TableSession;
  readonly path: DataPath;
  isLeaving: boolean;
  /** True time at which it last began to ask whether it has missed a table. */
  askedAt: number;
}

/** As apps/proxy: what is in flight gets this long when the proxy is stopped. */
const STOP_GRACE_MS = 30_000;

export class SimulatedProxy {
  /** Also the name of its host in the network. */
  readonly id: ProxyId;
  readonly #parts: SimulatedProxyParts;
  readonly #random: Random;
  readonly #disk: ProxyDisk;
  readonly #clients: Clients;
  readonly #controlPlane: string;
  #life: Life | null = null;
  #lives = 0;
  #table: RouteTable | null = null;

  constructor(parts: SimulatedProxyParts) {
    const { index, timeline, random } = parts;
    this.#parts = parts;
    this.id = asProxyId(`proxy-${index}`);
    this.#random = random.fork(this.id);
    this.#disk = new ProxyDisk(this.#random.fork('disk'));
    this.#clients = new Clients(timeline, this.#random.fork('clients'), (request) => this.arrive(request));
    const urls = parts.controlPlane.split(',');
    this.#controlPlane = urls[index % urls.length] ?? parts.controlPlane;
  }

  /** Runs, or is frozen. */
  get isAlive(): boolean {
    return this.#life !== null;
  }
  get isFrozen(): boolean {
    return this.#life?.process.isFrozen ?? false;
  }
  /** What new requests are matched with; null: it is dead, or has none so far. */
  get table(): RouteTable | null {
    return this.#table;
  }
  /** What it has told, or will tell, the control plane it goes by. */
  get confirmed(): { readonly epoch: number; readonly number: number } | null {
    return this.#life?.session.confirmed ?? null;
  }
  /** True time at which this life last began to ask the control plane for news; -Infinity: it never did. */
  get askedAt(): number {
    return this.#life?.askedAt ?? -Infinity;
  }
  /** What is on its disk, whether it lives or not. */
  get disk(): ProxyDisk {
    return this.#disk;
  }
  inFlightRequests(): readonly FlightFact[] {
    return this.#life?.path.flights ?? [];
  }

  /** A new process with what the last one left on disk; nothing when one lives. Clients begin with the first. */
  start(): void {
    if (this.#life) return;
    const { hooks } = this.#parts;
    const life = this.#begin();
    this.#life = life;
    hooks.note(life.process.name, 'starts');
    life.process.onKilled(() => {
      this.#life = null;
      this.#table = null;
      hooks.note(life.process.name, 'is dead');
    });
    life.session.start().catch((error: unknown) => hooks.note(this.id, `could not start: ${String(error)}`));
    this.#clients.start();
  }

  /** kill -9 */
  crash(): void {
    this.#life?.process.kill();
  }

  /** SIGSTOP */
  freeze(): void {
    if (!this.#life) return;
    this.#parts.hooks.note(this.id, 'is frozen');
    this.#life.process.freeze();
  }

  /** SIGCONT. Waiting clients may be served before timers that are late, and after. */
  thaw(): void {
    const life = this.#life;
    if (!life?.process.isFrozen) return;
    this.#parts.hooks.note(this.id, 'goes on');
    const clientsFirst = this.#random.chance(0.5);
    const accept = (): void =>
      void this.#parts.timeline.after(0, () => life.process.do(() => life.path.acceptWaiting()));
    if (clientsFirst) accept();
    life.process.thaw();
    if (!clientsFirst) accept();
  }

  /** SIGTERM: takes no more requests, waits for those in flight, says good-bye, and is gone. */
  leave(): void {
    const life = this.#life;
    if (!life || life.isLeaving) return;
    life.isLeaving = true;
    this.#parts.hooks.note(this.id, 'leaves');
    const left = (): void => life.process.kill();
    life.process.do(() => {
      life.path
        .drained(STOP_GRACE_MS)
        .then(() => life.session.leave())
        .then(left, left);
    });
  }

  /** A client's request; those of the seeded clients come by themselves. */
  arrive(request: ClientRequest): void {
    if (this.#life && !this.#life.isLeaving) this.#life.path.arrive(request);
  }

  #begin(): Life {
    const { timeline, network, listener, hostOf, isDark, hooks, clockError } = this.#parts;
    const name = `${this.id}#${(this.#lives += 1)}`;
    const random = this.#random.fork(name);
    const process = new SimProcess(timeline, this.id, name, random, clockError());
    const asks = (): void => void (life.askedAt = timeline.now);
    const path = new DataPath({
      process,
      network,
      random,
      listener,
      hostOf: hostOf ?? ((address) => address),
      isDark: isDark ?? (() => false),
      freshen: () => {
        const wait = session.freshen();
        if (wait) asks();
        return wait;
      },
      routedAtOnce: () => {
        if (!life.isLeaving) hooks.onRoutedAtOnce(this);
      },
      onIdle: (task) => session.taskIdle(task),
      swapped: (table) => {
        this.#table = table;
        this.#clients.learn(table);
        hooks.onSwap(this, table);
      },
      ended: (request, { result, taskId, text, missed }) => {
        const { appId, portIndex, since } = request;
        const asked = { proxy: this.id, appId, portIndex, since, mayRepeat: mayRepeat(request) };
        hooks.onRequest({ ...asked, taskId, result, text, missed });
      },
      chose: (choice) => hooks.onChoice({ ...choice, proxy: this.id }),
      missed: (task) => hooks.onMiss(this, task),
    });
    const session: TableSession = new TableSession({
      clock: process.clock,
      network: new ProxyLink(process, network, asks),
      journal: this.#disk.journal(process),
      user: path,
      proxyId: this.id,
      run: process.ids.uuid(),
      address: `${this.id}:8000`,
      controlPlanes: [this.#controlPlane],
      memory: this.#disk.memory,
      onNotice: (text) => hooks.note(name, text),
    });
    const life: Life = { process, session, path, isLeaving: false, askedAt: -Infinity };
    return life;
  }
}
