// The path that a task sees: prefixes cut off and put before, and what becomes of the paths that it sends back.
import { matchedPrefix, type RoutePolicy, type RouteService } from '#libs/routing';

export interface TargetUrl {
  readonly url: string;
  /** All that was cut off; goes to the task as X-Forwarded-Prefix. */
  readonly prefix?: string;
}

/** `url`: path and query; `prefix`: what was cut off before (`/_app/<id>`). */
export function targetUrlOf(service: RouteService, url: string, prefix: string | undefined): TargetUrl {
  const { policy } = service;
  const unchanged = prefix === undefined ? { url } : { url, prefix };
  // OPTIONS *
  if (!policy || !url.startsWith('/')) return unchanged;
  const { stripPath, stripPrefix, proxyPass } = policy;
  if (stripPath !== true && stripPrefix === undefined && proxyPass === undefined) return unchanged;
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const query = queryAt < 0 ? '' : url.slice(queryAt);
  const first = stripPath === true ? matchedPrefix(service, path).length : 0;
  const second =
    stripPrefix !== undefined && isUnder(path.slice(first), stripPrefix) ? stripPrefix.length : 0;
  const cut = first + second;
  const rest = path.slice(cut);
  const whole = `${proxyPass ?? ''}${rest.startsWith('/') ? rest : `/${rest}`}${query}`;
  const off = (prefix ?? '') + path.slice(0, cut);
  return off === '' ? { url: whole } : { url: whole, prefix: off };
}

const isUnder = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');

/** Is the root of the service asked for, and sent elsewhere? */
export const rootRedirectOf = (policy: RoutePolicy, url: string): string | undefined =>
  policy.redirectRoot !== undefined && (url === '/' || url.startsWith('/?'))
    ? policy.redirectRoot
    : undefined;

/**
 * A Location or Content-Location that a task sent, with `locationPrefix` before its path, if it points at the host that was asked.
 * `host`: of the request, undefined when it had none.
 */
export function rewriteLocation(value: string, locationPrefix: string, host: string | undefined): string {
  const [, origin = '', authority, rest = ''] = /^(https?:\/\/([^/?#]*))?(.*)$/is.exec(value) ?? [];
  const ours = authority === undefined || (host !== undefined && nameOf(authority) === nameOf(host));
  // a relative one is relative to what the client sees already; //other is another host
  if (!ours || (origin === '' && !rest.startsWith('/')) || rest.startsWith('//')) return value;
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return isUnder(path.split(/[?#]/, 1)[0] ?? '', locationPrefix)
    ? value
    : `${origin}${locationPrefix}${path}`;
}

const nameOf = (authority: string): string => authority.replace(/:\d+$/, '').toLowerCase();
