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
  /** Tasks with something in flight that is going to be ended, and when, ms of the clock. */
  readonly #ends = new Map<TaskId, { readonly at: number; readonly timer: Timer }>();
  /** Those of them that are not in the table. */
  readonly #leaving = new Set<TaskId>();
  #routed: ReadonlySet<TaskId> = new Set();
  /** When this proxy stops, ms of the clock. */
  #stopsAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `end` is called at most once, unless the returned function was called before. It must not throw. */
  watch(target: RouteTarget, end: () => void): () => void {
    const entry = { target, end };
    const known = this.#watched.get(target.taskId);
    if (known) known.add(entry);
    else this.#watched.set(target.taskId, new Set([entry]));
    if (this.#stopsAt !== Infinity) this.#schedule(target.taskId, this.#stopsAt - this.#clock.now());
    return () => this.#forget(entry);
  }

  /** To be called right after a table was taken into use. */
  swap(table: RouteTable): void {
    this.#routed = new Set(table.services.flatMap(({ targets }) => targets.map(({ taskId }) => taskId)));
    for (const [task, entries] of this.#watched) {
      const [first] = entries;
      if (this.#routed.has(task)) this.#stay(task);
      else if (first && !this.#leaving.has(task)) {
        this.#leaving.add(task);
        this.#schedule(task, first.target.drainMs ?? DRAIN_MS);
      }
    }
  }

  /**
   * The proxy stops: everything in flight is ended shortly before `graceMs` are over, or with the drain time of its task where that is
   * sooner; tasks may go on leaving meanwhile.
   */
  endAll(graceMs: number): void {
    this.#stopsAt = this.#clock.now() + graceMs;
    for (const task of this.#watched.keys()) this.#schedule(task, graceMs);
  }

  /** The earlier end counts. */
  #schedule(task: TaskId, drainMs: number): void {
    const wait = Math.max(0, drainMs - Math.min(MARGIN_MS, drainMs / 4));
    const at = this.#clock.now() + wait;
    const known = this.#ends.get(task);
    if (known && known.at <= at) return;
    known?.timer.cancel();
    const timer = this.#clock.after(wait, () => {
      this.#ends.delete(task);
      for (const entry of [...(this.#watched.get(task) ?? [])]) {
        this.#forget(entry);
        entry.end();
      }
    });
    this.#ends.set(task, { at, timer });
  }

  /** It is in the table, or again. */
  #stay(task: TaskId): void {
    if (!this.#leaving.delete(task)) return;
    this.#cancel(task);
    if (this.#stopsAt !== Infinity) this.#schedule(task, this.#stopsAt - this.#clock.now());
  }

  #cancel(task: TaskId): void {
    this.#ends.get(task)?.timer.cancel();
    this.#ends.delete(task);
  }

  #forget(entry: Watched): void {
    const task = entry.target.taskId;
    const entries = this.#watched.get(task);
    if (!entries?.delete(entry) || entries.size > 0) return;
    this.#watched.delete(task);
    this.#leaving.delete(task);
    this.#cancel(task);
  }
}
