// What the agent gets for one incarnation: a launch spec that stands on its own, and the assignment around it.
// Pure functions of stored rows, so every leader sends the same.
import { portsOf, runtimeOf } from '#libs/model';
import type { AgentInfo, App, AppVersion, Assignment, Instance, LaunchSpec, TaskId } from '#libs/model';
import { backoffOf } from './launch-delay.js';
import { taskEnvironment } from './environment.js';

/** SIGTERM to SIGKILL when `taskKillGracePeriodSeconds` is absent (decisions.md 11). */
export const DEFAULT_KILL_GRACE_MS = 10_000;
/** App label with the most seconds that requests in flight get before a stop; read by the control plane, not sent to agents. */
export const DRAIN_LABEL = 'longrun.io/drain-seconds';

export type LaunchAgent = Pick<AgentInfo, 'hostname'>;

/** `taskId` and `hostPorts` as placed. */
export function launchSpecOf(
  { taskId, hostPorts }: { readonly taskId: TaskId; readonly hostPorts: readonly number[] },
  version: AppVersion,
  agent: LaunchAgent,
): LaunchSpec {
  const { spec } = version;
  const docker = spec.container?.docker;
  const { [DRAIN_LABEL]: _, ...labels } = spec.labels;
  return {
    runtime: runtimeOf(spec),
    ...(spec.cmd === undefined ? {} : { cmd: spec.cmd }),
    ...(spec.args === undefined ? {} : { args: spec.args }),
    env: taskEnvironment({ version, taskId, hostname: agent.hostname, hostPorts }),
    cpus: spec.cpus,
    mem: spec.mem,
    disk: spec.disk,
    network: spec.networks.some((each) => each.mode === 'container/bridge') ? 'bridge' : 'host',
    ports: portsOf(spec).map((each) => {
      const hostPort = hostPorts[each.index] ?? 0;
      const container =
        each.containerPort === undefined ? {} : { containerPort: each.containerPort || hostPort };
      return { index: each.index, hostPort, protocol: each.protocol, ...container };
    }),
    ...(docker ? { image: docker.image } : {}),
    forcePullImage: docker?.forcePullImage ?? false,
    privileged: docker?.privileged ?? false,
    parameters: docker?.parameters ?? [],
    volumes: spec.container?.volumes ?? [],
    healthChecks: spec.healthChecks,
    killGraceMs:
      spec.taskKillGracePeriodSeconds === undefined
        ? DEFAULT_KILL_GRACE_MS
        : spec.taskKillGracePeriodSeconds * 1000,
    labels,
  };
}

/** The assignment of a placed instance, or null: one that waits to be launched has none. The agent is told to stop in phase `killing` only. */
export function assignmentOf(
  instance: Instance,
  version: AppVersion,
  app: Pick<App, 'launchDelay'> | undefined,
  agent: LaunchAgent,
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
    launch: launchSpecOf({ taskId, hostPorts: instance.hostPorts }, version, agent),
    backoff: {
      ...backoffOf(version),
      delayMs: delay && delay.configVersion === version.lastConfigChangeAt ? delay.delayMs : 0,
    },
    cause: instance.stop?.cause ?? instance.cause,
  };
}
