// How a task ends: noticed, cleared of everything that is left of it, reported; and how it is stopped. An end is told only when
// nothing of the task lives any more. Whoever is killed at any point here, the next look takes it up from the records.
import type { Clock, Timer } from '#libs/time';
import type { CgroupTree } from './cgroups.js';
import { reportExit } from './exit-report.js';
import type { TaskProcesses } from './task-processes.js';
import type { TaskRecords } from './task-records.js';
import type { Task } from './task.js';

export interface TaskEndingParts {
  readonly records: TaskRecords;
  readonly cgroups: CgroupTree;
  readonly processes: TaskProcesses;
  readonly clock: Clock;
  readonly logger: { warn(fields: object, message: string): void };
}

/** End of stderr in a message. */
const STDERR_BYTES = 2_048;
/** Between two looks at what is left after a SIGKILL; grows to the second. */
const LOOK_MS_FIRST = 5;
const LOOK_MS_MOST = 200;
/** Something that SIGKILL does not end hangs in the kernel (e.g. on a dead network disk): said once after this time. */
const STUCK_MS = 10_000;
/** A killed agent's shim that has not written who it is yet gets this long. */
const BEGIN_MS = 5_000;

export class TaskEnding {
  readonly #settling = new Set<Promise<void>>();
  readonly #waits = new Map<Timer, () => void>();
  #isClosed = false;

  constructor(private readonly parts: TaskEndingParts) {}

  /** Has it ended? Then its end is dealt with. Cheap, safe to call at any time. */
  look(task: Task): void {
    if (task.exit || task.settling || this.#isClosed || !this.#seemsOver(task)) return;
    task.settling = true;
    const settling = this.#settle(task)
      .catch((error: unknown) => {
        if (this.#isClosed) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.parts.logger.warn(
          { taskId: task.launch.taskId, reason },
          'the end of a task could not be recorded yet',
        );
      })
      .finally(() => {
        task.settling = false; // if it has no exit yet, the next look tries again
        this.#settling.delete(settling);
      });
    this.#settling.add(settling);
  }

  /** When every end under way is recorded, or the time is over. */
  async settled(withinMs: number): Promise<void> {
    await this.#within(withinMs, Promise.all(this.#settling));
  }

  /**
   * Looks at these: when each end that has happened by now is told, or the time is over. Also of those whose shim is only about to record
   * it; a stop of ours waits for its end itself, which may have a long grace time.
   */
  async told(tasks: Iterable<Task>, withinMs: number): Promise<void> {
    const over = new AbortController();
    const ends: Promise<unknown>[] = [];
    for (const task of tasks) {
      if (task.exit || task.requested || this.parts.processes.isMainAlive(task)) continue;
      this.look(task);
      ends.push(task.ended(over.signal).catch(() => undefined));
    }
    if (ends.length) await this.#within(withinMs, Promise.all(ends));
    over.abort();
  }

  async stop(task: Task, graceMs: number): Promise<void> {
    this.look(task);
    if (task.exit) return;
    const { processes, clock } = this.parts;
    task.stops += 1;
    try {
      await this.#ask(task);
      const deadline = clock.now() + graceMs;
      while (!task.exit && clock.now() < deadline) {
        this.#assertOpen();
        await this.#endedWithin(task, Math.min(LOOK_MS_MOST, deadline - clock.now()));
        this.look(task);
      }
      for (let wait = LOOK_MS_FIRST; !task.exit; wait = Math.min(wait * 1.5, LOOK_MS_MOST)) {
        this.#assertOpen();
        await processes.kill(task);
        this.look(task);
        await this.#endedWithin(task, wait);
      }
    } finally {
      task.stops -= 1;
    }
  }

  /** Ends under way stay unfinished, stops under way reject; the next runtime takes them up from the records. */
  close(): void {
    this.#isClosed = true;
    for (const [timer, callback] of [...this.#waits]) {
      this.#drop(timer);
      callback();
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error('the ProcessRuntime was closed meanwhile');
  }

  /** Who is seen gone is asked for his last word only afterwards. A killed shim alone is no end: the task runs on. */
  #seemsOver(task: Task): boolean {
    const { records, processes } = this.parts;
    if (!task.started) return true;
    if (!processes.isShimAlive(task) && !processes.isMainAlive(task)) return true;
    return records.exitStatusOf(task.launch.taskId) !== undefined;
  }

  async #settle(task: Task): Promise<void> {
    const { records, cgroups, processes } = this.parts;
    const { taskId, bootId, cgroups: folders, mem } = task.launch;
    if (!task.started && bootId === processes.boot && (await this.#begins(task))) return;
    await this.#clear(task);
    const status = records.exitStatusOf(taskId);
    const exit = reportExit({
      ...(status === undefined ? { unknownBecause: this.#reason(task) } : { status }),
      requested: task.requested,
      outOfMemory: status !== 0 && cgroups.sawOutOfMemory(folders),
      mem,
      stderr: await task.stderr.tail(STDERR_BYTES),
    });
    await records.write(taskId, 'result', JSON.stringify(exit));
    cgroups.remove(folders);
    task.end(exit);
  }

  #reason({ launch, started }: Task): string {
    if (launch.bootId !== this.parts.processes.boot) return 'the host was restarted';
    return started
      ? 'its shim was killed, so nobody saw how it ended'
      : 'the agent ended while it was being started';
  }

  /** The agent died during the start: does the task still come up? */
  async #begins(task: Task): Promise<boolean> {
    const { records, processes, clock } = this.parts;
    const deadline = clock.now() + BEGIN_MS;
    for (;;) {
      const isThere = (await processes.living(task)).length > 0; // first: the record may be written at any moment
      task.started = records.startedOf(task.launch.taskId);
      if (task.started) return true;
      this.#assertOpen();
      if (!isThere || clock.now() > deadline) return false;
      await this.#pause(LOOK_MS_MOST);
    }
  }

  /** Waits until nothing is left of it; kills what is left unless a stop gives it its grace time. */
  async #clear(task: Task): Promise<void> {
    const { processes, clock, logger } = this.parts;
    const since = clock.now();
    let isSaid = false;
    for (let wait = LOOK_MS_FIRST; ; wait = Math.min(wait * 1.5, LOOK_MS_MOST)) {
      const left = await processes.living(task);
      if (!left.length) return;
      this.#assertOpen();
      const hasGrace = task.stops > 0 && task.requested;
      if (!hasGrace) await processes.kill(task);
      if (!hasGrace && !isSaid && clock.now() - since > STUCK_MS) {
        isSaid = true;
        logger.warn(
          { taskId: task.launch.taskId, pids: left.map(({ pid }) => pid) },
          'processes of an ended task do not end on SIGKILL; waiting for them',
        );
      }
      await this.#pause(wait);
    }
  }

  /** SIGTERM, once; the mark comes first, so that the exit counts as requested also after a restart of the agent. */
  async #ask(task: Task): Promise<void> {
    const { records, processes, clock } = this.parts;
    const { taskId } = task.launch;
    const isFirst = !task.requested || task.stops === 1;
    if (!task.requested && records.exitStatusOf(taskId) === undefined) {
      task.requested = true;
      await records.write(taskId, 'stop', String(clock.now()));
    }
    if (isFirst) processes.signalGroup(task, 'SIGTERM');
  }

  #endedWithin(task: Task, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = new AbortController();
      const done = (): void => {
        waiting.abort();
        resolve();
      };
      const timer = this.#after(ms, done);
      task.ended(waiting.signal).then(
        () => {
          this.#drop(timer);
          resolve();
        },
        () => undefined, // the time was over
      );
    });
  }

  async #within(ms: number, done: Promise<unknown>): Promise<void> {
    let over = (): void => {};
    const late = new Promise<void>((resolve) => {
      over = resolve;
    });
    const timer = this.#after(ms, over);
    await Promise.race([done, late]);
    this.#drop(timer);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#after(ms, resolve));
  }

  #after(ms: number, callback: () => void): Timer {
    const timer = this.parts.clock.after(ms, () => {
      this.#waits.delete(timer);
      callback();
    });
    this.#waits.set(timer, callback);
    return timer;
  }

  #drop(timer: Timer): void {
    timer.cancel();
    this.#waits.delete(timer);
  }
}
