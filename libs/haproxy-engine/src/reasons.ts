// The words of a 503, by backend: they stand in a map of HAProxy's, and change while it runs.
import type { RouteService } from '#libs/routing';
import { messageBody, nameOf, pinBackendOf } from './config-text.js';
import { pinnedVersions } from './pins.js';

/** Bodies by backend. */
export type Reasons = ReadonlyMap<string, string>;

export function reasonsOf(services: readonly RouteService[]): Reasons {
  const http = services.filter(({ mode }) => mode !== 'tcp');
  return new Map(
    http.flatMap((service) => {
      const why = service.emptyReason === '' ? unableReason(service) : service.emptyReason;
      const body = messageBody(`app ${service.appId} cannot answer now: ${why}`);
      const pins = pinnedVersions(service).map((version) => pinBackendOf(service, version));
      return [nameOf(service), ...pins].map((backend) => [backend, body] as const);
    }),
  );
}

/** For the command line of HAProxy, which knows the map by the name of its file: what makes `now` of `before`. */
export const reasonChanges = (now: Reasons, before: Reasons, file: string): string[] =>
  [...now]
    .filter(([backend, body]) => before.get(backend) !== body)
    // a body holds blanks, and `;` divides commands
    .map(([backend, body]) => `set map ${file} ${backend} ${escapeWords(body)}`);

/** Of a service with targets. HAProxy tells by its status only that no connection could be had in time. */
function unableReason({ policy }: RouteService): string {
  const limit = policy?.limits?.connectionsPerTarget;
  const refused = 'none of its instances accepts connections';
  return limit === undefined
    ? refused
    : `${refused}, or all of them have the ${limit === 1 ? 'one request' : `${limit} requests`} in flight that its limits allow`;
}

/** Blanks, `;` and backslashes are escaped. */
const escapeWords = (text: string): string => text.replaceAll(/[\\ ;]/g, (each) => `\\${each}`);
