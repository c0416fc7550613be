// What an app asks for in vain because of other apps: hosts and paths that another one has, shares of traffic inside a deployment group,
// and what belongs to a deployment group when there is none.
import { portsOf, timestampOf, type App } from '#libs/model';
import type { RoutedApp } from './build-route-table.js';
import { hostsAndPaths, matchWeightOf, type HostAndPath } from './host-claims.js';
import { rankHosts } from './host-owners.js';
import { deploymentGroups } from './labels/deployment-groups.js';
import { withDeploymentGroups } from './labels/group-services.js';
import { LabelTexts } from './labels/label-texts.js';
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
  const membersOf = new Map<string, readonly App[]>(routed.map(({ app }) => [app.id, [app]]));
  for (const { id, members } of deploymentGroups(routed))
    membersOf.set(
      id,
      members.map(({ app }) => app),
    );
  const toAll = ({ appId }: RouteService, text: string): RouteWarning[] =>
    (membersOf.get(appId) ?? []).map(({ id }) => ({ appId: id, text }));
  const taken = new Map<RouteService, Taken[]>();
  const losses = hosted.flatMap((service) =>
    lostTo(service, matcher).flatMap(([owner, lost]) => {
      const label = labelThatTakes(owner, service, membersOf.get(owner.appId) ?? []);
      if (label !== undefined && owner.appId !== service.appId)
        taken.set(owner, [...(taken.get(owner) ?? []), { label, service, lost }]);
      return toAll(service, hostText(service, owner, lost, label));
    }),
  );
  return [...losses, ...[...taken].flatMap(([owner, all]) => toAll(owner, takenText(owner, all)))];
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

/** What an app's label takes from another one. */
interface Taken {
  /** With its value. */
  readonly label: string;
  readonly service: RouteService;
  readonly lost: readonly HostAndPath[];
}

/** It has the greater weight because a label says so, without which the two would go by path and age. */
function labelThatTakes(
  owner: RouteService,
  service: RouteService,
  members: readonly App[],
): string | undefined {
  const { matchWeight, portIndex } = owner;
  if (matchWeight === undefined || matchWeight <= matchWeightOf(service)) return undefined;
  for (const { current } of members) {
    const port = portsOf(current.spec).find(({ index }) => index === portIndex);
    const texts = port && new LabelTexts(current.spec, port);
    const found = [texts?.own('match-weight'), texts?.haproxy('BACKEND_WEIGHT')].find(
      (each) => each && each.text !== '' && Number(each.text) === matchWeight,
    );
    if (found) return `${found.label} ${matchWeight}`;
  }
  return undefined;
}

const SHOWN = 5;

function shownOf(all: readonly string[]): string {
  const more = all.length > SHOWN ? ` and ${all.length - SHOWN} more` : '';
  return `${all.slice(0, SHOWN).join(', ')}${more}`;
}
const namesOf = (places: readonly HostAndPath[]): string[] =>
  places.map(({ host, path = '' }) => `${host}${path}`);

function hostText(
  service: RouteService,
  owner: RouteService,
  lost: readonly HostAndPath[],
  label: string | undefined,
): string {
  const whose = `port ${owner.portIndex} of ${owner.appId}`;
  const why =
    label === undefined
      ? `${whose} has that host and path`
      : `${whose} takes that host and path by its label ${label}, for the weight here is ${matchWeightOf(service)}`;
  return (
    `no request by ${shownOf(namesOf(lost))} comes to port ${service.portIndex}: ${why}; ` +
    'remove it there, or give one of them another host or path, or another longrun.io/match-weight'
  );
}

/** For the app whose label it is: it may not be meant. */
function takenText({ portIndex }: RouteService, all: readonly Taken[]): string {
  const places = [...new Set(all.flatMap(({ lost }) => namesOf(lost)))];
  const from = all.map(({ service }) => `port ${service.portIndex} of ${service.appId}`);
  return (
    `${all[0]?.label ?? ''} lets port ${portIndex} take ${shownOf(places)} from ${shownOf(from)}: no request by that comes there; ` +
    'if that is not meant, remove the label, or give one of them another host or path'
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
