// From rows of the working set to what the presenters of api-contract show. Reads only; nothing is decided here.
import { isIP } from 'node:net';
import {
  appAsJson,
  failures,
  presentTask,
  presentTasks,
  type AppEmbed,
  type AppView,
  type TaskInfo,
  type HostOf,
  type TaskView,
} from '#libs/api-contract';
import type { WorkingSet } from '#libs/control-core';
import { conditionOf, currentStatus, healthOf, isActive, taskStateOf } from '#libs/lifecycle';
import {
  needsOwnAddress,
  parseAppId,
  parseGroupId,
  type App,
  type AppId,
  type AppVersion,
  type Instance,
  type InstanceId,
  type AgentInfo,
  type GroupId,
  type InstanceStatus,
} from '#libs/model';
import { JsonText } from '../http/sliced-json.js';

/** Neither rows nor versions change, so the view of one is made once, together with the JSON that hangs on it. */
const known = new WeakMap<Instance, TaskView>();

export function taskView(instance: Instance, state: WorkingSet, now: number): TaskView {
  const agent = instance.agentId === undefined ? undefined : state.agents.get(instance.agentId)?.info;
  const before = known.get(instance);
  if (before && before.agent === agent) return before;
  const view = newTaskView(instance, state.versionOf(instance), agent, now);
  // what an unreachable one is called depends on the time
  if (instance.unreachableSince === undefined) known.set(instance, view);
  return view;
}

function newTaskView(
  instance: Instance,
  version: AppVersion,
  agent: AgentInfo | undefined,
  now: number,
): TaskView {
  const status = currentStatus(instance);
  return {
    instance,
    state: taskStateOf(instance, now),
    isActive: isActive(conditionOf(instance, now, version.spec.unreachableStrategy)),
    healthy: healthOf(instance, version),
    ...(status ? { status: needsOwnAddress(instance) ? status : withAddress(status, agent) } : {}),
    ...(agent ? { agent } : {}),
    spec: version.spec,
  };
}

/** With host networking a task has its agent's address (behaviour.md 13.5). */
function withAddress(status: InstanceStatus, agent: AgentInfo | undefined): InstanceStatus {
  const { address } = agent ?? {};
  const known = status.ipAddresses.length > 0 || status.startedAt === undefined;
  if (known || address === undefined || isIP(address) === 0) return status;
  const protocol = isIP(address) === 6 ? 'IPv6' : 'IPv4';
  return { ...status, ipAddresses: [{ ipAddress: address, protocol }] };
}

export const taskViews = (app: AppId, state: WorkingSet, now: number): TaskView[] =>
  state.instancesOf(app).map((each) => taskView(each, state, now));

export function appView(app: App, state: WorkingSet, now: number): AppView {
  return {
    version: app.current,
    tasks: taskViews(app.id, state, now),
    deployments: state.deploymentsOf(app.id).map(({ id }) => id),
    ...(app.lastTaskFailure ? { lastTaskFailure: app.lastTaskFailure } : {}),
  };
}

/** AppInfo as it is now, written when its turn comes. */
export function appText(app: App, embeds: ReadonlySet<AppEmbed>, state: WorkingSet, now: number): JsonText {
  const view = appView(app, state, now);
  return new JsonText(() => appAsJson(view, embeds, now));
}

/** Those that are not being removed, by id. */
export const shownApps = (state: WorkingSet): App[] =>
  state.appsInOrder().filter(({ removing }) => !removing);

/** Apps below a group, at any depth; all of them for `/`. */
export const appsBelow = (group: string, state: WorkingSet): App[] =>
  shownApps(state).filter(({ id }) => group === '/' || id.startsWith(`${group}/`));

export function tasksOf(ids: readonly InstanceId[], state: WorkingSet, now: number): readonly TaskInfo[] {
  return presentTasks(
    ids.flatMap((id) => {
      const instance = state.instance(id);
      return instance ? [taskView(instance, state, now)] : [];
    }),
  );
}

export function taskOf(instance: Instance, state: WorkingSet, now: number): TaskInfo {
  const task = presentTask(taskView(instance, state, now));
  if (!task) throw failures.taskNotFound(instance.id);
  return task;
}

/** The id in a path; a text that can be no app's id is unknown like every other. */
export function appIdOf(text: string): AppId {
  const id = parseAppId(text);
  if (!id) throw failures.appNotFound(`/${text.replace(/^\/+/, '')}`);
  return id;
}

/** The same for a group; the empty text is the root. */
export function groupIdOf(text: string): GroupId {
  const id = parseGroupId(text);
  if (!id) throw failures.groupNotFound(`/${text.replace(/^\/+/, '')}`);
  return id;
}

/** A person's name of an agent; its id when it has none any more. */
export const hostsOf =
  ({ agents }: WorkingSet): HostOf =>
  (id) =>
    agents.get(id)?.info.hostname ?? id;
