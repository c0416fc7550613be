// Lists of tasks, as JSON or in the tab-separated text that old load balancer scripts read (api.md 6).
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  containerNetworksOf,
  matchesTaskStatus,
  taskAsJson,
  tasksAsText,
  type TaskStatusFilter,
  type TaskView,
} from '#libs/api-contract';
import type { ControlCore, WorkingSet } from '#libs/control-core';
import { taskStateOf } from '#libs/lifecycle';
import type { AppSpec, Instance } from '#libs/model';
import { pageOf } from '../http/page.js';
import { JsonText, SlicedJson } from '../http/sliced-json.js';
import { shownApps, taskView } from './views.js';

export interface TaskListOptions {
  readonly asText: boolean;
  readonly withServicePorts: boolean;
  readonly statuses?: ReadonlySet<TaskStatusFilter> | null;
  /** Of the query: whose tasks the text form shows at their own addresses. */
  readonly containerNetworks: readonly string[];
}

/** The body to return; `reply` gets the content type of the text form. */
export function sendTasks(
  reply: FastifyReply,
  apps: readonly { readonly spec: AppSpec; readonly tasks: readonly TaskView[] }[],
  { asText, withServicePorts, statuses = null, containerNetworks }: TaskListOptions,
): object {
  const shown = apps.map(({ spec, tasks }) => ({
    spec,
    tasks: tasks.filter((task) => matchesTaskStatus(task, statuses)),
  }));
  if (!asText) {
    const placed = shown
      .flatMap(({ tasks }) => tasks)
      .filter(({ instance }) => instance.taskId !== undefined);
    return new SlicedJson({ tasks: placed.map((each) => taskText(each, withServicePorts)) });
  }
  void reply.header('content-type', 'text/plain; charset=utf-8');
  return Buffer.from(tasksAsText(shown, containerNetworksOf(containerNetworks)));
}

type Statuses = ReadonlySet<TaskStatusFilter> | null;

/** All tasks as JSON, or a page of them, in the order of their apps and of their creation. */
export function pageOfTasks(
  { state, clock }: ControlCore,
  statuses: Statuses,
  request: FastifyRequest,
  reply: FastifyReply,
): SlicedJson {
  const now = clock.now();
  const keyOf = ({ appId, createdAt, id }: Instance) => [appId, createdAt, id];
  const tasks = pageOf(tasksInOrder(state, statuses, now), { keyOf }, request, reply);
  return new SlicedJson({ tasks: tasks.map((each) => taskText(taskView(each, state, now), true)) });
}

const taskText = (view: TaskView, withServicePorts: boolean): JsonText =>
  new JsonText(() => taskAsJson(view, { withServicePorts }) ?? 'null');

/** Those that were placed at least once: the others are in the queue, and no tasks. */
function* tasksInOrder(state: WorkingSet, statuses: Statuses, now: number): Iterable<Instance> {
  for (const { id } of shownApps(state)) {
    for (const each of state.instancesOf(id)) {
      if (each.taskId === undefined) continue;
      if (matchesTaskStatus({ state: taskStateOf(each, now) }, statuses)) yield each;
    }
  }
}
