// Marathon's condition of an instance (behaviour.md 10.1), read from its row. Nothing is stored twice: the condition is
// what goal, stop and the newest report of the *current* incarnation say together.
import type { Instance, InstanceStatus, UnreachableStrategy } from '#libs/model';

export type Condition =
  | 'Scheduled'
  | 'Provisioned'
  | 'Staging'
  | 'Starting'
  | 'Running'
  | 'Killing'
  | 'Unreachable'
  | 'UnreachableInactive'
  | 'Finished'
  | 'Failed'
  | 'Killed'
  | 'Error'
  | 'Dropped'
  | 'Gone'
  | 'Unknown';

const TERMINAL: ReadonlySet<Condition> = new Set<Condition>([
  'Finished',
  'Failed',
  'Killed',
  'Error',
  'Dropped',
  'Gone',
  'Unknown',
]);
const ACTIVE: ReadonlySet<Condition> = new Set<Condition>([
  'Provisioned',
  'Staging',
  'Starting',
  'Running',
  'Killing',
  'Unreachable',
]);

const TASK_STATES: Readonly<Record<Condition, string>> = {
  Scheduled: 'TASK_STAGING',
  Provisioned: 'TASK_STAGING',
  Staging: 'TASK_STAGING',
  Starting: 'TASK_STARTING',
  Running: 'TASK_RUNNING',
  Killing: 'TASK_KILLING',
  Unreachable: 'TASK_UNREACHABLE',
  UnreachableInactive: 'TASK_UNREACHABLE',
  Finished: 'TASK_FINISHED',
  Failed: 'TASK_FAILED',
  Killed: 'TASK_KILLED',
  Error: 'TASK_ERROR',
  Dropped: 'TASK_DROPPED',
  Gone: 'TASK_GONE',
  Unknown: 'TASK_UNKNOWN',
};

/** The report about the incarnation that the control plane means; an older one says nothing about it. */
export function currentStatus(instance: Instance): InstanceStatus | undefined {
  const { status } = instance;
  return status && status.incarnation === instance.incarnation && status.taskId === instance.taskId
    ? status
    : undefined;
}

/**
 * `now`: the control plane's clock. `strategy`: of the instance's version; without it the defaults (0 s) hold, by which
 * an unreachable instance is inactive at once.
 */
export function conditionOf(instance: Instance, now: number, strategy?: UnreachableStrategy): Condition {
  const status = currentStatus(instance);
  if (status?.phase === 'ended' || status?.phase === 'rejected') return terminalCondition(status);
  if (!instance.placed) return 'Scheduled';
  if (instance.unreachableSince !== undefined) {
    return isInactive(instance.unreachableSince, now, strategy) ? 'UnreachableInactive' : 'Unreachable';
  }
  if (instance.stop) return 'Killing';
  switch (status?.phase) {
    case undefined:
      return 'Provisioned';
    case 'waiting':
    case 'pulling':
      return 'Staging';
    case 'starting':
      return 'Starting';
    case 'running':
      return 'Running';
    case 'stopping':
      return 'Killing';
  }
}

/** Marathon's task state; TASK_KILLING from the moment a stop is under way (decisions.md 11). */
export const taskStateOf = (instance: Instance, now = 0): string => TASK_STATES[conditionOf(instance, now)];

export const isTerminal = (condition: Condition): boolean => TERMINAL.has(condition);
/** Counts as existing on an agent; an inactive unreachable one no longer does. */
export const isActive = (condition: Condition): boolean => ACTIVE.has(condition);

/** The current incarnation was reported as over, whatever else the row says. */
export function hasEnded(instance: Instance): boolean {
  const phase = currentStatus(instance)?.phase;
  return phase === 'ended' || phase === 'rejected';
}

function terminalCondition(status: InstanceStatus): Condition {
  if (status.phase === 'rejected') {
    switch (status.reject?.reason) {
      case 'port-taken': // nothing was tried yet: it goes elsewhere
        return 'Dropped';
      case 'temporary': // the engine tried, and may succeed another time
        return 'Failed';
      default:
        return 'Error';
    }
  }
  if (status.exit?.requested) return 'Killed';
  // an unknown exit counts as failed (decisions.md 21)
  return status.exit?.code === 0 ? 'Finished' : 'Failed';
}

function isInactive(since: number, now: number, strategy: UnreachableStrategy | undefined): boolean {
  if (strategy === 'disabled') return false;
  return now >= since + (strategy?.inactiveAfterSeconds ?? 0) * 1000;
}
