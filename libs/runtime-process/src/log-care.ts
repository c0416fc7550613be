// Keeps the logs of all tasks within their bounds: rotation, and the cut while the disk is nearly full (decisions.md 24).
import type { TaskId } from '#libs/model';
import type { Clock, Timer } from '#libs/time';
import type { Task } from './task.js';

export interface LogCareOptions {
  readonly clock: Clock;
  readonly logBytesMax?: number;
  readonly logFilesMax?: number;
}

/** While output is dropped logs are cut back this often. */
const DROP_MS = 1_000;

export class LogCare {
  #rotating: Promise<void> | undefined;
  #isDropping = false;
  #isClosed = false;
  #droppedBytes = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly tasks: ReadonlyMap<TaskId, Task>,
    private readonly options: LogCareOptions,
  ) {}

  get warnings(): readonly string[] {
    const warnings: string[] = [];
    if (this.#isDropping) warnings.push('task output is being dropped: the disk is nearly full');
    if (this.#droppedBytes) warnings.push(`${this.#droppedBytes} bytes of task output were dropped so far`);
    return warnings;
  }

  /** One round at a time; who asks meanwhile gets the round under way. */
  rotate(): Promise<void> {
    this.#rotating ??= this.#rotateAll().finally(() => (this.#rotating = undefined));
    return this.#rotating;
  }

  drop(drop: boolean): void {
    if (drop === this.#isDropping) return;
    this.#isDropping = drop;
    this.#timer?.cancel();
    this.#cut();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#rotating?.catch(() => undefined);
  }

  async #rotateAll(): Promise<void> {
    const { logBytesMax = 10 * 1024 * 1024, logFilesMax = 5 } = this.options;
    for (const task of this.tasks.values()) {
      if (task.logsAreFinal || this.#isDropping || this.#isClosed) continue;
      const isLast = task.exit !== undefined;
      await task.stdout.rotate(logBytesMax, logFilesMax);
      await task.stderr.rotate(logBytesMax, logFilesMax);
      task.logsAreFinal = isLast;
    }
  }

  /** The last cut, when dropping ends, takes what came since the one before. */
  #cut(): void {
    for (const task of this.tasks.values()) {
      if (task.exit) continue;
      for (const log of [task.stdout, task.stderr]) this.#droppedBytes += log.drop(this.#isDropping);
    }
    if (this.#isDropping && !this.#isClosed)
      this.#timer = this.options.clock.after(DROP_MS, () => this.#cut());
  }
}
