// What deriving events needs to know beyond the changed rows, as functions: this lib depends on the model alone,
// so the rules for conditions and task states stay with whoever owns them.
import type {
  AgentId,
  AgentNode,
  AppId,
  AppVersion,
  Group,
  GroupId,
  Instance,
  TaskId,
  Timestamp,
} from '#libs/model';

export interface EventView {
  readonly now: Timestamp;
  /** Marathon's condition, first letter upper case: `Scheduled`, `Running`, … (behaviour.md 10.1). */
  condition(instance: Instance): string;
  /** `TASK_RUNNING`, …; `TASK_STAGING` as long as nothing was reported. */
  taskState(instance: Instance): string;
  /** Aggregate health (behaviour.md 7.4); null when unknown or without checks. */
  healthy(instance: Instance): boolean | null;
  version(app: AppId, version: Timestamp): AppVersion | undefined;
  agent(id: AgentId): AgentNode | undefined;
  /** As stored now; for groups that a plan leaves as they are. */
  group?(id: GroupId): Pick<Group, 'dependencies'> | undefined;
  /** The definition as the API shows it, without runtime members. */
  showApp(version: AppVersion): Readonly<Record<string, unknown>>;
}

/** A row before and after a commit; null where it does not exist. */
export interface RowChange<Row> {
  readonly before: Row | null;
  readonly after: Row | null;
}

export const isTerminalCondition = (condition: string): boolean =>
  ['Finished', 'Failed', 'Killed', 'Error', 'Gone', 'Dropped', 'Unknown'].includes(condition);

export const hostOf = (instance: Instance, view: EventView): string | null =>
  (instance.agentId && view.agent(instance.agentId)?.info.hostname) ?? null;

/** The task an event speaks about: of the report when the incarnation has moved on already. */
export const taskIdOf = (instance: Instance): TaskId | undefined =>
  instance.taskId ?? instance.status?.taskId;
