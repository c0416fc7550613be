// Where a task is asked whether it works (behaviour.md 7.2): always where the proxy will send requests. That is the host port at the
// agent's address; a container port of a bridged container is translated to the host port that it is published on. On a container
// network a port without host port is asked at the task's own address and container port.
import type { HealthCheck, LaunchPort, LaunchSpec } from '#libs/model';
import type { TaskRecord } from './task-record.js';

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
}

/** Where the ports of one task are. */
export interface TaskPlace {
  /** Where the proxy reaches the host ports of this agent. */
  readonly address: string;
  /** Of the task itself, the main network first; empty with host networking. */
  readonly own: TaskRecord['ipAddresses'];
}

export const isTcp = (port: LaunchPort): boolean => port.protocol !== 'udp';

/** What of a check says where it is asked. */
export type TargetChoice = Pick<HealthCheck, 'protocol' | 'port' | 'portIndex' | 'ipProtocol'>;

/** Null: the check has no port (a COMMAND check, no port at its index), or the task has no address to ask it at. */
export function probeTarget(check: TargetChoice, spec: LaunchSpec, place: TaskPlace): ProbeTarget | null {
  if (check.protocol === 'COMMAND') return null;
  const wantsIPv6 = check.protocol.startsWith('MESOS_') && check.ipProtocol === 'IPv6';
  const watched = watchedPort(check, spec);
  if (watched) return portTarget(watched, place, wantsIPv6);
  if (check.port === undefined) return null;
  const { port } = check;
  // a port that the definition does not name is meant inside the container, where it has a network of its own
  return portTarget(
    { hostPort: spec.network === 'container' ? 0 : port, containerPort: port },
    place,
    wantsIPv6,
  );
}

/** Null: it has no host port, and the task no address of its own. */
export function portTarget(
  { hostPort, containerPort }: Pick<LaunchPort, 'hostPort' | 'containerPort'>,
  { address, own }: TaskPlace,
  wantsIPv6 = false,
): ProbeTarget | null {
  if (hostPort !== 0) return { host: wantsIPv6 ? '::1' : address, port: hostPort };
  const wanted = wantsIPv6 ? own.find(({ protocol }) => protocol === 'IPv6') : undefined;
  const host = (wanted ?? own[0])?.ipAddress;
  return host === undefined || containerPort === undefined ? null : { host, port: containerPort };
}

/** Ports that no health check of their own watches: these must accept a connection before the instance is routed (decisions.md 12). */
export function uncheckedPorts(spec: LaunchSpec): readonly LaunchPort[] {
  const watched = new Set(spec.healthChecks.map((check) => watchedPort(check, spec)?.index));
  return spec.ports.filter((port) => isTcp(port) && !watched.has(port.index));
}

function watchedPort(check: TargetChoice, { ports }: LaunchSpec): LaunchPort | undefined {
  if (check.protocol === 'COMMAND') return undefined;
  if (check.port === undefined) return ports.find(({ index }) => index === (check.portIndex ?? 0));
  return (
    ports.find(({ containerPort }) => containerPort === check.port) ??
    ports.find(({ hostPort }) => hostPort === check.port)
  );
}
