// Which tasks answer for one port of an app: the routed instances, each at the host port that its own version gave that index, because
// during a rollout old and new instances may have different ports. A port without host port (container networks) is reached at the
// task's own address; while that is unknown the task is no target.
import {
  ownAddressOf,
  taskPortsOf,
  type AgentId,
  type AgentInfo,
  type AppVersion,
  type Instance,
  type ServicePort,
  type TaskPort,
  type Timestamp,
} from '#libs/model';
import type { RouteTarget } from './route-table.js';

/** Also in `#libs/lifecycle`, which this layer may not import. */
const DRAIN_LABEL = 'longrun.io/drain-seconds';

/** UDP is not proxied (decisions.md 12). */
export const servesTcp = (port: Pick<ServicePort, 'protocol'>): boolean => port.protocol !== 'udp';

export interface TargetSources {
  readonly versionOf: (instance: Instance) => AppVersion;
  readonly agentOf: (id: AgentId) => AgentInfo | undefined;
  /** Under which version its tasks are told of. */
  readonly nameOf: (definition: AppVersion) => Timestamp;
}

/** In order of instance id, so that the same rows always make the same table. */
export function targetsOf(
  portIndex: number,
  instances: readonly Instance[],
  { versionOf, agentOf, nameOf }: TargetSources,
): RouteTarget[] {
  const targets: RouteTarget[] = [];
  for (const instance of instances) {
    if (instance.routing === 'out' || instance.taskId === undefined || instance.agentId === undefined)
      continue;
    const definition = versionOf(instance);
    const port = taskPortsOf(definition.spec, instance)[portIndex];
    const agent = agentOf(instance.agentId);
    if (!port || !servesTcp(port) || !agent) continue;
    const place = placeOf(port, instance, agent);
    if (!place) continue;
    targets.push({
      taskId: instance.taskId,
      instanceId: instance.id,
      ...place,
      suspect: instance.routing === 'suspect',
      version: nameOf(definition),
      ...(agent.zone === undefined ? {} : { zone: agent.zone }),
      ...drainOf(definition),
    });
  }
  return targets.sort((a, b) => (a.instanceId < b.instanceId ? -1 : a.instanceId > b.instanceId ? 1 : 0));
}

/** As the reconciler reads it (`drainMsOf`): a label that is no number of seconds is as if absent. */
function drainOf({ spec }: AppVersion): Pick<RouteTarget, 'drainMs'> {
  const seconds = Number(spec.labels[DRAIN_LABEL]?.trim() || Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? { drainMs: seconds * 1000 } : {};
}

function placeOf(
  { hostPort, containerPort }: TaskPort,
  instance: Instance,
  agent: AgentInfo,
): Pick<RouteTarget, 'host' | 'port'> | undefined {
  if (hostPort !== 0) return { host: agent.address, port: hostPort };
  const host = ownAddressOf(instance);
  return host === undefined || containerPort === undefined ? undefined : { host, port: containerPort };
}
