// Lists of tasks, as JSON or in the tab-separated text that old load balancer scripts read (api.md 6).
import type { FastifyReply } from 'fastify';
import {
  matchesTaskStatus,
  presentTasks,
  tasksAsText,
  type TaskStatusFilter,
  type TaskView,
} from '#libs/api-contract';
import type { AppSpec } from '#libs/model';

export interface TaskListOptions {
  readonly asText: boolean;
  readonly withServicePorts: boolean;
  readonly statuses?: ReadonlySet<TaskStatusFilter> | null;
}

/** The body to return; `reply` gets the content type of the text form. */
export function sendTasks(
  reply: FastifyReply,
  apps: readonly { readonly spec: AppSpec; readonly tasks: readonly TaskView[] }[],
  { asText, withServicePorts, statuses = null }: TaskListOptions,
): object {
  const shown = apps.map(({ spec, tasks }) => ({
    spec,
    tasks: presentTasks(tasks, { withServicePorts }).filter((task) => matchesTaskStatus(task, statuses)),
  }));
  if (!asText) return { tasks: shown.flatMap(({ tasks }) => tasks) };
  void reply.header('content-type', 'text/plain; charset=utf-8');
  return Buffer.from(tasksAsText(shown));
}
