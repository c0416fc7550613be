// All workers of an agent: takes assignments, adopts what runtimes know, and treats what no complete set names (decisions.md 7):
// listed, watched on, and stopped only after 60 s with a complete set of the current epoch. Nothing is ever stopped because of silence.
import type { Assignment, InstanceId, RuntimeKind } from '#libs/model';
import type { Runtime, TaskObservation } from '#libs/runtime';
import type { Timer } from '#libs/time';
import { InstanceWorker, type WorkerParts } from './instance-worker.js';
import { wordsOf } from './pause.js';
import type { JournalEntry } from './seams.js';
import { isTerminal } from './task-record.js';
import { TaskCalls } from './task-calls.js';
import type { StatusReporter } from './status-reporter.js';

/** decisions.md 7. */
export const ORPHAN_MS = 60_000;
/** What ended and was dismissed keeps its logs for so long: it may just wait for its next launch. */
export const LINGER_MS = 3_600_000;
/** More of them than this: the oldest go first. */
const LINGERING_MAX = 200;

export interface InstanceSetParts extends WorkerParts {
  readonly reporter: StatusReporter;
  /** The list of tasks that no assignment names has changed. */
  orphansChanged(): void;
}

export class InstanceSet {
  readonly #parts: InstanceSetParts;
  readonly #calls: TaskCalls;
  readonly #workers = new Map<InstanceId, InstanceWorker>();
  /** Runtimes that were asked what they know. */
  readonly #adopted = new Set<RuntimeKind>();
  readonly #orphans = new Map<InstanceId, Timer | null>();
  /** Ended, dismissed, kept for their logs. */
  readonly #lingering = new Map<InstanceId, Timer>();
  #complete = false;
  /** Grows when a session begins or ends. */
  #presence = 0;

  constructor(parts: InstanceSetParts, entries: readonly JournalEntry[]) {
    this.#parts = parts;
    this.#calls = new TaskCalls(parts);
    for (const entry of entries) {
      // held until its runtime was asked: it may have begun unseen
      this.#workers.set(entry.instanceId, new InstanceWorker(parts, entry.instanceId, entry, true));
      if (!entry.assignment) this.#orphans.set(entry.instanceId, null);
    }
  }

  worker(id: InstanceId): InstanceWorker | undefined {
    return this.#workers.get(id);
  }
  /** Tasks on this host that may be running. */
  get alive(): number {
    return [...this.#workers.values()].filter((each) => !each.finished).length;
  }
  get orphans(): readonly InstanceId[] {
    return [...this.#orphans.keys()];
  }

  /** Matches everything this runtime knows with the journal; workers of this runtime begin to work. */
  async adopt(runtime: Runtime): Promise<void> {
    const byInstance = groupedByInstance(await runtime.list());
    this.#adopted.add(runtime.kind);
    for (const [id, worker] of this.#workers) {
      if (byInstance.has(id) || worker.runtime === runtime.kind || worker.runtime === null)
        worker.adopt(runtime.kind, byInstance.get(id) ?? []);
      byInstance.delete(id);
    }
    this.#takeIn(runtime.kind, byInstance);
  }

  /** Takes in what has appeared since, e.g. a container of ours that a person started; to be called now and then. */
  async lookForUnknown(runtime: Runtime): Promise<void> {
    const seen = await runtime.list();
    // asked after the list: an assignment may have come meanwhile; what ended is just being cleared away
    const unknown = seen.filter(
      ({ state, instanceId }) => state === 'running' && !this.#workers.has(instanceId),
    );
    if (unknown.length) this.#takeIn(runtime.kind, groupedByInstance(unknown));
  }

  /** A whole set: resolves when all of it is on disk. What it does not name is forgotten if it ended, an orphan otherwise. */
  async replaceAll(items: readonly Assignment[]): Promise<void> {
    const presence = this.#presence;
    const named = new Set(items.map((each) => each.instanceId));
    const rest = [...this.#workers.keys()].filter((id) => !named.has(id));
    await Promise.all([...items.map((each) => this.#assign(each)), ...rest.map((id) => this.#release(id))]);
    // the disk took its time, and nobody stands behind this set any more
    if (presence !== this.#presence) return;
    this.#complete = true;
    this.#armOrphans();
  }

  /** A change: resolves when it is on disk. */
  async change(items: readonly Assignment[], removed: readonly InstanceId[]): Promise<void> {
    await Promise.all([
      ...items.map((each) => this.#assign(each)),
      ...removed.map((id) => this.#release(id)),
    ]);
    this.#armOrphans();
  }

  /** The session is gone or back: waits for autonomy begin or end, orphans are safe again. */
  presenceChanged(): void {
    this.#presence += 1;
    this.#complete = false;
    for (const id of this.#orphans.keys()) this.#disarm(id, true);
    for (const worker of this.#workers.values()) worker.wake();
  }

  async close(): Promise<void> {
    for (const id of [...this.#orphans.keys()]) this.#disarm(id, false);
    for (const id of [...this.#lingering.keys()]) this.#unlinger(id);
    await Promise.all([...this.#workers.values()].map((each) => each.close()));
  }

  #takeIn(runtime: RuntimeKind, unknown: ReadonlyMap<InstanceId, readonly TaskObservation[]>): void {
    for (const [id, tasks] of unknown) {
      const worker = new InstanceWorker(this.#parts, id, null, true);
      this.#workers.set(id, worker);
      this.#orphans.set(id, null);
      worker.adopt(runtime, tasks);
    }
    this.#armOrphans();
  }

  async #assign(assignment: Assignment): Promise<void> {
    const { instanceId } = assignment;
    let worker = this.#workers.get(instanceId);
    if (!worker) {
      worker = new InstanceWorker(this.#parts, instanceId, null, false);
      this.#workers.set(instanceId, worker);
    }
    if (this.#orphans.has(instanceId)) {
      this.#disarm(instanceId, false);
      this.#parts.orphansChanged();
    }
    this.#unlinger(instanceId);
    await worker.assign(assignment);
  }

  async #release(id: InstanceId): Promise<void> {
    const worker = this.#workers.get(id);
    if (!worker) return;
    // what was started without a session is told before it is let go of, for nobody else knows, and it may be launched elsewhere from then on
    if (worker.task?.autonomous) {
      worker.tellUnseen();
      this.#parts.reporter.flush();
    }
    await worker.release();
    this.#parts.reporter.forget(id);
    if (worker.finished) await this.#linger(id, worker);
    else if (!this.#orphans.has(id)) this.#orphans.set(id, null);
  }

  async #linger(id: InstanceId, worker: InstanceWorker): Promise<void> {
    if (this.#lingering.has(id)) return;
    this.#disarm(id, false);
    this.#clearAway(worker, false);
    this.#lingering.set(
      id,
      this.#parts.clock.after(LINGER_MS, () => void this.#condemn(id)),
    );
    const [oldest] = this.#lingering.keys();
    if (oldest !== undefined && this.#lingering.size > LINGERING_MAX) await this.#condemn(oldest);
  }

  #unlinger(id: InstanceId): void {
    this.#lingering.get(id)?.cancel();
    this.#lingering.delete(id);
  }

  async #forget(id: InstanceId, worker: InstanceWorker): Promise<void> {
    this.#workers.delete(id);
    this.#disarm(id, false);
    this.#unlinger(id);
    this.#parts.reporter.forget(id);
    await worker.close();
    await this.#parts.journal.removeInstance(id);
    this.#clearAway(worker, true);
  }

  #clearAway({ task }: InstanceWorker, all: boolean): void {
    if (task) this.#calls.clearAway(task, all);
  }

  #armOrphans(): void {
    for (const [id, timer] of this.#orphans) {
      if (timer || !this.#complete) continue;
      this.#parts.log.warn(
        { instance: id, task: this.#workers.get(id)?.task?.taskId },
        'no assignment names this task; it is stopped in 60 s unless one does',
      );
      this.#orphans.set(
        id,
        this.#parts.clock.after(ORPHAN_MS, () => void this.#condemn(id)),
      );
    }
    this.#parts.orphansChanged();
  }

  async #condemn(id: InstanceId): Promise<void> {
    const worker = this.#workers.get(id);
    if (!worker) return;
    const { task } = worker;
    try {
      if (worker.finished || (task && isTerminal(task))) await this.#forget(id, worker);
      else {
        worker.condemn();
        // looks again when it is over, to clear away what it left
        this.#orphans.set(
          id,
          this.#parts.clock.after(ORPHAN_MS, () => void this.#condemn(id)),
        );
      }
    } catch (error) {
      this.#parts.log.warn({ instance: id, error: wordsOf(error) }, 'an orphan could not be cleared away');
    }
    this.#parts.orphansChanged();
  }

  #disarm(id: InstanceId, keep: boolean): void {
    this.#orphans.get(id)?.cancel();
    if (keep) this.#orphans.set(id, null);
    else this.#orphans.delete(id);
  }
}

function groupedByInstance(seen: readonly TaskObservation[]): Map<InstanceId, TaskObservation[]> {
  const groups = new Map<InstanceId, TaskObservation[]>();
  for (const each of seen) groups.set(each.instanceId, [...(groups.get(each.instanceId) ?? []), each]);
  return groups;
}
