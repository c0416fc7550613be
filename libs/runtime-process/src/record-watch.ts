// Wakes whoever waits for a record: one watch on the folder of records for all tasks. Notices may be lost or late, so every
// wait has a time of its own, and the runtime looks at everything now and then.
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import type { TaskId } from '#libs/model';
import type { Clock } from '#libs/time';
import type { TaskRecords } from './task-records.js';

export class RecordWatch {
  readonly #waiting = new Map<TaskId, Set<() => void>>();
  #watcher: FSWatcher | undefined;

  constructor(
    private readonly records: TaskRecords,
    private readonly clock: Clock,
  ) {}

  /** `onExit` is called for each exit status that a shim writes. `onFailure`: folders cannot be watched, or no longer. */
  open(onExit: (taskId: TaskId) => void, onFailure: (error: Error) => void): void {
    try {
      this.#watcher = watch(this.records.folder, { persistent: false }, (_, fileName) => {
        const parsed = fileName ? this.records.parse(fileName) : null;
        if (parsed?.kind === 'exit') onExit(parsed.taskId);
        if (parsed?.kind === 'exit' || parsed?.kind === 'started') this.wake(parsed.taskId);
      });
      this.#watcher.on('error', onFailure);
    } catch (error) {
      onFailure(error as Error); // no inotify watches left: the looks must do
    }
  }

  /** Resolves at the next notice for this task, or after `maxMs`. */
  next(taskId: TaskId, maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(taskId) ?? new Set();
      this.#waiting.set(taskId, waiting);
      const done = (): void => {
        timer.cancel();
        waiting.delete(done);
        if (!waiting.size) this.#waiting.delete(taskId);
        resolve();
      };
      const timer = this.clock.after(maxMs, done);
      waiting.add(done);
    });
  }

  wake(taskId: TaskId): void {
    for (const done of [...(this.#waiting.get(taskId) ?? [])]) done();
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
