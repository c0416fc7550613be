// The worker of one instance: one step at a time, the newest assignment wins. It cancels waits and pulls; an engine call that starts
// a task finishes and is followed by the stop (decisions.md 19). What to do is decided by next-step.ts; how a task is carried
// through its life is done here. Closing a worker leaves its task running.
import type { Assignment, InstanceId, RuntimeKind, TaskExit } from '#libs/model';
import { newTaskId } from '#libs/model';
import { RuntimeError, type PullProgress, type Runtime, type TaskObservation } from '#libs/runtime';
import type { Clock, Ids, Timer } from '#libs/time';
import { EntrySaver } from './entry-saver.js';
import { nextStep, type Presence, type Step, type WorkerView } from './next-step.js';
import { wordsOf } from './pause.js';
import type { AgentLog, Journal, JournalEntry, Runtimes } from './seams.js';
import { adoptTask } from './adoption.js';
import {
  beginAutonomous,
  beginTask,
  ended,
  isTerminal,
  launchOf,
  reportOf,
  running,
  stoppedBeforeStart,
  UNKNOWN_GRACE_MS,
  type TaskRecord,
  type TaskReport,
} from './task-record.js';
import { TaskCalls, type TaskHandle } from './task-calls.js';
import type { TaskMonitor } from './task-monitor.js';

/** A step that failed in an unforeseen way is tried again after this. */
const RETRY_MS = 10_000;

export interface WorkerParts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: AgentLog;
  readonly journal: Journal;
  readonly runtimes: Runtimes;
  readonly monitor: TaskMonitor;
  presence(): Presence;
  report(report: TaskReport): void;
}

export class InstanceWorker {
  readonly #parts: WorkerParts;
  readonly #closing = new AbortController();
  readonly #saver: EntrySaver;
  readonly #calls: TaskCalls;
  #assignment: Assignment | null;
  /** The assignment is on disk. */
  #isAssigned = true;
  #task: TaskRecord | null;
  #delayMs: number;
  #condemned = false;
  /** Its runtime has not been asked yet what it knows: nothing is decided before. */
  #held: boolean;
  /** Tasks of this instance that a newer incarnation has replaced; stopped before anything else. */
  #strays: TaskHandle[] = [];
  #pulling: AbortController | null = null;
  #watching: AbortController | null = null;
  #observedExit: { readonly taskId: string; readonly exit: TaskExit } | null = null;
  #busy = false;
  #again = false;
  #alarm: Timer | null = null;
  constructor(
    parts: WorkerParts,
    readonly instanceId: InstanceId,
    entry: JournalEntry | null,
    held: boolean,
  ) {
    this.#parts = parts;
    this.#assignment = entry?.assignment ?? null;
    this.#task = entry?.task ?? null;
    this.#delayMs = entry?.delayMs ?? 0;
    this.#held = held;
    this.#calls = new TaskCalls(parts);
    this.#saver = new EntrySaver(parts, () => ({
      instanceId,
      assignment: this.#assignment,
      task: this.#task,
      delayMs: this.#delayMs,
    }));
  }

  get assignment(): Assignment | null {
    return this.#assignment;
  }
  get task(): TaskRecord | null {
    return this.#task;
  }
  get runtime(): RuntimeKind | null {
    return this.#task?.runtime ?? this.#assignment?.launch.runtime ?? null;
  }
  /** Nothing of it runs, and nothing will. */
  get finished(): boolean {
    return (
      !this.#held && !this.#busy && !this.#strays.length && (this.#task === null || isTerminal(this.#task))
    );
  }

  /** Resolves when the assignment is on disk; carrying it out begins then. */
  async assign(assignment: Assignment): Promise<void> {
    const before = this.#assignment;
    if (before && before.incarnation > assignment.incarnation) return;
    this.#condemned = false;
    if (before && JSON.stringify(before) === JSON.stringify(assignment)) {
      // it may have failed to be written when it came first
      await this.#saver.settled();
      if (this.#isAssigned || this.#assignment !== before) return;
      this.#isAssigned = true;
      return this.wake();
    }
    this.#assignment = assignment;
    this.#isAssigned = false;
    if (before?.taskId !== assignment.taskId) this.#delayMs = assignment.backoff.delayMs;
    this.#takeOver(assignment, before === null);
    await this.#saver.save();
    if (this.#assignment === assignment) this.#isAssigned = true;
    this.wake();
  }

  /** No complete set names it any more: it is watched on, and neither restarted nor stopped for now (decisions.md 7). */
  async release(): Promise<void> {
    // it may have failed to be written when it was let go of first
    if (!this.#assignment) return this.#saver.settled();
    this.#assignment = null;
    await this.#saver.save();
    this.wake();
  }

  /** Its runtime has not been asked yet, and its task may run: told as such, with nothing known of its health. */
  tellUnseen(): void {
    const task = this.#task;
    if (!this.#held || !task || isTerminal(task)) return;
    const { check: _, ...unseen } = task;
    this.#tell({ ...unseen, health: task.health.map(() => null), accepting: false });
  }

  /** Stops an orphan. */
  condemn(): void {
    if (this.#assignment) return;
    this.#condemned = true;
    this.wake();
  }

  /** What its runtime knows about this instance, running or ended; starts the work. */
  adopt(runtime: RuntimeKind, seen: readonly TaskObservation[]): void {
    const { task, strays } = adoptTask({
      runtime,
      seen,
      task: this.#task,
      assignment: this.#assignment,
      now: this.#parts.clock.now(),
    });
    this.#strays.push(...strays.map(({ taskId }) => ({ taskId, runtime })));
    this.#held = false;
    if (task !== this.#task) {
      this.#change(task);
      if (task?.phase === 'running') this.#watch(task);
    } else if (task) this.#tell(task);
    this.wake();
  }

  /** Something that its decisions depend on has changed. */
  wake(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    if (this.#pulling && this.#decide().kind === 'stop') this.#pulling.abort();
    if (this.#busy) this.#again = true;
    else void this.#work();
  }

  /** Stops working and watching; the task runs on. Resolves when the journal is written. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#alarm?.cancel();
    this.#watching?.abort();
    this.#pulling?.abort();
    await this.#saver.close();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    try {
      do {
        this.#again = false;
        await this.#turn();
      } while (this.#again && !this.#closing.signal.aborted);
    } catch (error) {
      this.#parts.log.error(
        { instance: this.instanceId, error: wordsOf(error) },
        'the step of an instance failed; it is tried again',
      );
      this.#wakeAt(this.#parts.clock.now() + RETRY_MS);
    } finally {
      this.#busy = false;
    }
  }

  async #turn(): Promise<void> {
    if (this.#closing.signal.aborted || this.#held) return;
    const task = this.#task;
    if (task && this.#observedExit?.taskId === task.taskId && !isTerminal(task)) {
      this.#finish(ended(task, this.#observedExit.exit, this.#parts.clock.now()));
    }
    const stray = this.#strays[0];
    if (stray) {
      await this.#calls.stop(stray, UNKNOWN_GRACE_MS, this.#closing.signal);
      this.#strays = this.#strays.filter((each) => each !== stray);
      this.#again = true;
      return;
    }
    const step = this.#decide();
    // an agent that is restarted must know what it started
    if (step.kind === 'start' && !this.#isAssigned) return;
    if (step.kind === 'wait') {
      if (step.at !== undefined) this.#wakeAt(step.at);
      return;
    }
    await this.#carryOut(step);
    this.#again = true;
  }

  #decide(): Step {
    const view: WorkerView = {
      assignment: this.#assignment,
      task: this.#task,
      condemned: this.#condemned,
      delayMs: this.#delayMs,
      presence: this.#parts.presence(),
      now: this.#parts.clock.now(),
    };
    return nextStep(view);
  }

  async #carryOut(step: Exclude<Step, { kind: 'wait' }>): Promise<void> {
    const now = this.#parts.clock.now();
    if (step.kind === 'stop') return this.#stop();
    if (step.kind === 'cancel')
      return this.#change(ended(beginTask(step.assignment, now), stoppedBeforeStart, now));
    const previous = this.#task;
    if (step.kind === 'start') {
      this.#change(beginTask(step.assignment, now));
    } else {
      const taskId = newTaskId(step.assignment.appId, this.#parts.ids.uuid());
      this.#delayMs = step.delayMs;
      this.#change(beginAutonomous(step.previous, step.assignment, taskId, now));
    }
    if (previous && previous.taskId !== this.#task?.taskId) this.#calls.clearAway(previous, false);
    if (this.#task?.launch) await this.#launch(this.#task);
  }

  async #launch(task: TaskRecord): Promise<void> {
    try {
      const runtime = this.#calls.runtimeOf(task);
      // an assignment is on disk already; a task of our own must be, or a restarted agent would not know it
      if (task.autonomous) await this.#saver.save();
      if (!(await this.#prepare(runtime, task))) return;
      const now = this.#parts.clock.now();
      const starting: TaskRecord = { ...(this.#task ?? task), phase: 'starting', since: now };
      if (this.#task?.phase !== 'starting') this.#change(starting);
      const seen = await this.#start(runtime, task);
      if (!seen) return;
      const runs = running(this.#task ?? task, seen, this.#parts.clock.now());
      this.#change(runs);
      this.#watch(runs);
    } catch (error) {
      this.#reject(error);
    }
  }

  /**
   * Null: closing. An engine that failed without a clear refusal may have started the task all the same, and the next incarnation must
   * never run beside it.
   */
  async #start(runtime: Runtime, task: TaskRecord): Promise<TaskObservation | null> {
    try {
      return await runtime.start(launchOf(task, task.launch ?? fail(task)));
    } catch (error) {
      const isRefusal = error instanceof RuntimeError && error.kind === 'rejected';
      if (isRefusal) throw error;
      const graceMs = task.launch?.killGraceMs ?? UNKNOWN_GRACE_MS;
      if (!(await this.#calls.makeSure(task, graceMs, this.#closing.signal))) return null;
      throw error;
    }
  }

  /** False: a newer assignment cancelled it, and its record says so. */
  async #prepare(runtime: Runtime, task: TaskRecord): Promise<boolean> {
    const pulling = new AbortController();
    this.#pulling = pulling;
    try {
      if (this.#decide().kind === 'stop') pulling.abort();
      await runtime.prepare(
        launchOf(task, task.launch ?? fail(task)),
        (pull) => this.#pulled(pull),
        pulling.signal,
      );
    } catch (error) {
      if (!pulling.signal.aborted) throw error;
    } finally {
      this.#pulling = null;
    }
    if (!pulling.signal.aborted) return true;
    if (!this.#closing.signal.aborted && this.#task)
      this.#change(ended(this.#task, stoppedBeforeStart, this.#parts.clock.now()));
    return false;
  }

  #pulled(pull: PullProgress): void {
    if (!this.#task || isTerminal(this.#task) || !this.#pulling) return;
    this.#task = { ...this.#task, phase: 'pulling', pull };
    this.#tell(this.#task);
  }

  #reject(error: unknown): void {
    if (!this.#task) return;
    const known = error instanceof RuntimeError ? error : null;
    const reason = known?.reason ?? 'temporary';
    const port = known?.port === undefined ? {} : { port: known.port };
    const { pull: _pull, ...task } = this.#task;
    this.#parts.log.warn(
      { instance: this.instanceId, task: task.taskId, reason, error: wordsOf(error) },
      'a task could not be started',
    );
    this.#change({
      ...task,
      phase: 'rejected',
      since: this.#parts.clock.now(),
      reject: { reason, message: wordsOf(error).slice(0, 2_000), ...port },
    });
  }

  async #stop(): Promise<void> {
    const task = this.#task;
    if (!task) return;
    const stopping: TaskRecord = {
      ...task,
      phase: 'stopping',
      since: this.#parts.clock.now(),
      accepting: false,
    };
    this.#change(stopping);
    this.#parts.monitor.stop(this.instanceId);
    const graceMs = task.launch?.killGraceMs ?? UNKNOWN_GRACE_MS;
    const exit = await this.#calls.stop(task, graceMs, this.#closing.signal);
    if (exit) this.#finish(ended(stopping, { ...exit, requested: true }, this.#parts.clock.now()));
  }

  #watch(task: TaskRecord): void {
    const watching = new AbortController();
    this.#watching?.abort();
    this.#watching = watching;
    this.#parts.monitor.start(task, (news) => {
      if (this.#task?.taskId !== task.taskId || this.#task.phase !== 'running') return;
      this.#task = { ...this.#task, ...news };
      // these stay true from the start of the task to its end, also for an agent that starts later
      if (news.accepting || news.readiness?.ready) this.#saver.soon();
      this.#tell(this.#task);
    });
    void this.#watchExit(task, watching.signal);
  }

  async #watchExit(task: TaskRecord, signal: AbortSignal): Promise<void> {
    const exit = await this.#calls.exitOf(task, signal);
    if (!exit) return;
    this.#observedExit = { taskId: task.taskId, exit };
    this.wake();
  }

  #finish(task: TaskRecord): void {
    this.#watching?.abort();
    this.#watching = null;
    this.#parts.monitor.stop(this.instanceId);
    this.#change(task);
  }

  #change(task: TaskRecord | null): void {
    this.#task = task;
    this.#saver.soon();
    if (task) this.#tell(task);
  }

  /** Orphans are not reported: the control plane does not know them. */
  #tell(task: TaskRecord): void {
    if (this.#assignment && !this.#closing.signal.aborted) this.#parts.report(reportOf(task));
  }

  /** The control plane has made the incarnation of the agent its own, or names a task that had none to name it. */
  #takeOver(assignment: Assignment, wasOrphan: boolean): void {
    const task = this.#task;
    if (!task) return;
    const same = task.taskId === assignment.taskId;
    const launch = same || task.launch === null ? assignment.launch : task.launch;
    this.#task = { ...task, launch, autonomous: task.autonomous && !same };
    if (wasOrphan && task.phase === 'running') this.#watch(this.#task);
    const news = this.#task.autonomous !== task.autonomous || (wasOrphan && (same || !isTerminal(task)));
    if (news) this.#tell(this.#task);
  }

  #wakeAt(at: number): void {
    this.#alarm?.cancel();
    this.#alarm = this.#parts.clock.after(Math.max(0, at - this.#parts.clock.now()), () => this.wake());
  }
}

function fail(task: TaskRecord): never {
  throw new RuntimeError('rejected', 'invalid', `task ${task.taskId} has no launch spec`);
}
