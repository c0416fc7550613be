// AppInfo as Marathon shows it (api.md 3.3): the definition in its present form, and the parts that were asked for.
import type { AppVersion, ShownApp, TaskFailure } from '#libs/model';
import { showApp } from '#libs/model';
import type { AppEmbed } from './app-embeds.js';
import { presentReadiness, type ReadinessInfo } from './readiness.js';
import { countTasks, taskStatsOf, type TaskCounts, type TaskStats } from './task-stats.js';
import { presentTasks, taskAsJson, type TaskInfo, type TaskView } from './tasks.js';

/** An app with all that AppInfo may show. */
export interface AppView {
  readonly version: AppVersion;
  /** One per instance. */
  readonly tasks: readonly TaskView[];
  /** Ids of the running deployments that touch it. */
  readonly deployments: readonly string[];
  readonly lastTaskFailure?: TaskFailure;
}

/** A definition with its version; `GET …/versions/V`, `appDefinition` of events, `app` in the queue. */
export type VersionedApp = ShownApp & {
  readonly version: string;
  readonly versionInfo: { readonly lastScalingAt: string; readonly lastConfigChangeAt: string };
};

export type AppInfo = VersionedApp &
  Partial<TaskCounts> & {
    readonly deployments?: readonly { readonly id: string }[];
    readonly tasks?: readonly TaskInfo[];
    readonly lastTaskFailure?: TaskFailure;
    readonly readinessCheckResults?: readonly ReadinessInfo[];
    readonly taskStats?: TaskStats;
  };

export const presentVersion = ({
  spec,
  version,
  lastScalingAt,
  lastConfigChangeAt,
}: AppVersion): VersionedApp => ({
  ...showApp(spec),
  version,
  versionInfo: { lastScalingAt, lastConfigChangeAt },
});

/** `now`: epoch ms, for the life times in taskStats. */
export function presentApp(view: AppView, embeds: ReadonlySet<AppEmbed>, now: number): AppInfo {
  return {
    ...presentVersion(view.version),
    ...presentRunning(view, embeds, now),
    ...(embeds.has('tasks') ? { tasks: presentTasks(view.tasks) } : {}),
  };
}

/**
 * `JSON.stringify(presentApp(…))`, with the JSON of a version and of each task made only once: lists of all apps are asked for all
 * the time, and little of them changes in between.
 */
export function appAsJson(view: AppView, embeds: ReadonlySet<AppEmbed>, now: number): string {
  const definition = versionAsJson(view.version);
  const running = JSON.stringify(presentRunning(view, embeds, now));
  const tasks = (): readonly string[] =>
    view.tasks.map((each) => taskAsJson(each)).filter((each) => each !== null);
  const members = [
    membersOf(definition),
    membersOf(running),
    embeds.has('tasks') ? `"tasks":[${tasks().join(',')}]` : '',
  ];
  return `{${members.filter(Boolean).join(',')}}`;
}

const membersOf = (object: string): string => object.slice(1, -1);

const versionTexts = new WeakMap<AppVersion, string>();

function versionAsJson(version: AppVersion): string {
  const known = versionTexts.get(version);
  if (known !== undefined) return known;
  const made = JSON.stringify(presentVersion(version));
  versionTexts.set(version, made);
  return made;
}

/** What was asked for besides the definition and the tasks. */
function presentRunning(
  { version, tasks, deployments, lastTaskFailure }: AppView,
  embeds: ReadonlySet<AppEmbed>,
  now: number,
): Omit<AppInfo, keyof VersionedApp> {
  return {
    ...(embeds.has('counts') ? countTasks(tasks) : {}),
    ...(embeds.has('deployments') ? { deployments: deployments.map((id) => ({ id })) } : {}),
    ...(embeds.has('lastTaskFailure') && lastTaskFailure ? { lastTaskFailure } : {}),
    ...(embeds.has('readiness') ? { readinessCheckResults: presentReadiness(tasks) } : {}),
    ...(embeds.has('taskStats') ? { taskStats: taskStatsOf(tasks, version, now) } : {}),
  };
}

/** Body of the 201 (api.md 3.4). `asked`: the definition before service ports were assigned, so 0 still reads 0 in it. */
export function presentCreatedApp(asked: ShownApp, version: string, deploymentId: string): ShownApp {
  return {
    ...asked,
    version,
    tasksStaged: 0,
    tasksRunning: 0,
    tasksHealthy: 0,
    tasksUnhealthy: 0,
    deployments: [{ id: deploymentId }],
  };
}

export interface AppFilter {
  /** Part of the id, any case. */
  readonly id?: string;
  /** Part of `cmd`, any case; apps without `cmd` never match. */
  readonly cmd?: string;
  /** From `parseLabelSelector`. */
  readonly labels?: (labels: Readonly<Record<string, string>>) => boolean;
}

/** The filters of `GET /v2/apps`, all of which must hold. */
export function matchesFilter({ spec }: AppVersion, { id, cmd, labels }: AppFilter): boolean {
  const holds = (text: string | undefined, part: string | undefined): boolean =>
    part === undefined || (text !== undefined && text.toLowerCase().includes(part.toLowerCase()));
  return holds(spec.id, id) && holds(spec.cmd, cmd) && (!labels || labels(spec.labels));
}
