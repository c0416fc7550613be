// Gives each service port to one app. Two apps may ask for the same one: the app that has been configured the longer keeps it, so
// that a newcomer never takes a port away from traffic that flows. Apps of one deployment group share theirs. A port outside the
// proxy's range is given to nobody.
import { portsOf, type App, type PortRange } from '#libs/model';
import { deploymentGroupOf } from './labels/place.js';
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

/** `apps` in any order; the outcome depends only on (lastConfigChangeAt, id). */
export function grantServicePorts(apps: readonly App[], range: PortRange): GrantedPorts {
  const granted = new Set<string>();
  const owners = new Map<number, App>();
  const warnings: RouteWarning[] = [];
  for (const app of [...apps].sort(byAge)) {
    for (const port of portsOf(app.current.spec)) {
      const { servicePort, enabled } = readPortLabels(app.current.spec, port);
      if (!servesTcp(port) || !enabled || servicePort === 0) continue;
      const owner = owners.get(servicePort);
      const refusal = refuse(servicePort, owner && !together(app, owner) ? owner : undefined, range);
      if (refusal !== undefined) {
        warnings.push({ appId: app.id, text: refusal });
        continue;
      }
      if (!owner) owners.set(servicePort, app);
      granted.add(keyOf(app, port.index));
    }
  }
  return { has: (app, portIndex) => granted.has(keyOf(app, portIndex)), warnings };
}

/** Two ports of one app do not share: a connection could be for either. */
function together(a: App, b: App): boolean {
  const group = deploymentGroupOf(a.current.spec);
  return a.id !== b.id && group !== undefined && group === deploymentGroupOf(b.current.spec);
}

function refuse(servicePort: number, owner: App | undefined, range: PortRange): string | undefined {
  if (servicePort < range.from || servicePort > range.to)
    return `service port ${servicePort} is not opened: it is outside ${range.from}-${range.to}; choose one inside, or 0`;
  if (owner) return `service port ${servicePort} already belongs to ${owner.id}; choose another one, or 0`;
  return undefined;
}

const keyOf = (app: App, portIndex: number): string => `${portIndex} ${app.id}`;

function byAge(a: App, b: App): number {
  return order(a.current.lastConfigChangeAt, b.current.lastConfigChangeAt) || order(a.id, b.id);
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
