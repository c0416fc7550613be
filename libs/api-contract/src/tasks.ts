// Task and Health as Marathon shows them (api.md 3.10). What a condition or the health of an instance *is*, libs/lifecycle decides;
// here it only gets its shape. Unset members are left out, for strict clients fail on null.
import type { AgentInfo, AppSpec, CheckResult, HealthResult, Instance, InstanceStatus } from '#libs/model';
import { heldPorts, portsOf, timestampOf } from '#libs/model';

/** One instance with all that is needed to show its task. */
export interface TaskView {
  readonly instance: Instance;
  /** `TASK_RUNNING`, … of its condition. */
  readonly state: string;
  /** False for terminal and inactive conditions: times, version and ports are not shown then. */
  readonly isActive: boolean;
  /** All checks together: null = no checks, or one without a result. */
  readonly healthy: boolean | null;
  /** The report about its current incarnation. */
  readonly status?: InstanceStatus;
  /** Of its agent; an instance that was never placed has none and is no task. */
  readonly agent?: AgentInfo;
  /** Of the version it runs. */
  readonly spec: AppSpec;
}

export interface HealthInfo {
  readonly alive: boolean;
  readonly consecutiveFailures: number;
  readonly firstSuccess?: string;
  readonly lastSuccess?: string;
  readonly lastFailure?: string;
  readonly lastFailureCause?: string;
  readonly instanceId: string;
}

export interface TaskInfo {
  readonly id: string;
  readonly appId: string;
  readonly host: string;
  readonly slaveId?: string;
  readonly state: string;
  readonly stagedAt?: string;
  readonly startedAt?: string;
  readonly version?: string;
  readonly ports: readonly number[];
  readonly servicePorts: readonly number[];
  readonly ipAddresses: readonly { readonly ipAddress: string; readonly protocol: 'IPv4' | 'IPv6' }[];
  readonly healthCheckResults: readonly HealthInfo[];
  /** Newest result of the app's `check`. */
  readonly checkResult?: CheckResult;
  readonly localVolumes: readonly never[];
  readonly region?: string;
  readonly zone?: string;
  readonly role: string;
}

export interface TaskOptions {
  /** Only `/v2/tasks` shows them, with the length and order of `ports`; elsewhere the list is empty. */
  readonly withServicePorts?: boolean;
}

/** Null for an instance that was never placed: it is in the queue, not among the tasks. */
export function presentTask(view: TaskView, { withServicePorts = false }: TaskOptions = {}): TaskInfo | null {
  const { instance, agent, status, isActive } = view;
  if (instance.taskId === undefined) return null;
  const health = (status?.health ?? []).filter((each) => each !== null);
  return {
    id: instance.taskId,
    appId: instance.appId,
    // Clients dial it, so it is never empty; a removed agent leaves only its id.
    host: agent?.hostname ?? instance.agentId ?? 'unknown',
    ...(instance.agentId === undefined ? {} : { slaveId: instance.agentId }),
    state: view.state,
    ...(isActive ? presentTimes(view) : {}),
    ports: isActive ? heldPorts(instance) : [],
    servicePorts: withServicePorts && isActive ? servicePortsOf(view) : [],
    ipAddresses: status?.ipAddresses ?? [],
    healthCheckResults: health.map((each) => presentHealth(each, instance)),
    ...(status?.check ? { checkResult: status.check } : {}),
    localVolumes: [],
    ...(agent?.region === undefined ? {} : { region: agent.region }),
    ...(agent?.zone === undefined ? {} : { zone: agent.zone }),
    role: view.spec.role,
  };
}

export const presentTasks = (views: readonly TaskView[], options?: TaskOptions): readonly TaskInfo[] =>
  views.map((view) => presentTask(view, options)).filter((task) => task !== null);

const texts = { with: new WeakMap<TaskView, string>(), without: new WeakMap<TaskView, string>() };

/** `JSON.stringify(presentTask(…))`, made once for each view. */
export function taskAsJson(view: TaskView, options: TaskOptions = {}): string | null {
  if (view.instance.taskId === undefined) return null;
  const known = options.withServicePorts ? texts.with : texts.without;
  const made = known.get(view) ?? JSON.stringify(presentTask(view, options));
  known.set(view, made);
  return made;
}

function presentTimes({ instance, status }: TaskView): Pick<TaskInfo, 'stagedAt' | 'startedAt' | 'version'> {
  return {
    ...(instance.placedAt === undefined ? {} : { stagedAt: timestampOf(instance.placedAt) }),
    ...(status?.startedAt === undefined ? {} : { startedAt: timestampOf(status.startedAt) }),
    version: instance.version,
  };
}

/** Of the ports that have a host port, so that both lists go together. */
function servicePortsOf({ instance: { hostPorts }, spec }: TaskView): readonly number[] {
  return portsOf(spec)
    .filter(({ index }) => (hostPorts[index] ?? 0) !== 0)
    .map(({ servicePort }) => servicePort);
}

export function presentHealth(result: HealthResult, { id }: Pick<Instance, 'id'>): HealthInfo {
  const { firstSuccessAt, lastSuccessAt, lastFailureAt, lastFailureCause } = result;
  return {
    alive: result.alive,
    consecutiveFailures: result.consecutiveFailures,
    ...(firstSuccessAt === undefined ? {} : { firstSuccess: timestampOf(firstSuccessAt) }),
    ...(lastSuccessAt === undefined ? {} : { lastSuccess: timestampOf(lastSuccessAt) }),
    ...(lastFailureAt === undefined ? {} : { lastFailure: timestampOf(lastFailureAt) }),
    ...(lastFailureCause === undefined ? {} : { lastFailureCause }),
    instanceId: id,
  };
}

export type TaskStatusFilter = 'running' | 'staging';

/** `status` and `status[]` of `/v2/tasks`: unknown texts are ignored; null = no filter (api.md 6). */
export function taskStatusFilter(values: readonly string[]): ReadonlySet<TaskStatusFilter> | null {
  const known = values
    .map((value) => value.toLowerCase())
    .filter((value): value is TaskStatusFilter => value === 'running' || value === 'staging');
  return known.length ? new Set(known) : null;
}

export const matchesTaskStatus = (
  task: Pick<TaskInfo, 'state'>,
  wanted: ReadonlySet<TaskStatusFilter> | null,
): boolean =>
  !wanted ||
  (wanted.has('running') && task.state === 'TASK_RUNNING') ||
  (wanted.has('staging') && task.state === 'TASK_STAGING');
