// All names of labels that mean something to a proxy, and what to use instead of those that only HAProxy itself can carry out.
// marathon-lb's are complete as of its version 1.15 (Longhelp.md, config.py); docs/reference/labels.md explains each one.

/** `longrun.io/NAME` and `longrun.io/N/NAME`. */
export const OWN_NAMES = [
  'add-prefix',
  'allow',
  'auth-realm',
  'auth-users',
  'balance',
  'bind',
  'body-limit',
  'body-min-rate',
  'compress',
  'connect-timeout',
  'cors-credentials',
  'cors-exposed-headers',
  'cors-headers',
  'cors-max-age',
  'cors-methods',
  'cors-origins',
  'eject-failures',
  'eject-time',
  'enabled',
  'groups',
  'host',
  'hsts',
  'location-prefix',
  'match-weight',
  'max-connections',
  'mode',
  'path',
  'prefer-zone',
  'protocol',
  'proxy-protocol',
  'queue',
  'queue-timeout',
  'rate-limit',
  'rate-limit-burst',
  'rate-limit-per',
  'redirect-root',
  'redirect-to-https',
  'request-headers',
  'response-headers',
  'retry-attempts',
  'retry-budget',
  'retry-on',
  'silence-timeout',
  'slow-start',
  'sticky',
  'strip-path',
  'strip-prefix',
  'tunnel-timeout',
] as const;
export type OwnName = (typeof OWN_NAMES)[number];

/** Read elsewhere: how long things take when instances come and go. */
export const LIFE_CYCLE_NAMES: ReadonlySet<string> = new Set([
  'drain-seconds',
  'min-ready-seconds',
  'progress-deadline-seconds',
]);

/** `HAPROXY_{n}_NAME` that are carried out. */
export const PORT_NAMES: ReadonlySet<string> = new Set([
  'AUTH',
  'BACKEND_NETWORK_ALLOWED_ACL',
  'BACKEND_WEIGHT',
  'BALANCE',
  'BIND_ADDR',
  'BIND_OPTIONS',
  'ENABLED',
  'GROUP',
  'HTTP_BACKEND_PROXYPASS_PATH',
  'HTTP_BACKEND_REDIR',
  'HTTP_BACKEND_REVPROXY_PATH',
  'MODE',
  'PATH',
  'PORT',
  'REDIRECT_TO_HTTPS',
  'STICKY',
  'USE_HSTS',
  'VHOST',
]);

/** `HAPROXY_NAME` of an app. Colour, other port and app id are notes of zdd.py to itself: they change nothing in marathon-lb either. */
export const APP_NAMES: ReadonlySet<string> = new Set([
  'APP_ID',
  'DEPLOYMENT_ALT_PORT',
  'DEPLOYMENT_COLOUR',
  'DEPLOYMENT_GROUP',
  'DEPLOYMENT_NEW_INSTANCES',
  'DEPLOYMENT_STARTED_AT',
  'DEPLOYMENT_TARGET_INSTANCES',
  'GROUP',
]);

const CHECKS = 'agents check health: healthChecks of the definition';
const HEADERS = 'longrun.io/request-headers and longrun.io/response-headers';
const HOSTS_AND_PATHS = 'longrun.io/host, longrun.io/path and longrun.io/match-weight';
const LOGIN = 'longrun.io/auth-users and longrun.io/auth-realm';
const APP_ID = 'the path /_app/<app id>/';

/** Configuration text for HAProxy, and files on its machine, with what there is instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  BACKEND_HEAD:
    'longrun.io/balance, longrun.io/mode, longrun.io/silence-timeout and longrun.io/retry-attempts',
  BACKEND_HEALTHCHECK_PORT_INDEX: `${CHECKS}, with portIndex`,
  BACKEND_HSTS_OPTIONS: 'longrun.io/hsts',
  BACKEND_HTTP_HEALTHCHECK_OPTIONS: CHECKS,
  BACKEND_HTTP_OPTIONS: `${HEADERS}; X-Forwarded-For, -Proto, -Host and -Port are always sent`,
  BACKEND_REDIRECT_HTTP_TO_HTTPS: 'longrun.io/redirect-to-https',
  BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH: 'longrun.io/redirect-to-https',
  BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS: CHECKS,
  BACKEND_SERVER_OPTIONS: 'longrun.io/max-connections, longrun.io/slow-start and longrun.io/proxy-protocol',
  BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS: CHECKS,
  BACKEND_STICKY_OPTIONS: 'longrun.io/sticky, or longrun.io/balance = cookie:NAME',
  BACKEND_TCP_HEALTHCHECK_OPTIONS: CHECKS,
  FRONTEND_BACKEND_GLUE: HOSTS_AND_PATHS,
  FRONTEND_HEAD: 'longrun.io/bind and longrun.io/mode',
  HTTP_BACKEND_ACL_ALLOW_DENY: 'longrun.io/allow',
  HTTP_BACKEND_NETWORK_ALLOWED_ACL: 'longrun.io/allow',
  HTTP_BACKEND_PROXYPASS_GLUE: 'longrun.io/strip-prefix and longrun.io/add-prefix',
  HTTP_BACKEND_REVPROXY_GLUE: 'longrun.io/location-prefix',
  HTTP_FRONTEND_APPID_ACL: APP_ID,
  HTTP_FRONTEND_APPID_HEAD: APP_ID,
  MAP_HTTP_FRONTEND_APPID_ACL: APP_ID,
  SSL_CERT: 'the certificates of the proxy (--proxy-certs), chosen by the name that the client asks for',
  TCP_BACKEND_ACL_ALLOW_DENY: 'longrun.io/allow',
  TCP_BACKEND_NETWORK_ALLOWED_ACL: 'longrun.io/allow',
  USERLIST_HEAD: LOGIN,
};

/** What to use instead of a label of marathon-lb that cannot be carried out; undefined: marathon-lb has no such label either. */
export function insteadOf(name: string): string | undefined {
  if (Object.hasOwn(INSTEAD, name)) return INSTEAD[name];
  // HTTP_FRONTEND_ACL_WITH_PATH_AND_AUTH, MAP_HTTPS_FRONTEND_ACL, HTTP_FRONTEND_ROUTING_ONLY, …
  if (/^(?:MAP_)?HTTPS?_FRONTEND_(?:AUTH|ACL|ROUTING|REQUEST)[A-Z_]*$/.test(name))
    return name.includes('AUTH') ? `${HOSTS_AND_PATHS}, ${LOGIN}` : HOSTS_AND_PATHS;
  if (/^(?:HTTPS?_(?:GROUPED_)?(?:VHOST_)?[A-Z_]*HEAD|HEAD|HTTPS_GROUPED_[A-Z_]+)$/.test(name))
    return 'the options of the proxy itself (longrun proxy --help)';
  return undefined;
}
