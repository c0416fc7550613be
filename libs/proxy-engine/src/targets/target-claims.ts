// Counts what is in flight per task and remembers which targets do badly. The counts decide when a task that has left the table may be
// stopped (promise 2), so each claim is released exactly once, whatever happens to its connection. A task with several ports is
// one for the counts; each of its ports may fail on its own.
import type { TaskId } from '#libs/model';
import {
  newConduct,
  noteAnswer,
  noteConnect,
  noteFailures,
  noteRefusal,
  type Conduct,
  type RouteEjection,
  type RouteService,
  type RouteTarget,
  type TargetLoad,
} from '#libs/routing';
import type { Clock } from '#libs/time';

/** So many tasks may be known before those that are gone are looked for. */
const TIDY_AT = 1_000;

/** One port of one task, as this process knows it. */
export interface TargetEnd extends Conduct, TargetLoad {
  readonly taskId: TaskId;
  readonly port: number;
  inFlight: number;
  outUntil: number;
  outBy: 'answers' | 'connects';
  /** It was not routed any more, and a new object may stand for it since. */
  isForgotten: boolean;
}

export class TargetClaims {
  readonly clock: Clock;
  readonly #onIdle: (task: TaskId) => void;
  readonly #counts = new Map<TaskId, number>();
  readonly #ends = new Map<TaskId, TargetEnd[]>();
  #changes = 0;
  #tidyAt = TIDY_AT;

  /** `onIdle` is called each time a task's count falls to 0. */
  constructor(clock: Clock, onIdle: (task: TaskId) => void) {
    this.clock = clock;
    this.#onIdle = onIdle;
  }

  /** Grows each time that a target is left out or taken back before its time. */
  get changes(): number {
    return this.#changes;
  }

  /** The same object for the same port of the same task, as long as it is routed or has something in flight. */
  endOf({ taskId, port }: RouteTarget): TargetEnd {
    let ends = this.#ends.get(taskId);
    if (!ends) this.#ends.set(taskId, (ends = []));
    let end = ends.find((each) => each.port === port);
    if (!end) ends.push((end = newEnd(taskId, port)));
    return end;
  }

  /** Counts one request or connection; followed by exactly one `close`. */
  open(end: TargetEnd): void {
    end.inFlight += 1;
    this.#counts.set(end.taskId, (this.#counts.get(end.taskId) ?? 0) + 1);
  }

  close(end: TargetEnd): void {
    end.inFlight -= 1;
    const task = end.taskId;
    const left = (this.#counts.get(task) ?? 1) - 1;
    if (left > 0) this.#counts.set(task, left);
    else {
      this.#counts.delete(task);
      this.#onIdle(task);
    }
  }

  isEjected(target: RouteTarget): boolean {
    return this.endOf(target).outUntil > this.clock.now();
  }

  /** It did not accept a connection, which began at `since` (epoch ms). True: it is left out from now on. */
  refused(target: RouteTarget, since = Infinity): boolean {
    return this.#changed(noteRefusal(this.endOf(target), { now: this.clock.now(), since }));
  }

  /** It accepted a connection. */
  accepted(target: RouteTarget): void {
    this.#changed(noteConnect(this.endOf(target)));
  }

  /** It broke, stayed silent, or answered like a gateway without a server. True: it is left out from now on. */
  failed(end: TargetEnd, since: number, ejection?: RouteEjection): boolean {
    return this.#changed(noteFailures(end, 1, { now: this.clock.now(), since }, ejection));
  }

  /** It answered: all is forgiven, unless that was asked before it was left out. */
  succeeded(end: TargetEnd, since: number): void {
    this.#changed(noteAnswer(end, since));
  }

  /**
   * Forgets the failures of tasks that are not in this table, now or when there are many of them: a look at each target of a large
   * table takes longer than all else at a swap. Counts stay: they belong to connections.
   */
  keepOnly(services: readonly RouteService[]): void {
    if (this.#ends.size < this.#tidyAt) return;
    const routed = new Set<TaskId>();
    for (const { targets } of services) for (const { taskId } of targets) routed.add(taskId);
    for (const [task, ends] of this.#ends) {
      if (routed.has(task) || this.#counts.has(task)) continue;
      for (const end of ends) end.isForgotten = true;
      this.#ends.delete(task);
    }
    this.#tidyAt = Math.max(TIDY_AT, 2 * this.#ends.size);
  }

  /** Only tasks with something in flight. */
  counts(): ReadonlyMap<TaskId, number> {
    return this.#counts;
  }

  #changed(isChange: boolean): boolean {
    if (isChange) this.#changes += 1;
    return isChange;
  }
}

function newEnd(taskId: TaskId, port: number): TargetEnd {
  return { taskId, port, inFlight: 0, ...newConduct(), isForgotten: false };
}
