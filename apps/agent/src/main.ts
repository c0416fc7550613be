// `longrun agent`: options, signals, exit code. SIGTERM and SIGINT end the agent and leave its tasks running.
import { existsSync, readFileSync } from 'node:fs';
import { ConfigurationError, readConfiguration } from '#libs/configuration';
import { createLogger } from '#libs/telemetry';
import { agentConfiguration } from './agent-configuration.js';
import { AGENT_OPTIONS, agentUsage, FOREIGN_OPTIONS } from './agent-options.js';
import { runAgent } from './run-agent.js';
import { versionOf } from './version.js';

/** An ordered end that hangs is cut short; tasks do not notice either way. */
const STOP_MS_MAX = 5_000;

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) return void process.stdout.write(agentUsage());
  const yaml = existsSync('longrun.yaml') ? { yaml: readFileSync('longrun.yaml', 'utf8') } : {};
  const settings = readConfiguration(AGENT_OPTIONS, {
    argv,
    env: process.env,
    foreign: FOREIGN_OPTIONS,
    ...yaml,
  });
  const configuration = agentConfiguration(settings);
  const logger = createLogger('agent', { level: configuration.logLevel });
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'unexpected rejection: the agent ends; its tasks run on');
    process.exit(1);
  });
  const agent = await runAgent(configuration, logger, versionOf(), (reason, tasks) => {
    logger.error({ event: 'refused', reason, tasks }, `the control plane refuses this agent: ${reason}`);
    // with tasks it stays, for somebody must watch over them
    if (!tasks) end(1);
  });
  const end = (code: number): void => {
    setTimeout(() => process.exit(code), STOP_MS_MAX).unref();
    void agent.stop().finally(() => process.exit(code));
  };
  const stop = (signal: string): void => {
    logger.info({ event: 'stopping', signal }, 'the agent stops; its tasks run on');
    end(0);
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`longrun agent: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigurationError ? 2 : 1);
}
