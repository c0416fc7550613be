// The options of `longrun control-plane`, read once into one frozen object; nothing else reads the environment.
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  BRAKE_OPTIONS,
  brakeOf,
  minReadyMsOf,
  ROLLOUT_OPTIONS,
  ConfigurationError,
  describeOptions,
  isWildcard,
  readConfiguration,
  type BrakeConfiguration,
  type Option,
  type PortSpan,
} from '#libs/configuration';

export const CONTROL_PLANE_OPTIONS: readonly Option[] = [
  {
    name: 'database-url',
    kind: 'text',
    help: 'Postgres, e.g. postgres://user:password@host/longrun',
    env: 'DATABASE_URL',
    required: true,
    secret: true,
  },
  { name: 'bind', kind: 'text', help: 'address that the API listens on', default: '127.0.0.1' },
  { name: 'api-port', kind: 'port', help: 'port of the API', default: '8080' },
  { name: 'hostname', kind: 'text', help: 'name or address under which others reach this control plane' },
  {
    name: 'service-ports',
    kind: 'port-range',
    help: 'service ports that are given to apps',
    default: '10000-20000',
  },
  ...BRAKE_OPTIONS,
  ...ROLLOUT_OPTIONS,
  { name: 'auth', kind: 'path', help: 'file (mode 0600) with lines user:password for HTTP basic auth' },
  { name: 'agent-token', kind: 'text', help: 'token of agents', secret: true },
  { name: 'agent-token-file', kind: 'path', help: 'file (mode 0600) with the token of agents' },
  { name: 'proxy-token', kind: 'text', help: 'token of proxies', secret: true },
  { name: 'proxy-token-file', kind: 'path', help: 'file (mode 0600) with the token of proxies' },
  { name: 'data-dir', kind: 'path', help: 'folder whose disk must have room before a deploy is taken' },
  {
    name: 'access-control-allow-origin',
    kind: 'list',
    help: 'origins of web pages that may read the API (CORS), e.g. https://ui.example.com',
  },
  {
    name: 'http-max-concurrent-requests',
    kind: 'number',
    help: 'calls of the API under way at once; more get 503 (no limit unless given)',
  },
  { name: 'log-level', kind: 'text', help: 'trace, debug, info, warn or error', default: 'info' },
];

export function controlPlaneUsage(): string {
  return [
    'usage: longrun control-plane --database-url URL [options]',
    '',
    ...describeOptions(CONTROL_PLANE_OPTIONS),
    '',
  ].join('\n');
}

export interface ApiSettings {
  readonly databaseUrl: string;
  readonly bind: string;
  readonly apiPort: number;
  /** Shown to others: `--hostname`, else the bind address (a real name when that is a wildcard). */
  readonly hostname: string;
  readonly servicePorts: PortSpan;
  readonly brake: BrakeConfiguration;
  readonly minReadyMs: number;
  /** user -> password; absent: the API is open, on loopback only. */
  readonly users?: ReadonlyMap<string, string>;
  readonly agentToken?: string;
  readonly proxyToken?: string;
  readonly dataDir?: string;
  /** Of web pages that may read; empty: none. */
  readonly allowedOrigins: readonly string[];
  /** Absent: no limit. */
  readonly maxConcurrentRequests?: number;
  readonly logLevel: string;
  /** All options by name as they are in force, without secrets. */
  readonly effective: Readonly<Record<string, string | null>>;
  readonly warnings: readonly string[];
}

const LOOPBACK = ['127.0.0.1', '::1', '[::1]', 'localhost'];
export const isLoopback = (bind: string): boolean => LOOPBACK.includes(bind) || bind.startsWith('127.');

export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ApiSettings {
  const settings = readConfiguration(CONTROL_PLANE_OPTIONS, { argv, env });
  const bind = settings.text('bind');
  const auth = settings.optional('auth');
  if (auth === undefined && !isLoopback(bind)) {
    throw new ConfigurationError(
      `--bind ${bind} opens the API to others: give --auth FILE with lines user:password, or bind to 127.0.0.1`,
    );
  }
  const agentToken = secretOf('agent-token');
  const proxyToken = secretOf('proxy-token');
  const dataDir = settings.optional('data-dir');
  const limit = settings.has('http-max-concurrent-requests')
    ? settings.number('http-max-concurrent-requests')
    : undefined;
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1)) {
    throw new ConfigurationError('--http-max-concurrent-requests must be a whole number, 1 or more');
  }
  return Object.freeze({
    databaseUrl: settings.text('database-url'),
    bind,
    apiPort: settings.port('api-port'),
    hostname: settings.optional('hostname') ?? (isWildcard(bind) ? hostname() : bind),
    servicePorts: settings.portRange('service-ports'),
    brake: brakeOf(settings),
    minReadyMs: minReadyMsOf(settings),
    ...(auth === undefined ? {} : { users: usersIn(auth) }),
    ...(agentToken === undefined ? {} : { agentToken }),
    ...(proxyToken === undefined ? {} : { proxyToken }),
    ...(dataDir === undefined ? {} : { dataDir }),
    allowedOrigins: settings.list('access-control-allow-origin'),
    ...(limit === undefined ? {} : { maxConcurrentRequests: limit }),
    logLevel: settings.text('log-level'),
    effective: Object.fromEntries(
      CONTROL_PLANE_OPTIONS.map((option) => [option.name, shown(option, settings.optional(option.name))]),
    ),
    warnings: settings.warnings,
  });

  function secretOf(name: string): string | undefined {
    const file = settings.optional(`${name}-file`);
    return file === undefined ? settings.optional(name) : privateFile(`--${name}-file`, file).trim();
  }
}

/** The value of an option for everybody to read: of a secret only that there is one, of a URL all but its credentials. */
function shown({ name, secret }: Option, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (!secret) return value;
  if (name !== 'database-url' || !URL.canParse(value)) return '***';
  const url = new URL(value);
  return `${url.protocol}//${url.username || url.password ? '***@' : ''}${url.host}${url.pathname}`;
}

/** Content of a file that only its owner can read. */
function privateFile(option: string, path: string): string {
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new ConfigurationError(
        `${option} ${path} has mode ${mode.toString(8)} and can be read by others: chmod 600 ${path}`,
      );
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(
      `${option} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function usersIn(path: string): ReadonlyMap<string, string> {
  const lines = privateFile('--auth', path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const users = lines.map((line): [string, string] => {
    const at = line.indexOf(':');
    if (at < 1) throw new ConfigurationError(`--auth ${path}: each line must read user:password`);
    return [line.slice(0, at), line.slice(at + 1)];
  });
  if (!users.length) throw new ConfigurationError(`--auth ${path} names no user`);
  return new Map(users);
}
