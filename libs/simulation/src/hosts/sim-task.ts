// A task as it really is on its host, whatever anybody believes about it: when it runs, listens, works, and ends. It lives on while
// the agent is dead. Its ports are opened on the host, where another one may have them already.
import type { AppId, InstanceId, TaskExit, TaskId, Timestamp } from '#libs/model';
import type { RuntimeKind, LaunchSpec } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';
import type { Random } from '../engine/random.js';
import type { Scheduled, Timeline } from '../engine/timeline.js';
import { RELEASE_VARIABLE, temperOf, type Temper } from './task-temper.js';

/** `starting`: launched, and its runtime does not call it running yet. */
export type TaskPhase = 'starting' | 'running' | 'stopping' | 'ended';
/** How it ended, for a person and for checks. */
export type TaskEnd =
  | 'by itself' // as its behaviour says
  | 'crashed' // by a deed of the scenario
  | 'port taken' // it could not open its port
  | 'SIGTERM'
  | 'SIGKILL'
  | 'power-off'
  | 'not started'; // its runtime gave the launch up before it ran

/** What somebody gets who asks at a port. */
export type Reply =
  /** Nobody listens. */
  | { readonly kind: 'refused' }
  /** Nothing comes back, not even a connection when `connected` is false. */
  | { readonly kind: 'silent'; readonly connected: boolean }
  | { readonly kind: 'answer'; readonly status: number };

/** Where a task opens its ports; the host has the say. */
export interface Doors {
  /** False: somebody else has it. */
  open(address: string, port: number, task: SimTask): boolean;
  close(task: SimTask): void;
}

export interface SimTaskParts {
  readonly timeline: Timeline;
  /** Of this task alone. */
  readonly random: Random;
  readonly doors: Doors;
  readonly launch: TaskLaunch;
  readonly runtime: RuntimeKind;
  /** Name of the host. */
  readonly host: string;
  readonly hostAddress: string;
  /** Of the task itself, in a container network; null with the network of the host. */
  readonly ownAddress: string | null;
  /** pid or container id. */
  readonly handle: string;
  /** As its runtime tells it: by the clock of the agent that launched it. */
  readonly startedAt: number;
  /** It runs, or was given up. */
  begun(task: SimTask): void;
  ended(task: SimTask, how: TaskEnd): void;
}

/** Exit code of a process that a signal ended. */
const BY_SIGNAL = { SIGTERM: 143, SIGKILL: 137 } as const;
/** A path that is asked by the readiness check, also of tasks that were started without one. */
export const READY_PATH = '/ready';

export class SimTask {
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly appVersion: Timestamp;
  readonly incarnation: number;
  readonly host: string;
  /** That it may open. */
  readonly hostPorts: readonly number[];
  readonly spec: LaunchSpec;
  readonly runtime: RuntimeKind;
  readonly release: number;
  readonly temper: Temper;
  readonly handle: string;
  readonly startedAt: number;
  readonly ownAddress: string | null;
  /** True time, epoch ms. */
  readonly launchedAt: number;
  readonly #parts: SimTaskParts;
  #phase: TaskPhase = 'starting';
  #runningAt: number | null = null;
  #listeningSince: number | null = null;
  #endedAt: number | null = null;
  #how: TaskEnd | null = null;
  #exitCode: number | null = null;
  #sickUntil = 0;
  #hungUntil = 0;
  #termed = false;
  readonly #timers: Scheduled[] = [];
  /** What it has once answered well. */
  readonly #passed = new Set<string>();
  readonly #endListeners: (() => void)[] = [];
  /** SIGTERM was sent because its runtime was asked for it; survives the agent with process tasks only. */
  isStopRequested = false;
  /** Ended, and the agent needs it no more. */
  isForgotten = false;
  /** Its end is on record where its runtime looks for it. */
  isEndRecorded = false;

  constructor(parts: SimTaskParts) {
    const { taskId, instanceId, appId, appVersion, incarnation, spec } = parts.launch;
    this.#parts = parts;
    this.taskId = taskId;
    this.instanceId = instanceId;
    this.appId = appId;
    this.appVersion = appVersion;
    this.incarnation = incarnation;
    this.host = parts.host;
    this.hostPorts = spec.ports.map(({ hostPort }) => hostPort).filter((port) => port !== 0);
    this.spec = spec;
    this.runtime = parts.runtime;
    this.release = Number(spec.env[RELEASE_VARIABLE] ?? 0);
    this.temper = temperOf(spec, parts.random.fork('temper'));
    this.handle = parts.handle;
    this.startedAt = parts.startedAt;
    this.ownAddress = parts.ownAddress;
    this.launchedAt = parts.timeline.now;
  }

  get phase(): TaskPhase {
    return this.#phase;
  }
  get isAlive(): boolean {
    return this.#phase !== 'ended';
  }
  /** True times, epoch ms; null: not yet. */
  get runningAt(): number | null {
    return this.#runningAt;
  }
  get listeningSince(): number | null {
    return this.#listeningSince;
  }
  get endedAt(): number | null {
    return this.#endedAt;
  }
  get how(): TaskEnd | null {
    return this.#how;
  }
  /** Null while it runs, and when nobody saw it. */
  get exitCode(): number | null {
    return this.#exitCode;
  }
  get isHung(): boolean {
    return this.#parts.timeline.now < this.#hungUntil;
  }
  /** It takes connections. */
  get accepts(): boolean {
    return this.#listeningSince !== null;
  }
  get isAnswering(): boolean {
    return this.accepts && !this.isHung;
  }
  /** Would pass all its health checks now; without any: takes connections, if it has ports. */
  get isWell(): boolean {
    if (this.#runningAt === null || !this.isAlive) return false;
    const { healthChecks } = this.spec;
    if (!healthChecks.length) return this.accepts || !this.spec.ports.length;
    return healthChecks.every(({ protocol }) =>
      protocol === 'COMMAND' ? this.#commandNow() === 0 : this.accepts && this.#works,
    );
  }
  /** Whoever asked it has got a good answer once from each of its health checks and its readiness check; without the former, from a port. */
  get wasReady(): boolean {
    const { healthChecks, readinessCheck, ports } = this.spec;
    const isPassed = ({ protocol, path }: (typeof healthChecks)[number]): boolean => {
      if (protocol === 'COMMAND') return this.#passed.has('command');
      return this.#passed.has(protocol.includes('HTTP') ? `GET ${path || '/'}` : 'tcp');
    };
    // an app's own checks have the say; a port that none of them asks may be closed for good
    const isUnwatched = !healthChecks.length && ports.length > 0;
    return (
      this.#runningAt !== null &&
      healthChecks.every(isPassed) &&
      (!readinessCheck || this.#passed.has(`GET ${readinessCheck.path}`)) &&
      (!isUnwatched || this.#passed.has('tcp'))
    );
  }
  get #works(): boolean {
    const { now } = this.#parts.timeline;
    const isSick = now < this.#sickUntil || this.isHung;
    return this.#runningAt !== null && !isSick && this.temper.isWell(now - this.#runningAt);
  }
  /** Its runtime has done its part. False: a port that its runtime publishes for it is taken. */
  run(): boolean {
    if (this.#phase !== 'starting') return this.isAlive;
    if (this.isPublished && !this.#openAll()) {
      this.#end('not started', null);
      return false;
    }
    this.#phase = 'running';
    this.#runningAt = this.#parts.timeline.now;
    const { listensAfterMs, endsAfterMs, exitCode } = this.temper;
    if (endsAfterMs !== null) this.#after(endsAfterMs, () => this.#end('by itself', exitCode));
    if (listensAfterMs !== null) this.#after(listensAfterMs, () => this.#listen());
    this.#parts.begun(this);
    return true;
  }

  /** The Engine holds the host ports of a container with a network of its own from its start to its end. */
  get isPublished(): boolean {
    return this.runtime === 'docker' && this.spec.network !== 'host';
  }

  /** SIGTERM. It ends in its own time, or not. */
  terminate(): void {
    if (!this.isAlive || this.#phase === 'starting') return;
    this.#phase = 'stopping';
    if (this.#termed) return;
    this.#termed = true;
    const { termMs, termCode, servesToTheEnd } = this.temper;
    if (termMs === null) return;
    if (!servesToTheEnd) this.#stopListening();
    // who hangs hears the signal once he is himself again
    const hungMs = Math.max(0, this.#hungUntil - this.#parts.timeline.now);
    this.#after(hungMs + termMs, () => this.#end('SIGTERM', termCode));
  }

  /** SIGKILL to all of it. */
  kill(): void {
    this.#end('SIGKILL', BY_SIGNAL.SIGKILL);
  }
  /** Its runtime gives the launch up, or takes back what it had made. */
  abandon(): void {
    this.#end('not started', null);
  }
  powerOff(): void {
    this.#end('power-off', null);
  }

  // ---- deeds of a scenario
  crash(exitCode = 1): void {
    if (this.#phase !== 'starting') this.#end('crashed', exitCode);
  }
  /** Answers 500 for so long. */
  sicken(forMs: number): void {
    this.#sickUntil = Math.max(this.#sickUntil, this.#parts.timeline.now + forMs);
  }
  /** Answers nothing for so long. */
  hang(forMs: number): void {
    this.#hungUntil = Math.max(this.#hungUntil, this.#parts.timeline.now + forMs);
  }

  // ---- what it answers; only for ports that the host says are its own
  http(path: string): Reply {
    // a published port without a listener behind it: the connection goes to the container, which refuses it
    if (!this.accepts) return { kind: 'refused' };
    if (this.isHung) return { kind: 'silent', connected: true };
    if (!this.#works) return { kind: 'answer', status: 500 };
    const isReadiness = path === (this.spec.readinessCheck?.path ?? READY_PATH);
    if (isReadiness && !this.temper.isEverReady) return { kind: 'answer', status: 503 };
    this.#passed.add(`GET ${path}`);
    return { kind: 'answer', status: 200 };
  }
  tcp(): Reply {
    const isJudgedByIt = this.spec.healthChecks.some(({ protocol }) => protocol.endsWith('TCP'));
    // the backlog of a hung one still takes connections
    const isOpen = this.accepts && (this.isHung || !isJudgedByIt || this.#works);
    if (!isOpen) return { kind: 'refused' };
    this.#passed.add('tcp');
    return { kind: 'answer', status: 0 };
  }
  /** Exit code of its COMMAND check; null: no result. */
  command(): number | null {
    const code = this.#commandNow();
    if (code === 0) this.#passed.add('command');
    return code;
  }
  #commandNow(): number | null {
    if (this.isHung) return null;
    return (this.accepts || !this.spec.ports.length) && this.#works ? 0 : 1;
  }

  /** As its runtime words it. */
  exit(requested: boolean): TaskExit {
    const code = this.#exitCode;
    const base = { requested, outOfMemory: false };
    if (this.#how === 'power-off') {
      // an Engine that comes back calls all that ran 255
      return this.runtime === 'docker'
        ? { ...base, code: 255, message: 'exited with code 255' }
        : { ...base, message: 'exit unknown: the host was restarted' };
    }
    if (code === null) return { ...base, message: 'exit unknown: nobody saw it end' };
    const signal = code === BY_SIGNAL.SIGKILL ? 'SIGKILL' : code === BY_SIGNAL.SIGTERM ? 'SIGTERM' : null;
    if (signal && (requested || this.runtime === 'process'))
      return { ...base, code, signal, message: `killed by signal ${code - 128} (${signal})` };
    const why = this.#how === 'port taken' ? '; stderr ends with:\nlisten EADDRINUSE' : '';
    return { ...base, code, message: `exited with code ${code}${why}` };
  }

  #listen(): void {
    if (!this.isAlive || (this.#termed && !this.temper.servesToTheEnd)) return;
    if (!this.isPublished && !this.#openAll()) return this.#end('port taken', 1);
    this.#listeningSince = this.#parts.timeline.now;
  }

  #stopListening(): void {
    this.#listeningSince = null;
    if (!this.isPublished) this.#parts.doors.close(this);
  }

  #openAll(): boolean {
    const { doors, hostAddress } = this.#parts;
    return this.spec.ports.every(({ hostPort, containerPort }) => {
      if (hostPort !== 0) return doors.open(hostAddress, hostPort, this);
      if (this.ownAddress === null || containerPort === undefined) return true;
      return doors.open(this.ownAddress, containerPort, this);
    });
  }

  /** Calls back once, in the moment it ends; at once if it has. */
  onEnd(tell: () => void): void {
    if (this.isAlive) this.#endListeners.push(tell);
    else tell();
  }

  #end(how: TaskEnd, exitCode: number | null): void {
    if (!this.isAlive) return;
    for (const timer of this.#timers) timer.cancel();
    this.#phase = 'ended';
    this.#how = how;
    this.#exitCode = exitCode;
    this.#endedAt = this.#parts.timeline.now;
    this.#listeningSince = null;
    this.#parts.doors.close(this);
    this.#parts.ended(this, how);
    for (const tell of this.#endListeners) tell();
  }

  #after(ms: number, callback: () => void): void {
    this.#timers.push(this.#parts.timeline.after(ms, callback));
  }
}
