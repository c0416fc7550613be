// Gives each service port to one app. Two apps may ask for the same one: the app that has asked for it the longer keeps it, whatever else
// of its definition changed meanwhile, so that a newcomer never takes a port away from traffic that flows. Apps of one deployment group
// share theirs. A port outside the proxy's range is given to nobody.
import {
  portsOf,
  type App,
  type AppSpec,
  type AppVersion,
  type PortRange,
  type ServicePort,
  type Timestamp,
} from '#libs/model';
import { deploymentGroupOf, servicePortMember } from './labels/place.js';
import { readPortLabels } from './port-labels.js';
import { servesTcp } from './targets.js';

export interface RouteWarning {
  readonly appId: App['id'];
  /** One sentence with the remedy. */
  readonly text: string;
}

export interface GrantedPorts {
  /** By app id and port index. */
  has(app: App, portIndex: number): boolean;
  readonly warnings: readonly RouteWarning[];
}

/** `apps` in any order; the outcome depends only on (since when a port is asked for, id). */
export function grantServicePorts(apps: readonly App[], range: PortRange): GrantedPorts {
  const granted = new Set<string>();
  const owners = new Map<number, App>();
  const warnings: RouteWarning[] = [];
  for (const claim of apps.flatMap(claimsOf).sort(byAge)) {
    const { app, port, servicePort } = claim;
    const owner = owners.get(servicePort);
    const refusal = refuse(claim, owner && !together(app, owner) ? owner : undefined, range);
    if (refusal !== undefined) {
      warnings.push({ appId: app.id, text: refusal });
      continue;
    }
    if (!owner) owners.set(servicePort, app);
    granted.add(keyOf(app, port.index));
  }
  return { has: (app, portIndex) => granted.has(keyOf(app, portIndex)), warnings };
}

/**
 * What an app is to remember when `next` becomes its version (`App.servicePortsSince`); `before`: its row until then; `siblings`:
 * of its deployment group (`siblingsAmong`), for who joins one shares the ages of the members that are there.
 */
export function servicePortsSince(
  before: App | undefined,
  next: AppVersion,
  siblings: readonly App[] = [],
): Record<string, Timestamp> {
  const had = before ? agesOf(before) : undefined;
  const shared = siblings.map(agesOf);
  return Object.fromEntries(
    askedFor(next.spec).map(({ servicePort }) => {
      const own = had?.get(servicePort) ?? next.lastConfigChangeAt;
      const ages = shared.flatMap((each) => each.get(servicePort) ?? []);
      return [String(servicePort), ages.reduce((a, b) => (b < a ? b : a), own)];
    }),
  );
}

const agesOf = (app: App): ReadonlyMap<number, Timestamp> =>
  new Map(claimsOf(app).map((each) => [each.servicePort, each.since]));

interface Claim {
  readonly app: App;
  readonly port: ServicePort;
  readonly servicePort: number;
  readonly since: Timestamp;
}

const claimsOf = (app: App): readonly Claim[] =>
  askedFor(app.current.spec).map(({ port, servicePort }) => ({
    ...{ app, port, servicePort },
    since: app.servicePortsSince?.[String(servicePort)] ?? app.current.lastConfigChangeAt,
  }));

function askedFor(spec: AppSpec): readonly Pick<Claim, 'port' | 'servicePort'>[] {
  return portsOf(spec).flatMap((port) => {
    const { servicePort, enabled } = readPortLabels(spec, port);
    return servesTcp(port) && enabled && servicePort !== 0 ? [{ port, servicePort }] : [];
  });
}

/** Two ports of one app do not share: a connection could be for either. */
function together(a: App, b: App): boolean {
  const group = deploymentGroupOf(a.current.spec);
  return a.id !== b.id && group !== undefined && group === deploymentGroupOf(b.current.spec);
}

/** In a sentence, where an app asks for this service port: `HAPROXY_0_PORT`. Undefined: nowhere. */
export function servicePortSource(spec: AppSpec, servicePort: number): string | undefined {
  const port = portsOf(spec).find((each) => readPortLabels(spec, each).servicePort === servicePort);
  return port && servicePortMember(spec, port).name;
}

function refuse(
  { app, port, servicePort }: Claim,
  owner: App | undefined,
  range: PortRange,
): string | undefined {
  const isOutside = servicePort < range.from || servicePort > range.to;
  if (!isOutside && !owner) return undefined;
  const { name, isLabel } = servicePortMember(app.current.spec, port);
  const what = `service port ${servicePort} (${name})`;
  const other = isLabel ? 'or remove the label' : 'or 0, for one that Longrun chooses';
  return isOutside
    ? `${what} is not opened: it is outside ${range.from}-${range.to} (--service-ports); choose one inside, ${other}`
    : `${what} already belongs to ${owner?.id ?? ''}; choose another one, ${other}`;
}

const keyOf = (app: App, portIndex: number): string => `${portIndex} ${app.id}`;

function byAge(a: Claim, b: Claim): number {
  return order(a.since, b.since) || order(a.app.id, b.app.id) || a.port.index - b.port.index;
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
