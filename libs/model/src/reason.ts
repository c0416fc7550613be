// A reason: one change of one instance, with its cause, as it was committed together with the change (promise 9). Reasons outlive
// their instance, so that people can ask about one that is gone.
import type { Cause } from './cause.js';
import type { AgentId, AppId, InstanceId, TaskId } from './ids.js';

/** What happened, in the order of a life. */
export type ReasonWhat =
  | 'created' // wanted from now on, placed nowhere yet
  | 'launched' // placed: its agent was told to start this incarnation
  | 'adopted' // its agent had started the next incarnation by itself
  | 'routed' // entered the route table
  | 'unrouted' // left it, and nothing else changed
  | 'suspect' // its agent is lost: routed only while no other target answers
  | 'unreachable' // its agent is lost, and it was not routed
  | 'back' // its agent is back
  | 'stop-requested' // out of the route table, and on its way to be stopped; again when it will not come back after all
  | 'draining' // no new requests can reach it; those in flight end
  | 'killing' // its agent was told to stop it
  | 'ended' // its task is over; it waits to be launched again
  | 'removed'; // forgotten

export interface Reason {
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  /** Epoch ms, the control plane's clock. */
  readonly at: number;
  readonly what: ReasonWhat;
  readonly cause: Cause;
  /** The one it is about; 0 before the first launch. */
  readonly incarnation: number;
  /** Of that incarnation. */
  readonly taskId?: TaskId;
  /** Where it ran or runs. */
  readonly agentId?: AgentId;
  /** Of a launch, as `Instance.hostPorts`; absent without ports. */
  readonly hostPorts?: readonly number[];
  /** The first route table in which it is different; present exactly when its routing changed. */
  readonly tableNumber?: number;
}
