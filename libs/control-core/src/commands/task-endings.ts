// Waiting until killed instances have ended (`wipe=true`, api.md 3.10): beside the lane, which goes on for everybody else.
import { hasEnded } from '#libs/lifecycle';
import type { InstanceId } from '#libs/model';
import type { Clock } from '#libs/time';
import type { Lane } from '../lane.js';
import type { WorkingSet } from '../working-set.js';

/** More than draining and killing take with their defaults together; then the call is answered all the same. */
export const ENDING_WAIT_MS = 60_000;

export interface EndingWait {
  /** Never rejects. */
  readonly over: Promise<void>;
  /** Nobody waits any more. */
  cancel(): void;
}

type Look = (workingSet: WorkingSet) => void;

export class TaskEndings {
  readonly #looks = new Set<Look>();

  constructor(
    lane: Lane,
    private readonly clock: Clock,
  ) {
    lane.follow(({ workingSet }) => this.#looks.forEach((look) => look(workingSet)));
  }

  /** Over when every instance has ended or is gone, when those left are on lost agents, or after ENDING_WAIT_MS. */
  of(ids: readonly InstanceId[], workingSet: WorkingSet): EndingWait {
    let cancel = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      const look: Look = (current) => {
        if (ids.every((id) => isOver(id, current))) cancel();
      };
      const timer = this.clock.after(ENDING_WAIT_MS, () => cancel());
      cancel = () => {
        this.#looks.delete(look);
        timer.cancel();
        resolve();
      };
      this.#looks.add(look);
      look(workingSet);
    });
    return { over, cancel: () => cancel() };
  }
}

function isOver(id: InstanceId, workingSet: WorkingSet): boolean {
  const instance = workingSet.instance(id);
  if (!instance?.placed || hasEnded(instance)) return true;
  return instance.agentId !== undefined && workingSet.agents.get(instance.agentId)?.liveness === 'lost';
}
