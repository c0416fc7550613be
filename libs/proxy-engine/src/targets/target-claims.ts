// Counts what is in flight per task and remembers which targets do badly. The counts decide when a task that has left the table may be
// stopped (promise 2), so each claim is released exactly once, whatever happens to its connection. A task with several ports is
// one for the counts; each of its ports may fail on its own.
import type { TaskId } from '#libs/model';
import {
  ejectionMs,
  type RouteEjection,
  type RouteService,
  type RouteTarget,
  type TargetLoad,
} from '#libs/routing';
import type { Clock } from '#libs/time';

/** Of RouteEjection. */
const FAILURES = 5;
/** So many tasks may be known before those that are gone are looked for. */
const TIDY_AT = 1_000;

/** One port of one task, as this process knows it. */
export interface TargetEnd extends TargetLoad {
  readonly taskId: TaskId;
  readonly port: number;
  inFlight: number;
  /** Connects in a row that were not accepted. */
  refusals: number;
  /** Bad answers in a row. */
  failures: number;
  /** Times in a row that it was left out for bad answers. */
  rests: number;
  outUntil: number;
  outBy: 'answers' | 'connects';
  /** When it was last left out; what began before says nothing new. */
  outSince: number;
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

  /**
   * It did not accept a connection. Failures while it is out already (connects under way at once), and of what began (`since`, epoch ms)
   * before it was left out, count as one. True: it is left out from now on.
   */
  refused(target: RouteTarget, since = Infinity): boolean {
    const end = this.endOf(target);
    const now = this.clock.now();
    if (end.outUntil > now || since < end.outSince) return false;
    end.refusals += 1;
    this.#leaveOut(end, { by: 'connects', now, ms: ejectionMs(end.refusals) });
    return true;
  }

  /** It accepted a connection. */
  accepted(target: RouteTarget): void {
    const end = this.endOf(target);
    end.refusals = 0;
    if (end.outBy === 'connects') this.#takeBack(end);
  }

  /** It broke, stayed silent, or answered like a gateway without a server. True: it is left out from now on. */
  failed(end: TargetEnd, since: number, { failures = FAILURES, ms }: RouteEjection = {}): boolean {
    const now = this.clock.now();
    if (failures <= 0 || end.outUntil > now || since < end.outSince) return false;
    end.failures += 1;
    if (end.failures < failures) return false;
    end.rests += 1;
    this.#leaveOut(end, { by: 'answers', now, ms: ejectionMs(end.rests, ms) });
    return true;
  }

  /** It answered: all is forgiven, unless that was asked before it was left out. */
  succeeded(end: TargetEnd, since: number): void {
    if (since < end.outSince && end.outUntil > 0) return;
    end.refusals = 0;
    end.failures = 0;
    end.rests = 0;
    if (end.outUntil > 0) this.#takeBack(end);
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

  #leaveOut(end: TargetEnd, { by, now, ms }: { by: TargetEnd['outBy']; now: number; ms: number }): void {
    end.outBy = by;
    end.outSince = now;
    end.outUntil = now + ms;
    this.#changes += 1;
  }

  #takeBack(end: TargetEnd): void {
    if (end.outUntil === 0) return;
    end.outUntil = 0;
    this.#changes += 1;
  }
}

function newEnd(taskId: TaskId, port: number): TargetEnd {
  return {
    taskId,
    port,
    inFlight: 0,
    refusals: 0,
    failures: 0,
    rests: 0,
    outUntil: 0,
    outBy: 'connects',
    outSince: -Infinity,
    isForgotten: false,
  };
}
