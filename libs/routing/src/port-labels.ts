// Reads marathon-lb's labels for one port of an app. The most particular one wins: label of the port itself, then the app's
// label with the port's index (HAPROXY_0_VHOST), then the app's label without one (HAPROXY_VHOST).
// HAPROXY_GROUP says in marathon-lb which balancer takes the app; here is one, so it is neither needed nor read.
import type { AppSpec, ServicePort } from '#libs/model';
import type { RouteMode } from './route-table.js';

export interface PortRouting {
  readonly mode: RouteMode;
  readonly hosts: readonly string[];
  readonly path?: string;
  readonly sticky: boolean;
  readonly redirectToHttps: boolean;
  /** Sentences about labels that have no effect; they name the label and the remedy. */
  readonly warnings: readonly string[];
}

/** Never throws: what cannot be used is left out and becomes a warning. */
export function readPortLabels(spec: AppSpec, port: ServicePort): PortRouting {
  const warnings: string[] = [];
  const read = (name: string): string | undefined => labelOf(spec, port, name)?.trim();
  const hosts = readHosts(read('VHOST'), warnings);
  const path = readPath(read('PATH'), warnings);
  if (path !== undefined && hosts.length === 0)
    warnings.push(`HAPROXY_${port.index}_PATH has no effect without HAPROXY_${port.index}_VHOST`);
  return {
    mode: readMode(read('MODE'), warnings),
    hosts,
    ...(path === undefined ? {} : { path }),
    sticky: isTrue(read('STICKY')),
    redirectToHttps: isTrue(read('REDIRECT_TO_HTTPS')),
    warnings,
  };
}

function labelOf(spec: AppSpec, port: ServicePort, name: string): string | undefined {
  const numbered = `HAPROXY_${port.index}_${name}`;
  const plain = `HAPROXY_${name}`;
  return port.labels[numbered] ?? port.labels[plain] ?? spec.labels[numbered] ?? spec.labels[plain];
}

function readHosts(text: string | undefined, warnings: string[]): string[] {
  const hosts = new Set<string>();
  for (const each of (text ?? '').split(',')) {
    const host = each.trim().toLowerCase().replace(/\.$/, '');
    if (host === '') continue;
    if (/^[a-z0-9._-]+$/.test(host)) hosts.add(host);
    else
      warnings.push(
        `the virtual host "${host}" is not a plain host name; patterns and ports are not supported`,
      );
  }
  return [...hosts];
}

/** marathon-lb takes a list of prefixes separated by spaces; a route has one. A trailing slash makes no difference. */
function readPath(text: string | undefined, warnings: string[]): string | undefined {
  const [first, ...rest] = (text ?? '').split(/\s+/).filter(Boolean);
  if (first === undefined) return undefined;
  if (!first.startsWith('/')) {
    warnings.push(`the path "${first}" is not used: it must begin with a slash`);
    return undefined;
  }
  if (rest.length) warnings.push(`only the first path prefix, "${first}", is used; give one prefix per port`);
  const path = first.replace(/\/+$/, '');
  return path === '' ? undefined : path;
}

function readMode(text: string | undefined, warnings: string[]): RouteMode {
  const mode = text?.toLowerCase();
  if (mode === 'http' || mode === 'tcp') return mode;
  if (mode !== undefined && mode !== '' && mode !== 'auto')
    warnings.push(`the mode "${mode}" is not known, so it is found out per connection; use http or tcp`);
  return 'auto';
}

const isTrue = (text: string | undefined): boolean =>
  ['true', 't', 'yes', '1'].includes(text?.toLowerCase() ?? '');
