// The environment of an app's task, exactly as Marathon's (behaviour.md 12.1): names upper case, the user's `env` on top.
import { taskPortsOf } from '#libs/model';
import type { AppVersion, InstanceId, TaskId } from '#libs/model';

export interface EnvironmentInput {
  readonly version: AppVersion;
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  /** The agent's host name. */
  readonly hostname: string;
  /** As assigned, in definition order; 0 = none. */
  readonly hostPorts: readonly number[];
  /** Of the app's top-level group. */
  readonly enforceGroupRole?: boolean;
}

/** Marathon's limits: 512 bytes per name, of which 19 are the prefix; 512 per value. */
const MAX_LABEL_KEY = 512 - 'MARATHON_APP_LABEL_'.length;
const MAX_LABEL_VALUE = 512;

/** Complete: orchestrator's variables, then the user's, who may override any of them. */
export function taskEnvironment({
  version,
  taskId,
  instanceId,
  hostname,
  hostPorts,
  enforceGroupRole = false,
}: EnvironmentInput): Record<string, string> {
  const { spec } = version;
  const image = spec.container?.type === 'DOCKER' ? spec.container.docker?.image : undefined;
  return {
    MARATHON_APP_ID: spec.id,
    MARATHON_APP_VERSION: version.version,
    ...(image === undefined ? {} : { MARATHON_APP_DOCKER_IMAGE: image }),
    MARATHON_APP_RESOURCE_CPUS: decimalText(spec.cpus),
    MARATHON_APP_RESOURCE_MEM: decimalText(spec.mem),
    MARATHON_APP_RESOURCE_DISK: decimalText(spec.disk),
    MARATHON_APP_RESOURCE_GPUS: '0',
    MARATHON_APP_ENFORCE_GROUP_ROLE: enforceGroupRole ? 'TRUE' : 'FALSE',
    ...labelVariables(spec.labels),
    MESOS_TASK_ID: taskId,
    HOST: hostname,
    ...portVariables(version, instanceId, hostPorts),
    ...spec.env,
  };
}

function labelVariables(labels: Readonly<Record<string, string>>): Record<string, string> {
  const exported = Object.entries(labels)
    .filter(([key, value]) => key.length < MAX_LABEL_KEY && value.length < MAX_LABEL_VALUE)
    .map(([key, value]) => [cleanName(key), value] as const);
  return {
    MARATHON_APP_LABELS: exported.map(([name]) => name).join(' '),
    ...Object.fromEntries(exported.map(([name, value]) => [`MARATHON_APP_LABEL_${name}`, value])),
  };
}

/**
 * Without a host port a port's number is the one inside the container. `PORTS` are the host ports, then the generated numbers; fixed
 * container ports without a host port are not in it, and when it is empty there is no `PORT`.
 */
function portVariables(
  { spec }: AppVersion,
  id: InstanceId,
  hostPorts: readonly number[],
): Record<string, string> {
  const ports = taskPortsOf(spec, { id, hostPorts });
  if (!ports.length) return {};
  const variables: Record<string, string> = {};
  for (const each of ports) {
    const assigned = String(each.hostPort || (each.containerPort ?? 0));
    // with a mapping the number asked for is the container's, otherwise the service port
    const requested = each.containerPort ?? each.servicePort;
    variables[`PORT${each.index}`] = assigned;
    variables[`PORT_${requested || assigned}`] = assigned;
    if (each.name !== undefined) variables[`PORT_${each.name.toUpperCase()}`] = assigned;
  }
  const generated = ports.flatMap((each) => (each.isGenerated ? [each.containerPort] : []));
  const all = [...ports.flatMap((each) => each.hostPort || []), ...generated].map(String);
  return { ...variables, ...(all[0] === undefined ? {} : { PORT: all[0] }), PORTS: all.join(',') };
}

const cleanName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_]+/g, '_').toUpperCase();

/** Amounts read like the JVM's doubles: `128.0`, `0.1`. */
const decimalText = (amount: number): string =>
  Number.isInteger(amount) ? amount.toFixed(1) : String(amount);
