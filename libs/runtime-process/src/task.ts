// One task as this runtime knows it: its records, whether it has ended, and who waits for that.
import { join } from 'node:path';
import type { TaskExit } from '#libs/model';
import type { TaskObservation } from '#libs/runtime';
import { OutputLog } from './output-log.js';
import type { LaunchRecord, StartedRecord } from './task-records.js';

export class Task {
  readonly stdout: OutputLog;
  readonly stderr: OutputLog;
  /** Absent: ended before it began, e.g. by a restart of the host. */
  started: StartedRecord | undefined;
  exit: TaskExit | undefined;
  /** A stop of ours was begun; survives the agent. */
  requested = false;
  forgotten = false;
  /** Stops under way here: they give what is left of the task its grace time. */
  stops = 0;
  /** Ended, and rotated for the last time. */
  logsAreFinal = false;
  /** Its end is being dealt with. */
  settling = false;
  readonly #waiters = new Set<(exit: TaskExit) => void>();

  constructor(readonly launch: LaunchRecord) {
    this.stdout = new OutputLog(join(launch.sandbox, 'stdout'));
    this.stderr = new OutputLog(join(launch.sandbox, 'stderr'));
  }

  get observation(): TaskObservation {
    const { taskId, instanceId, appId, incarnation, startedAt } = this.launch;
    return {
      taskId,
      instanceId,
      appId,
      incarnation,
      state: this.exit ? 'ended' : 'running',
      startedAt,
      ...(this.exit && { exit: this.exit }),
      ...(this.started && { handle: String(this.started.pid) }),
      ipAddresses: [],
    };
  }

  end(exit: TaskExit): void {
    this.exit = exit;
    for (const waiter of this.#waiters) waiter(exit);
    this.#waiters.clear();
  }

  ended(signal?: AbortSignal): Promise<TaskExit> {
    return new Promise((resolve, reject) => {
      if (this.exit) return resolve(this.exit);
      if (signal?.aborted) return reject(signal.reason as Error);
      const give = (exit: TaskExit): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(exit);
      };
      const giveUp = (): void => {
        this.#waiters.delete(give);
        reject(signal?.reason as Error);
      };
      this.#waiters.add(give);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }
}
