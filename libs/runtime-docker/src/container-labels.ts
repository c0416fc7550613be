// The labels by which an agent finds its containers again. They are all it has after a restart, so they name everything a
// report needs; a container whose labels make no sense is not a task.
import { asAppId, asInstanceId, asTaskId } from '#libs/model';
import type { AppId, InstanceId, TaskId } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';

export const LABEL = {
  cluster: 'io.longrun.cluster',
  agent: 'io.longrun.agent',
  task: 'io.longrun.task',
  instance: 'io.longrun.instance',
  app: 'io.longrun.app',
  appVersion: 'io.longrun.version',
  incarnation: 'io.longrun.incarnation',
} as const;

/** Whose containers these are. The cluster is null until the agent's first welcome. */
export interface Ownership {
  readonly agentId: string;
  readonly clusterId: string | null;
}

export interface TaskIdentity {
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly incarnation: number;
}

/** Laid over the app's own labels, so that an app cannot pose as another task. */
export function taskLabels(launch: TaskLaunch, owner: Ownership): Record<string, string> {
  return {
    [LABEL.cluster]: owner.clusterId ?? '',
    [LABEL.agent]: owner.agentId,
    [LABEL.task]: launch.taskId,
    [LABEL.instance]: launch.instanceId,
    [LABEL.app]: launch.appId,
    [LABEL.appVersion]: launch.appVersion,
    [LABEL.incarnation]: String(launch.incarnation),
    MESOS_TASK_ID: launch.taskId,
  };
}

/** What the Engine filters lists and events by. */
export function ownershipFilter({ agentId, clusterId }: Ownership): string[] {
  const agent = `${LABEL.agent}=${agentId}`;
  return clusterId === null ? [agent] : [agent, `${LABEL.cluster}=${clusterId}`];
}

/** Null when a label is missing or malformed. */
export function identityOf(labels: Readonly<Record<string, string>> | undefined): TaskIdentity | null {
  const task = labels?.[LABEL.task];
  const instance = labels?.[LABEL.instance];
  const app = labels?.[LABEL.app];
  const incarnation = Number(labels?.[LABEL.incarnation]);
  if (!task || !instance || !app?.startsWith('/')) return null;
  if (!Number.isSafeInteger(incarnation) || incarnation < 1) return null;
  return { taskId: asTaskId(task), instanceId: asInstanceId(instance), appId: asAppId(app), incarnation };
}
