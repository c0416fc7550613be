// By which addresses people reach an app: asked of the table's own matcher, so that what is shown is what a request finds. A host that
// another service has, a service port that went to another app, a port that is switched off are no ways.
import type { AppId } from '#libs/model';
import type { RoutedApp } from './build-route-table.js';
import { hostsAndPaths, type HostAndPath } from './host-claims.js';
import { deploymentGroups } from './labels/deployment-groups.js';
import { match, type RouteMatcher } from './match.js';
import type { RouteMode, RouteService, RouteTable } from './route-table.js';

/** On the main ports, by name. */
export interface WayByHost {
  readonly by: 'host';
  readonly portIndex: number;
  /** As in the labels: a name, `*.x`, or `*`. */
  readonly host: string;
  /** Prefix; one that need not end on a segment border ends with `*`. Absent: every path. */
  readonly path?: string;
  /** Plain requests are sent to https. */
  readonly redirectToHttps?: true;
}

/** At a port of its own. */
export interface WayByServicePort {
  readonly by: 'service-port';
  readonly portIndex: number;
  readonly servicePort: number;
  /** `auto`: what the client begins with decides. */
  readonly mode: RouteMode;
  /** Address of the listener where it is not the proxy's. */
  readonly bind?: string;
  /** Clients must begin with a PROXY header, so only a balancer in front reaches it. */
  readonly proxyHeader?: true;
}

/** On the main port by the app's id, from the proxy's own host unless it has `--app-paths`. Speaks HTTP only. */
export interface WayByAppId {
  readonly by: 'app-id';
  readonly portIndex: number;
  /** `/_app/shop/web/`. */
  readonly path: string;
}

export type WayIn = WayByHost | WayByServicePort | WayByAppId;

/** Per app, also for those that nothing leads to: by host first, then by service port, then by id; each in order of ports. */
export function waysIn(table: RouteTable, apps: Iterable<RoutedApp>): ReadonlyMap<AppId, readonly WayIn[]> {
  const all = [...apps];
  const matcher = match(table);
  const groupOf = new Map<AppId, string>();
  for (const { id, members } of deploymentGroups(all.filter(({ app }) => !app.removing)))
    for (const { app } of members) groupOf.set(app.id, id);
  const byApp = new Map<string, RouteService[]>();
  for (const each of table.services) byApp.set(each.appId, [...(byApp.get(each.appId) ?? []), each]);
  return new Map(
    all.map(({ app }) => {
      const names = new Set([app.id, groupOf.get(app.id) ?? app.id]);
      const services = [...names].flatMap((name) => byApp.get(name) ?? []);
      return [app.id, waysOf(services, matcher)];
    }),
  );
}

function waysOf(services: readonly RouteService[], matcher: RouteMatcher): readonly WayIn[] {
  return [
    ...services.flatMap((each) => byHost(each, matcher)),
    ...services.flatMap((each) => byServicePort(each, matcher)),
    ...services.flatMap((each) => byAppId(each, matcher)),
  ];
}

function byHost(service: RouteService, matcher: RouteMatcher): WayByHost[] {
  const redirect = service.redirectToHttps ? ({ redirectToHttps: true } as const) : {};
  return reachedHosts(service, matcher).map(({ host, path }) => ({
    ...({ by: 'host', portIndex: service.portIndex, host } as const),
    ...(path === undefined ? {} : { path }),
    ...redirect,
  }));
}

/** Its hosts and paths for which this service is asked, not another one. */
export const reachedHosts = (service: RouteService, matcher: RouteMatcher): readonly HostAndPath[] =>
  hostsAndPaths(service).filter((each) => ownerOf(each, matcher) === service);

/** A wildcard is looked up as it is written; a path without what may follow it. */
export const ownerOf = ({ host, path }: HostAndPath, matcher: RouteMatcher): RouteService | undefined =>
  matcher.byHost(host, path === undefined ? '/' : path.replace(/\*$/, ''));

function byServicePort(service: RouteService, matcher: RouteMatcher): WayByServicePort[] {
  const { servicePort, portIndex, mode, policy } = service;
  if (servicePort === undefined || matcher.byServicePort(servicePort) !== service) return [];
  return [
    {
      ...({ by: 'service-port', portIndex, servicePort, mode } as const),
      ...(policy?.bind === undefined ? {} : { bind: policy.bind }),
      ...(policy?.proxyProtocol?.accept ? { proxyHeader: true } : {}),
    },
  ];
}

/** A port in mode tcp answers there, too, but what stands behind it does not speak HTTP. */
function byAppId(service: RouteService, matcher: RouteMatcher): WayByAppId[] {
  const path = `/_app${service.appId}/`;
  if (service.mode === 'tcp' || matcher.byAppPath(path)?.service !== service) return [];
  return [{ by: 'app-id', portIndex: service.portIndex, path }];
}
