// The way of a change that a person asks for: through the lane, or only looked at when it is a dry run. A refusal that comes from the
// state is told as `group_change_failed` (behaviour.md 1); one that a dry run gets is not, for nothing was to change.
import { LongrunError, type ErrorCode, type ErrorDetail } from '#libs/api-contract';
import { groupChangeFailed } from '#libs/events';
import { timestampOf, type Cause, type GroupId } from '#libs/model';
import type { Foresight } from '../foresight/foresight.js';
import type { Decide, Lane } from '../lane.js';
import type { StartedDeployment } from './start-deployment.js';

export interface ChangeOptions {
  /** Cancels running deployments that hold one of the apps. */
  readonly force: boolean;
  /** True: answers as the real call would, with what can be foreseen; changes and tells nothing. */
  readonly dryRun?: boolean;
  /** Who asks, as the root of everything that follows from the change. */
  readonly by?: Cause;
}

/** Whatever the change itself is refused for; not that this process cannot change anything at the moment. */
const TOLD: readonly ErrorCode[] = [
  'deployment-lock',
  'too-many-deployments',
  'service-ports-exhausted',
  'already-exists',
  'not-found',
  'schema-violation',
  'rule-violation',
  'invalid-argument',
  'conflict',
];
/** Characters; a definition may break thousands of rules at once. */
const REASON_LENGTH_MAX = 1000;

export class ChangeLane {
  constructor(
    private readonly lane: Lane,
    private readonly foresight: Foresight,
  ) {}

  /** `groupId`: for the event of a refusal. */
  async run<T extends StartedDeployment>(
    groupId: GroupId,
    { dryRun = false }: Partial<ChangeOptions>,
    decide: Decide<T>,
  ): Promise<T> {
    if (dryRun) return this.preview(decide);
    try {
      return await this.lane.submit(decide);
    } catch (error) {
      if (error instanceof LongrunError && TOLD.includes(error.code)) await this.#tell(groupId, error);
      throw error;
    }
  }

  /** Without a commit. */
  preview<T extends StartedDeployment>(decide: Decide<T>): Promise<T> {
    return this.lane.preview((workingSet, now) => {
      const proposal = decide(workingSet, now);
      const { writes, value } = proposal;
      const foreseeable = this.foresight.of(writes, value.deploymentId, workingSet, now);
      return { ...proposal, value: { ...value, foreseeable } };
    });
  }

  async #tell(groupId: GroupId, error: LongrunError): Promise<void> {
    try {
      await this.lane.submit((_workingSet, now) => ({
        writes: [],
        events: [groupChangeFailed(groupId, reasonOf(error), timestampOf(now))],
        value: undefined,
      }));
    } catch (lost) {
      // the store went away meanwhile; the caller hears what was wrong with the change all the same
      if (!(lost instanceof LongrunError)) throw lost;
    }
  }
}

function reasonOf({ message, details }: LongrunError): string {
  const listed = Array.isArray(details)
    ? (details as readonly ErrorDetail[]).map(({ path, errors }) => `${path}: ${errors.join(', ')}`)
    : [];
  const reason = listed.length ? `${message}: ${listed.join('; ')}` : message;
  return reason.length > REASON_LENGTH_MAX ? `${reason.slice(0, REASON_LENGTH_MAX)}…` : reason;
}
