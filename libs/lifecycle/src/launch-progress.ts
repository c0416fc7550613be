// How long ago a launch last moved, as its agent reported it, for the launch limit (behaviour.md 10.2). The time is the control
// plane's and is stored with the report, so neither a wrong clock of the agent nor a new leader changes it.
import type { AgentNode, HealthResult, Instance, InstanceStatus } from '#libs/model';
import { conditionOf, currentStatus } from './condition.js';

/**
 * A report as it is stored: with the time at which its launch last moved, and still ready or healthy once if its task was, whether the
 * agent remembers that or not (behaviour.md 8). `before`: the stored one.
 */
export function datedStatus(
  status: InstanceStatus,
  before: InstanceStatus | undefined,
  now: number,
): InstanceStatus {
  const isStill = before?.movedAt !== undefined && isSameMoment(before, status);
  return {
    ...status,
    ...readyOnce(status, before),
    ...healthyOnce(status, before, now),
    ...wellSince(status, before, now),
    ...failingSince(status, before, now),
    movedAt: isStill ? before.movedAt : now,
  };
}

function readyOnce(
  status: InstanceStatus,
  before: InstanceStatus | undefined,
): Pick<InstanceStatus, 'readiness'> {
  const wasReady = before?.taskId === status.taskId && before.readiness?.ready === true;
  return wasReady && status.readiness?.ready !== true ? { readiness: before.readiness } : {};
}

/** A restarted agent begins its checks anew; without this the mass-kill brake would take what fails then for a broken release. */
function healthyOnce(
  status: InstanceStatus,
  before: InstanceStatus | undefined,
  now: number,
): Pick<InstanceStatus, 'wasHealthy' | 'turnedAt'> {
  if (!before || before.taskId !== status.taskId) return {};
  const passed = (each: HealthResult | null): boolean => each?.lastSuccessAt !== undefined;
  const isForgotten = !status.health.every(passed);
  const wasHealthy = before.wasHealthy ?? (before.health.length > 0 && before.health.every(passed));
  if (!isForgotten || !wasHealthy) return {};
  const fails = status.health.some((each) => each?.alive === false);
  return { wasHealthy, ...(fails ? { turnedAt: before.turnedAt ?? now } : {}) };
}

/** From the first report of a failure on, until all checks pass again. */
function failingSince(
  status: InstanceStatus,
  before: InstanceStatus | undefined,
  now: number,
): Pick<InstanceStatus, 'failingSince'> {
  if (!status.health.some((each) => each?.alive === false)) return {};
  const isSameTask = before?.taskId === status.taskId;
  return { failingSince: (isSameTask ? before.failingSince : undefined) ?? now };
}

/** Running, with every check passing, and no failure since the report before. Without checks it is well as long as it runs. */
function wellSince(
  status: InstanceStatus,
  before: InstanceStatus | undefined,
  now: number,
): Pick<InstanceStatus, 'wellSince'> {
  if (status.phase !== 'running' || !status.health.every((each) => each?.alive)) return {};
  const isSameTask = before?.taskId === status.taskId;
  const failedMeanwhile = status.health.some(
    (each, index) => each?.lastFailureAt !== before?.health[index]?.lastFailureAt,
  );
  return { wellSince: isSameTask && !failedMeanwhile ? (before.wellSince ?? now) : now };
}

/** A pull moves by its bytes, and by its words while layers are unpacked. */
const isSameMoment = (before: InstanceStatus, after: InstanceStatus): boolean =>
  before.taskId === after.taskId &&
  before.phase === after.phase &&
  before.pull?.doneBytes === after.pull?.doneBytes &&
  before.pull?.text === after.pull?.text;

/**
 * When a launch that its agent has not confirmed last moved; null when the instance is not being launched, or its agent cannot be
 * heard. Time without a session does not count.
 */
export function launchMovedAt(instance: Instance, agent: AgentNode | undefined, now: number): number | null {
  if (instance.placedAt === undefined || agent?.liveness !== 'connected') return null;
  const condition = conditionOf(instance, now);
  if (condition !== 'Provisioned' && condition !== 'Staging' && condition !== 'Starting') return null;
  return Math.max(instance.placedAt, agent.since, currentStatus(instance)?.movedAt ?? 0);
}
