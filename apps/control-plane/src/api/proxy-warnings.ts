// What live proxies warn of that is about one app, beside the warnings of its definition: labels that an engine does not carry out, a
// service port that cannot be opened. A proxy says whom a warning is about by how it begins (ProxyReport of libs/agent-protocol).
import type { ControlCore } from '#libs/control-core';
import type { AppId } from '#libs/model';
import { servicePortSource } from '#libs/routing';

export function proxyWarnings({ state, routes, clock }: ControlCore, app: AppId): readonly string[] {
  const now = clock.now();
  const group = routes.groups(state).find(({ apps }) => apps.includes(app))?.id;
  const names = [app, ...(group === undefined ? [] : [group])];
  const services = routes.table(state).services.filter(({ appId }) => names.includes(appId));
  const ports = services.flatMap(({ servicePort }) => servicePort ?? []);
  const spec = state.apps.get(app)?.current.spec;
  const sourceOf = (port: number): string => (spec && servicePortSource(spec, port)) ?? '';
  const starts = [
    ...names.map((id) => ({ start: `app ${id}`, source: '' })),
    ...ports.map((port) => ({ start: `service port ${port}`, source: sourceOf(port) })),
  ];
  // workers of one proxy say the same, and are at the same address
  const saidAt = new Map<string, Set<string>>();
  for (const { address, leaseUntil, warnings } of state.proxies.values()) {
    if (leaseUntil <= now) continue;
    for (const warning of warnings) {
      const about = starts.find(({ start }) => beginsWith(warning, start));
      if (!about) continue;
      const text = withSource(warning, about);
      saidAt.set(text, (saidAt.get(text) ?? new Set<string>()).add(address));
    }
  }
  return [...saidAt].map(([text, addresses]) => `${placesOf([...addresses])}: ${text}`);
}

/** `app /web` is not the beginning of `app /web-2`, and `service port 80` not that of `service port 8080`. */
const beginsWith = (text: string, start: string): boolean =>
  text.startsWith(start) && /^(?:[:,;]|\s|$)/.test(text.slice(start.length));

/** A proxy does not know what in the definition asks for the port. */
const withSource = (text: string, { start, source }: { start: string; source: string }): string =>
  source === '' ? text : `${start} (${source})${text.slice(start.length)}`;

const SHOWN = 3;

function placesOf(addresses: readonly string[]): string {
  const shown = addresses.slice(0, SHOWN).join(', ');
  const more = addresses.length > SHOWN ? ` and ${addresses.length - SHOWN} more` : '';
  return `${addresses.length > 1 ? 'proxies' : 'proxy'} ${shown}${more}`;
}
