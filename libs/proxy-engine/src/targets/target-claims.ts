// Counts what is in flight per task and remembers which tasks did not accept a connection. The counts decide when a task that
// has left the table may be stopped (promise 2), so each claim is released exactly once, whatever happens to its connection.
import type { TaskId } from '#libs/model';
import { ejectionMs, type RouteTarget, type TargetLoad } from '#libs/routing';
import type { Clock } from '#libs/time';

interface Ejection {
  readonly failures: number;
  readonly until: number;
}

export class TargetClaims implements TargetLoad {
  readonly #clock: Clock;
  readonly #onIdle: (task: TaskId) => void;
  readonly #counts = new Map<TaskId, number>();
  readonly #ejections = new Map<TaskId, Ejection>();

  /** `onIdle` is called each time a task's count falls to 0. */
  constructor(clock: Clock, onIdle: (task: TaskId) => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  /** Counts one request or connection to this target, until the returned function is called; calling it again does nothing. */
  claim(target: RouteTarget): () => void {
    const task = target.taskId;
    this.#counts.set(task, (this.#counts.get(task) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#counts.get(task) ?? 1) - 1;
      if (left > 0) this.#counts.set(task, left);
      else {
        this.#counts.delete(task);
        this.#onIdle(task);
      }
    };
  }

  inFlight(target: RouteTarget): number {
    return this.#counts.get(target.taskId) ?? 0;
  }

  isEjected(target: RouteTarget): boolean {
    const ejection = this.#ejections.get(target.taskId);
    return ejection !== undefined && ejection.until > this.#clock.now();
  }

  /** It did not accept a connection. Failures while it is out already (connects under way at once) count as one. */
  refused(target: RouteTarget): void {
    if (this.isEjected(target)) return;
    const failures = (this.#ejections.get(target.taskId)?.failures ?? 0) + 1;
    this.#ejections.set(target.taskId, { failures, until: this.#clock.now() + ejectionMs(failures) });
  }

  accepted(target: RouteTarget): void {
    this.#ejections.delete(target.taskId);
  }

  /** Forgets the failures of tasks that are no longer routed. Counts stay: they belong to connections. */
  keepOnly(tasks: ReadonlySet<TaskId>): void {
    for (const task of this.#ejections.keys()) {
      if (!tasks.has(task)) this.#ejections.delete(task);
    }
  }

  /** Only tasks with something in flight. */
  counts(): ReadonlyMap<TaskId, number> {
    return this.#counts;
  }
}
