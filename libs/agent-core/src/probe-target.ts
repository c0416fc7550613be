// Where a health check of a task is asked (behaviour.md 7.2): always at the host port, for that is where the proxy will send
// requests; a container port of a bridged container is translated to the host port that it is published on.
import type { HealthCheck, LaunchPort, LaunchSpec } from '#libs/model';

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
}

export const isTcp = (port: LaunchPort): boolean => port.protocol !== 'udp';

/** What of a check says where it is asked. */
export type TargetChoice = Pick<HealthCheck, 'protocol' | 'port' | 'portIndex' | 'ipProtocol'>;

/** Null: the check has no port (a COMMAND check, or no port at its index). */
export function probeTarget(check: TargetChoice, spec: LaunchSpec, address: string): ProbeTarget | null {
  if (check.protocol === 'COMMAND') return null;
  const port = portOf(check, spec);
  if (port === undefined) return null;
  const inside = check.protocol.startsWith('MESOS_') && check.ipProtocol === 'IPv6';
  return { host: inside ? '::1' : address, port };
}

function portOf(check: TargetChoice, spec: LaunchSpec): number | undefined {
  if (check.port === undefined)
    return spec.ports.find(({ index }) => index === (check.portIndex ?? 0))?.hostPort;
  const published = spec.ports.find(({ containerPort }) => containerPort === check.port);
  return published?.hostPort ?? check.port;
}

/** Host ports that no health check of their own watches: these must accept a connection before the instance is routed (decisions.md 12). */
export function uncheckedPorts(spec: LaunchSpec): readonly number[] {
  const checked = new Set(spec.healthChecks.map((check) => probeTarget(check, spec, '')?.port));
  return spec.ports
    .filter((port) => isTcp(port) && !checked.has(port.hostPort))
    .map(({ hostPort }) => hostPort);
}
