// The options of `longrun proxy`, and what they come to.
import { readFileSync, statSync } from 'node:fs';
import { PROXY_GROUPS_MAX } from '#libs/agent-protocol';
import {
  ConfigurationError,
  controlPlanesOf,
  describeOptions,
  HTTPS_PORT,
  readConfiguration,
  SERVING_OPTIONS,
  tokenFileOf,
  type Option,
  type Settings,
} from '#libs/configuration';
import type { DnsServerOptions } from '#libs/dns-server';
import type { TlsOptions } from '#libs/proxy-engine';
import type { AdminAddress } from './admin-server.js';

const GROUP_NAME_MAX = 300;

const PROXY_OPTIONS: readonly Option[] = [
  {
    name: 'control-plane',
    kind: 'list',
    required: true,
    help: 'URL of the control plane; several with commas, the leader is found among them',
  },
  {
    name: 'token',
    kind: 'text',
    secret: true,
    help: 'token of proxies; better by LONGRUN_TOKEN or --token-file',
  },
  { name: 'token-file', kind: 'path', help: 'file that holds the token, readable by its owner only' },
  { name: 'data-dir', kind: 'path', default: '.longrun/proxy', help: 'keeps identity and last route table' },
  { name: 'proxy-bind', kind: 'text', default: '127.0.0.1', help: 'address of all listeners' },
  { name: 'proxy-port', kind: 'port', default: '8000', help: 'main port: virtual hosts and /_app/' },
  {
    name: 'service-ports',
    kind: 'port-range',
    default: '10000-20000',
    help: 'service ports that may be opened',
  },
  ...SERVING_OPTIONS,
];

/** May stand in the same longrun.yaml. */
const OPTIONS_OF_OTHERS = [
  ...[
    'database-url',
    'bind',
    'api-port',
    'auth',
    'agent-token-file',
    'proxy-token-file',
    'agent-token',
    'proxy-token',
  ],
  ...[
    'hostname',
    'address',
    'task-ports',
    'attributes',
    'cpus',
    'mem',
    'disk',
    'region',
    'zone',
    'docker-socket',
    'seccomp-profiles',
    'fetch-cache',
  ],
  ...['brake-instances', 'brake-share', 'brake-window-seconds', 'min-ready-seconds'],
  ...['keep-tasks'],
];

export interface ProxySettings {
  readonly controlPlanes: readonly string[];
  readonly token: string;
  readonly dataDir: string;
  readonly bind: string;
  readonly port: number;
  readonly servicePorts: { readonly from: number; readonly to: number };
  readonly appPaths: boolean;
  /** Empty: all. */
  readonly groups: readonly string[];
  readonly workers: number;
  /** Of one worker. Absent: what the limit of open files leaves room for. */
  readonly maxConnections?: number;
  /** 0: any number. */
  readonly connectionsPerClient: number;
  /** Where this host stands, as agents say it with --zone. */
  readonly zone?: string;
  readonly engine: 'builtin' | 'haproxy';
  readonly haproxyProgram: string;
  /** Absent: no HTTPS port. */
  readonly tls?: TlsOptions;
  /** Absent: no name server. */
  readonly dns?: DnsServerOptions;
  /** Port 0: none. */
  readonly admin: AdminAddress;
  /** Absent: none. */
  readonly accessLog?: { readonly file: string; readonly sample: number };
  readonly warnings: readonly string[];
}

export const proxyUsage = (): string =>
  ['usage: longrun proxy --control-plane URL [options]', '', ...describeOptions(PROXY_OPTIONS), ''].join(
    '\n',
  );

/** Throws ConfigurationError. */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv): ProxySettings {
  const yaml = readOptional('longrun.yaml');
  const settings = readConfiguration(PROXY_OPTIONS, {
    argv,
    env,
    foreign: OPTIONS_OF_OTHERS,
    ...(yaml === undefined ? {} : { yaml }),
  });
  if (settings.operands.length > 0)
    throw new ConfigurationError(`longrun proxy takes no operands (got "${settings.operands[0]}")`);
  return {
    controlPlanes: controlPlanesOf(settings),
    token: readToken(settings),
    dataDir: settings.text('data-dir'),
    bind: settings.text('proxy-bind'),
    port: settings.port('proxy-port'),
    servicePorts: settings.portRange('service-ports'),
    appPaths: settings.flag('app-paths'),
    groups: groupsOf(settings),
    workers: settings.number('workers'),
    ...(settings.has('max-connections') ? { maxConnections: settings.number('max-connections') } : {}),
    connectionsPerClient: settings.number('connections-per-client'),
    ...(settings.has('proxy-zone') ? { zone: settings.text('proxy-zone') } : {}),
    admin: { bind: settings.text('proxy-admin-bind'), port: settings.number('proxy-admin-port') },
    ...(settings.has('access-log')
      ? { accessLog: { file: settings.text('access-log'), sample: settings.number('access-log-sample') } }
      : {}),
    engine: engineOf(settings),
    haproxyProgram: settings.text('haproxy-program'),
    ...tlsOf(settings),
    ...dnsOf(settings),
    warnings: [...settings.warnings, ...openToken(settings)],
  };
}

/** They go to the control plane with every report, which is refused as a whole when one of them is too long. */
function groupsOf(settings: Settings): readonly string[] {
  const groups = settings.list('groups');
  if (groups.length > PROXY_GROUPS_MAX || groups.some((name) => name.length > GROUP_NAME_MAX))
    throw new ConfigurationError(
      `--groups takes at most ${PROXY_GROUPS_MAX} names of at most ${GROUP_NAME_MAX} characters; * serves all`,
    );
  return groups;
}

/** As agents say it. */
function openToken(settings: Settings): string[] {
  const file = tokenFileOf(settings);
  const isOpen = file !== undefined && ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;
  return isOpen ? [`--token-file ${file} can be read by other users; run chmod 600 on it`] : [];
}

function engineOf(settings: Settings): 'builtin' | 'haproxy' {
  const engine = settings.text('engine');
  if (engine === 'builtin' || engine === 'haproxy') return engine;
  throw new ConfigurationError(`--engine must be builtin or haproxy (got "${engine}")`);
}

/** The HTTPS port opens only with a certificate. */
function tlsOf(settings: Settings): { tls?: TlsOptions } {
  const certificates = settings.list('proxy-certs');
  const port = settings.has('proxy-https-port') ? settings.port('proxy-https-port') : HTTPS_PORT;
  if (certificates.length > 0) return { tls: { port, certificates } };
  if (settings.has('proxy-https-port'))
    throw new ConfigurationError(
      '--proxy-https-port needs a certificate: name PEM files with chain and key, or a folder of them, by --proxy-certs',
    );
  return {};
}

/** `[a-z0-9-]` labels with single dots between them. */
const ZONE = /^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/;

function dnsOf(settings: Settings): { dns?: DnsServerOptions } {
  if (!settings.has('dns-port')) return {};
  return {
    dns: {
      bind: settings.text('proxy-bind'),
      port: settings.port('dns-port'),
      ttl: settings.number('dns-ttl'),
      zone: zoneOf(settings, 'dns-zone'),
      marathonZone: zoneOf(settings, 'dns-marathon-zone'),
    },
  };
}

function zoneOf(settings: Settings, name: string): string {
  const zone = settings.text(name).toLowerCase().replace(/\.$/, '');
  if (!ZONE.test(zone))
    throw new ConfigurationError(
      `--${name} must be a domain such as ${name === 'dns-zone' ? 'longrun' : 'marathon.mesos'}`,
    );
  return zone;
}

function readToken(settings: Settings): string {
  const file = tokenFileOf(settings);
  const token = file === undefined ? settings.optional('token') : readOptional(file)?.trim();
  if (token === undefined || token === '')
    throw new ConfigurationError(
      file === undefined
        ? 'a proxy needs a token: give it by LONGRUN_TOKEN or --token-file'
        : `--token-file ${file} cannot be read or is empty`,
    );
  if (/[^\x21-\x7e]/.test(token))
    throw new ConfigurationError('the token holds characters that cannot be sent');
  return token;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // there is none
    return undefined;
  }
}
