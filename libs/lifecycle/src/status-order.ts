// Which reports about an instance count (promise 7): from its own agent, about this or a newer incarnation, newer than the stored one.
import type { AgentId, Instance, InstanceStatus } from '#libs/model';

/** `reporter`: the agent whose session brought it. False: drop it (and acknowledge it; it will never count). */
export function acceptStatus(instance: Instance, status: InstanceStatus, reporter: AgentId): boolean {
  if (instance.agentId !== reporter || status.instanceId !== instance.id) return false;
  if (status.incarnation < instance.incarnation) return false;
  // the same number with another task: only what the agent started itself while it had no session is real
  if (
    status.incarnation === instance.incarnation &&
    status.taskId !== instance.taskId &&
    !status.autonomous
  ) {
    return false;
  }
  const stored = instance.status;
  // runs are counted per agent, so they order reports of one incarnation only
  if (!stored || stored.incarnation < status.incarnation) return true;
  if (stored.incarnation > status.incarnation) return false;
  return status.run > stored.run || (status.run === stored.run && status.sequence > stored.sequence);
}
