// The newest status of every instance, in the order of (run, sequence), sent until the control plane has stored it. Bounded by the
// number of instances: a newer status replaces the older one. A new session is told everything, for its leader may know nothing.
import { MAX_FRAME_BYTES, type Statuses } from '#libs/agent-protocol';
import type { InstanceId, InstanceStatus } from '#libs/model';
import type { Clock, Timer } from '#libs/time';
import type { TaskReport } from './task-record.js';

/** What is not acknowledged by then is sent again: the control plane may have failed to store it. */
export const REPEAT_MS = 5_000;
/** Half a frame, so that the envelope always fits. */
const BATCH_BYTES = MAX_FRAME_BYTES / 2;

export class StatusReporter {
  readonly #clock: Clock;
  readonly #run: number;
  readonly #newest = new Map<InstanceId, InstanceStatus>();
  #sequence = 0;
  /** Everything up to here was sent in this session. */
  #sent = 0;
  #acknowledged = 0;
  #send: ((frame: Statuses) => void) | null = null;
  #told: (() => void) | null = null;
  #timer: Timer | null = null;

  constructor(clock: Clock, run: number) {
    this.#clock = clock;
    this.#run = run;
  }

  report(report: TaskReport): void {
    this.#newest.delete(report.instanceId);
    this.#newest.set(report.instanceId, { ...report, run: this.#run, sequence: (this.#sequence += 1) });
    // what changes in the same turn goes into one frame
    this.#wakeIn(0);
  }

  /** What is new is sent now; nothing while no session is open. */
  flush(): void {
    if (this.#send && this.#sequence > this.#sent) this.#flush(this.#fresh());
  }

  forget(id: InstanceId): void {
    this.#newest.delete(id);
  }

  /** A session begins: all statuses are sent, and count as not stored; then `told`. */
  open(send: (frame: Statuses) => void, told: () => void = () => undefined): void {
    this.#send = send;
    this.#told = told;
    this.#sent = 0;
    this.#acknowledged = 0;
    this.#wakeIn(0);
  }

  close(): void {
    this.#send = null;
    this.#told = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  acknowledge(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
  }

  /** Not yet known to be stored, in order. */
  unacknowledged(): readonly InstanceStatus[] {
    return [...this.#newest.values()].filter((each) => each.sequence > this.#acknowledged);
  }

  #wakeIn(ms: number): void {
    if (!this.#send) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, () => {
      this.#timer = null;
      const fresh = this.#fresh();
      this.#flush(fresh.length ? fresh : this.unacknowledged());
    });
  }

  #fresh(): readonly InstanceStatus[] {
    return [...this.#newest.values()].filter((each) => each.sequence > this.#sent);
  }

  /** The map is in the order of sequence, so an acknowledgement never covers what was not sent. */
  #flush(statuses: readonly InstanceStatus[]): void {
    for (const items of batches(statuses)) this.#send?.({ type: 'statuses', items });
    this.#sent = this.#sequence;
    if (this.unacknowledged().length) this.#wakeIn(REPEAT_MS);
    const told = this.#told;
    this.#told = null;
    told?.();
  }
}

/** In order, each small enough for one frame; a single status is far below that bound by construction. */
export function batches(statuses: readonly InstanceStatus[], bytesMax = BATCH_BYTES): InstanceStatus[][] {
  const result: InstanceStatus[][] = [];
  let bytes = Infinity;
  for (const status of statuses) {
    const size = Buffer.byteLength(JSON.stringify(status)) + 1;
    bytes += size;
    if (bytes > bytesMax) {
      result.push([]);
      bytes = size;
    }
    result.at(-1)?.push(status);
  }
  return result;
}
