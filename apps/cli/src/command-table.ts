// All verbs of the client, and how one is run.
import { ApiClient } from '#libs/api-client';
import { ConfigurationError, readConfiguration, type Option, type Settings } from '#libs/configuration';
import type { Command } from './command.js';
import { appsCommand } from './commands/apps.command.js';
import { deployCommand } from './commands/deploy.command.js';
import { explainCommand } from './commands/explain.command.js';
import { logsCommand } from './commands/logs.command.js';
import { planCommand } from './commands/plan.command.js';
import { proxiesCommand } from './commands/proxies.command.js';
import { removeCommand } from './commands/remove.command.js';
import { restartCommand } from './commands/restart.command.js';
import { rollbackCommand } from './commands/rollback.command.js';
import { scaleCommand } from './commands/scale.command.js';
import { statusCommand } from './commands/status.command.js';
import { trafficCommand } from './commands/traffic.command.js';
import { whyCommand } from './commands/why.command.js';
import { Output } from './output/output.js';

export const COMMANDS: readonly Command[] = [
  deployCommand,
  planCommand,
  appsCommand,
  statusCommand,
  whyCommand,
  explainCommand,
  logsCommand,
  scaleCommand,
  restartCommand,
  rollbackCommand,
  trafficCommand,
  proxiesCommand,
  removeCommand,
];

export const COMMON_OPTIONS: readonly Option[] = [
  { name: 'url', kind: 'url', help: 'address of the API (http://127.0.0.1:8080)' },
  { name: 'api-port', kind: 'port', help: 'port of the API on this host, instead of --url', default: '8080' },
  {
    name: 'proxy-url',
    kind: 'url',
    help: 'address of the proxy, for the URLs shown (what a proxy has registered)',
  },
  {
    name: 'credentials',
    kind: 'text',
    secret: true,
    help: 'user:password of an API with --auth (better: LONGRUN_CREDENTIALS)',
  },
  { name: 'json', kind: 'flag', help: 'print JSON' },
];

/** A flag wins over any variable: `--api-port` beside LONGRUN_URL must not act on the other server. */
export function serverOf(settings: Settings): string {
  const isByPort = settings.isGiven('api-port') && !settings.isGiven('url');
  if (settings.has('url') && !isByPort) return settings.url('url');
  return `http://127.0.0.1:${settings.port('api-port')}`;
}

export async function runCommand(command: Command, argv: readonly string[]): Promise<number> {
  const settings = readConfiguration([...COMMON_OPTIONS, ...command.options], { argv, env: process.env });
  const { length } = settings.operands;
  if (length < command.minOperands || length > command.maxOperands) {
    throw new ConfigurationError(`usage: longrun ${command.name} ${command.operands}`);
  }
  settings.warnings.forEach((warning) => process.stderr.write(`warning: ${warning}\n`));
  const credentials = settings.optional('credentials');
  const api = new ApiClient({
    url: serverOf(settings),
    ...(credentials === undefined ? {} : { credentials }),
  });
  return command.run({ api, settings, output: new Output(settings.flag('json')) });
}
