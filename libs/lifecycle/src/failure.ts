// The failure of a task as `lastTaskFailure` shows it (api.md 3.3): failed, rejected, or killed for its health.
// Ordinary kills and exit code 0 are none.
import { timestampOf } from '#libs/model';
import type { AgentInfo, Instance, TaskFailure } from '#libs/model';
import { conditionOf, currentStatus, taskStateOf } from './condition.js';

/** Of the current incarnation once it is terminal, or null when its end is no failure. */
export function failureOf(
  instance: Instance,
  agent: Pick<AgentInfo, 'hostname'> | undefined,
): TaskFailure | null {
  const status = currentStatus(instance);
  if (!status) return null;
  const condition = conditionOf(instance, status.since);
  const isHealthKill = condition === 'Killed' && instance.stop?.cause.kind === 'health';
  if (!isHealthKill && condition !== 'Failed' && condition !== 'Error' && condition !== 'Dropped')
    return null;
  const told = status.reject?.message ?? status.exit?.message ?? '';
  return {
    appId: instance.appId,
    host: agent?.hostname ?? '',
    message: isHealthKill ? (instance.stop?.cause.text ?? told) : told,
    state: taskStateOf(instance, status.since),
    taskId: status.taskId,
    instanceId: instance.id,
    timestamp: timestampOf(status.since),
    version: instance.version,
    ...(instance.agentId === undefined ? {} : { slaveId: instance.agentId }),
  };
}

/** Does this end count for the launch delay? Failed, Error, Dropped and Finished do; a lost race for a port does not (decisions.md 23). */
export function countsForDelay(instance: Instance): boolean {
  const status = currentStatus(instance);
  if (!status || status.reject?.reason === 'port-taken') return false;
  const condition = conditionOf(instance, status.since);
  return (
    condition === 'Failed' || condition === 'Error' || condition === 'Dropped' || condition === 'Finished'
  );
}
