// Pins of traffic shares: requests with a header or cookie of a given value go to one version while that answers. Each pinned version has
// a backend of its own with the places of all targets, in which the others weigh nothing; so a session's cookie still finds its target,
// and a version without a target that answers has no server that could be used, which sends its requests the usual way.
import type { RouteService, TrafficShares } from '#libs/routing';
import { nameOf, pinBackendOf, quote } from './config-text.js';

type Pin = NonNullable<TrafficShares['pins']>[number];

/** HAProxy reads names of headers and cookies inside of expressions. */
const PLAIN_NAME = /^[\w.-]+$/;

/** Those that HAProxy can read, in their order. */
const pinsOf = ({ mode, traffic }: RouteService): Pin[] =>
  mode === 'tcp' ? [] : (traffic?.pins ?? []).filter(({ name }) => PLAIN_NAME.test(name));

/** Pinned, each once. */
export const pinnedVersions = (service: RouteService): string[] => [
  ...new Set(pinsOf(service).map(({ version }) => version)),
];

/** What of the pins is not carried out, for a warning. */
export function unpinnable({ mode, traffic }: RouteService): string[] {
  const odd = (traffic?.pins ?? []).filter(({ name }) => !PLAIN_NAME.test(name));
  if (mode === 'tcp' || odd.length === 0) return [];
  return [
    `pins by ${odd.map(({ by, name }) => `${by} ${name}`).join(', ')} (of letters, digits, . _ - only)`,
  ];
}

/** A place in the order of some service's pins, with what is looked at there. */
interface Look {
  readonly nth: number;
  readonly by: Pin['by'];
  readonly name: string;
}

/** Of one service: its pins by what is looked at; the first that a request has counts. */
function looksOf(service: RouteService): Map<string, { look: Look; pins: Pin[] }> {
  const looks = new Map<string, { look: Look; pins: Pin[] }>();
  let [nth, last] = [-1, ''];
  for (const pin of pinsOf(service)) {
    const name = pin.by === 'header' ? pin.name.toLowerCase() : pin.name;
    if (last !== `${pin.by} ${name}`) nth += 1;
    last = `${pin.by} ${name}`;
    const key = `${nth}-${pin.by}-${name}`;
    const known = looks.get(key);
    if (known) known.pins.push(pin);
    else looks.set(key, { look: { nth, by: pin.by, name }, pins: [pin] });
  }
  return looks;
}

/**
 * Lines of a frontend, which knows the service's name by `txn.to`: one for each header or cookie that is looked at, however many
 * services pin by it. A value is asked for in hexadecimal, for a map's keys have no blanks. `conditions` come first.
 */
export function pinLines(
  services: readonly RouteService[],
  map: string,
  conditions: readonly string[] = [],
): string[] {
  const looks = new Map<string, Look>();
  for (const service of services) for (const [key, { look }] of looksOf(service)) looks.set(key, look);
  return [...looks]
    .sort(([, a], [, b]) => a.nth - b.nth)
    .map(([key, { by, name }]) => {
      const value = by === 'header' ? `req.fhdr(${name})` : `req.cook(${name})`;
      const backend = `${value},hex,concat(=,txn.to,=${key}),map_str(${quote(map)})`;
      const asked = [...conditions, `{ ${value} -m found }`, `{ ${backend},nbsrv gt 0 }`];
      return `use_backend %[${backend}] if ${asked.join(' ')}`;
    });
}

/** Entries of the map that those lines read; the first of a key counts. */
export function pinEntries(services: readonly RouteService[]): [key: string, backend: string][] {
  return services.flatMap((service) =>
    [...looksOf(service)].flatMap(([key, { pins }]) =>
      pins.map(({ value, version }): [string, string] => [
        `${Buffer.from(value).toString('hex').toUpperCase()}=${nameOf(service)}=${key}`,
        pinBackendOf(service, version),
      ]),
    ),
  );
}
