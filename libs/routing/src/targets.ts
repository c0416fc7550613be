// Which tasks answer for one port of an app: the routed instances, each at the host port that its own version gave that index,
// because during a rollout old and new instances may have different ports.
import {
  portsOf,
  type AgentId,
  type AgentInfo,
  type AppVersion,
  type Instance,
  type ServicePort,
} from '#libs/model';
import type { RouteTarget } from './route-table.js';

/** UDP is not proxied (decisions.md 12). */
export const servesTcp = (port: ServicePort): boolean => port.protocol !== 'udp';

export interface TargetSources {
  readonly versionOf: (instance: Instance) => AppVersion;
  readonly agentOf: (id: AgentId) => AgentInfo | undefined;
}

/** In order of instance id, so that the same rows always make the same table. */
export function targetsOf(
  portIndex: number,
  instances: readonly Instance[],
  { versionOf, agentOf }: TargetSources,
): RouteTarget[] {
  const targets: RouteTarget[] = [];
  for (const instance of instances) {
    if (instance.routing === 'out' || instance.taskId === undefined || instance.agentId === undefined)
      continue;
    const port = portsOf(versionOf(instance).spec)[portIndex];
    const hostPort = instance.hostPorts[portIndex];
    const agent = agentOf(instance.agentId);
    if (!port || !servesTcp(port) || hostPort === undefined || !agent) continue;
    targets.push({
      taskId: instance.taskId,
      instanceId: instance.id,
      host: agent.address,
      port: hostPort,
      suspect: instance.routing === 'suspect',
    });
  }
  return targets.sort((a, b) => (a.instanceId < b.instanceId ? -1 : a.instanceId > b.instanceId ? 1 : 0));
}
