// What is to happen to requests and connections in flight when their target leaves the table, or the proxy stops: they may go on for the
// drain time, then they are ended in the way their protocol wants, a little before the control plane would stop the task under them.
// The control plane counts the drain time from the moment in which the last proxy has confirmed the table without the target
// (decisions.md 11); this proxy swaps that table before it confirms it. So an end counted from the swap is always the earlier one, on
// any clock, and no deadline has to be told.
import type { TaskId } from '#libs/model';
import type { RouteTable, RouteTarget } from '#libs/routing';
import type { Clock, Timer } from '#libs/time';

/** Without the label `longrun.io/drain-seconds`. */
export const DRAIN_MS = 30_000;
/** What an orderly end (a close frame and its answer) may take. At most this, and at most a quarter of the drain time. */
const MARGIN_MS = 2_000;

interface Watched {
  readonly target: RouteTarget;
  readonly end: () => void;
}

export class Departures {
  readonly #clock: Clock;
  readonly #watched = new Map<TaskId, Set<Watched>>();
  /** Tasks that have left with something in flight, and when that is ended. */
  readonly #timers = new Map<TaskId, Timer>();
  #routed: ReadonlySet<TaskId> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `end` is called at most once, unless the returned function was called before. It must not throw. */
  watch(target: RouteTarget, end: () => void): () => void {
    const entry = { target, end };
    const known = this.#watched.get(target.taskId);
    if (known) known.add(entry);
    else this.#watched.set(target.taskId, new Set([entry]));
    return () => this.#forget(entry);
  }

  /** To be called right after a table was taken into use. */
  swap(table: RouteTable): void {
    this.#routed = new Set(table.services.flatMap(({ targets }) => targets.map(({ taskId }) => taskId)));
    for (const [task, entries] of this.#watched) {
      const [first] = entries;
      if (this.#routed.has(task)) this.#cancel(task);
      else if (first && !this.#timers.has(task)) this.#schedule(task, first.target.drainMs ?? DRAIN_MS);
    }
  }

  /** The proxy stops: everything in flight is ended shortly before `graceMs` are over. */
  endAll(graceMs: number): void {
    for (const task of this.#watched.keys()) {
      this.#cancel(task);
      this.#schedule(task, graceMs);
    }
  }

  #schedule(task: TaskId, drainMs: number): void {
    const margin = Math.min(MARGIN_MS, drainMs / 4);
    this.#timers.set(
      task,
      this.#clock.after(Math.max(0, drainMs - margin), () => {
        this.#timers.delete(task);
        for (const entry of [...(this.#watched.get(task) ?? [])]) {
          this.#forget(entry);
          entry.end();
        }
      }),
    );
  }

  #cancel(task: TaskId): void {
    this.#timers.get(task)?.cancel();
    this.#timers.delete(task);
  }

  #forget(entry: Watched): void {
    const task = entry.target.taskId;
    const entries = this.#watched.get(task);
    if (!entries?.delete(entry) || entries.size > 0) return;
    this.#watched.delete(task);
    this.#cancel(task);
  }
}
