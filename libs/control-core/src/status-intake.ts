// Statuses from agents: checked for order and owner, stored in batches, acknowledged after the commit only (decisions.md 8, 20).
// Intake writes `put-status` and nothing else; all that follows from a status is the next reconcile pass's business.
import type { AgentId, Instance, InstanceStatus } from '#libs/model';
import type { NewEvent } from '#libs/events';
import { acceptStatus, datedStatus } from '#libs/lifecycle';
import { timestampOf } from '#libs/model';
import type { Write } from '#libs/store';
import type { Lane } from './lane.js';
import type { WorkingSet } from './working-set.js';

/** Statuses in one commit, so that heartbeats, requests and other changes get their turns in between. */
const COMMIT_STATUSES_MAX = 1_000;

interface Batch {
  readonly agent: AgentId;
  readonly items: readonly InstanceStatus[];
  readonly stored: () => void;
  readonly failed: (error: unknown) => void;
}

export class StatusIntake {
  readonly #lane: Lane;
  #waiting: Batch[] = [];
  #queued = false;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  /**
   * Resolves when all of them are stored (or known to be outdated); what arrives while a commit runs shares the next one, up to its bound.
   * They are stored in the order in which they came.
   */
  async store(agent: AgentId, items: readonly InstanceStatus[]): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let first = 0; first < items.length; first += COMMIT_STATUSES_MAX)
      parts.push(this.#add(agent, items.slice(first, first + COMMIT_STATUSES_MAX)));
    if (!this.#queued && this.#waiting.length) this.#commitWaiting();
    await Promise.all(parts);
  }

  #add(agent: AgentId, items: readonly InstanceStatus[]): Promise<void> {
    return new Promise((stored, failed) => void this.#waiting.push({ agent, items, stored, failed }));
  }

  #commitWaiting(): void {
    const taken: Batch[] = [];
    const take = (count: number): void => {
      // from here on new ones belong to the next commit; a retry after a conflict keeps its own
      this.#queued = false;
      taken.push(...this.#waiting.splice(0, count));
      if (this.#waiting.length) this.#commitWaiting();
    };
    // before the submission, for an idle lane decides in the same turn
    this.#queued = true;
    const committed = this.#lane.submit((workingSet, now) => {
      if (!taken.length) take(this.#fitting());
      return { ...acceptStatuses(taken, workingSet, now), value: undefined };
    });
    committed.then(
      () => taken.forEach(({ stored }) => stored()),
      (error: unknown) => {
        // a closed lane never asked for them
        if (!taken.length) take(this.#waiting.length);
        taken.forEach(({ failed }) => failed(error));
      },
    );
  }

  /** How many of those that wait share a commit. */
  #fitting(): number {
    let statuses = 0;
    const fitting = this.#waiting.findIndex(({ items }) => (statuses += items.length) > COMMIT_STATUSES_MAX);
    return fitting < 0 ? this.#waiting.length : fitting;
  }
}

function acceptStatuses(
  batches: readonly Batch[],
  workingSet: WorkingSet,
  now: number,
): { writes: Write[]; events: NewEvent[] } {
  const newest = new Map<string, InstanceStatus>();
  const events: NewEvent[] = [];
  for (const { agent, items } of batches) {
    for (const item of items) {
      const instance = workingSet.instance(item.instanceId);
      if (!instance || instance.agentId !== agent) {
        events.push(...unknownTerminated(item, instance, now));
        continue;
      }
      const known = newest.get(item.instanceId);
      const seen = known ? { ...instance, status: known } : instance;
      if (acceptStatus(seen, item, agent)) newest.set(item.instanceId, datedStatus(item, seen.status, now));
    }
  }
  const writes = [...newest.values()].map((status): Write => ({
    kind: 'put-status',
    id: status.instanceId,
    status,
  }));
  return { writes, events };
}

/** events.md 4: a terminal report for an instance that is not in the books. */
function unknownTerminated(item: InstanceStatus, instance: Instance | undefined, now: number): NewEvent[] {
  if (instance || item.phase !== 'ended') return [];
  const failed = item.exit && !item.exit.requested;
  return [
    {
      type: 'unknown_instance_terminated_event',
      timestamp: timestampOf(now),
      payload: {
        instanceId: item.instanceId,
        runSpecId: item.appId,
        condition: failed ? (item.exit?.code === 0 ? 'Finished' : 'Failed') : 'Killed',
      },
    },
  ];
}
