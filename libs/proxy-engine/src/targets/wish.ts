// What a request asks of the choice of its target.
import type { TaskId } from '#libs/model';

export interface TargetWish {
  /** Tried already for this request. Absent or empty: its first attempt, which counts as a request for the retry budget. */
  readonly tried?: ReadonlySet<TaskId>;
  /** Key of the instance that its sticky cookie names. */
  readonly sticky?: string;
  /** What a consistent hash is taken of; present exactly when the service's balance asks for one and the request has it. */
  readonly hashKey?: string;
  /** The version that a pin of the service's traffic shares names. */
  readonly version?: string;
}
