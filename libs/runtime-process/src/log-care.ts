// Keeps the logs of all tasks within their bounds: rotation, and the cut while the disk is nearly full (decisions.md 24).
import type { TaskId } from '#libs/model';
import type { Clock, Timer } from '#libs/time';
import type { OutputLog } from './output-log.js';
import type { Task } from './task.js';

export interface LogCareOptions {
  readonly clock: Clock;
  readonly logBytesMax?: number;
  readonly logFilesMax?: number;
}

/** While output is dropped logs are cut back this often. */
const DROP_MS = 1_000;
/** A log that grew to twice its limit between two rounds belongs to a task that floods: it is looked at this often, for a while. */
const FLOOD_MS = 100;
const FLOOD_LASTS_MS = 5_000;

export class LogCare {
  #rotating: Promise<void> | undefined;
  #isDropping = false;
  #isClosed = false;
  #droppedBytes = 0;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  readonly #floodsUntil = new Map<OutputLog, number>();

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
    this.#soon?.cancel();
    await this.#rotating?.catch(() => undefined);
  }

  async #rotateAll(): Promise<void> {
    for (const task of this.tasks.values()) {
      if (task.logsAreFinal || this.#isDropping || this.#isClosed) continue;
      const isLast = task.exit !== undefined;
      await this.#rotateOne(task.stdout);
      await this.#rotateOne(task.stderr);
      task.logsAreFinal = isLast;
    }
    if (!this.#soon) this.#lookSoon();
  }

  async #rotateOne(log: OutputLog): Promise<void> {
    const { logBytesMax = 10 * 1024 * 1024, logFilesMax = 5, clock } = this.options;
    const size = await log.rotate(logBytesMax, logFilesMax);
    if (size > 2 * logBytesMax) this.#floodsUntil.set(log, clock.now() + FLOOD_LASTS_MS);
  }

  /** Only the logs that flood: a look at thousands ten times a second would cost too much. */
  #lookSoon(): void {
    this.#soon = undefined;
    const now = this.options.clock.now();
    for (const [log, until] of this.#floodsUntil) if (until <= now) this.#floodsUntil.delete(log);
    if (!this.#floodsUntil.size || this.#isClosed) return;
    this.#soon = this.options.clock.after(FLOOD_MS, () => {
      const round = this.#rotating ?? this.#rotateFlooding();
      this.#rotating = round;
      // what fails is said by the regular rounds
      void round
        .catch(() => undefined)
        .finally(() => {
          if (this.#rotating === round) this.#rotating = undefined;
          this.#lookSoon();
        });
    });
  }

  async #rotateFlooding(): Promise<void> {
    if (this.#isDropping) return;
    for (const log of [...this.#floodsUntil.keys()]) await this.#rotateOne(log);
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
