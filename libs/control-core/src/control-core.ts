// The control plane without its edges: everything that decides and remembers, put together over the seams. An app around it only
// speaks HTTP and WebSocket. One object per process; it leads when its store says so, and stands by otherwise.
import { failures } from '#libs/api-contract';
import { checksAdded, type StoredEvent } from '#libs/events';
import { conditionOf, healthOf, taskStateOf } from '#libs/lifecycle';
import { showApp, timestampOf, type ClusterId, type PortRange } from '#libs/model';
import { DEFAULT_RECONCILE_SETTINGS, type ReconcileSettings } from '#libs/reconciler';
import type { Store } from '#libs/store';
import { Standstill, type Clock, type Ids, type Timer } from '#libs/time';
import { AgentRegistry } from './agent-registry.js';
import { Alarms } from './alarms.js';
import { AssignmentFeed } from './assignment-feed.js';
import { ChangeCount } from './change-count.js';
import { AppCommands } from './commands/app-commands.js';
import { AppRollback } from './commands/app-rollback.js';
import { AppSettingsCommands } from './commands/app-settings.js';
import { AppTrafficCommands } from './commands/app-traffic.js';
import { DeploymentCommands } from './commands/deployment-commands.js';
import { GroupCommands } from './commands/group-commands.js';
import { Shutdown } from './commands/shutdown.js';
import { TaskCommands } from './commands/task-commands.js';
import { TaskEndings } from './commands/task-endings.js';
import { Foresight } from './foresight/foresight.js';
import { Lane, type EventRules } from './lane.js';
import { Leadership } from './leadership.js';
import type { Log } from './log.js';
import { ProxyRegistry } from './proxy-registry.js';
import { ReconcileLoop } from './reconcile-loop.js';
import { RouteFeed } from './route-feed.js';
import { StatusIntake } from './status-intake.js';
import { Why } from './why/why.js';
import { WorkingSet } from './working-set.js';

/** How often old events are forgotten (kept 7 days or 1 million, decisions.md 6). */
const TRIM_MS = 600_000;
/** Shorter standstills are within what leases and reports allow for. */
const STANDSTILL = { tickMs: 2_000, lateMs: 1_000 } as const;

/** What the app is told. */
export interface Publisher {
  /** In the order of their numbers, after the state that made them true can be read. */
  events(events: readonly StoredEvent[]): void;
  /** The state of all events up to this number can be read; some of them may never come through `events`. */
  stateLoaded?(newestEvent: number): void;
  /** Another process leads now, or this one ends: its streams end and agents dial the leader. Not when only the store is away. */
  officeLost(): void;
  /**
   * The store was away for as long as the lease lasts: another process may lead. Sessions of agents and streams of tables end, so that
   * they look for it; agents that find none act alone. What people read goes on from the state as it was.
   */
  cutOff(): void;
  /** A new epoch in the same process: agents must say hello again, other streams go on. */
  epochChanged(): void;
}

export interface ControlCoreParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly cluster: ClusterId;
  /** `host:port` of this process's API, as others reach it. */
  readonly address: string;
  /** See Leadership; call `start` only once the address is taken. */
  readonly seat: string;
  readonly servicePorts: PortRange;
  readonly publisher: Publisher;
  /** Throws `disk-full` when the server's own disk is nearly full. */
  readonly checkDisk: () => void;
  readonly settings?: ReconcileSettings;
  /** Ms between two looks of the reconcile loop at everything; absent: its own. */
  readonly safetyMs?: number;
}

export class ControlCore {
  readonly cluster: ClusterId;
  readonly leadership: Leadership;
  readonly alarms: Alarms;
  readonly agents: AgentRegistry;
  readonly assignments = new AssignmentFeed();
  readonly proxies: ProxyRegistry;
  readonly routes: RouteFeed;
  readonly statuses: StatusIntake;
  readonly apps: AppCommands;
  readonly groups: GroupCommands;
  readonly tasks: TaskCommands;
  readonly endings: TaskEndings;
  readonly deployments: DeploymentCommands;
  readonly rollback: AppRollback;
  readonly appSettings: AppSettingsCommands;
  readonly appTraffic: AppTrafficCommands;
  readonly shutdown: Shutdown;
  readonly why: Why;
  readonly loop: ReconcileLoop;
  readonly #count = new ChangeCount();
  readonly #parts: ControlCoreParts;
  readonly #lane: Lane;
  readonly #standstill: Standstill;
  #workingSet: WorkingSet | null = null;
  #trimTimer: Timer | null = null;

  constructor(parts: ControlCoreParts) {
    const { store, clock, ids, log, cluster } = parts;
    this.#parts = parts;
    this.cluster = cluster;
    this.#standstill = new Standstill(clock, STANDSTILL, (since, now) => {
      log.warn(
        { ms: now - since },
        'this process stood still: leases of proxies that lasted then start anew',
      );
      this.proxies.stoodStill(this.state, since, now);
    });
    this.#lane = new Lane({
      store,
      clock,
      log,
      rules: eventRules(clock),
      reload: () => this.#reload(),
      beforeDecision: () => this.#standstill.check(),
      lost: (why, error) => {
        if (error) log.error({ err: error }, 'the store failed during a commit');
        this.leadership.lose(why === 'fenced' ? 'superseded' : 'unavailable');
      },
    });
    const lane = this.#lane;
    this.leadership = new Leadership({
      store,
      clock,
      log,
      holder: `${parts.seat}${ids.uuid()}`,
      seat: parts.seat,
      address: parts.address,
      takeOffice: (epoch) => this.#takeOffice(epoch),
      leaveOffice: (why) => this.#leaveOffice(why),
      cutOff: () => parts.publisher.cutOff(),
    });
    this.alarms = new Alarms(lane, log);
    this.agents = new AgentRegistry({
      ...{ lane, clock, log, cluster, alarms: this.alarms },
      told: (apps) => this.loop.mark(apps),
    });
    this.routes = new RouteFeed({
      cluster,
      servicePortRange: parts.servicePorts,
      clock,
      state: () => (this.hasState ? this.state : null),
    });
    this.statuses = new StatusIntake(lane);
    const foresight = new Foresight({ clock, memory: () => this.loop.memory() });
    const commandParts = {
      lane,
      foresight,
      store,
      ids,
      servicePorts: parts.servicePorts,
      checkAccepts: () => {
        this.shutdown.refuseDeploys();
        parts.checkDisk();
      },
    };
    this.apps = new AppCommands(commandParts);
    this.groups = new GroupCommands(commandParts);
    this.tasks = new TaskCommands(lane, ids, foresight);
    this.endings = new TaskEndings(lane, clock);
    this.deployments = new DeploymentCommands(lane, ids, foresight);
    this.rollback = new AppRollback(commandParts, this.deployments);
    this.appSettings = new AppSettingsCommands(lane);
    this.appTraffic = new AppTrafficCommands(lane);
    this.shutdown = new Shutdown(lane, this.agents);
    this.why = new Why(store);
    this.loop = new ReconcileLoop({
      lane,
      clock,
      ids,
      log,
      alarms: this.alarms,
      launchesHeld: () => this.shutdown.isUnderWay,
      awaitWord: (app, agents) => this.agents.awaitWord(app, agents),
      undo: (failed, workingSet, now) => this.deployments.undoFailed(failed, workingSet, now),
      ...(parts.safetyMs === undefined ? {} : { safetyMs: parts.safetyMs }),
    });
    this.proxies = new ProxyRegistry({
      ...{ lane, clock, cluster },
      state: () => this.#workingSet,
      moved: () => this.loop.markStopping(),
      hasGroup: (workingSet, id) => this.routes.groups(workingSet).some((group) => group.id === id),
    });
    // state first, events last: who reacts to an event by reading sees the change
    lane.follow((committed) => this.assignments.committed(committed));
    lane.follow((committed) => this.routes.committed(committed));
    lane.follow((committed) => this.loop.committed(committed));
    lane.follow(({ events }) => parts.publisher.events(events));
  }

  /** True while this process may write. */
  get leads(): boolean {
    return this.#lane.isOpen;
  }

  /** What is true now. While the store is away it is the last known state; a standby has none. */
  get state(): WorkingSet {
    if (!this.#workingSet) throw failures.notLeading();
    return this.#workingSet;
  }
  get hasState(): boolean {
    return this.#workingSet !== null;
  }
  get store(): Store {
    return this.#parts.store;
  }
  get settings(): ReconcileSettings {
    return this.#parts.settings ?? DEFAULT_RECONCILE_SETTINGS;
  }
  get clock(): Clock {
    return this.#parts.clock;
  }

  /** Resolves after the first campaign; leading or not. */
  start(): Promise<void> {
    return this.leadership.start();
  }
  /** Gives the office up and stops all timers; the store stays open. */
  stop(): Promise<void> {
    return this.leadership.stop();
  }

  async #load(epoch: number, officeSince: number): Promise<WorkingSet> {
    const { settings } = this;
    return new WorkingSet(await this.store.load(), {
      ...{ epoch, now: officeSince, settings, count: this.#count },
      toldUntil: (agent) => this.agents.toldUntil(agent),
      hasLetGo: (agent, instance) => this.assignments.hasLetGo(agent, instance),
    });
  }

  /** Within an office, after a conflict: somebody wrote beside us. */
  async #reload(): Promise<WorkingSet> {
    const before = this.state;
    const workingSet = await this.#load(before.epoch, before.officeSince);
    this.proxies.takeOffice(workingSet, this.#parts.clock.now(), before);
    this.#workingSet = workingSet;
    this.assignments.reload(workingSet);
    this.routes.announce();
    this.loop.takeOffice(workingSet);
    this.#parts.publisher.stateLoaded?.(workingSet.loadedEvent);
    return workingSet;
  }

  async #takeOffice(epoch: number): Promise<void> {
    const before = this.#workingSet;
    const workingSet = await this.#load(epoch, this.#parts.clock.now());
    const now = this.#parts.clock.now();
    if (before && before.epoch !== epoch) this.#parts.publisher.epochChanged();
    this.proxies.takeOffice(workingSet, now, null);
    this.#workingSet = workingSet;
    this.#parts.publisher.stateLoaded?.(workingSet.loadedEvent);
    this.alarms.reset();
    this.#standstill.watch();
    this.#lane.open(workingSet);
    this.agents.takeOffice(now);
    this.assignments.reload(workingSet);
    this.loop.takeOffice(workingSet);
    this.routes.announce();
    this.#armTrim();
    this.#announce(epoch);
  }

  #leaveOffice(why: 'superseded' | 'unavailable' | 'resigned'): void {
    this.#lane.close(why === 'unavailable' ? 'unavailable' : 'not-leading');
    this.agents.leaveOffice();
    this.loop.leaveOffice();
    this.#standstill.end();
    this.#trimTimer?.cancel();
    if (why === 'unavailable') return;
    this.#workingSet = null;
    this.#parts.publisher.officeLost();
  }

  #announce(epoch: number): void {
    const { address, log } = this.#parts;
    const told = this.#lane.submit((workingSet, now) => ({
      writes: [],
      events: [
        {
          type: 'leader_changed_event',
          timestamp: timestampOf(now),
          payload: { leader: address, epoch },
        },
        // the new leader has them checked from here on (events.md 5)
        ...[...workingSet.apps.values()]
          .filter(({ removing }) => !removing)
          .flatMap(({ current }) => checksAdded(current, timestampOf(now))),
      ],
      value: undefined,
    }));
    told.catch((error: unknown) =>
      log.warn({ err: error }, 'the change of leader was not stored as an event'),
    );
  }

  #armTrim(): void {
    this.#trimTimer?.cancel();
    const { clock, store, log } = this.#parts;
    this.#trimTimer = clock.after(TRIM_MS, () => {
      this.#armTrim();
      store
        .trimEvents?.()
        .catch((error: unknown) => log.warn({ err: error }, 'old events could not be forgotten'));
    });
  }
}

/** The rules of lifecycle, as events need them: at one moment, with the versions of this working set. */
const eventRules =
  (clock: Clock) =>
  (workingSet: WorkingSet): EventRules => ({
    condition: (instance) => {
      const version = workingSet.version(instance.appId, instance.version);
      return conditionOf(instance, clock.now(), version?.spec.unreachableStrategy);
    },
    taskState: (instance) => taskStateOf(instance, clock.now()),
    healthy: (instance) => {
      const version = workingSet.version(instance.appId, instance.version);
      return version ? healthOf(instance, version) : null;
    },
    showApp: (version) => ({ ...showApp(version.spec), version: version.version }),
  });
