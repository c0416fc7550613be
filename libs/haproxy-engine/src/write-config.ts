// HAProxy's configuration from a layout: one frontend for the main port, one per service port, backends with places for targets.
// Which host and path lead where stands in map files, longest prefix first by HAProxy's own lookup, so that a thousand apps cost no more
// than one. Rules follow the built-in engine: the same headers are added and dropped, the same sentences answer. Each rule is asked on
// each request, so what few need stands behind the point where the others are done.
import { join } from 'node:path';
import { EMPTY_TABLE, HOW_TO_REACH, NO_SUCH_APP, QUEUE_MS, type RouteService } from '#libs/routing';
import { backendRules } from './backend-rules.js';
import { BODY_LIMIT_LUA } from './body-limit-rules.js';
import {
  clientTable,
  crowdRules,
  mainClientRules,
  portClientRules,
  type ClientLimits,
} from './client-rules.js';
import { JSON_ANSWER, messageBody, nameOf, quote } from './config-text.js';
import { EARLY_ANSWERS, HEAD_LINES_MAX } from './early-answers.js';
import { fileLines, needsOf } from './file-room.js';
import { failureTable } from './failure-counter.js';
import { hostRoutes, httpBackendOf, tcpBackendOf, type HostRoute, type Layout } from './layout.js';
import { logRules, type LogWish } from './log-rules.js';
import { pinEntries, pinLines } from './pins.js';
import { LUA_FILE, repeatLua, REPEATED, retryDefaults, SILENCE_MS } from './retry-rules.js';
import type { Slots } from './slots.js';
import { WAIT_LUA } from './wait-rules.js';

export interface ConfigOptions extends ClientLimits {
  readonly bind: string;
  readonly port: number;
  readonly appPaths: boolean;
  /** Folder of the configuration and its maps. */
  readonly folder: string;
  /** Folder of the sockets: their paths must be short. Default: the same. */
  readonly socketFolder?: string;
  readonly threads: number;
  /** HAProxy runs scripts. Default false. */
  readonly hasLua?: boolean;
  /** Scripts see bodies go by. Default false. */
  readonly countsBodies?: boolean;
  /** Limit of open files. Undefined: none, or HAProxy is to find out. */
  readonly files?: number;
  /** What is to be told to a pipe. Default: nothing. */
  readonly log?: LogWish;
  /** Certificates (PEM files and folders of them), and the port they are for. */
  readonly tls?: { readonly port: number; readonly certificates: readonly string[] };
}

export interface WrittenConfig {
  readonly text: string;
  /** Maps and scripts by file name. */
  readonly files: ReadonlyMap<string, string>;
  /** The backend, or frontend of a service port, that a line of `text` (counted from 1) was written for, also outside of its section. */
  readonly sectionAt: (line: number) => string | undefined;
}

/** Ids nest; deeper ones are not reached under /_app/. */
const ID_DEPTH_MAX = 16;

export function writeConfig(
  layout: Layout,
  slots: ReadonlyMap<string, Slots>,
  services: readonly RouteService[],
  options: ConfigOptions,
  /**
   * Services that HAProxy does not take as they are: they answer that, and nothing else. Frontends of service ports (`port:10000`) are
   * left out.
   */
  refused: ReadonlySet<string> = new Set(),
): WrittenConfig {
  const routes = hostRoutes({ ...EMPTY_TABLE, services });
  const text = [
    ...globalLines(options),
    ...indent(fileLines(options.files, needsOf({ ...EMPTY_TABLE, services }), options.maxConnections)),
    ...defaultLines(options),
    ...failureTable(),
    ...clientTable(options),
    ...userLists(layout, refused),
    ...mainFrontend(
      options,
      routes,
      routes.filter(({ backend }) => !refused.has(backend)),
      services,
    ),
    ...layout.ports.flatMap(({ port, service }) =>
      refused.has(`port:${port}`) ? [] : portFrontend(port, service, options),
    ),
    ...layout.backends.flatMap((plan) => {
      const { name, mode, service } = plan;
      if (refused.has(nameOf(service)))
        return [`backend ${name}`, `  mode ${mode}`, ...refusedRules(mode, service)];
      const { rules, serverOptions } = backendRules(nameOf(service), plan, options);
      return [
        `backend ${name}`,
        `  mode ${mode}`,
        ...rules,
        ...(slots
          .get(name)
          ?.lines(serverOptions)
          .map((line) => `  ${line}`) ?? []),
      ];
    }),
    '',
  ].join('\n');
  const files = new Map(writeMaps(services, routes));
  if (options.hasLua) files.set(LUA_FILE, repeatLua() + WAIT_LUA + BODY_LIMIT_LUA);
  return { text, files, sectionAt: (line) => sectionAt(text, line) };
}

function refusedRules(mode: 'http' | 'tcp', { appId }: RouteService): string[] {
  if (mode === 'tcp') return ['  tcp-request content reject'];
  const words = `app ${appId} is not served: HAProxy does not understand what its labels ask for; its warnings say more`;
  return [`  http-request return status 503 ${JSON_ANSWER} string ${quote(messageBody(words))}`];
}

function sectionAt(text: string, line: number): string | undefined {
  const lines = text.split('\n').slice(0, line);
  const weighted = lines.at(-1)?.match(WEIGHTED_RULE)?.[1];
  if (weighted !== undefined) return weighted;
  return lines
    .findLast((each) => /^[a-z]/.test(each))
    ?.match(/^(?:backend|userlist|frontend(?= port:)) (\S+)$/)?.[1];
}

const WEIGHTED_RULE = /^ {2}http-request set-var\(txn\.to\) str\('([^']*)'\)/;

function globalLines({ folder, socketFolder, threads, hasLua }: ConfigOptions): string[] {
  return [
    'global',
    `  stats socket ${quote(join(socketFolder ?? folder, 'stats.sock'))} mode 600 level admin expose-fd listeners`,
    `  nbthread ${threads}`,
    // two HAProxies on one port would each get a part of its connections
    '  noreuseport',
    // a retry after a broken connection needs a copy of the whole buffer of each request: HAProxy's default of 16 KiB, not more
    '  tune.bufsize 16384',
    '  tune.maxrewrite 1024',
    `  tune.http.maxhdr ${HEAD_LINES_MAX}`,
    '  ssl-default-bind-options ssl-min-ver TLSv1.2',
    ...(hasLua ? [`  lua-load ${quote(join(folder, LUA_FILE))}`] : []),
  ];
}

function defaultLines({ folder, hasLua = false }: ConfigOptions): string[] {
  return [
    'defaults',
    '  mode http',
    '  timeout connect 3s',
    '  timeout http-request 15s',
    '  timeout http-keep-alive 75s',
    '  timeout client 300s',
    `  timeout server ${SILENCE_MS}ms`,
    // HAProxy's longest
    '  timeout tunnel 24d',
    `  timeout queue ${QUEUE_MS}ms`,
    '  option http-keep-alive',
    // also for the first request of a client, as the built-in engine does: else each client that asks once costs a connection to a task
    '  http-reuse always',
    // an idle connection of a process that is replaced is ended with an answer, not before a request that is under way
    '  option idle-close-on-response',
    '  option redispatch 1',
    // of those in reserve all, not the first
    '  option allbackups',
    ...indent(retryDefaults(hasLua)),
    ...EARLY_ANSWERS.map(
      ([status, words]) => `  http-error status ${status} ${JSON_ANSWER} string ${quote(messageBody(words))}`,
    ),
    // of a backend; its words change while HAProxy runs
    `  http-error status 503 ${JSON_ANSWER} hdr retry-after 5 lf-string %[be_name,map(${quote(join(folder, 'reasons.map'))})]`,
  ];
}

function userLists({ backends }: Layout, refused: ReadonlySet<string>): string[] {
  return backends.flatMap(({ name, mode, service }) => {
    const auth = service.policy?.auth;
    if (mode !== 'http' || !auth || refused.has(nameOf(service))) return [];
    return [
      `userlist ${name}`,
      ...auth.users.map(
        (user) =>
          `  user ${quote(user.name)} ${user.hashed ? 'password' : 'insecure-password'} ${quote(user.secret)}`,
      ),
    ];
  });
}

/** What clients of a listener have in common: what is the same for all of them is not worked out for each request. */
interface Listener {
  readonly address: string;
  /** Undefined: it differs. */
  readonly port?: number;
  /** Some of them come by TLS, as the connection itself says. */
  readonly tls: boolean;
}

/** Of HTTP requests that come in anywhere. */
function forwardedRules({ address, port, tls }: Listener): string[] {
  const proto = tls ? '%[ssl_fc,iif(https,http)]' : 'http';
  const byVersion = address.includes(':');
  return [
    'option forwardfor',
    // said once per client: what must not be repeated after a body was sent is not repeated
    `acl l7_safe method ${REPEATED}`,
    'acl l7_body req.hdr(content-length) -m int gt 0',
    'acl l7_body req.hdr(transfer-encoding) -m found',
    'http-request disable-l7-retry if !l7_safe or l7_body',
    ...keepFirst('x-forwarded-proto', '^[A-Za-z][A-Za-z0-9+.-]{0,31}$'),
    ...keepFirst('x-forwarded-host', '^([A-Za-z0-9_.-]{1,255}|\\[[0-9A-Fa-f:.]{2,45}\\])(:[0-9]{1,5})?$'),
    // added, not set: what is there is not looked for a second time
    `http-request add-header x-forwarded-proto ${proto} if !{ req.hdr(x-forwarded-proto) -m found }`,
    `http-request add-header x-forwarded-port ${port ?? '%[dst_port]'} if !{ req.hdr(x-forwarded-port) -m found }`,
    'http-request add-header x-forwarded-host %[req.hdr(host)] if !{ req.hdr(x-forwarded-host) -m found } { req.hdr(host) -m found }',
    'http-request del-header x-forwarded-prefix',
    'http-request del-header forwarded',
    ...VIA,
    ...forwardedElements('%ci', byVersion ? '{ src 0.0.0.0/0 }' : ''),
    ...(byVersion ? forwardedElements('"[%ci]"', '!{ src 0.0.0.0/0 }') : []),
    'http-request add-header x-request-id %[uuid()] if !{ req.hdr(x-request-id) -m found }',
    'http-request del-header proxy-connection',
    'http-request del-header keep-alive',
  ];
}

/** Of a header that a terminator in front may have sent: the first of several, if it is one at all. */
const keepFirst = (name: string, pattern: string): string[] => [
  `http-request set-header ${name} %[req.hdr(${name},1)] if { req.hdr(${name}) -m found }`,
  `http-request del-header ${name} if { req.hdr(${name}) -m found } !{ req.hdr(${name}) -m reg ${quote(pattern)} }`,
];

const ADDRESSES = "'^([0-9.]{7,15}|[0-9A-Fa-f:]{2,45})( *, *([0-9.]{7,15}|[0-9A-Fa-f:]{2,45}))*$'";
/** Those who were asked before us: what X-Forwarded-For says in RFC 7239's words, or that it is not understood. */
const VIA = [
  `http-request set-var(txn.via) 'req.fhdr(x-forwarded-for),regsub("([0-9A-Fa-f]*:[0-9A-Fa-f:]*)","\\"[\\\\1]\\"",g),regsub(" *, *",", for=",g)' if { req.fhdr(x-forwarded-for) -m reg ${ADDRESSES} }`,
  'http-request set-var(txn.via) str(unknown) if { req.hdr(x-forwarded-for) -m found } !{ var(txn.via) -m found }',
];

/** As the built-in engine writes it (forwardedOf): one element alone has host and proto. */
function forwardedElements(peer: string, condition: string): string[] {
  const of = ';host="%[req.hdr(x-forwarded-host)]";proto=%[req.hdr(x-forwarded-proto)]';
  return [
    `http-request add-header forwarded 'for=${peer}${of}' if !{ var(txn.via) -m found } ${condition}`,
    `http-request add-header forwarded 'for=%[var(txn.via),regsub("^([^,]*).*$","\\1")]${of}%[var(txn.via),regsub("^[^,]*","")], for=${peer}' if { var(txn.via) -m found } ${condition}`,
  ].map((line) => line.trimEnd());
}

/** Segments of an app id. */
const depthOf = ({ appId }: RouteService): number => Math.min(appId.split('/').length - 1, ID_DEPTH_MAX);

/** `sound`: those of services that HAProxy takes. */
function mainFrontend(
  options: ConfigOptions,
  routes: readonly HostRoute[],
  sound: readonly HostRoute[],
  services: readonly RouteService[],
): string[] {
  const { bind, port, tls, folder, appPaths } = options;
  const map = (name: string): string => join(folder, `${name}.map`);
  const log = logRules(options.log, 'http');
  const plain = plainHosts(routes);
  // what no route needs is not asked for each request
  const lookups = KINDS.flatMap((kind) => {
    const those = routes.filter(({ host }) => kindOf(host) === kind && !plain.has(host));
    return those.length > 0
      ? hostLookup(
          kind,
          map(kind),
          those.some(({ ignoreCase }) => ignoreCase),
        )
      : [];
  });
  return [
    'frontend main',
    `  bind ${bindAddress(bind, port)}`,
    ...(tls
      ? [
          `  bind ${bindAddress(bind, tls.port)} ssl ${tls.certificates.map((each) => `crt ${quote(each)}`).join(' ')} alpn h2,http/1.1`,
        ]
      : []),
    ...indent([
      ...mainClientRules(options, tls?.port),
      ...crowdRules(options),
      ...log.early,
      ...forwardedRules({ address: bind, tls: tls !== undefined, ...(tls ? {} : { port }) }),
      ...log.late,
      ...quickRules(routes, plain, map),
      'http-request set-var(txn.path) path',
      'http-request set-var(txn.host) req.hdr(host),field(1,:),lower',
      'http-request set-var(txn.host) var(txn.host),regsub(\\.$,) if { var(txn.host) -m end . }',
      ...(plain.size > 0
        ? [
            `http-request set-var(txn.to) var(txn.host),map_str(${quote(map('hosts'))}) if !{ var(txn.to) -m found }`,
          ]
        : []),
      'acl is_app path_beg /_app/',
      ...(appPaths ? [] : ['acl is_near src 127.0.0.0/8 ::1']),
      ...appPathRules(
        map('apps'),
        map('depths'),
        map('prefixes'),
        Math.max(1, ...services.map(depthOf)),
        appPaths ? 'is_app' : 'is_app is_near',
      ),
      ...weightedRules(sound, (weight) => weight > 1),
      ...lookups,
      ...weightedRules(sound, (weight) => weight < 0),
      `http-request return status 404 ${JSON_ANSWER} string ${quote(messageBody(HOW_TO_REACH))} if !{ var(txn.to) -m found }`,
      ...pinLines(services, map('pins')),
      'use_backend %[var(txn.to)]',
    ]),
  ];
}

/** Hosts that one service has whole, whatever the path, with it. Nearly all hosts are such. */
function plainHosts(routes: readonly HostRoute[]): ReadonlyMap<string, string> {
  const plain = new Map<string, string>();
  const others = new Set<string>();
  for (const { host, prefix, weight, backend } of routes) {
    if (kindOf(host) !== 'exact' || prefix !== '' || weight > 1 || weight < 0) others.add(host);
    else if (!plain.has(host)) plain.set(host, backend);
  }
  for (const host of others) plain.delete(host);
  return plain;
}

/** Ends the frontend's rules for requests whose host is written as in the labels: they pay for nothing that others need. */
function quickRules(
  routes: readonly HostRoute[],
  plain: ReadonlyMap<string, string>,
  map: (name: string) => string,
): string[] {
  const host = 'req.hdr(host),field(1,:),lower';
  const paths = routes.filter((each) => kindOf(each.host) === 'exact' && !plain.has(each.host));
  // a greater weight is asked first
  const hasPaths = paths.length > 0 && !routes.some(({ weight }) => weight > 1);
  if (plain.size === 0 && !hasPaths) return [];
  return [
    ...(plain.size > 0 ? [`http-request set-var(txn.to) ${host},map_str(${quote(map('hosts'))})`] : []),
    ...(hasPaths
      ? [
          'http-request set-var(txn.path) path if !{ var(txn.to) -m found }',
          `http-request set-var(txn.to) ${host},concat(,txn.path,/),map_beg(${quote(map('exact'))}) if !{ var(txn.to) -m found }`,
        ]
      : []),
    'http-request allow if { var(txn.to) -m found } !{ path_beg /_app/ }',
  ];
}

/** The key is host, path and a slash, so that a prefix with its slash ends on a segment border. */
const KINDS = ['exact', 'wild', 'any'] as const;
type Kind = (typeof KINDS)[number];

const kindOf = (host: string): Kind => (host === '*' ? 'any' : host.startsWith('*.') ? 'wild' : 'exact');

function hostLookup(kind: Kind, file: string, ignoreCase: boolean): string[] {
  const unless = '!{ var(txn.to) -m found }';
  const host =
    kind === 'exact'
      ? 'http-request set-var(txn.name) var(txn.host)'
      : kind === 'wild'
        ? `http-request set-var(txn.name) var(txn.host),map_end(${quote(file.replace(/wild\.map$/, 'suffixes.map'))})`
        : 'http-request set-var(txn.name) str(*)';
  return [
    ...(kind === 'wild' ? [`http-request unset-var(txn.name) if ${unless}`] : []),
    `${host} if ${unless}`,
    `http-request set-var(txn.key) var(txn.name),concat(,txn.path,/) if ${unless}`,
    `http-request set-var(txn.to) var(txn.key),map_beg(${quote(file)}) if ${unless} { var(txn.name) -m found }`,
    ...(ignoreCase
      ? [
          `http-request set-var(txn.to) var(txn.key),lower,map_beg(${quote(file.replace(/\.map$/, '-nocase.map'))}) if ${unless} { var(txn.name) -m found }`,
        ]
      : []),
  ];
}

/** Routes whose weight goes against the order by length are asked one by one; there are few. */
function weightedRules(routes: readonly HostRoute[], matters: (weight: number) => boolean): string[] {
  return routes
    .filter(({ weight }) => matters(weight))
    .sort((a, b) => b.weight - a.weight || b.prefix.length - a.prefix.length)
    .map(({ host, prefix, open, ignoreCase, backend }) => {
      const hostTest =
        host === '*'
          ? ''
          : host.startsWith('*.')
            ? `{ var(txn.host) -m end ${quote(host.slice(1))} }`
            : `{ var(txn.host) -m str ${quote(host)} }`;
      const flag = ignoreCase ? '-i ' : '';
      const pathTest =
        prefix === ''
          ? ''
          : open
            ? `{ path_beg ${flag}${quote(prefix)} }`
            : `{ path,concat(/) -m beg ${flag}${quote(`${prefix}/`)} }`;
      return `http-request set-var(txn.to) str(${quote(backend)}) if !{ var(txn.to) -m found } ${hostTest} ${pathTest}`.trimEnd();
    });
}

/** What stands before the id is cut off by counting segments, for a map can hold a number but not cut. */
function appPathRules(
  apps: string,
  depths: string,
  prefixes: string,
  deepest: number,
  condition: string,
): string[] {
  const key = 'var(txn.key)';
  const cut = Array.from({ length: deepest }, (_, at) => {
    const depth = at + 1;
    return `http-request set-path /%[path,field(${depth + 3},/,0)] if is_app { var(txn.depth) -m int ${depth} }`;
  });
  return [
    `http-request unset-var(txn.to) if ${condition}`,
    `http-request set-var(txn.key) var(txn.path),concat(/) if ${condition}`,
    `http-request set-var(txn.to) ${key},map_beg(${quote(apps)}) if ${condition}`,
    `http-request return status 404 ${JSON_ANSWER} string ${quote(messageBody(NO_SUCH_APP))} if ${condition} !{ var(txn.to) -m found }`,
    `http-request set-var(txn.depth) ${key},map_beg_int(${quote(depths)}) if ${condition}`,
    `http-request set-header x-forwarded-prefix %[${key},map_beg(${quote(prefixes)})] if ${condition}`,
    ...cut,
  ];
}

function portFrontend(port: number, service: RouteService, options: ConfigOptions): string[] {
  const accept = service.policy?.proxyProtocol?.accept ? ' accept-proxy' : '';
  const address = service.policy?.bind ?? options.bind;
  const lines = [`frontend port:${port}`, `  bind ${bindAddress(address, port)}${accept}`];
  // a PROXY header says which port its client came to
  const listener = { address, tls: false, ...(accept === '' ? { port } : {}) };
  const log = logRules(options.log, service.mode, accept !== '');
  const early = [...portClientRules(options, accept !== ''), ...log.early];
  if (service.mode === 'tcp')
    return [...lines, ...indent(['mode tcp', ...early, `default_backend ${tcpBackendOf(service)}`])];
  const pins = pinLines([service], join(options.folder, 'pins.map'), service.mode === 'http' ? [] : ['HTTP']);
  const rules = [
    ...crowdRules(options),
    ...early,
    ...forwardedRules(listener),
    ...log.late,
    ...(pins.length > 0 ? [`http-request set-var(txn.to) str(${quote(httpBackendOf(service))})`] : []),
    ...pins,
  ];
  if (service.mode === 'http')
    return [...lines, ...indent([...rules, `default_backend ${httpBackendOf(service)}`])];
  return [
    ...lines,
    '  mode tcp',
    ...indent([
      // a client that waits for the server to speak first is taken for TCP after this time
      'tcp-request inspect-delay 300ms',
      'tcp-request content switch-mode http if HTTP',
      'tcp-request content accept if WAIT_END',
      ...rules,
      `use_backend ${httpBackendOf(service)} if HTTP`,
      `default_backend ${tcpBackendOf(service)}`,
    ]),
  ];
}

const bindAddress = (address: string, port: number): string =>
  `${address.includes(':') ? `[${address}]` : address === '0.0.0.0' ? '*' : address}:${port}`;

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** One line each: key, blank, value. The first of a key wins. */
function writeMaps(
  services: readonly RouteService[],
  routes: readonly HostRoute[],
): ReadonlyMap<string, string> {
  const maps = new Map<string, Map<string, string>>(
    [
      'hosts',
      'exact',
      'exact-nocase',
      'wild',
      'wild-nocase',
      'any',
      'any-nocase',
      'suffixes',
      'apps',
      'depths',
      'prefixes',
      'pins',
    ].map((name) => [name, new Map()]),
  );
  const put = (map: string, key: string, value: string): void => {
    const entries = maps.get(map);
    if (entries && !entries.has(key) && !/\s/.test(key)) entries.set(key, value);
  };
  const plain = plainHosts(routes);
  for (const [host, backend] of plain) put('hosts', host, backend);
  for (const { host, prefix, open, ignoreCase, weight, backend } of routes) {
    if (weight > 1 || weight < 0 || plain.has(host)) continue;
    const kind = kindOf(host);
    const key = `${host}${prefix}${open && prefix !== '' ? '' : '/'}`;
    put(ignoreCase ? `${kind}-nocase` : kind, key, backend);
    if (kind === 'wild') put('suffixes', host.slice(1), host);
  }
  for (const service of [...services].sort((a, b) => a.portIndex - b.portIndex)) {
    if (service.mode === 'tcp') continue;
    const prefix = `/_app${service.appId}`;
    put('apps', `${prefix}/`, httpBackendOf(service));
    put('depths', `${prefix}/`, String(service.appId.split('/').length - 1));
    put('prefixes', `${prefix}/`, prefix);
  }
  for (const [key, backend] of pinEntries(services)) put('pins', key, backend);
  return new Map(
    [...maps].map(([name, entries]) => [
      `${name}.map`,
      [...entries].map(([key, value]) => `${key} ${value}\n`).join(''),
    ]),
  );
}
