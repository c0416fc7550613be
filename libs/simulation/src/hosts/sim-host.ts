// One machine of the simulated cluster: its disk, its ports, its tasks and the real agent on top, started again and again. Tasks live
// on while the agent is dead; without power nothing lives, and nobody is told.
import { Agent } from '#libs/agent-core';
import type { AgentLog } from '#libs/agent-core';
import type { RuntimeKind, TaskId } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';
import type { SimNetwork } from '../engine/network.js';
import type { Random } from '../engine/random.js';
import { SimProcess, type ClockError } from '../engine/sim-process.js';
import type { Timeline } from '../engine/timeline.js';
import { wordsOf } from '../engine/words.js';
import { FIRST_HOST_PORT } from '../scenario/definition.js';
import type { AgentSize } from '../scenario/scenario.js';
import { AgentNetwork } from './agent-network.js';
import type { HostHooks } from './host-hooks.js';
import { MemoryJournal, SimDisk } from './memory-journal.js';
import { SimTask, type Doors, type Reply, type TaskEnd } from './sim-task.js';
import { SimulatedProbes, type Asked } from './simulated-probes.js';
import { SimulatedRuntime } from './simulated-runtime.js';

/** From the start of the program to its first look at its journal. */
const BOOT_MS = [150, 1_500] as const;
/** An agent that could not start is started again after this, as a supervisor does. */
const RESTART_MS = 2_000;
/** From the power to the start of the agent. */
const POWER_ON_MS = [5_000, 20_000] as const;
/** As the real agent: an engine that answers late is announced later, and looked for every few seconds. */
const ENGINE_WAIT_MS = 5_000;
const ENGINE_LOOK_MS = 5_000;
/** Shares of calls to a Docker Engine in trouble: refused, and carried out without an answer. */
const REFUSED = 0.6;
const UNANSWERED = 0.15;
/** Share of launches of processes that fail on a host in trouble. */
const UNFORKED = 0.5;

export type EngineCondition = 'ok' | 'errors' | 'slow';

export interface SimHostParts {
  readonly index: number;
  readonly size: AgentSize;
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  /** Of the whole run; the host and each of its tasks have streams of their own. */
  readonly random: Random;
  readonly hooks: HostHooks;
  /** Base URLs, such as `http://cp-0:8080`. */
  readonly controlPlanes: readonly string[];
  /** Absent: both. */
  readonly runtimes?: readonly RuntimeKind[];
  /** Asked for each life of the agent. */
  clockError(): ClockError;
}

export class SimHost implements Doors, Asked {
  readonly name: string;
  readonly address: string;
  readonly disk: SimDisk;
  /** Images that were pulled; as long as the disk lives. */
  readonly images = new Set<string>();
  readonly #parts: SimHostParts;
  readonly #random: Random;
  readonly #tasks = new Map<TaskId, SimTask>();
  readonly #listeners = new Map<string, SimTask | 'foreign'>();
  /** Who waits for the begin or for the end of a task. */
  readonly #begins = new Map<SimTask, Set<() => void>>();
  readonly #ends = new Map<SimTask, Set<() => void>>();
  #engine: EngineCondition = 'ok';
  #isBlind = false;
  #isPowered = true;
  #lives = 0;
  #handles = 0;
  #process: SimProcess | null = null;
  #agent: Agent | null = null;

  constructor(parts: SimHostParts) {
    this.#parts = parts;
    this.name = `agent-${parts.index}`;
    this.address = `10.0.0.${parts.index + 1}`;
    this.#random = parts.random.fork(this.name);
    this.disk = new SimDisk(this.#random);
  }

  // ---- what is, for checks

  get hooks(): HostHooks {
    return this.#parts.hooks;
  }
  get timeline(): Timeline {
    return this.#parts.timeline;
  }
  get size(): AgentSize {
    return this.#parts.size;
  }
  /** The ports that the agent offers, both ends included. */
  get ports(): { readonly from: number; readonly to: number } {
    return { from: FIRST_HOST_PORT, to: FIRST_HOST_PORT + this.#parts.size.ports - 1 };
  }
  get isPowered(): boolean {
    return this.#isPowered;
  }
  /** The process of the agent, the last one when it is dead. */
  get process(): SimProcess | null {
    return this.#process;
  }
  /** Null while it is dead or still starting. */
  get agent(): Agent | null {
    return this.#process?.isAlive ? this.#agent : null;
  }
  /** Alive, or ended and not yet cleared away. */
  get tasks(): readonly SimTask[] {
    return [...this.#tasks.values()];
  }
  get alive(): readonly SimTask[] {
    return this.tasks.filter((each) => each.isAlive);
  }
  task(id: TaskId): SimTask | undefined {
    return this.#tasks.get(id);
  }
  /** Who has this port of the host open; for a published one also before its program listens. */
  listener(port: number): SimTask | 'foreign' | null {
    return this.#listeners.get(`${this.address}:${port}`) ?? null;
  }
  get engine(): EngineCondition {
    return this.#engine;
  }
  get isBlind(): boolean {
    return this.#isBlind;
  }

  // ---- what can be done to it

  /** Does nothing while it lives or there is no power. */
  startAgent(): void {
    if (!this.#isPowered || this.#process?.isAlive) return;
    const { timeline, hooks } = this.#parts;
    const name = `${this.name}#${(this.#lives += 1)}`;
    const process = new SimProcess(timeline, this.name, name, this.#random, this.#parts.clockError());
    this.#process = process;
    this.#agent = null;
    hooks.note(name, 'starts');
    process.onKilled(() => hooks.note(name, 'is dead'));
    process.clock.after(this.#random.skewed(...BOOT_MS), () => void this.#boot(process));
  }
  /** kill -9; tasks run on. */
  killAgent(): void {
    this.#process?.kill();
  }
  freezeAgent(): void {
    if (!this.#process?.isAlive) return;
    this.#process.freeze();
    this.hooks.note(this.#process.name, 'is frozen');
  }
  thawAgent(): void {
    if (!this.#process?.isAlive || !this.#process.isFrozen) return;
    this.hooks.note(this.#process.name, 'goes on');
    this.#process.thaw();
  }
  powerOff(): void {
    if (!this.#isPowered) return;
    this.#isPowered = false;
    this.hooks.note(this.name, 'loses power');
    this.#process?.kill('power-off');
    for (const task of this.alive) {
      // a container that was made and not started is no task of anybody
      if (task.phase === 'starting' && task.runtime === 'docker') task.abandon();
      else task.powerOff();
    }
    for (const [door, who] of this.#listeners) if (who === 'foreign') this.#listeners.delete(door);
  }
  /** The agent is started by the system a few seconds later. */
  powerOn(): void {
    if (this.#isPowered) return;
    this.#isPowered = true;
    this.hooks.note(this.name, 'has power');
    this.timeline.after(this.#random.whole(...POWER_ON_MS), () => this.startAgent());
  }
  /** `errors`: most calls to the Docker Engine fail, some of them after they took effect, and processes can often not be forked. */
  setEngine(condition: EngineCondition): void {
    this.#engine = condition;
    this.#tellEnds();
  }
  fillDisk(isFilled: boolean): void {
    this.disk.fill(isFilled);
    this.#tellEnds();
  }
  /** Something that is not ours listens; false: one of ours has the port, so that it cannot. */
  takePort(port: number, isTaken: boolean): boolean {
    const door = `${this.address}:${port}`;
    const who = this.#listeners.get(door);
    if (who instanceof SimTask || !this.#isPowered) return false;
    if (isTaken) this.#listeners.set(door, 'foreign');
    else this.#listeners.delete(door);
    return true;
  }
  /** All checks fail, whatever the tasks do. */
  setBlind(isBlind: boolean): void {
    this.#isBlind = isBlind;
  }

  /** `index` counts its living tasks. */
  crashTask(index: number): void {
    this.alive[index]?.crash();
  }
  sicken(index: number, forMs: number): void {
    this.alive[index]?.sicken(forMs);
  }
  hang(index: number, forMs: number): void {
    this.alive[index]?.hang(forMs);
  }

  // ---- who listens, and what is answered; `http` and `tcp` also for requests that come from elsewhere

  open(address: string, port: number, task: SimTask): boolean {
    const door = `${address}:${port}`;
    const who = this.#listeners.get(door);
    if (who !== undefined && who !== task) return false;
    this.#listeners.set(door, task);
    return true;
  }
  close(task: SimTask): void {
    for (const [door, who] of this.#listeners) if (who === task) this.#listeners.delete(door);
  }
  http(address: string, port: number, path: string): Reply {
    if (!this.#isPowered) return { kind: 'silent', connected: false };
    const who = this.#listeners.get(`${address}:${port}`);
    if (who === undefined) return { kind: 'refused' };
    return who === 'foreign' ? { kind: 'answer', status: 404 } : who.http(path);
  }
  tcp(address: string, port: number): Reply {
    if (!this.#isPowered) return { kind: 'silent', connected: false };
    const who = this.#listeners.get(`${address}:${port}`);
    if (who === undefined) return { kind: 'refused' };
    return who === 'foreign' ? { kind: 'answer', status: 0 } : who.tcp();
  }

  // ---- for its runtimes

  /** A stream for what happens to this task alone. */
  randomOf(id: TaskId): Random {
    return this.#parts.random.fork(`task ${id}`);
  }
  /** From here on it is on this host, whatever becomes of the agent. */
  launch(runtime: RuntimeKind, launch: TaskLaunch, startedAt: number): SimTask {
    const number = (this.#handles += 1);
    const hasOwn = runtime === 'docker' && launch.spec.network !== 'host';
    const task = new SimTask({
      timeline: this.timeline,
      random: this.randomOf(launch.taskId),
      doors: this,
      launch,
      runtime,
      host: this.name,
      hostAddress: this.address,
      ownAddress: hasOwn ? `172.18.${this.#parts.index}.${(number % 250) + 2}` : null,
      handle: runtime === 'docker' ? `container-${number}` : String(1_000 + number),
      startedAt,
      begun: (each) => {
        this.hooks.running?.(this, each);
        this.#tellBegin(each);
      },
      ended: (each, how) => this.#ended(each, how),
    });
    this.#tasks.set(task.taskId, task);
    this.hooks.launching(this, task);
    return task;
  }
  clearAway(task: SimTask): void {
    this.#tasks.delete(task.taskId);
  }
  /** Whether this call to the Engine fails, and whether it was carried out. */
  engineFault(): 'refused' | 'unanswered' | null {
    if (this.#engine !== 'errors') return null;
    const share = this.#random.share();
    if (share < REFUSED) return 'refused';
    return share < REFUSED + UNANSWERED ? 'unanswered' : null;
  }
  canFork(): boolean {
    return this.#engine !== 'errors' || !this.#random.chance(UNFORKED);
  }
  engineCallMs(): number {
    return this.#engine === 'slow' ? this.#random.whole(500, 8_000) : this.#random.skewed(1, 40);
  }
  listMs(): number {
    return this.#random.skewed(1, 20);
  }
  /** Calls back when it no longer starts: at once if so. */
  whenBegun(task: SimTask, tell: () => void): void {
    if (task.phase !== 'starting') return tell();
    waitersOf(this.#begins, task).add(tell);
  }
  /** Calls back when its end can be seen through its runtime: at once if so. The returned function ends the wait. */
  whenEndSeen(task: SimTask, tell: () => void): () => void {
    if (this.isEndSeen(task)) {
      tell();
      return () => undefined;
    }
    const waiters = waitersOf(this.#ends, task);
    waiters.add(tell);
    return () => waiters.delete(tell);
  }
  /** An Engine in trouble tells nothing; the end of a process is a record on the disk. */
  isEndSeen(task: SimTask): boolean {
    if (task.isAlive) return false;
    if (task.runtime === 'docker') return this.#engine !== 'errors';
    if (!this.disk.isFull) task.isEndRecorded = true;
    return task.isEndRecorded;
  }

  #ended(task: SimTask, how: TaskEnd): void {
    if (how === 'not started') this.#tasks.delete(task.taskId);
    this.hooks.ended(this, task, how);
    this.#tellBegin(task);
    this.#tellEnds();
  }

  #tellBegin(task: SimTask): void {
    const waiters = this.#begins.get(task);
    this.#begins.delete(task);
    for (const tell of waiters ?? []) tell();
  }

  #tellEnds(): void {
    for (const [task, waiters] of this.#ends) {
      if (!this.isEndSeen(task)) continue;
      this.#ends.delete(task);
      for (const tell of waiters) tell();
    }
  }

  async #boot(process: SimProcess): Promise<void> {
    const { network, controlPlanes, runtimes = ['process', 'docker'] } = this.#parts;
    try {
      const agent = await Agent.open({
        clock: process.clock,
        ids: process.ids,
        network: new AgentNetwork(process, network, (epoch) => this.hooks.followed?.(this, epoch)),
        journal: new MemoryJournal(process, this.disk),
        probes: new SimulatedProbes(process, this),
        disk: { freeShare: () => Promise.resolve(this.disk.freeShare) },
        log: this.#log(process.name),
        controlPlanes,
        host: this.#facts(),
        warnings: [],
        refused: (reason) => this.hooks.note(process.name, `is refused for good: ${reason}`),
      });
      this.#agent = agent;
      if (runtimes.includes('process'))
        await agent.addRuntime(new SimulatedRuntime('process', this, process));
      if (runtimes.includes('docker')) await this.#findEngine(agent, process);
      agent.start();
    } catch (error) {
      this.hooks.note(process.name, `could not start: ${wordsOf(error)}`);
      process.kill();
      this.timeline.after(RESTART_MS, () => this.startAgent());
    }
  }

  /** Resolves when its tasks are adopted, or after a few seconds; it is looked for until it answers. */
  #findEngine(agent: Agent, process: SimProcess): Promise<void> {
    return new Promise((resolve) => {
      const timer = process.clock.after(ENGINE_WAIT_MS, resolve);
      const found = (): void => {
        timer.cancel();
        resolve();
      };
      const adopt = async (): Promise<void> => {
        await agent.addRuntime(new SimulatedRuntime('docker', this, process));
        found();
      };
      const look = (): void => {
        if (this.engineFault() === null) return void adopt();
        process.clock.after(ENGINE_LOOK_MS, look);
        found();
      };
      look();
    });
  }

  #facts(): Parameters<typeof Agent.open>[0]['host'] {
    const { cpus, mem, zone } = this.#parts.size;
    return {
      hostname: this.name,
      address: this.address,
      attributes: { zone },
      zone,
      resources: { cpus, mem, disk: 100_000, ports: [this.ports] },
      version: 'simulated',
    };
  }

  #log(name: string): AgentLog {
    const { hooks } = this;
    const note = (fields: object, message: string): void =>
      hooks.note(name, `${message} ${JSON.stringify(fields)}`);
    return {
      debug: () => undefined,
      info: note,
      warn: note,
      error: (fields, message) => {
        note(fields, `error: ${message}`);
        hooks.error?.(name, fields, message);
      },
    };
  }
}

function waitersOf(map: Map<SimTask, Set<() => void>>, task: SimTask): Set<() => void> {
  const waiters = map.get(task) ?? new Set();
  map.set(task, waiters);
  return waiters;
}
