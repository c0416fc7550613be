// The Runtime of one life of an agent over the tasks of its host, `process` or `docker`. It keeps the contract of libs/runtime as the
// real ones do: what has reached the system goes on without the agent; what has not is lost with it.
import type { RuntimeKind, TaskExit, TaskId } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import type {
  LogRead,
  PullProgress,
  Runtime,
  RuntimeHealth,
  TaskLaunch,
  TaskObservation,
} from '#libs/runtime';
import type { Random } from '../engine/random.js';
import type { SimProcess } from '../engine/sim-process.js';
import { noSpace } from './memory-journal.js';
import type { SimHost } from './sim-host.js';
import type { SimTask } from './sim-task.js';
import { behaviourOf, RELEASE_VARIABLE } from './task-temper.js';

/** Mostly near the first, seldom near the second, ms. */
type Range = readonly [number, number];

const KEPT_PER_INSTANCE = 2;
/** Before a launch has reached the system, and from there until it runs. */
const LAUNCH_MS: Readonly<Record<RuntimeKind, readonly [Range, Range]>> = {
  process: [
    [3, 300],
    [2, 200],
  ],
  docker: [
    [5, 200],
    [80, 3_000],
  ],
};
/** How much longer all takes on a slow engine. */
const SLOWNESS = 8;
const PULL_MS: Range = [300, 8_000];
const LONG_PULL_MS: Range = [60_000, 240_000];
/** Between two reports of a pull. */
const PROGRESS_MS = 2_000;
const PROGRESS_PARTS = 30;
const IMAGE_BYTES = 100_000_000;

export class SimulatedRuntime implements Runtime {
  readonly #starting = new Map<TaskId, Promise<TaskObservation>>();
  /** Containers that this life of the agent asked to stop: the Engine does not remember who did. */
  readonly #stopped = new Set<TaskId>();

  constructor(
    readonly kind: RuntimeKind,
    private readonly host: SimHost,
    private readonly process: SimProcess,
  ) {}

  health(): Promise<RuntimeHealth> {
    const { host, kind } = this;
    const isAway = kind === 'docker' && host.engineFault() !== null;
    return Promise.resolve({ usable: !isAway, warnings: isAway ? ['no Docker Engine answers'] : [] });
  }

  async list(): Promise<readonly TaskObservation[]> {
    const snapshot = (): TaskObservation[] =>
      this.#mine()
        .filter((each) => !each.isForgotten)
        // made and not started: either its start is under way, or a second start will find it
        .filter((each) => this.kind === 'process' || each.phase !== 'starting')
        .map((each) => this.#observe(each));
    if (this.kind === 'docker') return this.#engine('list containers', snapshot);
    // a process that is being launched is waited for
    await Promise.all(this.#mine().map((each) => this.#begun(each)));
    const listed = snapshot();
    await this.#pause(this.host.listMs());
    return listed;
  }

  async prepare(
    launch: TaskLaunch,
    progress: (pull: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    if (this.kind === 'process') return;
    const { spec, taskId, appId } = launch;
    const { image } = spec;
    if (!image) throw invalid(`app ${appId} has no image; set container.docker.image`);
    // each release is an image of its own, also where its name is the same
    const name = `${image} ${spec.env[RELEASE_VARIABLE] ?? ''}`;
    const isThere = await this.#engine(`look for image ${image}`, () => this.host.images.has(name));
    signal.throwIfAborted();
    if (isThere && !spec.forcePullImage) return;
    await this.#pull(launch, image, this.host.randomOf(taskId).fork('pull'), progress, signal);
    this.host.images.add(name);
  }

  start(launch: TaskLaunch): Promise<TaskObservation> {
    const underWay = this.#starting.get(launch.taskId);
    if (underWay) return underWay;
    const started = this.#start(launch).finally(() => this.#starting.delete(launch.taskId));
    this.#starting.set(launch.taskId, started);
    return started;
  }

  async waitForExit(taskId: TaskId, signal: AbortSignal): Promise<TaskExit> {
    const task = await this.#known(taskId);
    if (!task && this.kind === 'docker') {
      const requested = this.#stopped.has(taskId);
      const message = 'its container was removed from outside; the exit code is unknown';
      return { requested, outOfMemory: false, message };
    }
    if (!task) throw invalid(`task ${taskId} is not known here: it never ran, or was forgotten`);
    await this.#endSeen(task, signal);
    return this.#exitOf(task);
  }

  /** Ends are told in the moment in which they can be seen. */
  lookForEnds(): Promise<void> {
    return Promise.resolve();
  }

  async stop(taskId: TaskId, graceMs: number): Promise<void> {
    const { host, kind, process } = this;
    if (!process.isAlive) return never();
    if (kind === 'docker') return this.#stopContainer(taskId, graceMs);
    const task = await this.#known(taskId);
    if (!task || host.isEndSeen(task)) return;
    if (task.isAlive) host.hooks.stopAsked(host, task, graceMs);
    if (task.isAlive && !task.isStopRequested) {
      task.isStopRequested = true;
      // the mark comes before the signal, so that the exit counts as requested also for the next agent
      if (host.disk.isFull) throw noSpace();
    }
    task.terminate();
    const isOver = new AbortController();
    const late = process.clock.after(graceMs, () => isOver.abort());
    await this.#endSeen(task, isOver.signal).catch(() => task.kill());
    late.cancel();
    await this.#endSeen(task);
  }

  async execute(
    taskId: TaskId,
    _command: string,
    timeoutMs: number,
  ): Promise<{ code: number | null; output: string }> {
    const task = await this.#known(taskId);
    if (!task) throw invalid(`task ${taskId} is not known here`);
    const run = (): number | null => {
      if (!task.isAlive) throw invalid(`task ${taskId} has ended: nothing to check`);
      return this.host.isBlind ? 1 : task.command();
    };
    const code = this.kind === 'docker' ? await this.#engine(`run a command in ${task.handle}`, run) : run();
    if (code === null) await this.#pause(timeoutMs);
    return { code, output: code === 0 ? 'well' : 'not well' };
  }

  async readLog(
    taskId: TaskId,
    stream: 'stdout' | 'stderr',
    from: number,
    maxBytes: number,
  ): Promise<LogRead> {
    const task = await this.#known(taskId);
    if (!task) throw invalid(`task ${taskId} is not known here`);
    const bytes = Buffer.from(stream === 'stdout' ? `release ${task.release} runs\n` : '');
    const first = from < 0 ? Math.max(0, bytes.length + from) : Math.min(from, bytes.length);
    const next = Math.min(bytes.length, first + maxBytes);
    return { text: bytes.subarray(first, next).toString(), next };
  }

  async forget(taskId: TaskId, all: boolean): Promise<void> {
    const forget = (): void => {
      const task = this.#find(taskId);
      if (!task) return;
      if (task.isAlive) {
        // the Engine's runtime says so in its log and leaves it; that of processes refuses
        if (this.kind === 'docker') return;
        throw invalid(`task ${taskId} still runs: stop it first`);
      }
      task.isForgotten = true;
      this.#trim(task, all ? 0 : KEPT_PER_INSTANCE);
    };
    if (this.kind === 'docker') await this.#engine('rename a container', forget);
    else forget();
  }

  dropOutput(): void {
    // output of simulated tasks takes no space
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #start(launch: TaskLaunch): Promise<TaskObservation> {
    const known = await this.#known(launch.taskId);
    // also one that ended meanwhile: it was started once
    if (known) return this.#observe(known);
    const random = this.host.randomOf(launch.taskId).fork('launch');
    const slowness = this.kind === 'docker' && this.host.engine === 'slow' ? SLOWNESS : 1;
    const [before, after] = LAUNCH_MS[this.kind];
    await this.#pause(random.skewed(...before) * slowness);
    const make = (): SimTask => this.#make(launch, random.skewed(...after) * slowness);
    const task =
      this.kind === 'docker' ? await this.#engine(`start container ${launch.taskId}`, make) : make();
    await this.#begun(task);
    if (task.how !== 'not started') return this.#observe(task);
    const taken = this.#takenPort(launch);
    if (taken !== null) throw portTaken(taken);
    throw new RuntimeError(
      'temporary',
      'temporary',
      `container ${task.handle} was removed right after its start`,
    );
  }

  /** It reaches the system here, and runs a moment later whatever becomes of the agent. */
  #make(launch: TaskLaunch, afterMs: number): SimTask {
    const { host, kind, process } = this;
    if (host.disk.isFull) throw new RuntimeError('temporary', 'temporary', noSpace().message);
    if (kind === 'process' && !host.canFork())
      throw new RuntimeError('temporary', 'temporary', 'fork: resource temporarily unavailable');
    const taken = this.#takenPort(launch);
    if (taken !== null) throw portTaken(taken);
    const task = host.launch(kind, launch, process.clock.now());
    host.timeline.after(afterMs, () => task.run());
    return task;
  }

  /** A port of the launch that somebody has open. */
  #takenPort({ spec }: TaskLaunch): number | null {
    const taken = spec.ports.find(({ hostPort }) => hostPort !== 0 && this.host.listener(hostPort) !== null);
    return taken?.hostPort ?? null;
  }

  async #pull(
    { spec, taskId }: TaskLaunch,
    image: string,
    random: Random,
    progress: (pull: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const behaviour = behaviourOf(spec);
    const slowness = this.host.engine === 'slow' ? SLOWNESS : 1;
    const pullMs = random.skewed(...(behaviour === 'pulls-long' ? LONG_PULL_MS : PULL_MS)) * slowness;
    if (behaviour === 'image-missing') {
      await this.#pause(Math.min(pullMs, PROGRESS_MS), signal);
      const message = `could not pull image ${image}: manifest unknown`;
      throw new RuntimeError('rejected', 'image-not-found', message);
    }
    const stepMs = Math.max(PROGRESS_MS, Math.ceil(pullMs / PROGRESS_PARTS));
    for (let doneMs = 0; doneMs < pullMs; doneMs += stepMs) {
      await this.#pause(Math.min(stepMs, pullMs - doneMs), signal);
      if (this.host.engineFault() !== null) throw away(`pull image ${image} for ${taskId}`);
      const doneBytes = Math.round((IMAGE_BYTES * Math.min(doneMs + stepMs, pullMs)) / pullMs);
      if (doneMs + stepMs < pullMs)
        progress({ doneBytes, totalBytes: IMAGE_BYTES, text: `pulling ${image}: Downloading` });
    }
  }

  /** The Engine's own stop goes on when the agent dies. Grace is rounded up to whole seconds. */
  async #stopContainer(taskId: TaskId, graceMs: number): Promise<void> {
    const { host } = this;
    const asked = this.#find(taskId);
    if (asked?.isAlive) host.hooks.stopAsked(host, asked, graceMs);
    const task = await this.#engine(`stop container of ${taskId}`, () => {
      const found = this.#find(taskId);
      if (!found?.isAlive) return null;
      if (found.phase === 'starting') {
        found.abandon();
        return null;
      }
      this.#stopped.add(taskId);
      found.terminate();
      if (graceMs <= 0) found.kill();
      else host.timeline.after(Math.ceil(graceMs / 1_000) * 1_000, () => found.kill());
      return found;
    });
    if (task) await this.#endSeen(task);
  }

  #mine(): SimTask[] {
    return this.host.tasks.filter((each) => each.runtime === this.kind);
  }

  /** Once it no longer starts; null: there is none. */
  async #known(taskId: TaskId): Promise<SimTask | null> {
    if (!this.process.isAlive) return never();
    // a launch of ours that has not reached the system; the Engine knows nothing of such
    const starting = this.kind === 'process' ? this.#starting.get(taskId) : undefined;
    const task = this.#find(taskId);
    if (task) await this.#begun(task);
    else await starting?.catch(() => undefined);
    return this.#find(taskId);
  }

  #find(taskId: TaskId): SimTask | null {
    const task = this.host.task(taskId);
    return task?.runtime === this.kind ? task : null;
  }

  #observe(task: SimTask): TaskObservation {
    const { taskId, instanceId, appId, incarnation, startedAt, handle, ownAddress } = task;
    const hasEnded = this.kind === 'docker' ? !task.isAlive : this.host.isEndSeen(task);
    return {
      taskId,
      instanceId,
      appId,
      incarnation,
      state: hasEnded ? 'ended' : 'running',
      startedAt,
      handle,
      ipAddresses: ownAddress === null ? [] : [{ ipAddress: ownAddress, protocol: 'IPv4' }],
      ...(hasEnded ? { exit: this.#exitOf(task) } : {}),
    };
  }

  #exitOf(task: SimTask): TaskExit {
    return task.exit(this.kind === 'docker' ? this.#stopped.has(task.taskId) : task.isStopRequested);
  }

  #trim({ instanceId }: SimTask, kept: number): void {
    const ended = this.#mine()
      .filter((each) => each.isForgotten && each.instanceId === instanceId)
      .sort((a, b) => b.launchedAt - a.launchedAt || b.incarnation - a.incarnation);
    for (const each of ended.slice(kept)) this.host.clearAway(each);
  }

  /** One call to the Engine: it takes time, may be refused, and may be carried out without an answer. */
  #engine<T>(what: string, work: () => T): Promise<T> {
    const { host, process } = this;
    return new Promise((resolve, reject) => {
      process.clock.after(host.engineCallMs(), () => {
        try {
          const fault = host.engineFault();
          if (fault === 'refused') throw away(what);
          const result = work();
          if (fault === 'unanswered') throw away(what);
          resolve(result);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  #begun(task: SimTask): Promise<void> {
    return new Promise((resolve) => this.host.whenBegun(task, () => this.process.do(() => resolve())));
  }

  /** Rejects when aborted. */
  #endSeen(task: SimTask, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        leave();
        reject(new Error(`no longer waiting for task ${task.taskId}`));
      };
      signal?.addEventListener('abort', abort, { once: true });
      const leave = this.host.whenEndSeen(task, () =>
        this.process.do(() => {
          signal?.removeEventListener('abort', abort);
          resolve();
        }),
      );
      if (signal?.aborted) abort();
    });
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        timer.cancel();
        reject(new Error('aborted'));
      };
      const timer = this.process.clock.after(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted) abort();
    });
  }
}

/** For what a dead process asked. */
const never = <T>(): Promise<T> => new Promise(() => undefined);
const invalid = (message: string): RuntimeError => new RuntimeError('rejected', 'invalid', message);
const away = (what: string): RuntimeError =>
  new RuntimeError('temporary', 'temporary', `could not ${what}: no answer from the Docker Engine`);
const portTaken = (port: number): RuntimeError =>
  new RuntimeError(
    'rejected',
    'port-taken',
    `host port ${port} is taken on this host; another port is needed`,
    port,
  );
