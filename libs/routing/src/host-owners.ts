// Gives each virtual host and path to one service. Several may ask for the same one: the app that has asked for it the longer keeps it,
// whatever else of its definition changed meanwhile, so that a newcomer never takes a host away from traffic that flows. When the owner
// is removed or asks no more, the next one has it. Apps of one deployment group share theirs.
// Nothing is remembered but in the rows of the apps, so that each leader decides alike.
import { portsOf, type App, type AppSpec, type AppVersion, type Timestamp } from '#libs/model';
import { hostsAndPaths, matchWeightOf, type HostAndPath } from './host-claims.js';
import { deploymentGroups, type Member } from './labels/deployment-groups.js';
import { readPortLabels } from './port-labels.js';
import type { RouteService } from './route-table.js';
import { servesTcp } from './targets.js';

/** Of more hosts and paths of one app no age is remembered: they count from the last change of its config. */
export const REMEMBERED_HOSTS_MAX = 1_000;

/** Members that would be empty are left out. */
export type HostAges = Pick<App, 'hostsSince' | 'hostsLeft'>;

export interface AgeSources {
  /** Of the app's deployment group (`siblingsAmong`); who joins one shares the ages of the members that are there. */
  readonly siblings: readonly App[];
  /** A running deployment is taken back: what it left off is asked for as if it never had. */
  readonly isTakenBack: boolean;
}

/** What an app is to remember when `next` becomes its version; `before`: its row until then, undefined when it asked for nothing. */
export function hostAges(before: App | undefined, next: AppVersion, sources: AgeSources): HostAges {
  const asked = keysOf(next.spec).slice(0, REMEMBERED_HOSTS_MAX);
  const had = before ? agesOf(before) : new Map<string, Timestamp>();
  const left = sources.isTakenBack ? before?.hostsLeft : undefined;
  const shared = asked.length > 0 ? sources.siblings.map(agesOf) : [];
  const sinceOf = (key: string): Timestamp => {
    const own = had.get(key) ?? left?.[key] ?? next.lastConfigChangeAt;
    return oldest([own, ...shared.flatMap((ages) => ages.get(key) ?? [])]);
  };
  const kept = new Set(asked);
  const gone = [...had].filter(([key]) => !kept.has(key)).slice(0, REMEMBERED_HOSTS_MAX);
  return {
    ...(asked.length > 0 ? { hostsSince: Object.fromEntries(asked.map((key) => [key, sinceOf(key)])) } : {}),
    ...(gone.length > 0 ? { hostsLeft: Object.fromEntries(gone) } : {}),
  };
}

/** Tells each service which of its hosts and paths others have asked for longer. `apps`: those that are routed. */
export function rankHosts(
  services: readonly RouteService[],
  apps: readonly Member[],
): readonly RouteService[] {
  const contested = contestedBy(services);
  if (contested.size === 0) return services;
  const membersById = new Map<string, readonly App[]>(apps.map(({ app }) => [app.id, [app]]));
  for (const { id, members } of deploymentGroups(apps))
    membersById.set(
      id,
      members.map(({ app }) => app),
    );
  const ages = new Map<App['id'], ReadonlyMap<string, Timestamp>>();
  const ageOf = (key: string, { appId }: RouteService): Timestamp | undefined =>
    oldestOrNone(
      (membersById.get(appId) ?? []).flatMap((app) => {
        const known = ages.get(app.id) ?? agesOf(app);
        ages.set(app.id, known);
        return known.get(key) ?? [];
      }),
    );
  const outranked = new Map<RouteService, NonNullable<RouteService['outranked']>[number][]>();
  for (const [key, claimants] of contested) {
    const byAge = claimants
      .map(({ service, at }) => ({ service, at, since: ageOf(key, service) ?? LATEST }))
      .sort((a, b) => order(a.since, b.since));
    byAge.forEach(({ service, at }, by) => {
      if (by > 0) outranked.set(service, [...(outranked.get(service) ?? []), { ...at, by }]);
    });
  }
  return services.map((each) => {
    const ranks = outranked.get(each);
    return ranks ? { ...each, outranked: ranks } : each;
  });
}

/** Sorts behind every Timestamp. */
const LATEST = '~';

interface Claimant {
  readonly service: RouteService;
  readonly at: HostAndPath;
}

/** What more than one service asks for, by key. */
function contestedBy(services: readonly RouteService[]): ReadonlyMap<string, readonly Claimant[]> {
  const firsts = new Map<string, RouteService>();
  const contested = new Map<string, Claimant[]>();
  for (const service of services) {
    for (const { key, at } of keyedClaims(service)) {
      const first = firsts.get(key);
      if (!first) firsts.set(key, service);
      else {
        const claimants = contested.get(key) ?? [{ service: first, at }];
        contested.set(key, claimants);
        claimants.push({ service, at });
      }
    }
  }
  return contested;
}

type Asking = Pick<RouteService, 'hosts' | 'path' | 'paths' | 'pathIgnoreCase' | 'matchWeight'>;
interface KeyedClaim {
  readonly key: string;
  readonly at: HostAndPath;
}

/** By the list of hosts as it was read from a definition, which never changes: a table is built whenever one instance comes or goes. */
const known = new WeakMap<readonly string[], readonly KeyedClaim[]>();

function keyedClaims(place: Asking): readonly KeyedClaim[] {
  if (place.hosts.length === 0) return [];
  const found = known.get(place.hosts);
  if (found) return found;
  const rest = `${matchWeightOf(place)}${place.pathIgnoreCase ? ' -i' : ''}`;
  const claims = hostsAndPaths(place).map((at) => ({ key: `${at.host} ${at.path ?? '*'} ${rest}`, at }));
  known.set(place.hosts, claims);
  return claims;
}

/** Of all ports that are in the table, each once. */
function keysOf(spec: AppSpec): readonly string[] {
  const keys = new Set<string>();
  for (const port of portsOf(spec)) {
    if (!servesTcp(port)) continue;
    const { routing, enabled } = readPortLabels(spec, port);
    if (enabled) for (const { key } of keyedClaims(routing)) keys.add(key);
  }
  return [...keys];
}

/** Since when it asks for each; rows of earlier releases, and what is beyond the limit, count from the last change of the config. */
const agesOf = ({ current, hostsSince }: App): ReadonlyMap<string, Timestamp> =>
  new Map(keysOf(current.spec).map((key) => [key, hostsSince?.[key] ?? current.lastConfigChangeAt]));

const oldestOrNone = (times: readonly Timestamp[]): Timestamp | undefined =>
  times.reduce<Timestamp | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
const oldest = (times: readonly [Timestamp, ...Timestamp[]]): Timestamp =>
  times.reduce((a, b) => (b < a ? b : a));

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
