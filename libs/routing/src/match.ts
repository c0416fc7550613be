// Finds the service a request is for: by virtual host and path, by app id under /_app/, or by service port. Built once per table and
// asked on every request, hence the maps: what a lookup costs depends on the lengths of paths that there are, not on the number of
// services. Where two services claim the same host, path and weight, the one that has asked for it the longer keeps it (host-claims.ts).
import { hostClaims, pathsOf, type HostClaim } from './host-claims.js';
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
/** RFC 1035 2.3.4, with a trailing dot; a longer one is nobody's, and must not cost time. */
const HOST_MAX = 254;

/** A lookup for this table; it never changes, a new table gets a new one. */
export function match(table: RouteTable): RouteMatcher {
  const hosts = indexHosts(table);
  const apps = new Map<string, RouteService>();
  let longestId = 0;
  const ports = new Map<number, RouteService>();
  const identities = new Map<string, RouteService>();
  for (const service of table.services) {
    identities.set(identityOf(service), service);
    longestId = Math.max(longestId, service.appId.length);
    const known = apps.get(service.appId);
    if (!known || service.portIndex < known.portIndex) apps.set(service.appId, service);
    if (service.servicePort !== undefined && !ports.has(service.servicePort))
      ports.set(service.servicePort, service);
  }
  return {
    table,
    byHost: (host, path) => (host === undefined ? undefined : findService(hosts, host, path)),
    byAppPath: (url) => matchAppPath(url, apps, longestId),
    byServicePort: (port) => ports.get(port),
    counterpartOf: (service) => identities.get(identityOf(service)),
  };
}

const identityOf = ({ portIndex, appId }: RouteService): string => `${portIndex} ${appId}`;

/** The longest of the service's prefixes that this path is under, as the client wrote it; '' when it takes every path. */
export function matchedPrefix(service: RouteService, path: string): string {
  let longest = 0;
  const compared = service.pathIgnoreCase ? path.toLowerCase() : path;
  for (const each of pathsOf(service)) {
    const open = each.endsWith('*');
    const prefix = open ? each.slice(0, -1) : each;
    if (prefix.length > longest && compared.startsWith(prefix) && (open || endsSegment(path, prefix.length)))
      longest = prefix.length;
  }
  return path.slice(0, longest);
}

/** `/api` covers `/api` and `/api/x`, not `/apix`. */
const endsSegment = (path: string, at: number): boolean => path.length === at || path[at] === '/';

/** Prefixes of one length and kind. */
interface PathKind {
  readonly weight: number;
  readonly length: number;
  /** Need not end on a segment border. */
  readonly open: boolean;
  readonly ignoreCase: boolean;
  readonly services: Map<string, RouteService>;
}

/** Per host, in the order of asking: greater weight, then longer prefix, then the stricter kind. */
type HostIndex = ReadonlyMap<string, readonly PathKind[]>;

function indexHosts(table: RouteTable): HostIndex {
  const hosts = new Map<string, PathKind[]>();
  for (const claim of hostClaims(table.services)) {
    const kinds = hosts.get(claim.host) ?? [];
    hosts.set(claim.host, kinds);
    addPath(kinds, claim);
  }
  for (const kinds of hosts.values()) if (kinds.length > 1) kinds.sort(inOrderOfAsking);
  return hosts;
}

const inOrderOfAsking = (a: PathKind, b: PathKind): number =>
  b.weight - a.weight ||
  b.length - a.length ||
  Number(a.open) - Number(b.open) ||
  Number(a.ignoreCase) - Number(b.ignoreCase);

function addPath(kinds: PathKind[], { service, prefix, open, ignoreCase, weight }: HostClaim): void {
  let kind = kinds.find(
    (each) =>
      each.weight === weight &&
      each.length === prefix.length &&
      each.open === open &&
      each.ignoreCase === ignoreCase,
  );
  if (!kind) kinds.push((kind = { weight, length: prefix.length, open, ignoreCase, services: new Map() }));
  if (!kind.services.has(prefix)) kind.services.set(prefix, service);
}

/** A host that is written as in the labels, as nearly all are, needs no other form. */
function findService(hosts: HostIndex, host: string, path: string): RouteService | undefined {
  return findPath(hosts.get(host), path) ?? findByHost(hosts, hostNameOf(host), path);
}

/** The name itself, then *.rest from the longest rest to the shortest, then *; the first that has a service for the path answers. */
function findByHost(hosts: HostIndex, name: string, path: string): RouteService | undefined {
  if (name.length > HOST_MAX || name === '') return undefined;
  const found = findPath(hosts.get(name), path);
  if (found) return found;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const service = findPath(hosts.get(`*${name.slice(dot)}`), path);
    if (service) return service;
  }
  return findPath(hosts.get('*'), path);
}

function findPath(kinds: readonly PathKind[] | undefined, path: string): RouteService | undefined {
  if (!kinds) return undefined;
  for (const { length, open, ignoreCase, services } of kinds) {
    if (path.length < length || !(open || endsSegment(path, length))) continue;
    const prefix = path.slice(0, length);
    const service = services.get(ignoreCase ? prefix.toLowerCase() : prefix);
    if (service) return service;
  }
  return undefined;
}

/** The name alone: lower case, without port, brackets stay on an IPv6 address. */
function hostNameOf(host: string): string {
  const colon = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':');
  const name = (colon < 0 ? host : host.slice(0, colon)).toLowerCase();
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** App ids nest, so the longest id that ends on a segment border wins: /shop/web before /shop. */
function matchAppPath(
  url: string,
  apps: ReadonlyMap<string, RouteService>,
  longestId: number,
): AppPathMatch | undefined {
  if (!url.startsWith(APP_PATHS)) return undefined;
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  // an url of thousands of slashes must not be looked up slash by slash
  const most = APP_PATHS.length - 1 + longestId;
  const start = path.length <= most ? path.length : path.lastIndexOf('/', most);
  for (let end = start; end > APP_PATHS.length; end = path.lastIndexOf('/', end - 1)) {
    const service = apps.get(path.slice(APP_PATHS.length - 1, end));
    if (!service) continue;
    const rest = url.slice(end);
    return { service, prefix: url.slice(0, end), url: rest.startsWith('/') ? rest : `/${rest}` };
  }
  return undefined;
}
