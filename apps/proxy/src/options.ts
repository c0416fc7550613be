// The options of `longrun proxy`, and what they come to.
import { readFileSync } from 'node:fs';
import {
  ConfigurationError,
  describeOptions,
  readConfiguration,
  type Option,
  type Settings,
} from '#libs/configuration';

const PROXY_OPTIONS: readonly Option[] = [
  { name: 'control-plane', kind: 'url', required: true, help: 'URL of a control plane' },
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
  { name: 'proxy-https-port', kind: 'port', help: 'needs a certificate, which this version cannot take yet' },
  {
    name: 'service-ports',
    kind: 'port-range',
    default: '10000-20000',
    help: 'service ports that may be opened',
  },
  { name: 'app-paths', kind: 'flag', help: 'answer /_app/ID/ also for clients on other hosts' },
  { name: 'workers', kind: 'number', default: '1', help: 'processes that share the listeners' },
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

const WORKERS_MAX = 256;

export interface ProxySettings {
  readonly controlPlane: string;
  readonly token: string;
  readonly dataDir: string;
  readonly bind: string;
  readonly port: number;
  readonly servicePorts: { readonly from: number; readonly to: number };
  readonly appPaths: boolean;
  readonly workers: number;
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
  if (settings.has('proxy-https-port'))
    throw new ConfigurationError(
      '--proxy-https-port needs TLS certificates, which this version of Longrun cannot take yet; leave it out',
    );
  const workers = settings.number('workers');
  if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX)
    throw new ConfigurationError(`--workers must be a whole number from 1 to ${WORKERS_MAX}`);
  return {
    controlPlane: settings.url('control-plane'),
    token: readToken(settings),
    dataDir: settings.text('data-dir'),
    bind: settings.text('proxy-bind'),
    port: settings.port('proxy-port'),
    servicePorts: settings.portRange('service-ports'),
    appPaths: settings.flag('app-paths'),
    workers,
    warnings: settings.warnings,
  };
}

function readToken(settings: Settings): string {
  const file = settings.optional('token-file');
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
