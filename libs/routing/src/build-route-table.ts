// Computes the route table from stored rows: one service per TCP port of each app, with the tasks that answer for it. Nothing is
// remembered between two calls, so that a new leader builds the same table from the same rows (decisions.md 9).
// Whether an instance is routed is decided by the reconcile pass and stored; this only carries it out.
import {
  portsOf,
  shareOf,
  type AgentId,
  type AgentInfo,
  type App,
  type AppVersion,
  type Instance,
  type PortRange,
  type ServicePort,
  type Timestamp,
} from '#libs/model';
import { explainEmpty } from './empty-reason.js';
import { rankHosts } from './host-owners.js';
import { clashingGroups } from './labels/deployment-groups.js';
import { withDeploymentGroups } from './labels/group-services.js';
import { readPortLabels } from './port-labels.js';
import type { TrafficShares } from './route-policy.js';
import type { RouteService, RouteTable } from './route-table.js';
import { grantServicePorts, type GrantedPorts, type RouteWarning } from './service-ports.js';
import { servesTcp, targetsOf } from './targets.js';
import { unreadLabels } from './unread-labels.js';
import { groupWarnings, hostWarnings } from './shared-warnings.js';

export interface RoutedApp {
  readonly app: App;
  /** All of this app, routed or not. */
  readonly instances: readonly Instance[];
  /** The version that an instance was made from. */
  readonly versionOf: (instance: Instance) => AppVersion;
}

export interface RouteTableInput {
  readonly cluster: string;
  readonly epoch: number;
  readonly number: number;
  readonly madeAt: Timestamp;
  readonly apps: Iterable<RoutedApp>;
  readonly agentOf: (id: AgentId) => AgentInfo | undefined;
  /** Service ports outside of it get no listener. */
  readonly servicePortRange: PortRange;
}

/** Services in order of app id and port index. Apps that are being removed have none, nor have ports with `enabled` false. */
export function buildRouteTable(input: RouteTableInput): RouteTable {
  const apps = routedApps(input.apps);
  const granted = grantServicePorts(
    apps.map(({ app }) => app),
    input.servicePortRange,
  );
  const ofApps = apps.flatMap((each) => servicesOf(each, granted, input.agentOf));
  const services = rankHosts(withDeploymentGroups(apps, ofApps), apps);
  return {
    cluster: input.cluster,
    epoch: input.epoch,
    number: input.number,
    madeAt: input.madeAt,
    services,
  };
}

/** What in the definitions has no effect on routing, for `/v3/apps/ID/warnings`; in order of app id. */
export function routeWarnings(input: Pick<RouteTableInput, 'apps' | 'servicePortRange'>): RouteWarning[] {
  const routed = routedApps(input.apps);
  const apps = routed.map(({ app }) => app);
  const warnings = [...grantServicePorts(apps, input.servicePortRange).warnings];
  for (const { app, id } of clashingGroups(routed)) {
    const text = `HAPROXY_DEPLOYMENT_GROUP: nothing is merged, for ${id} is the id of an app outside of the group; name the group otherwise`;
    warnings.push({ appId: app.id, text });
  }
  for (const [id, names] of clashing(routed)) {
    const text = `its id is also the deployment group of ${names.join(', ')}, which are not merged because of it: each answers for itself; give this app another id, or the group another name`;
    warnings.push({ appId: id, text });
  }
  warnings.push(...groupWarnings(routed), ...hostWarnings(routed));
  for (const app of apps) {
    for (const port of portsOf(app.current.spec)) warnings.push(...portWarnings(app, port));
    for (const text of unreadLabels(app.current.spec)) warnings.push({ appId: app.id, text });
  }
  return warnings.sort((a, b) => order(a.appId, b.appId));
}

/** By the app whose id is in the way of a deployment group: those that would be merged. */
function clashing(routed: readonly RoutedApp[]): ReadonlyMap<App['id'], readonly string[]> {
  const apps = new Map<string, App['id']>(routed.map(({ app }) => [app.id, app.id]));
  const found = new Map<App['id'], string[]>();
  for (const { app, id } of clashingGroups(routed)) {
    const inTheWay = apps.get(id);
    if (inTheWay !== undefined) found.set(inTheWay, [...(found.get(inTheWay) ?? []), app.id]);
  }
  return found;
}

function portWarnings(app: App, port: ServicePort): RouteWarning[] {
  const texts = servesTcp(port) ? [...readPortLabels(app.current.spec, port).warnings] : [];
  if (port.protocol !== 'tcp')
    texts.push(`UDP of port ${port.index} is not proxied; reach it at the port of a task`);
  if (port.hostPort === null && servesTcp(port)) texts.push(ownAddressText(app, port));
  return texts.map((text) => ({ appId: app.id, text }));
}

/** Right on one host; with several it depends on what the operator has made of that network. */
function ownAddressText({ current: { spec } }: App, { index }: ServicePort): string {
  const names = spec.networks.flatMap(({ name }) => (name === undefined ? [] : [`'${name}'`])).join(', ');
  return (
    `port ${index} has no host port, so proxies reach it at the address of its task on network ${names}: a proxy on another host than the ` +
    "task needs a route to that network; otherwise give the port 'hostPort': 0"
  );
}

function routedApps(apps: Iterable<RoutedApp>): RoutedApp[] {
  return [...apps].filter(({ app }) => !app.removing).sort((a, b) => order(a.app.id, b.app.id));
}

function servicesOf(
  { app, instances, versionOf }: RoutedApp,
  granted: GrantedPorts,
  agentOf: RouteTableInput['agentOf'],
): RouteService[] {
  return portsOf(app.current.spec)
    .filter(servesTcp)
    .flatMap((port) => {
      const { routing, enabled, servicePort } = readPortLabels(app.current.spec, port);
      if (!enabled) return [];
      const targets = targetsOf(port.index, instances, {
        versionOf,
        agentOf,
        nameOf: (definition) => sharedVersion(app, definition),
      });
      return {
        appId: app.id,
        portIndex: port.index,
        ...(port.name === undefined ? {} : { portName: port.name }),
        ...(granted.has(app, port.index) ? { servicePort } : {}),
        ...routing,
        ...(app.traffic ? { traffic: trafficOf(app.traffic) } : {}),
        targets,
        emptyReason: targets.length > 0 ? '' : explainEmpty(app, instances),
      };
    });
}

/** The name under which a version's tasks are in the table: that of the share that they belong to, where there is one. */
const sharedVersion = ({ traffic, current }: App, definition: AppVersion): Timestamp =>
  (traffic && shareOf(traffic, definition, current)?.version) ?? definition.version;

const trafficOf = ({ shares, pins }: NonNullable<App['traffic']>): TrafficShares => ({
  shares: shares.map(({ version, weight }) => ({ version, weight })),
  ...(pins ? { pins } : {}),
});

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
