// How a port is served, from its labels; marathon-lb's where it has one for the purpose.
import type {
  Balance,
  RouteEjection,
  RouteLimits,
  RoutePolicy,
  RouteRetries,
  RouteTimeouts,
} from '../route-policy.js';
import { readAllow, readAuth } from './access.js';
import { readCors, readHeaderEdits, readHsts } from './heads.js';
import type { LabelText, LabelTexts } from './label-texts.js';
import { presentOrNone, type Loose } from './members.js';
import { parseAddress } from './network.js';
import {
  duration,
  integer,
  isToken,
  itemsOf,
  oneOf,
  rate,
  redirectTarget,
  shown,
  size,
  truth,
  urlPath,
  type ValueReader,
} from './values.js';

const HOUR_MS = 3_600_000;

/** Undefined: all defaults. `app`: its id, for the words of the login. */
export function readPolicy(texts: LabelTexts, app: string): RoutePolicy | undefined {
  const proxyProtocol = readProxyProtocol(texts);
  return presentOrNone<RoutePolicy>({
    balance: readBalance(texts),
    slowStartMs: positive(texts.read(duration(0, HOUR_MS), 'slow-start')),
    preferZone: texts.read(truth, 'prefer-zone') || undefined,
    timeouts: readTimeouts(texts),
    retries: readRetries(texts),
    limits: readLimits(texts),
    ejection: presentOrNone<RouteEjection>({
      failures: texts.read(integer(0, 1_000), 'eject-failures'),
      ms: texts.read(duration(100, HOUR_MS), 'eject-time'),
    }),
    allow: readAllow(texts),
    auth: readAuth(texts, app),
    ...readPaths(texts),
    ...readHeads(texts),
    protocol: texts.read(oneOf('http1', 'h2c'), 'protocol') === 'h2c' ? 'h2c' : undefined,
    proxyProtocol,
    bind: readBind(texts),
  });
}

const positive = (value: number | undefined): number | undefined => (value === 0 ? undefined : value);

function readPaths(texts: LabelTexts): Loose<RoutePolicy> {
  return {
    stripPath: texts.read(truth, 'strip-path') || undefined,
    stripPrefix: notRoot(texts.read(urlPath, 'strip-prefix', 'HTTP_BACKEND_PROXYPASS_PATH')),
    locationPrefix: notRoot(texts.read(urlPath, 'location-prefix', 'HTTP_BACKEND_REVPROXY_PATH')),
    proxyPass: notRoot(texts.read(urlPath, 'add-prefix')),
    redirectRoot: readRedirectRoot(texts),
  };
}

const notRoot = (path: string | undefined): string | undefined => (path === '/' ? undefined : path);

/** The root sent to itself would go round for ever. */
function readRedirectRoot(texts: LabelTexts): string | undefined {
  const target = texts.read(redirectTarget, 'redirect-root', 'HTTP_BACKEND_REDIR');
  if (target !== '/') return target;
  texts.warn('the redirect of the root path to / has no effect: it would go round for ever');
  return undefined;
}

function readHeads(texts: LabelTexts): Loose<RoutePolicy> {
  return {
    hsts: readHsts(texts),
    requestHeaders: readHeaderEdits(texts, 'request-headers'),
    responseHeaders: readHeaderEdits(texts, 'response-headers'),
    cors: readCors(texts),
    compress: texts.read(truth, 'compress') || undefined,
  };
}

function readTimeouts(texts: LabelTexts): RouteTimeouts | undefined {
  return presentOrNone<RouteTimeouts>({
    connectMs: texts.read(duration(10, 60_000), 'connect-timeout'),
    silenceMs: texts.read(duration(100, 24 * HOUR_MS), 'silence-timeout'),
    tunnelMs: texts.read(duration(1_000, 30 * 24 * HOUR_MS), 'tunnel-timeout'),
  });
}

const STATUSES: ValueReader<readonly number[]> = {
  allowed: 'a list of statuses from 400 to 599, such as 502 503 504',
  read: (text) => {
    const items = itemsOf(text);
    return items.length <= 50 && items.every((each) => /^[45]\d\d$/.test(each))
      ? [...new Set(items.map(Number))]
      : undefined;
  },
};

function readRetries(texts: LabelTexts): RouteRetries | undefined {
  return presentOrNone<RouteRetries>({
    attempts: texts.read(integer(1, 10), 'retry-attempts'),
    on: texts.read(STATUSES, 'retry-on'),
    budgetPercent: texts.read(integer(0, 100), 'retry-budget'),
  });
}

function readLimits(texts: LabelTexts): RouteLimits | undefined {
  return presentOrNone<RouteLimits>({
    rate: readRate(texts),
    bodyBytes: texts.read(size(0, 1024 ** 4), 'body-limit'),
    bodyMinRate: texts.read(integer(0, 1_000_000_000), 'body-min-rate'),
    connectionsPerTarget: texts.read(integer(1, 100_000), 'max-connections'),
    queue: texts.read(integer(0, 100_000), 'queue'),
    queueMs: texts.read(duration(0, 600_000), 'queue-timeout'),
  });
}

function readRate(texts: LabelTexts): RouteLimits['rate'] | undefined {
  const perSecond = texts.read(rate, 'rate-limit');
  const burst = texts.read(integer(1, 1_000_000), 'rate-limit-burst');
  const per = texts.read(oneOf('client', 'service'), 'rate-limit-per');
  if (perSecond !== undefined)
    // without a burst a client that asks for a page and its pictures would be refused at any rate
    return { perSecond, burst: burst ?? Math.max(1, Math.ceil(perSecond)), per: per ?? 'client' };
  if (burst !== undefined || per !== undefined)
    texts.warn(
      'longrun.io/rate-limit-burst and longrun.io/rate-limit-per have no effect without longrun.io/rate-limit',
    );
  return undefined;
}

const OWN_BALANCE: ValueReader<Balance> = {
  allowed: 'least-of-two, least, round-robin, source, uri, header:NAME, cookie:NAME or query:NAME',
  read: (text) => {
    const word = text.toLowerCase();
    if (
      word === 'least-of-two' ||
      word === 'least' ||
      word === 'round-robin' ||
      word === 'source' ||
      word === 'uri'
    )
      return { by: word };
    const [, by, name = ''] = /^(header|cookie|query):(.+)$/i.exec(text) ?? [];
    if (!isToken(name)) return undefined;
    const kind = by?.toLowerCase();
    if (kind === 'header') return { by: kind, name: name.toLowerCase() };
    return kind === 'cookie' || kind === 'query' ? { by: kind, name } : undefined;
  },
};

const SIMPLE: Readonly<Record<string, Balance>> = {
  roundrobin: { by: 'round-robin' },
  'static-rr': { by: 'round-robin' },
  leastconn: { by: 'least' },
  random: { by: 'least-of-two' },
  source: { by: 'source' },
  uri: { by: 'uri' },
};

/** `balance` of HAProxy: the algorithm, then words that fine-tune it, which change nothing in what goes where for one client. */
const HAPROXY_BALANCE: ValueReader<Balance> = {
  allowed:
    'roundrobin, static-rr, leastconn, random, source, uri, hdr(NAME) or url_param NAME; requests go to the less busy of two targets instead',
  read: (text) => {
    const [word = '', second = ''] = text.split(/\s+/);
    const [, name = ''] = /^hdr\(([^)]+)\)$/i.exec(word) ?? [];
    if (isToken(name)) return { by: 'header', name: name.toLowerCase() };
    if (word.toLowerCase() === 'url_param')
      return isToken(second) ? { by: 'query', name: second } : undefined;
    const simple = word.toLowerCase().replace(/^random\(\d+\)$/, 'random');
    return Object.hasOwn(SIMPLE, simple) ? SIMPLE[simple] : undefined;
  },
};

function readBalance(texts: LabelTexts): Balance | undefined {
  const own = texts.read(OWN_BALANCE, 'balance');
  if (own !== undefined) return own;
  const theirs = texts.haproxy('BALANCE');
  return theirs && texts.value(HAPROXY_BALANCE, theirs);
}

const PROXY_WORDS = new Set(['accept', 'send-v1', 'send-v2']);
const PROXY_PROTOCOL: ValueReader<RoutePolicy['proxyProtocol']> = {
  allowed: 'accept, send-v1, send-v2, or accept with one of the others',
  read: (text) => {
    const words = itemsOf(text.toLowerCase());
    const send = words.filter((each) => each !== 'accept');
    if (!words.every((each) => PROXY_WORDS.has(each)) || send.length > 1) return undefined;
    return presentOrNone<NonNullable<RoutePolicy['proxyProtocol']>>({
      accept: words.includes('accept') || undefined,
      send: send[0] === 'send-v1' ? 'v1' : send[0] === 'send-v2' ? 'v2' : undefined,
    });
  },
};

/** Words of a `bind` line that ask for what the proxy does for all of its listeners by its own options. */
const TLS_WORDS =
  /^(?:ssl|crt|ciphers|ciphersuites|ca-file|crl-file|verify|alpn|npn|ecdhe|curves|(?:force-|no-)?(?:ssl|tls)v?\d+|no-tls-tickets|ssl-(?:min|max)-ver|strict-sni|prefer-client-ciphers)$/;
const WITH_VALUE = new Set([
  'crt',
  'ciphers',
  'ciphersuites',
  'ca-file',
  'crl-file',
  'verify',
  'alpn',
  'npn',
  'ecdhe',
  'curves',
  'ssl-min-ver',
  'ssl-max-ver',
  'maxconn',
  'backlog',
  'mss',
  'interface',
  'name',
  'id',
  'process',
]);

function readProxyProtocol(texts: LabelTexts): RoutePolicy['proxyProtocol'] | undefined {
  const own = texts.read(PROXY_PROTOCOL, 'proxy-protocol');
  const accepts = readBindOptions(texts);
  return own ?? (accepts ? { accept: true } : undefined);
}

/** Is accept-proxy among them? The others are named. */
function readBindOptions(texts: LabelTexts): boolean {
  const found = texts.haproxy('BIND_OPTIONS');
  const words = (found?.text ?? '').split(/\s+/).filter(Boolean);
  const [tls, other]: [string[], string[]] = [[], []];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word !== 'accept-proxy') (TLS_WORDS.test(word) ? tls : other).push(word);
    if (WITH_VALUE.has(word)) at += 1;
  }
  if (found) warnBindOptions(texts, found, tls, other);
  return words.includes('accept-proxy');
}

function warnBindOptions(
  texts: LabelTexts,
  { label }: LabelText,
  tls: readonly string[],
  other: readonly string[],
): void {
  if (tls.length > 0)
    texts.warn(
      `${label}: ${shown(tls.join(' '))} is not used: TLS is the proxy's, with its certificates (--proxy-certs)`,
    );
  if (other.length > 0) texts.warn(`${label}: ${shown(other.join(' '))} is not used: only accept-proxy is`);
}

const ADDRESS: ValueReader<string> = {
  allowed: 'an IP address of the host of the proxy, without a zone',
  // * is everything, which is for the proxy to say (--proxy-bind); a zone (::1%lo) is a thing of one host, and HAProxy knows none
  read: (text) => (text === '*' || (parseAddress(text) && !text.includes('%')) ? text : undefined),
};

function readBind(texts: LabelTexts): string | undefined {
  const address = texts.read(ADDRESS, 'bind', 'BIND_ADDR');
  return address === '*' ? undefined : address;
}
