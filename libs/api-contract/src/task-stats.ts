// `taskStats` of an app (api.md 3.3): counts and life times of its tasks in four overlapping sets, each left out when empty.
import { isOfCurrentConfig, type AppVersion } from '#libs/model';
import type { TaskView } from './tasks.js';

export interface TaskCounts {
  readonly tasksStaged: number;
  readonly tasksRunning: number;
  readonly tasksHealthy: number;
  readonly tasksUnhealthy: number;
}

export interface TaskStatsSummary {
  readonly stats: {
    readonly counts: {
      readonly staged: number;
      readonly running: number;
      readonly healthy: number;
      readonly unhealthy: number;
    };
    /** Absent if none of them has started. */
    readonly lifeTime?: { readonly averageSeconds: number; readonly medianSeconds: number };
  };
}

export interface TaskStats {
  readonly startedAfterLastScaling?: TaskStatsSummary;
  readonly withLatestConfig?: TaskStatsSummary;
  readonly withOutdatedConfig?: TaskStatsSummary;
  readonly totalSummary?: TaskStatsSummary;
}

/** Instances that wait to be launched count nowhere; one can be in none of the four, for instance while it is stopped. */
export function countTasks(tasks: readonly TaskView[]): TaskCounts {
  const placed = tasks.filter(isPlaced);
  return {
    tasksStaged: placed.filter(({ state }) => state === 'TASK_STAGING').length,
    tasksRunning: placed.filter(({ state }) => state === 'TASK_RUNNING').length,
    tasksHealthy: placed.filter(({ healthy }) => healthy === true).length,
    tasksUnhealthy: placed.filter(({ healthy }) => healthy === false).length,
  };
}

const isPlaced = ({ instance }: TaskView): boolean => instance.placed && instance.taskId !== undefined;

/** `now`: epoch ms. Versions are compared as text, which is their order in time. */
export function taskStatsOf(tasks: readonly TaskView[], current: AppVersion, now: number): TaskStats {
  const placed = tasks.filter(isPlaced);
  const isLatest = ({ instance }: TaskView): boolean => isOfCurrentConfig(instance.version, current);
  return {
    ...summaryAs(
      'startedAfterLastScaling',
      placed.filter(({ instance }) => instance.version >= current.lastScalingAt),
      now,
    ),
    ...summaryAs('withLatestConfig', placed.filter(isLatest), now),
    ...summaryAs(
      'withOutdatedConfig',
      placed.filter((task) => !isLatest(task)),
      now,
    ),
    ...summaryAs('totalSummary', placed, now),
  };
}

function summaryAs(name: keyof TaskStats, tasks: readonly TaskView[], now: number): TaskStats {
  if (!tasks.length) return {};
  const { tasksStaged, tasksRunning, tasksHealthy, tasksUnhealthy } = countTasks(tasks);
  const lifeTime = lifeTimeOf(tasks, now);
  const counts = {
    staged: tasksStaged,
    running: tasksRunning,
    healthy: tasksHealthy,
    unhealthy: tasksUnhealthy,
  };
  return { [name]: { stats: { counts, ...(lifeTime ? { lifeTime } : {}) } } };
}

function lifeTimeOf(
  tasks: readonly TaskView[],
  now: number,
): { readonly averageSeconds: number; readonly medianSeconds: number } | null {
  const seconds = tasks
    .flatMap(({ status }) =>
      status?.startedAt === undefined ? [] : [Math.max(0, now - status.startedAt) / 1000],
    )
    .sort((one, other) => one - other);
  if (!seconds.length) return null;
  const middle = Math.floor(seconds.length / 2);
  const upper = seconds[middle] ?? 0;
  return {
    averageSeconds: seconds.reduce((sum, each) => sum + each, 0) / seconds.length,
    medianSeconds: seconds.length % 2 ? upper : ((seconds[middle - 1] ?? upper) + upper) / 2,
  };
}
