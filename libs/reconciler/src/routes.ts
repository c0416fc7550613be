// Who is in the route table (promises 1 and 5), and health kills, which the brake may hold.
import {
  failedCheck,
  hasNoAddress,
  hasRoutablePorts,
  isAwaitingReadiness,
  isReady,
  isReportedUnready,
  isRunning,
  wasHealthy,
} from '#libs/lifecycle';
import { counted } from '#libs/model';
import type { Cause, Instance } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import { applyBrake } from './app-brake.js';
import { healthMark } from './brake.js';
import { unrouted } from './take-note.js';

/** Asks the brake, then routes what is ready and unroutes what was reported as not. Returns whether the brake is on. */
export function updateRoutes(draft: AppDraft): boolean {
  const isOn = applyBrake(draft);
  for (const instance of draft.instances) {
    const { spec } = draft.versionOf(instance);
    if (instance.stop || !instance.placed || instance.unreachableSince !== undefined) continue;
    if (hasRoutablePorts(spec)) updateRoute(draft, instance, isOn);
  }
  return isOn;
}

function updateRoute(draft: AppDraft, instance: Instance, isBrakeOn: boolean): void {
  const version = draft.versionOf(instance);
  const ref = instance.taskId === undefined ? {} : { ref: instance.taskId };
  // the brake suspects checks that passed before: what never passed them in this incarnation, or has not called itself ready, gets
  // no traffic all the same; the mark alone would do for the successor of one that was killed for its health
  const mayServe =
    isRunning(instance) &&
    !isAwaitingReadiness(instance) &&
    !hasNoAddress(instance) &&
    wasHealthy(instance, version);
  const isHeld = isBrakeOn && mayServe && healthMark(instance, version)?.kind === 'turned';
  if (instance.routing !== 'in' && (isReady(instance, version, draft.now) || isHeld)) {
    const text = isHeld ? 'the mass-kill brake is on: traffic goes to all' : 'it is ready';
    const cause: Cause = { kind: isHeld ? 'health' : instance.cause.kind, text, ...ref };
    draft.change('route-in', instance.id, (row) => ({ ...row, routing: 'in', routedAt: draft.now }), cause);
  } else if (instance.routing === 'in' && isReportedUnready(instance, version) && !isHeld) {
    const cause: Cause = { kind: 'health', text: `it is not ready: ${unreadyText(draft, instance)}`, ...ref };
    draft.change('route-out', instance.id, (row) => unrouted(draft, row), cause);
  }
}

function unreadyText(draft: AppDraft, instance: Instance): string {
  if (isRunning(instance) && hasNoAddress(instance)) return 'it has no address on its container network';
  const failing = draft
    .versionOf(instance)
    .spec.healthChecks.map((_, index) => instance.status?.health[index])
    .find((each) => each?.alive === false);
  return failing?.lastFailureCause ?? `it is ${instance.status?.phase ?? 'not reported'}`;
}

/** Kills what failed its checks too often, unless the brake is on. `then`: for an instance that is replaced anyway. */
export function killUnhealthy(draft: AppDraft, thenOf: (instance: Instance) => 'remove' | 'relaunch'): void {
  for (const instance of draft.instances) {
    if (instance.stop || !instance.placed || !isAgentConnected(draft, instance)) continue;
    const failed = failedCheck(instance, draft.versionOf(instance));
    if (!failed) continue;
    const { check, result, index } = failed;
    const what = check.path ?? check.command?.value ?? `number ${index}`;
    const why = result.lastFailureCause ?? 'no answer';
    const text = `health check ${check.protocol} ${what} failed ${counted(result.consecutiveFailures, 'time')}: ${why}`;
    const ref = instance.taskId === undefined ? {} : { ref: instance.taskId };
    draft.stop(instance.id, { kind: 'health', text, ...ref }, thenOf(instance));
  }
}

const isAgentConnected = (draft: AppDraft, { agentId }: Instance): boolean =>
  agentId !== undefined && draft.context.snapshot.agents.get(agentId)?.liveness === 'connected';
