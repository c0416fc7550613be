// Puts the services of deployment groups into a table: hosts, paths and service port go from the apps to their group, and what is left
// of each app is reached by its id alone, so that the new one can be tried before it gets traffic.
import { asAppId } from '#libs/model';
import type { RouteService } from '../route-table.js';
import { deploymentGroups, mergeTargets, type DeploymentGroup, type Member } from './deployment-groups.js';

/** `services`: of all apps, in order of app id and port index; so is the result. */
export function withDeploymentGroups(
  apps: readonly Member[],
  services: readonly RouteService[],
): readonly RouteService[] {
  const groups = deploymentGroups(apps);
  if (groups.length === 0) return services;
  const grouped = new Set<string>(groups.flatMap(({ members }) => members.map(({ app }) => app.id)));
  const ids = new Set(groups.map(({ id }) => id));
  const byApp = groupByApp(services);
  return [
    // one that has the id of its group is reached as that
    ...services
      .filter(({ appId }) => !ids.has(appId))
      .map((each) => (grouped.has(each.appId) ? byIdAlone(each) : each)),
    ...groups.flatMap((group) => servicesOf(group, byApp)),
  ].sort((a, b) => order(a.appId, b.appId) || a.portIndex - b.portIndex);
}

function groupByApp(services: readonly RouteService[]): Map<string, RouteService[]> {
  const found = new Map<string, RouteService[]>();
  for (const each of services) found.set(each.appId, [...(found.get(each.appId) ?? []), each]);
  return found;
}

function byIdAlone({
  servicePort: _port,
  path: _path,
  paths: _paths,
  ...service
}: RouteService): RouteService {
  return { ...service, hosts: [] };
}

function servicesOf(group: DeploymentGroup, byApp: ReadonlyMap<string, RouteService[]>): RouteService[] {
  const of = ({ app }: Member, portIndex: number): RouteService | undefined =>
    byApp.get(app.id)?.find((each) => each.portIndex === portIndex);
  const [oldest] = group.members;
  const leading = byApp.get(oldest.app.id) ?? group.members.flatMap(({ app }) => byApp.get(app.id) ?? []);
  const indices = [...new Set(leading.map(({ portIndex }) => portIndex))];
  return indices.flatMap((portIndex) => {
    const base = group.members.map((each) => of(each, portIndex)).find((each) => each !== undefined);
    if (!base) return [];
    // shares are by version of one app; here each app has its own
    const { traffic: _shares, ...routing } = base;
    const targets = mergeTargets(group, (member) => of(member, portIndex)?.targets ?? []);
    const reasons = group.members.map(
      (each) => `${each.app.id}: ${of(each, portIndex)?.emptyReason ?? 'not enabled'}`,
    );
    return [
      {
        ...routing,
        appId: asAppId(group.id),
        targets,
        emptyReason: targets.length > 0 ? '' : reasons.join('; '),
      },
    ];
  });
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
