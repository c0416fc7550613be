// Which proxies each way to an app leads through. A proxy may serve some groups or a smaller range of service ports only, and then also
// what it has differs: a host that two apps ask for belongs to the one of them that it serves.
import type { AppId, PortRange } from '#libs/model';
import type { RoutedApp } from './build-route-table.js';
import { servedBy, withinRange } from './groups.js';
import type { RouteTable } from './route-table.js';
import { waysIn, type WayIn } from './ways-in.js';

export interface ServingProxy {
  readonly id: string;
  /** Absent, none or `*`: it serves every group. */
  readonly groups?: readonly string[];
  /** Absent: every service port of the table. */
  readonly servicePorts?: PortRange;
  /** What its certificates name: lower case, `*.x` for the names one label below x. Absent: it has none, or does not say. */
  readonly httpsNames?: readonly string[];
}

export type WayThrough = WayIn & {
  /** None: no proxy of those that there are serves it, but one of all groups would. */
  readonly proxies: readonly string[];
  /** Of a way by host: those of `proxies` that have said that a certificate of theirs is for it. */
  readonly https?: readonly string[];
};

/** What all proxies that are alike see. */
interface View {
  readonly table: RouteTable;
  readonly proxies: string[];
}

/** Per app, also for those that nothing leads to; in the order of `waysIn`, the ids of proxies sorted. */
export function waysThrough(
  table: RouteTable,
  apps: Iterable<RoutedApp>,
  proxies: Iterable<ServingProxy>,
): ReadonlyMap<AppId, readonly WayThrough[]> {
  const all = [...apps];
  const served = [...proxies];
  const names = new Map(served.map(({ id, httpsNames }) => [id, new Set(httpsNames)]));
  const found = viewsOf(table, served).map((view) => ({ ...view, ways: waysIn(view.table, all) }));
  return new Map(
    all.map(({ app }) => [
      app.id,
      merged(found.map(({ ways, proxies }) => ({ ways: ways.get(app.id) ?? [], proxies }))).map((way) =>
        way.by === 'host'
          ? { ...way, https: way.proxies.filter((id) => covers(names.get(id), way.host)) }
          : way,
      ),
    ]),
  );
}

/** As TLS does it (RFC 9525 6.3): a wildcard stands for one label, the leftmost one. `host`: a name, or `*.x` for the names below x. */
function covers(names: ReadonlySet<string> | undefined, host: string): boolean {
  if (!names?.size) return false;
  const dot = host.indexOf('.');
  return names.has(host) || (dot > 0 && names.has(`*${host.slice(dot)}`));
}

/** The whole table first, also when nobody serves it. */
function viewsOf(table: RouteTable, proxies: Iterable<ServingProxy>): readonly View[] {
  const views = new Map<string, View>([[keyOf({ id: '' }), { table, proxies: [] }]]);
  for (const proxy of proxies) {
    const key = keyOf(proxy);
    const known = views.get(key) ?? { table: seenBy(proxy, table), proxies: [] };
    views.set(key, known);
    known.proxies.push(proxy.id);
  }
  return [...views.values()];
}

const keyOf = ({ groups = [], servicePorts }: ServingProxy): string =>
  JSON.stringify([groups.includes('*') ? [] : [...groups].sort(), servicePorts?.from, servicePorts?.to]);

function seenBy({ groups = [], servicePorts }: ServingProxy, table: RouteTable): RouteTable {
  const served = servedBy(table, groups);
  return servicePorts ? withinRange(served, servicePorts) : served;
}

const ORDER: readonly WayIn['by'][] = ['host', 'service-port', 'app-id'];

function merged(
  found: readonly { readonly ways: readonly WayIn[]; readonly proxies: readonly string[] }[],
): readonly WayThrough[] {
  const byKey = new Map<string, { readonly way: WayIn; readonly proxies: string[] }>();
  for (const { ways, proxies } of found)
    for (const way of ways) {
      const key = JSON.stringify(way);
      const known = byKey.get(key) ?? { way, proxies: [] };
      byKey.set(key, known);
      known.proxies.push(...proxies);
    }
  return [...byKey.values()]
    .map(({ way, proxies }) => ({ ...way, proxies: proxies.sort() }))
    .sort((a, b) => ORDER.indexOf(a.by) - ORDER.indexOf(b.by) || a.portIndex - b.portIndex);
}
