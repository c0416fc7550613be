// Which services a proxy serves, when it was told to serve only some groups (`--groups`), by marathon-lb's rule: those of which one
// group is among them. A service without a group is served by proxies of all groups only. And which service ports it opens.
import type { PortRange } from '#libs/model';
import type { RouteTable } from './route-table.js';

/** `groups`: `*` among them, or none at all, is every service. */
export function servedBy(table: RouteTable, groups: readonly string[]): RouteTable {
  if (groups.length === 0 || groups.includes('*')) return table;
  const own = new Set(groups);
  return {
    ...table,
    services: table.services.filter((each) => each.groups?.some((group) => own.has(group))),
  };
}

/** The range of the proxy's host counts, whatever the control plane thinks it is. */
export function withinRange(table: RouteTable, { from, to }: PortRange): RouteTable {
  const services = table.services.map((service) => {
    const { servicePort, ...rest } = service;
    return servicePort === undefined || (servicePort >= from && servicePort <= to) ? service : rest;
  });
  return { ...table, services };
}
