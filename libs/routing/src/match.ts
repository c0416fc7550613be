// Finds the service a request is for: by virtual host and longest path prefix, by app id under /_app/, or by service port.
// Built once per table and asked on every request, hence the maps. Where two services claim the same host and path, the first
// one of the table keeps it.
import type { RouteService, RouteTable } from './route-table.js';

export interface AppPathMatch {
  readonly service: RouteService;
  /** `/_app/shop/web`: what was cut off; goes to the task as X-Forwarded-Prefix. */
  readonly prefix: string;
  /** The rest with its leading slash and its query. */
  readonly url: string;
}

export interface RouteMatcher {
  readonly table: RouteTable;
  /** `host` as in the header, with or without port; `path` without query. */
  byHost(host: string | undefined, path: string): RouteService | undefined;
  /** `url` with query; undefined when it is not under /_app/ or no app of that id has a port. The lowest port answers. */
  byAppPath(url: string): AppPathMatch | undefined;
  byServicePort(port: number): RouteService | undefined;
  /** The same port of the same app in this table: what a retry must choose from after a swap. */
  counterpartOf(service: RouteService): RouteService | undefined;
}

const APP_PATHS = '/_app/';

/** A lookup for this table; it never changes, a new table gets a new one. */
export function match(table: RouteTable): RouteMatcher {
  const hosts = indexHosts(table);
  const apps = new Map<string, RouteService>();
  const ports = new Map<number, RouteService>();
  const identities = new Map<string, RouteService>();
  for (const service of table.services) {
    identities.set(identityOf(service), service);
    const known = apps.get(service.appId);
    if (!known || service.portIndex < known.portIndex) apps.set(service.appId, service);
    if (service.servicePort !== undefined && !ports.has(service.servicePort))
      ports.set(service.servicePort, service);
  }
  return {
    table,
    byHost: (host, path) =>
      host === undefined
        ? undefined
        : hosts.get(hostNameOf(host))?.find((service) => isUnder(path, service.path)),
    byAppPath: (url) => matchAppPath(url, apps),
    byServicePort: (port) => ports.get(port),
    counterpartOf: (service) => identities.get(identityOf(service)),
  };
}

const identityOf = ({ portIndex, appId }: RouteService): string => `${portIndex} ${appId}`;

/** Per host, the longest path first; sort is stable, so the first of two equal ones stays first. */
function indexHosts(table: RouteTable): Map<string, RouteService[]> {
  const hosts = new Map<string, RouteService[]>();
  for (const service of table.services) {
    for (const host of service.hosts) hosts.set(host, [...(hosts.get(host) ?? []), service]);
  }
  for (const services of hosts.values())
    services.sort((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0));
  return hosts;
}

/** `/api` covers `/api` and `/api/x`, not `/apix`. */
function isUnder(path: string, prefix: string | undefined): boolean {
  if (prefix === undefined) return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}

/** The name alone: lower case, without port, brackets stay on an IPv6 address. */
function hostNameOf(host: string): string {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : (host.split(':', 1)[0] ?? '');
  return name.toLowerCase().replace(/\.$/, '');
}

/** App ids nest, so the longest id that ends on a segment border wins: /shop/web before /shop. */
function matchAppPath(url: string, apps: ReadonlyMap<string, RouteService>): AppPathMatch | undefined {
  if (!url.startsWith(APP_PATHS)) return undefined;
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  for (let end = path.length; end > APP_PATHS.length; end = path.lastIndexOf('/', end - 1)) {
    const service = apps.get(path.slice(APP_PATHS.length - 1, end));
    if (!service) continue;
    const rest = url.slice(end);
    return { service, prefix: url.slice(0, end), url: rest.startsWith('/') ? rest : `/${rest}` };
  }
  return undefined;
}
