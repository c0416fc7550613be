// Decides which service a request is for, or why none: on a service port the service of that port; on a main port /_app/<id>/
// where allowed, then virtual host and path. Refusals say how to reach apps, never which apps there are.
import { HOW_TO_REACH, NO_SUCH_APP, type RouteMatcher, type RouteService } from '#libs/routing';
import type { Gates } from './gates.js';
import { isSecure, type RequestFacts } from './request-facts.js';

export interface FoundService {
  readonly kind: 'service';
  readonly service: RouteService;
  /** Path and query for the task. */
  readonly url: string;
  /** What was cut off the path, under /_app/. */
  readonly prefix?: string;
}
export type FindVerdict =
  | FoundService
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'redirect'; readonly location: string; readonly service: RouteService };

export interface FindOptions {
  readonly matcher: RouteMatcher;
  /** /_app/ also for clients that are not on this host. */
  readonly appPaths: boolean;
  /** Ports of this proxy, where it has an HTTPS port: a client that came to the one is redirected to the other. */
  readonly ports?: { readonly http: number; readonly https: number };
  /** What is counted and remembered of clients. Default: one for the process. */
  readonly gates?: Gates;
}

export function findService(facts: RequestFacts, options: FindOptions): FindVerdict {
  const { matcher, appPaths } = options;
  const { host, url } = requestTarget(facts);
  const { servicePort } = facts;
  if (servicePort !== undefined) {
    const service = matcher.byServicePort(servicePort);
    return service
      ? { kind: 'service', service, url }
      : { kind: 'refused', status: 404, message: `service port ${servicePort} belongs to no app any more` };
  }
  if (url.startsWith('/_app/') && (appPaths || isLoopback(facts.clientAddress))) {
    const found = matcher.byAppPath(url);
    return found ? { kind: 'service', ...found } : { kind: 'refused', status: 404, message: NO_SUCH_APP };
  }
  return findByHost(facts, options, host, url);
}

function findByHost(
  facts: RequestFacts,
  { matcher, ports }: FindOptions,
  host: string | undefined,
  url: string,
): FindVerdict {
  const queryAt = url.indexOf('?');
  const service = matcher.byHost(host, queryAt < 0 ? url : url.slice(0, queryAt));
  if (!service) return { kind: 'refused', status: 404, message: HOW_TO_REACH };
  if (service.redirectToHttps && !isSecure(facts))
    return { kind: 'redirect', location: `https://${httpsHost(host ?? '', ports)}${url}`, service };
  return { kind: 'service', service, url };
}

/** A client that names another port than ours came through something in front, which has the usual port for HTTPS, too. */
function httpsHost(host: string, ports: FindOptions['ports']): string {
  const [, name = host, port = '80'] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return ports && Number(port) === ports.http && ports.https !== 443 ? `${name}:${ports.https}` : name;
}

/** Origin form as it is; of the absolute form (`GET http://shop.example/x`) the authority wins over the Host header (RFC 9112 3.2.2). */
function requestTarget({ url, host }: RequestFacts): { host: string | undefined; url: string } {
  if (url.startsWith('/')) return { host, url };
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
  if (!absolute) return { host, url };
  const rest = absolute[2] ?? '';
  return { host: absolute[1], url: rest.startsWith('/') ? rest : `/${rest}` };
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === '::1';
}
