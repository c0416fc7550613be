// Decides which service a request is for, or why none: on a service port the service of that port; on the main port /_app/<id>/
// where allowed, then virtual host and path. Refusals say how to reach apps, never which apps there are.
import type { IncomingMessage } from 'node:http';
import type { RouteMatcher, RouteService } from '#libs/routing';

export interface FoundRoute {
  readonly kind: 'route';
  readonly service: RouteService;
  /** Path and query for the task. */
  readonly url: string;
  /** What was cut off the path, under /_app/. */
  readonly prefix?: string;
}
export type RouteVerdict =
  | FoundRoute
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'redirect'; readonly location: string };

export interface RouteQuestion {
  readonly req: IncomingMessage;
  readonly matcher: RouteMatcher;
  /** The service port it came in on; absent: the main port. */
  readonly servicePort?: number;
  /** /_app/ also for clients that are not on this host. */
  readonly appPaths: boolean;
}

export function findRoute({ req, matcher, servicePort, appPaths }: RouteQuestion): RouteVerdict {
  const { host, url } = requestTarget(req);
  if (servicePort !== undefined) {
    const service = matcher.byServicePort(servicePort);
    return service
      ? { kind: 'route', service, url }
      : { kind: 'refused', status: 404, message: `service port ${servicePort} belongs to no app any more` };
  }
  if (url.startsWith('/_app/') && (appPaths || isLoopback(req.socket.remoteAddress))) {
    const found = matcher.byAppPath(url);
    return found
      ? { kind: 'route', ...found }
      : {
          kind: 'refused',
          status: 404,
          message: 'no app with a TCP port has this id; ids are listed by GET /v2/apps',
        };
  }
  return findByHost(req, matcher, host, url);
}

function findByHost(
  req: IncomingMessage,
  matcher: RouteMatcher,
  host: string | undefined,
  url: string,
): RouteVerdict {
  const service = matcher.byHost(host, url.split('?', 1)[0] ?? url);
  if (!service) return { kind: 'refused', status: 404, message: HOW_TO_REACH };
  if (service.redirectToHttps && req.headers['x-forwarded-proto'] !== 'https')
    return { kind: 'redirect', location: `https://${(host ?? '').replace(/:\d+$/, '')}${url}` };
  return { kind: 'route', service, url };
}

const HOW_TO_REACH =
  'no app is routed for this host and path. An app is reached by its virtual host (label HAPROXY_0_VHOST), at its service port, ' +
  'or from this machine at /_app/<app id>/';

/** Origin form as it is; of the absolute form (`GET http://shop.example/x`) the authority wins over the Host header (RFC 9112 3.2.2). */
function requestTarget(req: IncomingMessage): { host: string | undefined; url: string } {
  const url = req.url ?? '/';
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
  if (!absolute) return { host: req.headers.host, url };
  const rest = absolute[2] ?? '';
  return { host: absolute[1], url: rest.startsWith('/') ? rest : `/${rest}` };
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1');
}
