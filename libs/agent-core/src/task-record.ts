// What the agent knows about one incarnation of an instance: kept in the journal, and the source of its reports.
import type { AppId, Assignment, InstanceStatus, LaunchSpec, TaskExit, TaskId, Timestamp } from '#libs/model';
import type { TaskLaunch, TaskObservation } from '#libs/runtime';

/** A status without its place in the order of reports; the reporter adds run and sequence. */
export type TaskReport = Omit<InstanceStatus, 'run' | 'sequence'>;

export interface TaskRecord extends TaskReport {
  readonly appId: AppId;
  readonly appVersion: Timestamp;
  /** Null: found on this host, and never assigned to us. */
  readonly launch: LaunchSpec | null;
  readonly runtime: 'docker' | 'process';
}

export const isTerminal = (task: Pick<TaskReport, 'phase'>): boolean =>
  task.phase === 'ended' || task.phase === 'rejected';

/** An agent never waits longer than this between SIGTERM and SIGKILL for a task whose spec it does not know (decisions.md 11). */
export const UNKNOWN_GRACE_MS = 10_000;
/** Messages carry the end of stderr; what is longer is cut, so that a full report of an agent stays small. */
const MESSAGE_CHARACTERS_MAX = 4_096;

/** An image to pull, or something to fetch. */
const needsPreparation = ({ image, fetch }: LaunchSpec): boolean => image !== undefined || !!fetch?.length;

/** The record of an incarnation that is about to begin. */
export function beginTask(assignment: Assignment, now: number): TaskRecord {
  return {
    instanceId: assignment.instanceId,
    appId: assignment.appId,
    appVersion: assignment.appVersion,
    taskId: assignment.taskId,
    incarnation: assignment.incarnation,
    launch: assignment.launch,
    runtime: assignment.launch.runtime,
    autonomous: false,
    phase: needsPreparation(assignment.launch) ? 'pulling' : 'starting',
    since: now,
    health: assignment.launch.healthChecks.map(() => null),
    accepting: false,
    ipAddresses: [],
  };
}

/** The next incarnation, started by the agent itself: same spec and ports, a task id of its own (decisions.md 15). */
export function beginAutonomous(
  previous: TaskRecord,
  assignment: Assignment,
  taskId: TaskId,
  now: number,
): TaskRecord {
  // no deployment starts it, so it is not asked whether it is ready (behaviour.md 8)
  const { readinessCheck: _, ...rest } = assignment.launch;
  const launch = { ...rest, env: { ...rest.env, MESOS_TASK_ID: taskId } };
  const incarnation = Math.max(previous.incarnation, assignment.incarnation) + 1;
  return { ...beginTask({ ...assignment, incarnation, taskId, launch }, now), autonomous: true };
}

/** The record of a task found on this host; `assignment` is the one of its instance, if there is one. */
export function recordOf(
  seen: TaskObservation,
  runtime: 'docker' | 'process',
  assignment: Assignment | null,
  now: number,
): TaskRecord {
  const launch = assignment?.launch ?? null;
  return {
    instanceId: seen.instanceId,
    appId: seen.appId,
    appVersion: assignment?.appVersion ?? ('' as Timestamp),
    taskId: seen.taskId,
    incarnation: seen.incarnation,
    launch,
    runtime,
    autonomous:
      assignment !== null && assignment.taskId !== seen.taskId && seen.incarnation > assignment.incarnation,
    phase: 'running',
    since: seen.startedAt ?? now,
    health: (launch?.healthChecks ?? []).map(() => null),
    accepting: false,
    ipAddresses: seen.ipAddresses,
  };
}

/** It runs; a startedAt that the runtime does not know is `now`. */
export function running(task: TaskRecord, seen: TaskObservation, now: number): TaskRecord {
  const { pull: _pull, exit: _exit, reject: _reject, ...rest } = task;
  const startedAt = seen.startedAt ?? task.startedAt ?? now;
  return {
    ...rest,
    phase: 'running',
    since: task.phase === 'running' ? task.since : now,
    startedAt,
    ipAddresses: seen.ipAddresses,
    ...(seen.handle === undefined ? {} : { handle: seen.handle }),
  };
}

export function ended(task: TaskRecord, exit: TaskExit, now: number): TaskRecord {
  const { pull: _pull, ...rest } = task;
  return {
    ...rest,
    phase: 'ended',
    since: now,
    exit: { ...exit, message: exit.message.slice(-MESSAGE_CHARACTERS_MAX) },
    accepting: false,
  };
}

export const stoppedBeforeStart: TaskExit = {
  requested: true,
  outOfMemory: false,
  message: 'stopped before it was started',
};

export const vanished: TaskExit = {
  requested: false,
  outOfMemory: false,
  message: 'the task was gone when the agent looked for it again; its exit is unknown',
};

/** What the runtime is given; needs a launch spec. */
export function launchOf(task: TaskRecord, spec: LaunchSpec): TaskLaunch {
  const { taskId, instanceId, appId, appVersion, incarnation } = task;
  return { taskId, instanceId, appId, appVersion, incarnation, spec };
}

/** The report without what only the agent needs. */
export function reportOf(task: TaskRecord): TaskReport {
  const { launch: _launch, runtime: _runtime, appVersion: _appVersion, ...report } = task;
  return report;
}
