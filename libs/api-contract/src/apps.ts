// AppInfo as Marathon shows it (api.md 3.3): the definition in its present form, and the parts that were asked for.
import type { AppVersion, ShownApp, TaskFailure } from '#libs/model';
import { showApp } from '#libs/model';
import type { AppEmbed } from './app-embeds.js';
import { countTasks, taskStatsOf, type TaskCounts, type TaskStats } from './task-stats.js';
import { presentTasks, type TaskInfo, type TaskView } from './tasks.js';

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
    readonly readinessCheckResults?: readonly never[];
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
  const { version, tasks, deployments, lastTaskFailure } = view;
  return {
    ...presentVersion(version),
    ...(embeds.has('counts') ? countTasks(tasks) : {}),
    ...(embeds.has('deployments') ? { deployments: deployments.map((id) => ({ id })) } : {}),
    ...(embeds.has('tasks') ? { tasks: presentTasks(tasks) } : {}),
    ...(embeds.has('lastTaskFailure') && lastTaskFailure ? { lastTaskFailure } : {}),
    ...(embeds.has('readiness') ? { readinessCheckResults: [] } : {}),
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
