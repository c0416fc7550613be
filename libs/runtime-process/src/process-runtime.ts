// Tasks as plain processes (decisions.md 21): each under a shim that outlives the agent, found again by its records. This file
// holds the set of tasks and answers the Runtime contract; how one starts, ends and is stopped is in the files beside it.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ArtifactFetcher } from '#libs/artifact-fetch';
import type { InstanceId, TaskExit, TaskId } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import type {
  LogRead,
  PullProgress,
  Runtime,
  RuntimeHealth,
  TaskLaunch,
  TaskObservation,
} from '#libs/runtime';
import type { Clock, Timer } from '#libs/time';
import { accountOf, closedTo } from './account.js';
import type { Account } from './account.js';
import { adoptTask } from './adoption.js';
import { CgroupTree } from './cgroups.js';
import { runCheck } from './command-check.js';
import { checkLaunch } from './launch-check.js';
import { Launcher } from './launcher.js';
import { ProcessTable } from './process-table.js';
import { LogCare } from './log-care.js';
import { RecordWatch } from './record-watch.js';
import { installShim } from './shim.js';
import type { ShimScripts } from './shim.js';
import { removeTask, removeUnused } from './sandbox.js';
import { TaskEnding } from './task-ending.js';
import { TaskProcesses } from './task-processes.js';
import { TaskRecords } from './task-records.js';
import type { Task } from './task.js';

/** The part of a logger that is used here. */
export interface RuntimeLog {
  warn(fields: object, message: string): void;
}

export interface ProcessRuntimeOptions {
  /** Sandboxes, records and shim live below it; one runtime at a time may use it. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: RuntimeLog;
  /** Names the agent's cgroups; absent: from the data folder. */
  readonly agent?: string;
  /** Shared by the runtimes of an agent, for its cache; absent: one of its own. */
  readonly fetcher?: ArtifactFetcher;
  /** false: no cgroups, as where the agent may not make them. Default true. */
  readonly limits?: boolean;
  /** Size at which a log file is rotated. Default 10 MiB. */
  readonly logBytesMax?: number;
  /** Files per stream, the one being written included. Default 5. */
  readonly logFilesMax?: number;
}

/** Looks at every task this often: a lost notice or a killed shim is seen at most this late. */
const LOOK_MS = 2_000;
/** At most this long a restart waits for ends that it found. */
const SETTLE_MS = 10_000;
/** At most this long a look waits for ends that it found: of what does not end on SIGKILL, or on a full disk, none is told for now. */
const TOLD_MS = 1_000;
const KEPT_PER_INSTANCE = 2;

export class ProcessRuntime implements Runtime {
  readonly kind = 'process';
  readonly #dataDir: string;
  readonly #sandboxes: string;
  /** Sandboxes are filled here, and moved when they are whole. */
  readonly #fetching: string;
  readonly #fetcher: ArtifactFetcher;
  readonly #records: TaskRecords;
  readonly #watch: RecordWatch;
  readonly #cgroups: CgroupTree;
  readonly #processes: TaskProcesses;
  readonly #ending: TaskEnding;
  readonly #launcher: Launcher;
  readonly #logs: LogCare;
  readonly #tasks = new Map<TaskId, Task>();
  readonly #starting = new Map<TaskId, Promise<Task>>();
  readonly #warnings = new Map<string, string>();
  #opening: Promise<ShimScripts> | undefined;
  #isClosed = false;
  #looks: Timer | undefined;

  constructor(private readonly options: ProcessRuntimeOptions) {
    const { clock } = options;
    this.#dataDir = resolve(options.dataDir);
    this.#sandboxes = join(this.#dataDir, 'sandboxes');
    this.#fetching = join(this.#dataDir, 'fetching');
    this.#fetcher =
      options.fetcher ?? new ArtifactFetcher({ cacheFolder: join(this.#dataDir, 'cache'), clock });
    const digest = createHash('sha256').update(this.#dataDir).digest('hex').slice(0, 12);
    const agent = (options.agent ?? digest).replace(/[^A-Za-z0-9_-]/g, '_');
    this.#records = new TaskRecords(join(this.#dataDir, 'records'));
    this.#watch = new RecordWatch(this.#records, clock);
    this.#cgroups =
      options.limits === false
        ? new CgroupTree([], agent, 'no cgroup limits: switched off')
        : CgroupTree.detect(agent);
    this.#processes = new TaskProcesses(this.#cgroups, new ProcessTable());
    this.#launcher = new Launcher({
      sandboxes: this.#sandboxes,
      records: this.#records,
      watch: this.#watch,
      cgroups: this.#cgroups,
      clock,
      bootId: this.#processes.boot,
    });
    this.#logs = new LogCare(this.#tasks, options);
    this.#ending = new TaskEnding({
      records: this.#records,
      cgroups: this.#cgroups,
      processes: this.#processes,
      clock,
      logger: options.logger,
    });
  }

  async health(): Promise<RuntimeHealth> {
    let usable = true;
    const warnings = [...this.#warnings.values()];
    try {
      await this.#open();
      await access('/bin/sh', constants.X_OK);
      await access(this.#records.folder, constants.W_OK);
    } catch (error) {
      usable = false;
      warnings.push(`processes cannot run here: ${error instanceof Error ? error.message : String(error)}`);
    }
    const limits = this.#cgroups.probe();
    if (limits) warnings.push(limits);
    return { usable, warnings: [...warnings, ...this.#logs.warnings] };
  }

  async list(): Promise<readonly TaskObservation[]> {
    await this.#open();
    return [...this.#tasks.values()].filter((task) => !task.forgotten).map((task) => task.observation);
  }

  /** Fetches into the sandbox what the app wants there before the start. */
  async prepare(
    launch: TaskLaunch,
    progress: (pull: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    await this.#open();
    const { fetch, user, disk } = launch.spec;
    if (!fetch?.length || this.#tasks.has(launch.taskId)) return;
    await checkLaunch(launch);
    const owner = await accountOf(user);
    const wish = {
      ...{ items: fetch, sandbox: this.#launcher.sandboxOf(launch), workFolder: this.#fetching },
      ...{ mode: owner ? 0o700 : 0o755, diskMib: disk, ...(owner ? { owner } : {}) },
    };
    await this.#fetcher.fill(wish, progress, signal);
  }

  async start(launch: TaskLaunch): Promise<TaskObservation> {
    const shim = await this.#open();
    const { taskId } = launch;
    const known = this.#tasks.get(taskId);
    if (known) return known.observation;
    let starting = this.#starting.get(taskId);
    if (!starting) {
      starting = this.#launch(launch, shim).finally(() => this.#starting.delete(taskId));
      this.#starting.set(taskId, starting);
    }
    return (await starting).observation;
  }

  async waitForExit(taskId: TaskId, signal: AbortSignal): Promise<TaskExit> {
    return (await this.#known(taskId)).ended(signal);
  }

  async lookForEnds(): Promise<void> {
    await this.#open();
    await this.#ending.told(this.#tasks.values(), TOLD_MS);
  }

  async stop(taskId: TaskId, graceMs: number): Promise<void> {
    await this.#open();
    // a start that fails leaves nothing to stop
    const task = this.#tasks.get(taskId) ?? (await this.#starting.get(taskId)?.catch(() => undefined));
    if (task) await this.#ending.stop(task, graceMs);
  }

  async execute(
    taskId: TaskId,
    command: string,
    timeoutMs: number,
  ): Promise<{ code: number | null; output: string }> {
    const { exit, launch } = await this.#known(taskId);
    if (exit) throw new RuntimeError('rejected', 'invalid', `task ${taskId} has ended: nothing to check`);
    const { account, env, sandbox: folder } = launch;
    return runCheck({ command, account, env, folder, timeoutMs }, this.options.clock);
  }

  async readLog(
    taskId: TaskId,
    stream: 'stdout' | 'stderr',
    from: number,
    maxBytes: number,
  ): Promise<LogRead> {
    return (await this.#known(taskId))[stream].read(from, maxBytes);
  }

  async forget(taskId: TaskId, all: boolean): Promise<void> {
    await this.#open();
    const task = this.#tasks.get(taskId);
    if (!task) return;
    if (!task.exit) throw new RuntimeError('rejected', 'invalid', `task ${taskId} still runs: stop it first`);
    if (!task.forgotten) await this.#records.write(taskId, 'forgotten', '');
    task.forgotten = true;
    const kept = all ? 0 : KEPT_PER_INSTANCE;
    await this.#trim(task.launch.instanceId, kept);
  }

  dropOutput(drop: boolean): void {
    this.#logs.drop(drop);
  }

  /** Rotates every log that is over its limit. Also done on its own at every look. */
  rotate(): Promise<void> {
    return this.#logs.rotate();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    await Promise.allSettled(this.#starting.values());
    this.#looks?.cancel();
    this.#watch.close();
    this.#ending.close();
    await this.#logs.close();
    await this.#cgroups.close(this.options.clock);
  }

  #open(): Promise<ShimScripts> {
    if (this.#isClosed) return Promise.reject(new Error('this ProcessRuntime is closed'));
    this.#opening ??= this.#load().catch((error: unknown) => {
      this.#opening = undefined; // the next call tries again
      throw error;
    });
    return this.#opening;
  }

  async #load(): Promise<ShimScripts> {
    // to be passed through by the accounts of tasks, and not to be looked around in
    await mkdir(this.#sandboxes, { recursive: true, mode: 0o711 });
    for (const folder of [this.#dataDir, this.#sandboxes]) await chmod(folder, 0o711);
    await this.#records.open();
    await this.#records.tidy();
    // half fetched by an agent that was killed; whoever wants it begins anew
    await rm(this.#fetching, { recursive: true, force: true });
    const shim = await installShim(join(this.#dataDir, 'shim'));
    this.#watch.open(
      (taskId) => this.#look(this.#tasks.get(taskId)),
      (error) =>
        this.#warn(
          'watch',
          `exits are seen late: ${this.#records.folder} cannot be watched (${error.message})`,
        ),
    );
    for (const [taskId, kinds] of await this.#records.all()) {
      const task = await adoptTask(taskId, kinds, this.#records);
      if (task) this.#tasks.set(taskId, task);
    }
    await removeUnused(this.#sandboxes, this.#tasks);
    this.#cgroups.prune(new Set(this.#tasks.keys()));
    for (const task of this.#tasks.values()) this.#look(task);
    // what ended meanwhile is known before anybody lists; a hanging process must not keep the agent from its other tasks
    await this.#ending.settled(SETTLE_MS);
    this.#keepLooking();
    return shim;
  }

  async #launch(launch: TaskLaunch, shim: ShimScripts): Promise<Task> {
    const task = await this.#launcher.launch(launch, shim, (ended) => this.#look(ended));
    this.#tasks.set(launch.taskId, task);
    this.#look(task);
    if (task.launch.account) await this.#checkReach(task.launch.account, task.launch.sandbox);
    return task;
  }

  /** Its own folder is open to it in any case, as where it is started; by its path only when all folders above are. */
  async #checkReach(account: Account, sandbox: string): Promise<void> {
    const closed = await closedTo(account, sandbox);
    if (closed === undefined) return;
    const remedy = 'give the agent another --data-dir, or open that folder by chmod o+x';
    this.#warn(
      `reach ${account.name}`,
      `tasks of user '${account.name}' cannot use the path in MESOS_SANDBOX, for ${closed} is closed to them: ${remedy}`,
    );
  }

  async #known(taskId: TaskId): Promise<Task> {
    await this.#open();
    const task = this.#tasks.get(taskId) ?? (await this.#starting.get(taskId));
    if (task) return task;
    throw new RuntimeError(
      'rejected',
      'invalid',
      `task ${taskId} is not known here: it never ran, or was forgotten`,
    );
  }

  /** Keeps the newest forgotten tasks of an instance, for their logs. */
  async #trim(instanceId: InstanceId, kept: number): Promise<void> {
    const ended = [...this.#tasks.values()]
      .filter((task) => task.forgotten && task.launch.instanceId === instanceId)
      .sort((a, b) => b.launch.startedAt - a.launch.startedAt || b.launch.incarnation - a.launch.incarnation);
    for (const task of ended.slice(kept)) {
      this.#tasks.delete(task.launch.taskId);
      await removeTask(task, this.#records);
    }
  }

  #look(task: Task | undefined): void {
    if (task && !this.#isClosed) this.#ending.look(task);
  }

  #keepLooking(): void {
    if (this.#isClosed) return;
    this.#looks = this.options.clock.after(LOOK_MS, () => {
      for (const task of this.#tasks.values()) this.#look(task);
      this.#cgroups.remove([]); // what was busy at the end of its task
      this.rotate()
        .catch((error: unknown) => this.#warn('rotate', `logs could not be rotated: ${String(error)}`))
        .finally(() => this.#keepLooking());
    });
  }

  #warn(key: string, message: string): void {
    if (!this.#warnings.has(key)) this.options.logger.warn({ dataDir: this.#dataDir }, message);
    this.#warnings.set(key, message);
  }
}
