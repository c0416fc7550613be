// What live proxies warn of that is about one app, beside the warnings of its definition: labels that an engine does not carry out, a
// service port that cannot be opened. A proxy says whom a warning is about by how it begins (ProxyReport of libs/agent-protocol).
import type { ControlCore } from '#libs/control-core';
import type { AppId } from '#libs/model';

export function proxyWarnings({ state, routes, clock }: ControlCore, app: AppId): readonly string[] {
  const now = clock.now();
  const group = routes.groups(state).find(({ apps }) => apps.includes(app))?.id;
  const services = routes.table(state).services.filter(({ appId }) => appId === app || appId === group);
  const starts = [
    ...[app, ...(group === undefined ? [] : [group])].map((id) => `app ${id}`),
    ...services.flatMap(({ servicePort }) =>
      servicePort === undefined ? [] : [`service port ${servicePort}`],
    ),
  ];
  // workers of one proxy say the same, and are at the same address
  const saidAt = new Map<string, Set<string>>();
  for (const { address, leaseUntil, warnings } of state.proxies.values()) {
    if (leaseUntil <= now) continue;
    for (const text of warnings) {
      if (!starts.some((start) => beginsWith(text, start))) continue;
      saidAt.set(text, (saidAt.get(text) ?? new Set<string>()).add(address));
    }
  }
  return [...saidAt].map(([text, addresses]) => `${placesOf([...addresses])}: ${text}`);
}

/** `app /web` is not the beginning of `app /web-2`, and `service port 80` not that of `service port 8080`. */
const beginsWith = (text: string, start: string): boolean =>
  text.startsWith(start) && /^(?:[:,;]|\s|$)/.test(text.slice(start.length));

const SHOWN = 3;

function placesOf(addresses: readonly string[]): string {
  const shown = addresses.slice(0, SHOWN).join(', ');
  const more = addresses.length > SHOWN ? ` and ${addresses.length - SHOWN} more` : '';
  return `${addresses.length > 1 ? 'proxies' : 'proxy'} ${shown}${more}`;
}
