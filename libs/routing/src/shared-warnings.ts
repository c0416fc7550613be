// What an app asks for in vain because of other apps: hosts and paths that another one has, shares of traffic inside a deployment group,
// and what belongs to a deployment group when there is none.
import { portsOf, timestampOf, type App } from '#libs/model';
import type { RoutedApp } from './build-route-table.js';
import { hostsAndPaths, type HostAndPath } from './host-claims.js';
import { rankHosts } from './host-owners.js';
import { deploymentGroups } from './labels/deployment-groups.js';
import { withDeploymentGroups } from './labels/group-services.js';
import { match, type RouteMatcher } from './match.js';
import { deploymentGroupOf } from './labels/place.js';
import { readPortLabels } from './port-labels.js';
import type { RouteService } from './route-table.js';
import type { RouteWarning } from './service-ports.js';
import { servesTcp } from './targets.js';
import { ownerOf } from './ways-in.js';

/** `routed`: in the order of the table. */
export function hostWarnings(routed: readonly RoutedApp[]): RouteWarning[] {
  const services = withDeploymentGroups(routed, routed.flatMap(hostedServices));
  const hosted = rankHosts(
    services.filter(({ hosts }) => hosts.length > 0),
    routed,
  );
  if (hosted.length < 2) return [];
  const matcher = match({ cluster: '', epoch: 0, number: 0, madeAt: timestampOf(0), services: hosted });
  const memberOf = new Map<string, App['id'][]>(
    deploymentGroups(routed).map(({ id, members }) => [id, members.map(({ app }) => app.id)]),
  );
  return hosted.flatMap((service) =>
    lostTo(service, matcher).flatMap(([owner, lost]) =>
      (memberOf.get(service.appId) ?? [service.appId]).map((appId) => ({
        appId,
        text: hostText(service, owner, lost),
      })),
    ),
  );
}

/** As in the table, without targets. */
const hostedServices = ({ app }: RoutedApp): RouteService[] =>
  portsOf(app.current.spec)
    .filter(servesTcp)
    .flatMap((port) => {
      const { routing, enabled } = readPortLabels(app.current.spec, port);
      return enabled
        ? [{ appId: app.id, portIndex: port.index, ...routing, targets: [], emptyReason: '' }]
        : [];
    });

/** What another service has, by that service. */
function lostTo(service: RouteService, matcher: RouteMatcher): [RouteService, HostAndPath[]][] {
  const lost = new Map<RouteService, HostAndPath[]>();
  for (const each of hostsAndPaths(service)) {
    const owner = ownerOf(each, matcher);
    if (owner && owner !== service) lost.set(owner, [...(lost.get(owner) ?? []), each]);
  }
  return [...lost];
}

const SHOWN = 5;

function hostText(service: RouteService, owner: RouteService, lost: readonly HostAndPath[]): string {
  const names = lost.slice(0, SHOWN).map(({ host, path = '' }) => `${host}${path}`);
  const more = lost.length > SHOWN ? ` and ${lost.length - SHOWN} more` : '';
  const whose = `port ${owner.portIndex} of ${owner.appId}`;
  return (
    `no request by ${names.join(', ')}${more} comes to port ${service.portIndex}: ${whose} has that host and path; ` +
    'remove it there, or give one of them another host or path, or another longrun.io/match-weight'
  );
}

/** Labels and shares that need a deployment group, or that one rules out. */
export function groupWarnings(routed: readonly RoutedApp[]): RouteWarning[] {
  const merged = new Set(deploymentGroups(routed).map(({ id }) => id));
  return routed.flatMap(({ app }) => {
    const group = deploymentGroupOf(app.current.spec);
    const texts = group === undefined ? loneLabels(app) : wrongValues(app);
    if (group !== undefined && merged.has(group) && app.traffic)
      texts.push(
        `the shares of traffic by version count at /_app${app.id}/ only, not in the deployment group ${group}: there HAPROXY_DEPLOYMENT_NEW_INSTANCES divides the traffic`,
      );
    return texts.map((text) => ({ appId: app.id, text }));
  });
}

const NEW = 'HAPROXY_DEPLOYMENT_NEW_INSTANCES';
const TARGET = 'HAPROXY_DEPLOYMENT_TARGET_INSTANCES';
const STARTED = 'HAPROXY_DEPLOYMENT_STARTED_AT';

const given = ({ current: { spec } }: App, label: string): string => spec.labels[label]?.trim() ?? '';

function loneLabels(app: App): string[] {
  const lone = [NEW, STARTED, TARGET].filter((label) => given(app, label) !== '');
  return lone.length > 0 ? [`${lone.join(', ')}: no effect without HAPROXY_DEPLOYMENT_GROUP`] : [];
}

/** As they are read where they count (labels/deployment-groups.ts). */
function wrongValues(app: App): string[] {
  const texts: string[] = [];
  for (const label of [NEW, TARGET])
    if (given(app, label) !== '' && !/^\d{1,6}$/.test(given(app, label)))
      texts.push(`${label} is not used: it must be a whole number`);
  if (given(app, STARTED) !== '' && Number.isNaN(Date.parse(given(app, STARTED))))
    texts.push(
      `${STARTED} is not used: it must be a time such as 2026-01-31T12:00:00Z; the app counts as the older`,
    );
  return texts;
}
