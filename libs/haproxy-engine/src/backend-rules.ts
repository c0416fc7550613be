// The rules of one backend: what the labels of a service say, in HAProxy's words. What HAProxy cannot do is listed by `unsupported`,
// so that it is shown as a warning and never dropped silently.
import { counted } from '#libs/model';
import {
  ASKS_FOR_PASSWORD,
  NOT_FROM_THIS_ADDRESS,
  NOT_FROM_THIS_ORIGIN,
  QUEUE_LENGTH,
  stickyCookieName,
  type Balance,
  type HeaderEdit,
  type RouteCors,
  type RoutePolicy,
  type RouteService,
} from '#libs/routing';
import { bodyLimitGap, bodyLimitRules } from './body-limit-rules.js';
import type { BackendPlan } from './layout.js';
import { escapePattern, JSON_ANSWER, messageBody, pinBackendOf, quote, quoteFormat } from './config-text.js';
import { gatewayRules } from './failure-counter.js';
import { locationRules } from './location-rules.js';
import { unpinnable } from './pins.js';
import {
  brokenBody,
  refusalsThatCount,
  retryRules,
  silentBody,
  tcpRetryRules,
  unrepeatedStatuses,
} from './retry-rules.js';
import { LOOK_MS, tcpWaitRules, waitRules } from './wait-rules.js';

export interface BackendRules {
  readonly rules: readonly string[];
  /** Behind each server line. */
  readonly serverOptions: string;
}

/** Whether HAProxy runs scripts, and whether these see bodies go by. */
export interface Scripts {
  readonly hasLua?: boolean;
  readonly countsBodies?: boolean;
}

/** Of the engine: its main port, and that of its HTTPS when it has one. */
export interface RulePlace extends Scripts {
  readonly port: number;
  readonly tls?: { readonly port: number };
}

const WORDS_PER_LINE = 40;

/** `name`: of the service, also for a backend of a pinned version, which shares its users and its rate limit. */
export function backendRules(
  name: string,
  { mode, service, version }: Pick<BackendPlan, 'mode' | 'service' | 'version'>,
  place: RulePlace,
): BackendRules {
  const backend = version === undefined ? name : pinBackendOf(service, version);
  const rules = [
    ...balanceRules(service, mode),
    ...timeRules(service, mode),
    ...(mode === 'tcp'
      ? tcpRules(service)
      : [
          ...retryRules(backend, service, place.hasLua ?? false),
          ...httpRules(name, service, place),
          ...gatewayRules(backend, service),
        ]),
  ];
  const own = version === undefined ? rules : rules.filter((rule) => !rule.startsWith('stick-table '));
  return { rules: own.map((line) => `  ${line}`), serverOptions: serverOptions(service, mode) };
}

/** One sentence per thing that this engine does not carry out. */
export function unsupported(
  service: RouteService,
  { hasLua = false, countsBodies = false }: Scripts,
): string[] {
  const { policy } = service;
  const missing = unpinnable(service);
  if (policy?.retries?.budgetPercent !== undefined && !hasLua)
    missing.push('the retry budget, for this HAProxy is built without Lua');
  const refusals = refusalsThatCount(service, hasLua);
  const app = `app ${service.appId}`;
  return [
    ...(missing.length > 0
      ? [`${app}: the HAProxy engine does not carry out ${missing.join(', ')}; the built-in engine does`]
      : []),
    ...(refusals === undefined ? [] : [`${app}: ${refusals}; the built-in engine passes it over`]),
    ...unfit(service, countsBodies).map((what) => `${app}: ${what}`),
  ];
}

/** Values of labels that HAProxy takes in part only, and what becomes of them. */
function unfit(service: RouteService, countsBodies: boolean): string[] {
  const { policy, mode } = service;
  const texts: string[] = [];
  const statuses = unrepeatedStatuses(service);
  if (statuses.length > 0)
    texts.push(`longrun.io/retry-on: the HAProxy engine does not repeat after ${statuses.join(', ')}`);
  if ((policy?.timeouts?.tunnelMs ?? 0) > HAPROXY_MS_MAX)
    texts.push('longrun.io/tunnel-timeout: the HAProxy engine ends a silent connection after 24 days');
  const { balance, limits } = policy ?? {};
  if (mode !== 'tcp' && balance && 'name' in balance && !isPlainName(balance.name))
    texts.push(
      `longrun.io/balance: the HAProxy engine knows no ${balance.by} ${JSON.stringify(balance.name)} (letters, digits, . _ - only) and balances as without the label`,
    );
  const gap = mode !== 'tcp' && limits?.bodyBytes !== undefined ? bodyLimitGap(countsBodies) : undefined;
  if (gap !== undefined) texts.push(gap);
  return texts;
}

const isPlainName = (name: string): boolean => /^[\w.-]+$/.test(name);

/** HAProxy counts milliseconds with 31 bits, which is 24.8 days. */
const HAPROXY_MS_MAX = 24 * 86_400_000;

function balanceRules(service: RouteService, mode: 'http' | 'tcp'): string[] {
  const { policy, sticky, appId, portIndex } = service;
  const rules = [`balance ${balanceOf(policy?.balance, mode)}`];
  if (policy?.balance && ['source', 'header', 'cookie', 'query', 'uri'].includes(policy.balance.by))
    rules.push('hash-type consistent');
  if (sticky && mode === 'http') {
    rules.push(
      `cookie ${stickyCookieName(service)} insert indirect nocache dynamic httponly attr SameSite=Lax`,
      `dynamic-cookie-key ${quote(`${appId} ${portIndex}`)}`,
      // as the header stands then: what the connection is, or what a terminator of TLS in front says
      'http-request set-var(txn.tls) bool(true) if { req.hdr(x-forwarded-proto) -m str -i https }',
      `http-after-response replace-header set-cookie '^(${stickyCookieName(service)}=.*)$' '\\1; Secure' if { var(txn.tls) -m bool }`,
    );
  }
  return rules;
}

function balanceOf(balance: Balance | undefined, mode: 'http' | 'tcp'): string {
  if (balance && 'name' in balance && (mode === 'tcp' || !isPlainName(balance.name))) return 'random(2)';
  switch (balance?.by) {
    case 'least':
      return 'leastconn';
    case 'round-robin':
      return 'roundrobin';
    case 'source':
      return 'source';
    case 'header':
      return `hdr(${balance.name})`;
    case 'cookie':
      return `hash req.cook(${balance.name})`;
    case 'query':
      return `url_param ${balance.name}`;
    case 'uri':
      return mode === 'http' ? 'uri' : 'random(2)';
    default:
      return 'random(2)';
  }
}

function timeRules({ policy }: RouteService, mode: 'http' | 'tcp'): string[] {
  const { connectMs, silenceMs, tunnelMs } = policy?.timeouts ?? {};
  const { queueMs, queue } = policy?.limits ?? {};
  const rule = (name: string, ms: number | undefined): string[] =>
    ms === undefined ? [] : [`timeout ${name} ${Math.min(ms, HAPROXY_MS_MAX)}ms`];
  return [
    ...rule('connect', connectMs),
    // TCP connections live as long as both sides like
    ...(mode === 'tcp' ? ['timeout server 24d'] : rule('server', silenceMs)),
    ...rule('tunnel', tunnelMs),
    // 0 would be an endless queue
    ...rule('queue', queue === 0 ? 1 : queueMs),
  ];
}

function tcpRules({ policy }: RouteService): string[] {
  const rules = [...tcpRetryRules()];
  if (policy?.allow)
    rules.push(...oneOf('allowed', 'src', policy.allow), 'tcp-request content reject if !allowed');
  rules.push(...queueRules(policy, 'tcp-request content reject'));
  return [...rules, ...tcpWaitRules()];
}

/** Who finds no target with room waits in the backend, which HAProxy does not bound: `maxqueue` is for who waits for one server, by cookie or hash. */
function queueRules(policy: RoutePolicy | undefined, refusal: string): string[] {
  const { connectionsPerTarget, queue = QUEUE_LENGTH } = policy?.limits ?? {};
  // with 0 nobody would ever be let in; the time to wait is next to nothing instead
  return connectionsPerTarget === undefined || queue === 0 ? [] : [`${refusal} if { queue ge ${queue} }`];
}

/** A line of HAProxy has at most 64 words; lines of one name are one list. An empty list is never true. */
function oneOf(name: string, what: string, values: readonly string[]): string[] {
  if (values.length === 0) return [`acl ${name} always_false`];
  const lines: string[] = [];
  for (let at = 0; at < values.length; at += WORDS_PER_LINE) {
    const some = values.slice(at, at + WORDS_PER_LINE).map((each) => quote(each));
    lines.push(`acl ${name} ${what} -- ${some.join(' ')}`);
  }
  return lines;
}

function httpRules(name: string, service: RouteService, place: RulePlace): string[] {
  const { policy } = service;
  const rules: string[] = [];
  if (policy?.allow)
    rules.push(...oneOf('allowed', 'src', policy.allow), refuse(403, NOT_FROM_THIS_ADDRESS, '!allowed'));
  if (service.redirectToHttps) rules.push(...redirectRules(place));
  if (policy?.cors) rules.push(...corsRules(policy.cors));
  if (policy?.auth)
    rules.push(
      `http-request return status 401 ${JSON_ANSWER} hdr www-authenticate ${quoteFormat(`Basic realm="${policy.auth.realm}", charset="UTF-8"`)} string ${quote(messageBody(ASKS_FOR_PASSWORD))} unless { http_auth(${name}) }`,
    );
  rules.push(...bodyLimitRules(service, place.countsBodies ?? false), ...rateRules(name, service));
  if (policy?.redirectRoot !== undefined)
    rules.push(`http-request redirect code 301 location ${quoteFormat(policy.redirectRoot)} if { path / }`);
  rules.push(...pathRules(service));
  rules.push(...(policy?.requestHeaders ?? []).map((edit) => editRule('http-request', edit)));
  // of the connection to the task (RFC 9110 7.6.1)
  rules.push('http-response del-header keep-alive', ...locationRules(service));
  rules.push(...(policy?.responseHeaders ?? []).map((edit) => editRule('http-response', edit)));
  if (policy?.hsts) {
    const { maxAgeSeconds, includeSubDomains, preload } = policy.hsts;
    const value = `max-age=${maxAgeSeconds}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
    // also in HAProxy's own answers
    rules.push(`http-after-response set-header strict-transport-security ${quote(value)} if { ssl_fc }`);
  }
  if (policy?.compress)
    rules.push(
      'compression algo gzip',
      'compression type text/html text/plain text/css text/xml application/json application/javascript image/svg+xml',
    );
  rules.push(...queueRules(policy, 'http-request return status 503 default-errorfiles'));
  rules.push(...waitRules(place.hasLua ?? false), ...failureRules(service));
  return rules;
}

/** Asked only when it comes to it. That of the 503, whose words change, is the same for all backends. */
function failureRules(service: RouteService): string[] {
  const bodies: readonly (readonly [number, string])[] = [
    [502, brokenBody(service)],
    [504, silentBody(service)],
  ];
  return bodies.map(([status, body]) => `http-error status ${status} ${JSON_ANSWER} string ${quote(body)}`);
}

const refuse = (status: number, message: string, condition: string): string =>
  `http-request return status ${status} ${JSON_ANSWER} string ${quote(messageBody(message))} if ${condition}`;

function rateRules(name: string, { policy, appId }: RouteService): string[] {
  const rules: string[] = [];
  const { rate } = policy?.limits ?? {};
  if (rate) {
    const isClient = rate.per === 'client';
    rules.push(
      `stick-table type ${isClient ? 'ipv6' : 'integer'} size ${isClient ? '100k' : '1'} expire 10s store http_req_rate(1s)`,
      `http-request track-sc0 ${isClient ? 'src' : 'int(1)'} table ${name}`,
      `http-request return status 429 ${JSON_ANSWER} hdr retry-after 1 string ${quote(messageBody(`app ${appId} takes ${counted(rate.perSecond, 'request')} per second`))} if { sc_http_req_rate(0) gt ${Math.max(1, Math.ceil(rate.perSecond), rate.burst)} }`,
    );
  }
  return rules;
}

function pathRules({ policy, path }: RouteService): string[] {
  const rules: string[] = [];
  // in this order, as the built-in engine does
  const cuts = [
    ...(policy?.stripPath && path !== undefined ? [cutOff(path)] : []),
    ...(policy?.stripPrefix === undefined ? [] : [cutOff(policy.stripPrefix)]),
  ];
  for (const { prefix, condition } of cuts) {
    const pattern = `^${escapePattern(prefix)}/?`;
    rules.push(
      // what stands there was cut off before (/_app/…)
      `http-request set-header x-forwarded-prefix %[req.hdr(x-forwarded-prefix)]${quoteFormat(prefix)} if ${condition}`,
      `http-request set-path ${quote(`/%[path,regsub('${pattern}',)]`)} if ${condition}`,
    );
  }
  if (policy?.proxyPass !== undefined)
    rules.push(
      `http-request set-path ${quoteFormat(policy.proxyPass.replace(/\/$/, '')).slice(0, -1)}%[path]'`,
    );
  return rules;
}

/** A prefix without a star ends on a segment border. */
function cutOff(path: string): { readonly prefix: string; readonly condition: string } {
  const prefix = path.replace(/\*$/, '').replace(/\/$/, '');
  return {
    prefix,
    condition: path.endsWith('*')
      ? `{ path_beg ${quote(prefix)} }`
      : `{ path,concat(/) -m beg ${quote(`${prefix}/`)} }`,
  };
}

/** By virtual host only. A client that names our main port is sent to our HTTPS port; any other came through something in front. */
function redirectRules({ port, tls }: RulePlace): string[] {
  const away =
    '{ fe_name main } !{ var(txn.depth) -m found } !{ ssl_fc } !{ req.hdr(x-forwarded-proto) -m str https }';
  const ours = `http-request set-var(txn.secure) var(txn.bare),concat(:${tls?.port ?? 0})`;
  const to = 'location https://%[var(txn.secure)]%[pathq]';
  return [
    "http-request set-var(txn.bare) req.hdr(host),regsub(':[0-9]+$',)",
    'http-request set-var(txn.secure) var(txn.bare)',
    ...(tls && tls.port !== 443
      ? [
          `${ours} if { req.hdr(host) -m end :${port} }`,
          ...(port === 80 ? [`${ours} if !{ req.hdr(host) -m reg :[0-9]+$ }`] : []),
        ]
      : []),
    `http-request redirect ${to} code 301 if METH_GET ${away}`,
    `http-request redirect ${to} code 301 if METH_HEAD ${away}`,
    `http-request redirect ${to} code 308 if ${away}`,
  ];
}

function editRule(where: 'http-request' | 'http-response', { do: what, name, value }: HeaderEdit): string {
  if (what === 'remove') return `${where} del-header ${quote(name)}`;
  return `${where} ${what}-header ${quote(name)} ${quoteFormat(value ?? '')}`;
}

function corsRules(cors: RouteCors): string[] {
  const any = cors.origins.includes('*');
  const known = any ? '{ var(txn.origin) -m found }' : 'known_origin';
  const origin = any && !cors.credentials ? "'*'" : '%[var(txn.origin)]';
  const own: [string, string][] = [
    ['access-control-allow-origin', origin],
    ...(cors.credentials ? ([['access-control-allow-credentials', 'true']] as [string, string][]) : []),
    ...(cors.exposed?.length
      ? ([['access-control-expose-headers', quoteFormat(cors.exposed.join(', '))]] as [string, string][])
      : []),
  ];
  const preflight: [string, string][] = [
    ...own,
    // what they ask for, when the labels name none; a header without a value is not sent
    [
      'access-control-allow-methods',
      cors.methods ? quoteFormat(cors.methods.join(', ')) : '%[req.hdr(access-control-request-method)]',
    ],
    [
      'access-control-allow-headers',
      cors.headers ? quoteFormat(cors.headers.join(', ')) : '%[req.fhdr(access-control-request-headers)]',
    ],
    ...(cors.maxAgeSeconds === undefined
      ? []
      : ([['access-control-max-age', String(cors.maxAgeSeconds)]] as [string, string][])),
    ['vary', quote('Origin, Access-Control-Request-Method, Access-Control-Request-Headers')],
  ];
  // as with the built-in engine
  const asked =
    'METH_OPTIONS { req.hdr(access-control-request-method) -m found } { var(txn.origin) -m found }';
  return [
    'http-request set-var(txn.origin) req.hdr(origin)',
    ...(any ? [] : oneOf('known_origin', 'var(txn.origin) -m str -i', cors.origins)),
    `http-request return status 200 ${preflight.map(([name, value]) => `hdr ${name} ${value}`).join(' ')} if ${asked} ${known}`,
    ...(any
      ? []
      : [
          `http-request return status 403 ${JSON_ANSWER} hdr vary Origin string ${quote(messageBody(NOT_FROM_THIS_ORIGIN))} if ${asked}`,
        ]),
    // also in HAProxy's own answers: a page must be able to read why it was refused
    ...own.map(([name, value]) => `http-after-response set-header ${name} ${value} if ${known}`),
    ...(any
      ? []
      : [
          `http-after-response del-header access-control-allow-origin unless ${known}`,
          `http-after-response del-header access-control-allow-credentials unless ${known}`,
        ]),
    ...(any && !cors.credentials
      ? []
      : ['http-after-response add-header vary Origin unless { res.hdr(vary) -m sub -i origin }']),
  ];
}

function serverOptions({ policy }: RouteService, mode: 'http' | 'tcp'): string {
  const { connectionsPerTarget, queue } = policy?.limits ?? {};
  const send = policy?.proxyProtocol?.send;
  const options = [
    // what stops answering is left out also while nobody tells us (promise 6), and what refuses a connection at once: else requests
    // would go on to ask it, and by least connections nearly always, for it has none; looked at again at once, for others wait (wait-rules)
    `check inter 10s fastinter ${LOOK_MS.first}ms downinter ${LOOK_MS.then}ms fall 3 rise 1 observe layer4 error-limit 1 on-error mark-down`,
    ...(connectionsPerTarget === undefined
      ? []
      : [`maxconn ${connectionsPerTarget} maxqueue ${Math.max(queue ?? QUEUE_LENGTH, 1)}`]),
    ...(mode === 'http' && policy?.protocol === 'h2c' ? ['proto h2'] : []),
    ...(send === undefined ? [] : [send === 'v1' ? 'send-proxy' : 'send-proxy-v2']),
    ...(policy?.slowStartMs ? [`slowstart ${policy.slowStartMs}ms`] : []),
    // HAProxy wants it said that a place may keep its name while its address moves
    'pool-purge-delay 4s',
  ];
  return options.join(' ');
}
