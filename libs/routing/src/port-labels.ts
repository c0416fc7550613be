// Reads the labels for one port of an app: where it is found and how it is served. Longrun's own (longrun.io/NAME) win over
// marathon-lb's (HAPROXY_{n}_NAME); docs/reference/labels.md lists both.
import { portsOf, type AppSpec, type ServicePort } from '#libs/model';
import { warnInVain } from './labels/in-vain.js';
import { LabelTexts } from './labels/label-texts.js';
import { readEnabled, readPlace, readServicePort, type Place } from './labels/place.js';
import { readPolicy } from './labels/policy.js';
import type { RoutePolicy } from './route-policy.js';
import type { RouteMode } from './route-table.js';

export interface PortRouting {
  /** What of it stands in the table. */
  readonly routing: Place & { readonly policy?: RoutePolicy };
  /** False: it is not in the table. */
  readonly enabled: boolean;
  /** That it asks for; 0: none. */
  readonly servicePort: number;
  /** Sentences about labels that have no effect; they name the label and the remedy, and no secret. */
  readonly warnings: readonly string[];
}

/** Definitions never change, and a table is built from all of them whenever one instance comes or goes. */
const known = new WeakMap<AppSpec, ReadonlyMap<number, PortRouting>>();

/** Never throws: what cannot be used is left out and becomes a warning. */
export function readPortLabels(spec: AppSpec, port: ServicePort): PortRouting {
  let ports = known.get(spec);
  if (!ports) {
    ports = new Map(portsOf(spec).map((each) => [each.index, read(spec, each)]));
    known.set(spec, ports);
  }
  return ports.get(port.index) ?? read(spec, port);
}

function read(spec: AppSpec, port: ServicePort): PortRouting {
  const texts = new LabelTexts(spec, port);
  if (texts.isEmpty) return { ...PLAIN, servicePort: port.servicePort };
  const policy = readPolicy(texts, spec.id);
  const place = readPlace(texts, port);
  const mode = settleMode(place.mode, policy);
  const alone = portsOf(spec).length === 1;
  warnInVain(texts, port, { place: { ...place, mode }, policy, alone });
  return {
    routing: { ...place, mode, ...(policy ? { policy } : {}) },
    enabled: readEnabled(texts),
    servicePort: readServicePort(texts, port),
    warnings: texts.warnings,
  };
}

const PLAIN = {
  routing: { mode: 'auto', hosts: [], sticky: false, redirectToHttps: false },
  enabled: true,
  warnings: [],
} as const satisfies Omit<PortRouting, 'servicePort'>;

/** What only HTTP can carry out; where TCP is relayed unread, such a member would protect nothing. */
const HTTP_ONLY = [
  'auth',
  'requestHeaders',
  'responseHeaders',
  'cors',
  'compress',
  'stripPath',
  'stripPrefix',
  'locationPrefix',
  'proxyPass',
  'redirectRoot',
  'hsts',
] as const satisfies readonly (keyof RoutePolicy)[];

/** In mode auto whoever does not speak HTTP at once is relayed, past every one of these: such a port is pinned to HTTP. */
function settleMode(mode: RouteMode, policy: RoutePolicy | undefined): RouteMode {
  if (mode !== 'auto' || !policy) return mode;
  const { rate, bodyBytes } = policy.limits ?? {};
  const needsHttp = HTTP_ONLY.some((each) => policy[each] !== undefined);
  return needsHttp || rate || bodyBytes !== undefined ? 'http' : mode;
}
