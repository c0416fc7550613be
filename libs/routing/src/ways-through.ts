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
}

/** None: no proxy of those that there are serves it, but one of all groups would. */
export type WayThrough = WayIn & { readonly proxies: readonly string[] };

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
  const found = viewsOf(table, proxies).map((view) => ({ ...view, ways: waysIn(view.table, all) }));
  return new Map(
    all.map(({ app }) => [
      app.id,
      merged(found.map(({ ways, proxies }) => ({ ways: ways.get(app.id) ?? [], proxies }))),
    ]),
  );
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
