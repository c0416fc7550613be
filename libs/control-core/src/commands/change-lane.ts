// The way of a change that a person asks for: through the lane, or only looked at when it is a dry run. A refusal that comes from the
// state is told as `group_change_failed` (behaviour.md 1); one that a dry run gets is not, for nothing was to change.
import { LongrunError, type ErrorCode } from '#libs/api-contract';
import { groupChangeFailed } from '#libs/events';
import { timestampOf, type GroupId } from '#libs/model';
import type { Decide, Lane } from '../lane.js';

export interface ChangeOptions {
  /** Cancels running deployments that hold one of the apps. */
  readonly force: boolean;
  /** True: answers as the real call would, changes and tells nothing. */
  readonly dryRun?: boolean;
}

const TOLD: readonly ErrorCode[] = [
  'deployment-lock',
  'too-many-deployments',
  'service-ports-exhausted',
  'already-exists',
];

export class ChangeLane {
  constructor(private readonly lane: Lane) {}

  /** `groupId`: for the event of a refusal. */
  async run<T>(groupId: GroupId, { dryRun = false }: Partial<ChangeOptions>, decide: Decide<T>): Promise<T> {
    if (dryRun) return this.lane.preview(decide);
    try {
      return await this.lane.submit(decide);
    } catch (error) {
      if (error instanceof LongrunError && TOLD.includes(error.code))
        await this.#tell(groupId, error.message);
      throw error;
    }
  }

  #tell(groupId: GroupId, reason: string): Promise<void> {
    return this.lane.submit((_workingSet, now) => ({
      writes: [],
      events: [groupChangeFailed(groupId, reason, timestampOf(now))],
      value: undefined,
    }));
  }
}
