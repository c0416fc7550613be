// A Runtime in memory for specs and the simulator: tasks live as long as this object, so a "restarted" agent over the same object
// finds them again. What would take time or fail in the world is commanded by the test.
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
import type { Clock } from '#libs/time';

interface FakeTask {
  readonly launch: TaskLaunch;
  readonly startedAt: number;
  readonly handle: string;
  readonly waiters: Set<(exit: TaskExit) => void>;
  exit?: TaskExit;
  forgotten: boolean;
  log: string;
}

/** A promise that the test opens. */
interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export class FakeRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #tasks = new Map<TaskId, FakeTask>();
  #pids = 1_000;
  #refusal: Error | null = null;
  #lostAnswer: Error | null = null;
  #stopFailure: Error | null = null;
  #pull: Gate | null = null;
  #start: Gate | null = null;
  /** Ends that nobody has noticed; null: each is noticed at once. */
  #unnoticed: (() => void)[] | null = null;
  #lookFailure: Error | null = null;
  /** Every launch that really started a task, in order. */
  readonly started: TaskLaunch[] = [];
  /** Every stop that was asked for. */
  readonly stopped: { readonly taskId: TaskId; readonly graceMs: number }[] = [];
  dropping = false;
  /** Answers of `execute`; an error: it rejects with it. */
  commandExit: number | null | Error = 0;
  /** Every command that was executed, in order. */
  readonly executed: string[] = [];

  constructor(
    clock: Clock,
    readonly kind: RuntimeKind = 'process',
  ) {
    this.#clock = clock;
  }

  /** The next starts fail with this; null: they work again. */
  refuse(error: Error | null): void {
    this.#refusal = error;
  }
  /** The next starts take effect and fail with this all the same, as when an engine's answer is lost; null: they answer again. */
  loseAnswers(error: Error | null): void {
    this.#lostAnswer = error;
  }
  /** Stops fail with this and do nothing; null: they work again. */
  failStops(error: Error | null): void {
    this.#stopFailure = error;
  }
  /** Pulls hang until the returned function is called. */
  holdPulls(): () => void {
    this.#pull = gate();
    return this.#pull.open;
  }
  /** Starts hang until the returned function is called. */
  holdStarts(): () => void {
    this.#start = gate();
    return this.#start.open;
  }
  /** From now on ends by themselves are told only when somebody looks for them. */
  holdEnds(): void {
    this.#unnoticed ??= [];
  }
  /** Looks for ends fail with this; null: they work again. */
  failLooks(error: Error | null): void {
    this.#lookFailure = error;
  }
  /** The task ends by itself. */
  crash(taskId: TaskId, code = 1): void {
    const task = this.#known(taskId);
    const end = (): void =>
      this.#end(task, { code, requested: false, outOfMemory: false, message: `exit ${code}` });
    if (this.#unnoticed) this.#unnoticed.push(end);
    else end();
  }
  /** As if a person had removed it behind our back. */
  vanish(taskId: TaskId): void {
    this.#tasks.delete(taskId);
  }
  write(taskId: TaskId, text: string): void {
    this.#known(taskId).log += text;
  }
  running(): readonly TaskId[] {
    return [...this.#tasks.values()].filter((each) => !each.exit).map((each) => each.launch.taskId);
  }

  health(): Promise<RuntimeHealth> {
    return Promise.resolve({ usable: true, warnings: [] });
  }

  list(): Promise<readonly TaskObservation[]> {
    return Promise.resolve([...this.#tasks.values()].filter((each) => !each.forgotten).map(observe));
  }

  async prepare(
    _launch: TaskLaunch,
    progress: (pull: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#pull) return;
    progress({ doneBytes: 1, totalBytes: 2, text: 'pulling' });
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    });
    signal.throwIfAborted();
    await Promise.race([this.#pull.opened, aborted]);
  }

  async start(launch: TaskLaunch): Promise<TaskObservation> {
    if (this.#start) await this.#start.opened;
    const known = this.#tasks.get(launch.taskId);
    if (known) return observe(known);
    if (this.#refusal) throw this.#refusal;
    const task: FakeTask = {
      launch,
      startedAt: this.#clock.now(),
      handle: String((this.#pids += 1)),
      waiters: new Set(),
      forgotten: false,
      log: '',
    };
    this.#tasks.set(launch.taskId, task);
    this.started.push(launch);
    if (this.#lostAnswer) throw this.#lostAnswer;
    return observe(task);
  }

  async waitForExit(taskId: TaskId, signal: AbortSignal): Promise<TaskExit> {
    const task = this.#known(taskId);
    if (task.exit) return task.exit;
    return new Promise((resolve, reject) => {
      task.waiters.add(resolve);
      signal.addEventListener('abort', () => {
        task.waiters.delete(resolve);
        reject(new Error('aborted'));
      });
    });
  }

  lookForEnds(): Promise<void> {
    if (this.#lookFailure) return Promise.reject(this.#lookFailure);
    for (const tell of this.#unnoticed?.splice(0) ?? []) tell();
    return Promise.resolve();
  }

  stop(taskId: TaskId, graceMs: number): Promise<void> {
    this.stopped.push({ taskId, graceMs });
    if (this.#stopFailure) return Promise.reject(this.#stopFailure);
    const task = this.#tasks.get(taskId);
    if (task)
      this.#end(task, {
        code: 143,
        signal: 'SIGTERM',
        requested: true,
        outOfMemory: false,
        message: 'stopped',
      });
    return Promise.resolve();
  }

  execute(_taskId: TaskId, command: string): Promise<{ code: number | null; output: string }> {
    this.executed.push(command);
    if (this.commandExit instanceof Error) return Promise.reject(this.commandExit);
    return Promise.resolve({ code: this.commandExit, output: 'from the fake' });
  }

  async readLog(
    taskId: TaskId,
    _stream: 'stdout' | 'stderr',
    from: number,
    maxBytes: number,
  ): Promise<LogRead> {
    const bytes = Buffer.from(this.#known(taskId).log);
    const first = from < 0 ? Math.max(0, bytes.length + from) : Math.min(from, bytes.length);
    const next = Math.min(bytes.length, first + maxBytes);
    return { text: bytes.subarray(first, next).toString(), next };
  }

  forget(taskId: TaskId, all: boolean): Promise<void> {
    const task = this.#tasks.get(taskId);
    if (!task?.exit) return Promise.resolve();
    task.forgotten = true;
    if (all) this.#tasks.delete(taskId);
    return Promise.resolve();
  }

  dropOutput(drop: boolean): void {
    this.dropping = drop;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #known(taskId: TaskId): FakeTask {
    const task = this.#tasks.get(taskId);
    if (!task) throw new RuntimeError('rejected', 'invalid', `task ${taskId} is not known here`);
    return task;
  }

  #end(task: FakeTask, exit: TaskExit): void {
    if (task.exit) return;
    task.exit = exit;
    for (const tell of task.waiters) tell(exit);
    task.waiters.clear();
  }
}

function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

const observe = ({ launch, startedAt, handle, exit }: FakeTask): TaskObservation => ({
  taskId: launch.taskId,
  instanceId: launch.instanceId,
  appId: launch.appId,
  incarnation: launch.incarnation,
  state: exit ? 'ended' : 'running',
  startedAt,
  handle,
  ipAddresses: [],
  ...(exit ? { exit } : {}),
});
