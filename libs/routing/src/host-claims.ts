// Which hosts and paths services ask for, in the order in which they get them: of several that ask for the same one the first has it.
// The built-in engine's lookup, HAProxy's configuration and the ways that are shown to people all go by this one order.
import type { RouteService } from './route-table.js';

export interface HostAndPath {
  readonly host: string;
  /** Absent: every path. */
  readonly path?: string;
}

/** Two of them are for the same requests when all but the service and the rank are equal. */
export interface HostClaim {
  readonly service: RouteService;
  readonly host: string;
  /** '' = all paths. Ends on a segment border unless `open`. */
  readonly prefix: string;
  readonly open: boolean;
  readonly ignoreCase: boolean;
  readonly weight: number;
}

/** All paths of a service; none: it takes every path. */
export const pathsOf = ({ path, paths }: Pick<RouteService, 'path' | 'paths'>): readonly string[] =>
  paths ?? (path === undefined ? [] : [path]);

export const hostsAndPaths = (service: Pick<RouteService, 'hosts' | 'path' | 'paths'>): HostAndPath[] => {
  const paths = pathsOf(service);
  return service.hosts.flatMap((host) => (paths.length ? paths.map((path) => ({ host, path })) : [{ host }]));
};

/** Among services of one host the greater one is asked first. */
export const matchWeightOf = ({ matchWeight, path }: Pick<RouteService, 'matchWeight' | 'path'>): number =>
  matchWeight ?? (path === undefined ? 0 : 1);

/** Those that others have asked for longer (`RouteService.outranked`) behind all others; the rest in order of the services. */
export function hostClaims(services: readonly RouteService[]): readonly HostClaim[] {
  const first: HostClaim[] = [];
  const behind: [rank: number, claim: HostClaim][] = [];
  for (const service of services) {
    const { hosts } = service;
    if (hosts.length === 0) continue;
    const paths = pathsOf(service);
    const ranks = ranksOf(service);
    for (const host of hosts)
      for (const path of paths.length > 0 ? paths : EVERY_PATH) {
        const rank = ranks?.get(host)?.get(path) ?? 0;
        if (rank > 0) behind.push([rank, claimOf(service, host, path)]);
        else first.push(claimOf(service, host, path));
      }
  }
  if (behind.length === 0) return first;
  return [...first, ...behind.sort(([a], [b]) => a - b).map(([, claim]) => claim)];
}

const EVERY_PATH: readonly string[] = ['*'];

/** Written out, for all of a table are made at each swap. */
function claimOf(service: RouteService, host: string, path: string): HostClaim {
  const open = path.endsWith('*');
  return {
    service,
    host,
    prefix: open ? path.slice(0, -1) : path,
    open,
    ignoreCase: service.pathIgnoreCase === true,
    weight: matchWeightOf(service),
  };
}

type Ranks = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Undefined, as nearly always: it is the first everywhere. */
function ranksOf({ outranked }: RouteService): Ranks | undefined {
  if (!outranked) return undefined;
  const hosts = new Map<string, Map<string, number>>();
  for (const { host, path = '*', by } of outranked)
    hosts.set(host, (hosts.get(host) ?? new Map<string, number>()).set(path, by));
  return hosts;
}
