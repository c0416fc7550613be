// The simulated cluster put together: a store, control planes, hosts with agents, proxies with clients, and the watchers that look at
// each thing that happens. What is real in it is the product's own code (control-core, agent-core, proxy-core and all pure libs);
// what is played is the world around it.
import { WorkingSet } from '#libs/control-core';
import { asAppId, type AppId, type TaskId } from '#libs/model';
import { DEFAULT_RECONCILE_SETTINGS, type ReconcileSettings } from '#libs/reconciler';
import type { RouteTable } from '#libs/routing';
import type { Commit, CommitResult, StoredState } from '#libs/store';
import { SimControlPlane } from './control/control-plane.js';
import { SimDatabase } from './control/database.js';
import { People } from './control/people.js';
import type { ClockError, SimProcess } from './engine/sim-process.js';
import { SimNetwork } from './engine/network.js';
import { Random } from './engine/random.js';
import { Timeline } from './engine/timeline.js';
import { EventLog } from './event-log.js';
import { SimHost, type SimTask } from './hosts/index.js';
import { SimulatedProxy } from './proxies/index.js';
import { allWatchers } from './promises/all-watchers.js';
import { SURE_LEASE_MS } from './promises/traffic.js';
import {
  PromiseBroken,
  type AcknowledgedChange,
  type ProxyFact,
  type TaskFact,
  type WatchedEvent,
  type Watcher,
  type World,
} from './promises/watch.js';
import type { BrokenPromise } from './scenario/outcome.js';
import type { Scenario } from './scenario/scenario.js';

const SWEEP_MS = 1_000;
/** Answers of the store take some ms where nothing is in the way; one that takes longer than this is a finding. */
const LAST_ANSWERS_MS = 1_000;
/** Somebody who sets a timer of no time again and again would run for ever. Busy moments have hundreds. */
const STILL_MAX = 100_000;
const EMPTY: StoredState = {
  apps: [],
  groups: [],
  versions: [],
  instances: [],
  deployments: [],
  agents: [],
  proxies: [],
  tableNumber: 0,
  eventNumber: 0,
  lastVersion: null,
};
/** Releases that work, sooner or later; of others nobody expects that they come up. */
const WORKING = new Set(['good', 'slow', 'ignores-term', 'pulls-long']);

export class Cluster implements World {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly database: SimDatabase;
  readonly controlPlanes: readonly SimControlPlane[];
  readonly hosts: readonly SimHost[];
  readonly simProxies: readonly SimulatedProxy[];
  readonly people: People;
  readonly log: EventLog;
  readonly startedAt: number;
  stored: WorkingSet;
  /** The first promise that was broken; the run ends there. */
  broken: BrokenPromise | null = null;
  leaderlessMs = 0;
  ledSince: number | null = null;
  readonly #scenario: Scenario;
  readonly #settings: ReconcileSettings;
  readonly #watchers: readonly Watcher[];
  readonly #byEvent = new Map<WatchedEvent, readonly Watcher[]>();
  readonly #heardAt = new Map<string, number>();
  readonly #leasedSince = new Map<string, number>();
  #newestEpoch = 0;
  readonly #tables = new Map<string, RouteTable>();
  #sweptAt: number;
  #stillAt = 0;
  #stillFor = 0;

  /** `more`: told after those of the promises. */
  constructor(scenario: Scenario, keepLog: boolean, more: readonly Watcher[] = []) {
    this.#scenario = scenario;
    this.random = new Random(scenario.seed);
    this.startedAt = this.timeline.now;
    this.#sweptAt = this.startedAt;
    this.log = new EventLog(this.startedAt, keepLog);
    this.network = new SimNetwork(this.timeline, this.random);
    const { changedPerPass = DEFAULT_RECONCILE_SETTINGS.changedPerPass } = scenario;
    this.#settings = { ...DEFAULT_RECONCILE_SETTINGS, changedPerPass };
    this.stored = new WorkingSet(EMPTY, { epoch: 0, now: 0, settings: this.#settings });
    this.#watchers = [...allWatchers((app) => this.#excuse(app.id)), ...more];
    this.database = new SimDatabase(this.timeline, this.network, this.random, (by, commit, result) =>
      this.#committed(by, commit, result),
    );
    this.controlPlanes = count(scenario.controlPlanes).map((index) => this.#controlPlane(index));
    const urls = this.controlPlanes.map(({ address }) => `http://${address}`);
    this.hosts = scenario.agents.map((size, index) => this.#host(index, size, urls));
    this.simProxies = count(scenario.proxies).map((index) => this.#proxy(index, urls));
    this.people = new People({
      timeline: this.timeline,
      leader: () => this.leader?.core ?? null,
      note: (text) => this.note('people', text),
      count: (what) => this.log.count(what),
      acknowledged: (change) => this.#acknowledged(change),
      apps: appsOf(scenario),
    });
  }

  start(): void {
    for (const each of this.controlPlanes) each.start();
    for (const each of this.hosts) each.startAgent();
    for (const each of this.simProxies) each.start();
  }

  /** Runs up to this time of the run, or to the first broken promise. */
  async run(untilMs: number): Promise<void> {
    try {
      await this.timeline.run(this.startedAt + untilMs, () => this.#settled());
    } catch (error) {
      this.noteBroken(error);
    }
  }

  /** What must be true once all is quiet. A leader knows of its last commit when the answer has come, so that may arrive first. */
  async end(): Promise<void> {
    const latest = this.now + LAST_ANSWERS_MS;
    while (!this.broken && this.database.isAnswering && this.now < latest)
      await this.run(this.now - this.startedAt + 1);
    this.#tell('ended', (each) => each.ended?.(this));
    if (!this.broken) this.#settled();
  }

  // ---- the world, for watchers

  get now(): number {
    return this.timeline.now;
  }
  get clockErrorMs(): number {
    const { clockOffsetMs, clockDrift, durationMs } = this.#scenario;
    return 2 * (clockOffsetMs + clockDrift * durationMs);
  }
  get leader(): SimControlPlane | null {
    return this.controlPlanes.find((each) => each.leads) ?? null;
  }
  get believed(): WorkingSet | null {
    return this.leader?.core?.state ?? null;
  }
  get proxies(): readonly ProxyFact[] {
    return this.simProxies.map((each) => this.#proxyFact(each));
  }
  tasks(): readonly TaskFact[] {
    return this.hosts.flatMap((host) => host.tasks);
  }
  task(id: TaskId): TaskFact | undefined {
    for (const host of this.hosts) {
      const task = host.task(id);
      if (task) return task;
    }
    return undefined;
  }

  reaches(proxy: string, host: string): boolean {
    return !this.#isDark(host) && !this.network.isCut(proxy, host) && !this.network.isCut(host, proxy);
  }

  /** It may have died between a swap and the disk, and then goes on with the table before. */
  crashProxy(proxy: SimulatedProxy): void {
    proxy.crash();
    this.#tables.delete(proxy.id);
  }

  note(who: string, text: string): void {
    this.log.line(this.now, who, text);
  }

  clockError(): ClockError {
    const { clockOffsetMs, clockDrift } = this.#scenario;
    const share = (): number => this.random.share() * 2 - 1;
    return { offsetMs: Math.round(share() * clockOffsetMs), rate: 1 + share() * clockDrift };
  }

  // ---- parts

  #controlPlane(index: number): SimControlPlane {
    const { timeline, network, database, random } = this;
    return new SimControlPlane({
      index,
      timeline,
      network,
      database,
      random,
      settings: this.#settings,
      clockError: () => this.clockError(),
      hooks: {
        note: (process, text) => this.note(process, text),
        error: (process, fields, text) => {
          this.note(process, `error: ${text}`);
          this.#tell('erred', (each) => each.erred?.(process, fields, text, this));
        },
        events: (_process, events) => this.log.count('events', events.length),
        tookOffice: (process, epoch) => {
          this.log.count('offices');
          this.#newestEpoch = Math.max(this.#newestEpoch, epoch);
          this.note(process, `leads in epoch ${epoch}`);
        },
        proxyHeard: (proxy, epoch) => {
          if (epoch >= this.#newestEpoch) this.#heard(proxy);
        },
        said: (agent, frame, epoch) => this.#tell('said', (each) => each.said?.(agent, frame, epoch, this)),
        heard: (agent, frame, epoch) =>
          this.#tell('heard', (each) => each.heard?.(agent, frame, epoch, this)),
      },
    });
  }

  #host(index: number, size: Scenario['agents'][number], controlPlanes: readonly string[]): SimHost {
    const { timeline, network, random } = this;
    return new SimHost({
      index,
      size,
      timeline,
      network,
      random,
      controlPlanes,
      runtimes: ['process', 'docker'],
      clockError: () => this.clockError(),
      hooks: {
        note: (who, text) => this.note(who, text),
        error: (who, fields, text) => this.note(who, `error: ${text} ${JSON.stringify(fields)}`),
        running: () => undefined,
        followed: (host, epoch) => this.#tell('followed', (each) => each.followed?.(host.name, epoch, this)),
        launching: (_host, task) => {
          this.log.count('launches');
          this.#tell('launching', (each) => each.launching?.(task, this));
        },
        stopAsked: (_host, task) => {
          this.log.count('stops');
          this.#tell('stopAsked', (each) => each.stopAsked?.(task, this));
        },
        ended: (_host, _task, how) => this.log.count(`ends ${how}`),
      },
    });
  }

  #proxy(index: number, controlPlanes: readonly string[]): SimulatedProxy {
    const { timeline, network, random } = this;
    return new SimulatedProxy({
      index,
      timeline,
      network,
      random,
      controlPlane: controlPlanes.join(','),
      clockError: () => this.clockError(),
      listener: (host, port) => this.#listener(host, port),
      hostOf: (address) => this.hosts.find((each) => each.address === address)?.name ?? address,
      isDark: (host) => this.#isDark(host),
      hooks: {
        note: (who, text) => this.note(who, text),
        onSwap: (proxy, table) => {
          this.log.count('tables');
          this.note(proxy.id, `routes by table ${table.epoch}/${table.number}`);
          const before = this.#tables.get(proxy.id) ?? null;
          this.#tables.set(proxy.id, table);
          this.#tell('swapped', (each) => each.swapped?.(this.#proxyFact(proxy), before, this));
        },
        onRoutedAtOnce: (proxy) =>
          this.#tell('routedAtOnce', (each) => each.routedAtOnce?.(this.#proxyFact(proxy), this)),
        onRequest: (request) => {
          this.log.count(`requests ${request.result}`);
          this.#tell('answered', (each) => each.answered?.(request, this));
        },
        onChoice: (choice) => {
          this.log.count('choices by shares');
          this.#tell('chose', (each) => each.chose?.(choice, this));
        },
        onMiss: ({ id }, task) => this.#tell('missed', (each) => each.missed?.(id, task, this)),
      },
    });
  }

  #isDark(host: string): boolean {
    return this.hosts.find(({ name }) => name === host)?.isPowered === false;
  }

  #listener(address: string, port: number): SimTask | undefined {
    const listener = this.hosts.find((each) => each.address === address)?.listener(port);
    return listener && listener !== 'foreign' ? listener : undefined;
  }

  // ---- what happens

  #committed(by: SimProcess, commit: Commit, result: CommitResult): void {
    if (result.kind !== 'committed') {
      this.note(by.name, `commit refused: ${result.kind}`);
      this.log.count(`commits ${result.kind}`);
      const reason = result.kind === 'conflict' ? result.reason : undefined;
      if (reason !== undefined) this.#tell('conflicted', (each) => each.conflicted?.(reason, this));
      return;
    }
    this.log.count('commits');
    this.#noteWrites(by, commit);
    this.#tell('committing', (each) => each.committing?.(commit, this));
    const touched = this.stored.apply(commit.writes, this.now);
    this.#tell('committed', (each) => each.committed?.({ commit, by: by.name, touched }, this));
  }

  /** One short line per row that matters, so that a run can be read. */
  #noteWrites(by: SimProcess, { writes }: Commit): void {
    for (const write of writes) {
      const text = textOf(write);
      if (text) this.note(by.name, text);
    }
  }

  #heard(proxy: string): void {
    const before = this.#heardAt.get(proxy) ?? -Infinity;
    if (this.now - before >= SURE_LEASE_MS) this.#leasedSince.set(proxy, this.now);
    this.#heardAt.set(proxy, this.now);
  }

  #acknowledged(change: AcknowledgedChange): void {
    this.#tell('acknowledged', (each) => each.acknowledged?.(change, this));
  }

  /** Told in the middle of somebody's turn: what it finds ends the run after that turn, not within it. */
  #tell(event: WatchedEvent, ask: (watcher: Watcher) => void): void {
    if (this.broken) return;
    try {
      for (const each of this.#watchersOf(event)) ask(each);
    } catch (error) {
      this.noteBroken(error);
    }
  }

  /** Those that look at such events, in their order: of some there are thousands, and most watchers look at few kinds. */
  #watchersOf(event: WatchedEvent): readonly Watcher[] {
    const known = this.#byEvent.get(event);
    if (known) return known;
    const found = this.#watchers.filter((each) => each[event]);
    this.#byEvent.set(event, found);
    return found;
  }

  /** Ends the run. */
  noteBroken(error: unknown): void {
    if (this.broken) return;
    const at = this.now - this.startedAt;
    // a watcher or the played world that throws is a mistake of the simulator, and no less an end
    const [rule, text] =
      error instanceof PromiseBroken ? [error.rule, error.message] : ['simulator', stackOf(error)];
    this.broken = { rule, text, at };
    this.note('PROMISE BROKEN', `${rule}: ${text}`);
  }

  #settled(): void {
    if (this.broken) throw new PromiseBroken(this.broken.rule, this.broken.text);
    this.#stillFor = this.now === this.#stillAt ? this.#stillFor + 1 : 0;
    this.#stillAt = this.now;
    if (this.#stillFor > STILL_MAX)
      this.noteBroken(new PromiseBroken('time-goes-on', `${STILL_MAX} things happened in one millisecond`));
    if (this.now - this.#sweptAt < SWEEP_MS) return;
    const isLed = this.leader !== null;
    if (!isLed) this.leaderlessMs += this.now - this.#sweptAt;
    this.ledSince = isLed ? (this.ledSince ?? this.now) : null;
    this.#sweptAt = this.now;
    this.#tell('swept', (each) => each.swept?.(this));
  }

  #proxyFact(proxy: SimulatedProxy): ProxyFact {
    return {
      id: proxy.id,
      isAlive: proxy.isAlive,
      table: proxy.table,
      heardAt: this.#heardAt.get(proxy.id) ?? 0,
      leasedSince: this.#leasedSince.get(proxy.id) ?? 0,
      askedAt: proxy.askedAt,
      inFlight: proxy.inFlightRequests(),
    };
  }

  /** A release that does not work, or no room for it. */
  #excuse(id: AppId): string | null {
    // also of an older version: a person may cancel a rollout, and then both stay
    const behaviours = [
      ...this.stored.instancesOf(id).map((each) => this.stored.versionOf(each)),
      ...(this.stored.apps.has(id) ? [this.stored.apps.get(id)?.current] : []),
    ].map((version) => version?.spec.env['BEHAVIOUR'] ?? 'good');
    const failing = behaviours.find((each) => !WORKING.has(each));
    if (failing !== undefined) return `its release ${failing}`;
    const waiting = this.leader?.core?.loop.waiting(id);
    return waiting ? `${waiting.instances} instances fit nowhere` : null;
  }
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const appsOf = ({ actions }: Scenario): readonly AppId[] => [
  ...new Set(actions.flatMap((each) => (each.do === 'deploy' ? [asAppId(each.app)] : []))),
];

const count = (many: number): readonly number[] => Array.from({ length: many }, (_, index) => index);

function textOf(write: Commit['writes'][number]): string | null {
  switch (write.kind) {
    case 'put-app':
      return `app ${write.app.id} ${write.app.current.version} x${write.app.current.spec.instances} ${write.app.current.spec.env['BEHAVIOUR'] ?? ''}${write.app.removing ? ' removing' : ''}`;
    case 'remove-app':
      return `app ${write.id} is gone`;
    case 'put-instance': {
      const { id, incarnation, placed, agentId, routing, stop, cause } = write.instance;
      const stopping = stop
        ? ` ${stop.phase} then ${stop.then} (${stop.cause.kind}: ${stop.cause.text})`
        : '';
      return `instance ${id} #${incarnation} ${placed ? `on ${agentId ?? '?'}` : 'waits'} ${routing}${stopping || ` (${cause.kind}: ${cause.text})`}`;
    }
    case 'remove-instance':
      return `instance ${write.id} is gone`;
    case 'put-status': {
      const { status } = write;
      const health = status.health.map((each) => (each === null ? '?' : each.alive ? '+' : '-')).join('');
      return `status ${write.id} #${status.incarnation} ${status.phase} ${health}${status.accepting ? ' accepts' : ''}`;
    }
    case 'put-deployment': {
      const { id, status, currentStep, steps, reason } = write.deployment;
      return `deployment ${id} ${status} ${currentStep}/${steps.length}${reason ? `: ${reason}` : ''}`;
    }
    case 'put-agent':
      return `agent ${write.agent.info.hostname} ${write.agent.liveness}`;
    default:
      return null;
  }
}
