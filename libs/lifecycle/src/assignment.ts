// What the agent gets for one incarnation: a launch spec that stands on its own, and the assignment around it.
// Pure functions of stored rows, so every leader sends the same.
import { configOf, runtimeOf, taskPortsOf } from '#libs/model';
import type {
  AgentInfo,
  App,
  AppSpec,
  AppVersion,
  Assignment,
  Instance,
  LaunchSpec,
  TaskId,
} from '#libs/model';
import { backoffOf } from './launch-delay.js';
import { taskEnvironment } from './environment.js';

/** SIGTERM to SIGKILL when `taskKillGracePeriodSeconds` is absent (decisions.md 11). */
export const DEFAULT_KILL_GRACE_MS = 10_000;
/** App label with the most seconds that requests in flight get before a stop; read by the control plane, not sent to agents. */
export const DRAIN_LABEL = 'longrun.io/drain-seconds';

/** App label: seconds for which a new instance must serve without interruption before an old one makes room for it. */
export const MIN_READY_LABEL = 'longrun.io/min-ready-seconds';
/** App label: most seconds that a deployment may be without progress. */
export const DEADLINE_LABEL = 'longrun.io/progress-deadline-seconds';

/** Where it is launched. `enforceGroupRole`: of the app's top-level group. */
export type LaunchPlace = Pick<AgentInfo, 'hostname'> & { readonly enforceGroupRole?: boolean };

/** The incarnation as placed. */
export type PlacedTask = Pick<Instance, 'id' | 'hostPorts' | 'asksReadiness'> & { readonly taskId: TaskId };

export function launchSpecOf(
  { id, taskId, hostPorts, asksReadiness }: PlacedTask,
  version: AppVersion,
  place: LaunchPlace,
): LaunchSpec {
  const { spec } = version;
  const docker = spec.container?.docker;
  const [readinessCheck] = asksReadiness ? (spec.readinessChecks ?? []) : [];
  const { [DRAIN_LABEL]: _, [MIN_READY_LABEL]: __, [DEADLINE_LABEL]: ___, ...labels } = spec.labels;
  return {
    runtime: runtimeOf(spec),
    ...(spec.cmd === undefined ? {} : { cmd: spec.cmd }),
    ...(spec.args === undefined ? {} : { args: spec.args }),
    ...(spec.user === undefined ? {} : { user: spec.user }),
    ...(spec.tty === undefined ? {} : { tty: spec.tty }),
    ...(spec.fetch?.length ? { fetch: spec.fetch } : {}),
    env: taskEnvironment({ version, taskId, instanceId: id, hostPorts, ...place }),
    cpus: spec.cpus,
    mem: spec.mem,
    disk: spec.disk,
    ...(spec.resourceLimits ? { limits: spec.resourceLimits } : {}),
    ...networkOf(spec),
    ports: taskPortsOf(spec, { id, hostPorts }).map(({ index, hostPort, protocol, name, containerPort }) => ({
      index,
      hostPort,
      protocol,
      ...(name === undefined ? {} : { name }),
      ...(containerPort === undefined ? {} : { containerPort }),
    })),
    ...(docker ? { image: docker.image } : {}),
    forcePullImage: docker?.forcePullImage ?? false,
    privileged: docker?.privileged ?? false,
    parameters: docker?.parameters ?? [],
    volumes: spec.container?.volumes ?? [],
    ...(spec.container?.linuxInfo ? { linuxInfo: spec.container.linuxInfo } : {}),
    healthChecks: spec.healthChecks,
    ...(spec.check ? { check: spec.check } : {}),
    ...(readinessCheck ? { readinessCheck } : {}),
    killGraceMs:
      spec.taskKillGracePeriodSeconds === undefined
        ? DEFAULT_KILL_GRACE_MS
        : spec.taskKillGracePeriodSeconds * 1000,
    labels,
  };
}

/** A process on a bridge listens on its host ports (its definition asks for no others), so it has the network of its host. */
function networkOf(spec: AppSpec): Pick<LaunchSpec, 'network' | 'networkNames'> {
  const { networks } = spec;
  const names = networks.flatMap(({ mode, name }) => (mode === 'container' ? [name ?? ''] : []));
  if (names.length) return { network: 'container', networkNames: names };
  const onBridge = networks.some(({ mode }) => mode === 'container/bridge');
  return { network: onBridge && runtimeOf(spec) === 'docker' ? 'bridge' : 'host' };
}

/** The assignment of a placed instance, or null: one that waits to be launched has none. The agent is told to stop in phase `killing` only. */
export function assignmentOf(
  instance: Instance,
  version: AppVersion,
  app: Pick<App, 'launchDelay' | 'current'> | undefined,
  place: LaunchPlace,
): Assignment | null {
  const { taskId } = instance;
  if (!instance.placed || taskId === undefined) return null;
  const delay = app?.launchDelay;
  return {
    instanceId: instance.id,
    appId: instance.appId,
    appVersion: instance.version,
    incarnation: instance.incarnation,
    taskId,
    goal: instance.stop?.phase === 'killing' ? 'stop' : 'run',
    launch: launchSpecOf({ ...instance, taskId }, version, place),
    backoff: {
      ...backoffOf(version),
      delayMs: app && delay?.configVersion === configOf(version, app.current) ? delay.delayMs : 0,
    },
    cause: instance.stop?.cause ?? instance.cause,
  };
}
