// The agent without its edges: adopts what runs, keeps a session with the control plane, carries out assignments, and goes on
// by itself while there is no session. An app gives it the seams; closing it leaves every task running.
import type { AgentInfo, RuntimeKind } from '#libs/model';
import type { Runtime } from '#libs/runtime';
import type { Clock, Ids } from '#libs/time';
import { DialPlan } from './dial-plan.js';
import { DiskWatch } from './disk-watch.js';
import { Identity } from './identity.js';
import { InstanceSet } from './instance-set.js';
import { LogStreams } from './log-streams.js';
import type { Presence } from './next-step.js';
import { pause, wordsOf } from './pause.js';
import type { AgentIdentity, AgentLog, DiskWatcher, Journal, Network, Probes, Runtimes } from './seams.js';
import { Session } from './session.js';
import { StatusReporter } from './status-reporter.js';
import { isTerminal } from './task-record.js';
import { TaskMonitor } from './task-monitor.js';
import { DISK_HANGS_MS, WatchedJournal } from './watched-journal.js';

/** A runtime that cannot say what it knows is asked again, doubling up to the maximum. */
const ADOPT_RETRY_MS = 500;
const ADOPT_RETRY_MS_MAX = 10_000;
/** A session that ended sooner counts as a failure: whatever ended it may do so again at once. */
const STABLE_MS = 10_000;
/** Refused for good means until something changes; that may happen where we cannot see it. */
const REFUSED_RETRY_MS = 60_000;
/** How often a disk that hangs is asked for before the next dial. */
const DISK_RETRY_MS = 1_000;
const DISK_HANGS = `the disk of this agent has not answered for ${DISK_HANGS_MS / 1000} s: it gets no task and stops none`;
/** What runtimes warn about changes rarely, and is for people. */
const HEALTH_EVERY_MS = 30_000;

export interface AgentParts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly network: Network;
  readonly journal: Journal;
  readonly probes: Probes;
  readonly disk: DiskWatcher;
  readonly log: AgentLog;
  /** Base URLs of the control planes, at least one. */
  readonly controlPlanes: readonly string[];
  /** What the host is; id, runtimes and the core's own warnings are added here. */
  readonly host: Omit<AgentInfo, 'id' | 'runtimes' | 'warnings'>;
  readonly warnings: readonly string[];
  /** Refused for good, with a new reason: tasks are watched on, and the next dial is a minute away. */
  refused(reason: string): void;
}

export class Agent {
  readonly #parts: AgentParts;
  readonly #closing = new AbortController();
  readonly #runtimes = new Map<RuntimeKind, Runtime>();
  readonly #runtimeWarnings = new Map<RuntimeKind, readonly string[]>();
  readonly #journal: WatchedJournal;
  readonly #identity: Identity;
  readonly #reporter: StatusReporter;
  readonly #monitor: TaskMonitor;
  readonly #instances: InstanceSet;
  readonly #disk: DiskWatch;
  readonly #dial: DialPlan;
  #presence: Presence;
  #session: Session | null = null;
  #announced = '';
  #loop: Promise<void> = Promise.resolve();

  private constructor(
    parts: AgentParts,
    journal: WatchedJournal,
    identity: Identity,
    entries: ConstructorParameters<typeof InstanceSet>[1],
  ) {
    const { clock, ids, log, probes, host } = parts;
    const runtimes: Runtimes = { of: (kind) => this.#runtimes.get(kind) ?? null };
    this.#parts = parts;
    this.#journal = journal;
    this.#identity = identity;
    this.#presence = { connected: false, lostAt: clock.now() };
    this.#reporter = new StatusReporter(clock, identity.current.run);
    this.#monitor = new TaskMonitor({ clock, probes, runtimes, address: host.address });
    this.#instances = new InstanceSet(
      {
        clock,
        ids,
        log,
        journal,
        runtimes,
        monitor: this.#monitor,
        reporter: this.#reporter,
        presence: () => this.#presence,
        report: (report) => this.#reporter.report(report),
        orphansChanged: () => this.#announce(),
      },
      entries,
    );
    this.#disk = new DiskWatch({ clock, disk: parts.disk, log }, (low) => this.#dropOutput(low));
    this.#dial = new DialPlan(parts.controlPlanes, ids);
  }

  /** Reads the journal and begins a new run. Add the runtimes before `start`. */
  static async open(parts: AgentParts): Promise<Agent> {
    let agent: Agent | null = null;
    const journal = new WatchedJournal(parts.journal, parts.clock, (hangs) => {
      if (hangs) parts.log.error({}, DISK_HANGS);
      else parts.log.info({}, 'the disk of this agent answers again');
      if (hangs && agent) agent.#withdraw();
    });
    const { identity, entries } = await journal.load();
    agent = new Agent(parts, journal, await Identity.begin(journal, identity, parts.ids), entries);
    return agent;
  }

  get identity(): AgentIdentity {
    return this.#identity.current;
  }
  get connected(): boolean {
    return this.#presence.connected;
  }
  /** Tasks that run, or may. */
  get alive(): number {
    return this.#instances.alive;
  }

  /** Adopts what this runtime knows and offers it from then on; resolves when that is done. */
  async addRuntime(runtime: Runtime): Promise<void> {
    const signal = this.#closing.signal;
    this.#runtimes.set(runtime.kind, runtime);
    runtime.dropOutput(this.#disk.low);
    for (let waitMs = ADOPT_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, ADOPT_RETRY_MS_MAX)) {
      try {
        this.#runtimeWarnings.set(runtime.kind, (await runtime.health()).warnings);
        await this.#instances.adopt(runtime);
        this.#announce();
        return void this.#watchHealth(runtime);
      } catch (error) {
        this.#parts.log.warn(
          { runtime: runtime.kind, error: wordsOf(error) },
          'a runtime could not list its tasks; asking again',
        );
        await pause(this.#parts.clock, waitMs, signal);
      }
    }
  }

  async #watchHealth(runtime: Runtime): Promise<void> {
    const signal = this.#closing.signal;
    for (;;) {
      await pause(this.#parts.clock, HEALTH_EVERY_MS, signal);
      if (signal.aborted) return;
      const { warnings } = await runtime.health().catch((error: unknown) => ({ warnings: [wordsOf(error)] }));
      this.#runtimeWarnings.set(runtime.kind, warnings);
      await this.#instances
        .lookForUnknown(runtime)
        .catch((error: unknown) =>
          this.#parts.log.debug(
            { runtime: runtime.kind, error: wordsOf(error) },
            'tasks could not be listed',
          ),
        );
      this.#announce();
    }
  }

  /** Begins to dial. */
  start(): void {
    void this.#disk.look();
    this.#loop = this.#dialLoop();
  }

  /** Ends the session and all watching; tasks run on. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#disk.close();
    this.#monitor.close();
    this.#session?.close('the agent stops');
    await this.#loop;
    await this.#instances.close();
  }

  async #dialLoop(): Promise<void> {
    const { clock, log } = this.#parts;
    const signal = this.#closing.signal;
    let said = '';
    while (!signal.aborted) {
      if (this.#journal.hangs) {
        await pause(clock, DISK_RETRY_MS, signal);
        continue;
      }
      const url = this.#dial.url();
      const began = clock.now();
      this.#session = new Session(this.#sessionParts());
      const end = await this.#session.run(url);
      this.#session = null;
      this.#lost();
      if (signal.aborted) return;
      // the same trouble is told once, not with each dial
      if (end.welcomed || end.reason !== said)
        log.warn({ controlPlane: url, reason: end.reason }, 'no session with the control plane');
      if (end.welcomed && clock.now() - began >= STABLE_MS) this.#dial.lasted();
      if (end.final && end.reason !== said) this.#parts.refused(end.reason);
      said = end.reason;
      const waitMs = this.#dial.failed(end.leader);
      await pause(clock, end.final ? REFUSED_RETRY_MS : waitMs, signal);
    }
  }

  /**
   * Its disk hangs, so what it is told to start, to stop and to forget waits for ever, and what it knows goes nowhere. Without a session it
   * counts as lost in time, and its tasks, which run on, are replaced elsewhere.
   */
  #withdraw(): void {
    this.#announce();
    this.#session?.close(DISK_HANGS);
  }

  #sessionParts(): ConstructorParameters<typeof Session>[0] {
    const { clock, network, log } = this.#parts;
    return {
      clock,
      network,
      log,
      identity: this.#identity,
      instances: this.#instances,
      reporter: this.#reporter,
      logs: new LogStreams(clock, ({ instanceId, taskId }) => this.#findLog(instanceId, taskId)),
      info: () => this.#info(),
      look: () => this.#look(),
      opened: (session) => this.#opened(session),
    };
  }

  async #look(): Promise<void> {
    await Promise.all([...this.#runtimes.values()].map((each) => each.lookForEnds()));
    // an exit that was just told is reported in this turn
    await pause(this.#parts.clock, 0, this.#closing.signal);
  }

  #opened(session: Session): void {
    const { cluster, epoch, run } = this.identity;
    this.#parts.log.info({ event: 'session', cluster, epoch, run }, 'session with the control plane');
    this.#presence = { connected: true, lostAt: this.#presence.lostAt };
    this.#instances.presenceChanged();
    const agent = this.#info();
    this.#announced = JSON.stringify(agent);
    session.send({ type: 'agent-update', agent, diskLow: this.#disk.low });
  }

  #lost(): void {
    if (!this.#presence.connected) return;
    this.#presence = { connected: false, lostAt: this.#parts.clock.now() };
    this.#instances.presenceChanged();
  }

  #findLog(
    instanceId: Parameters<InstanceSet['worker']>[0],
    taskId: string,
  ): ReturnType<ConstructorParameters<typeof LogStreams>[1]> {
    const task = (): ReturnType<InstanceSet['worker']> => this.#instances.worker(instanceId);
    const kind = task()?.runtime;
    const first = kind ? this.#runtimes.get(kind) : undefined;
    return {
      runtimes: first ? [first] : [...this.#runtimes.values()],
      ended: () => {
        const now = task()?.task;
        return !now || now.taskId !== taskId || isTerminal(now);
      },
    };
  }

  #dropOutput(low: boolean): void {
    for (const runtime of this.#runtimes.values()) runtime.dropOutput(low);
    this.#announced = '';
    this.#announce();
  }

  /** Tells the control plane what has changed about this host. */
  #announce(): void {
    const agent = this.#info();
    const text = JSON.stringify(agent);
    if (!this.#presence.connected || text === this.#announced) return;
    this.#announced = text;
    this.#session?.send({ type: 'agent-update', agent, diskLow: this.#disk.low });
  }

  #info(): AgentInfo {
    const orphans = this.#instances.orphans;
    const named = orphans.slice(0, 10).join(', ');
    const adrift = orphans.length
      ? [`no assignment names ${orphans.length} of this agent's instances: ${named}`]
      : [];
    const dropping = this.#disk.low ? ['less than 5 % of the disk is free: task output is dropped'] : [];
    return {
      ...this.#parts.host,
      id: this.identity.agentId,
      runtimes: [...this.#runtimes.keys()].sort(),
      warnings: [
        ...this.#parts.warnings,
        ...[...this.#runtimeWarnings.values()].flat(),
        ...(this.#journal.hangs ? [DISK_HANGS] : []),
        ...dropping,
        ...adrift,
      ],
    };
  }
}
