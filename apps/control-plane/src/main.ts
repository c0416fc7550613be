// The process `longrun control-plane`: settings, start, signals. SIGTERM and SIGINT end it in order; an unexpected rejection ends it
// at once, for the supervisor starts it again and the next pass repairs.
import { ConfigurationError } from '#libs/configuration';
import { createLogger } from '#libs/telemetry';
import { startControlPlane } from './control-plane.js';
import { controlPlaneUsage, readSettings } from './settings.js';

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) return void process.stdout.write(controlPlaneUsage());
  const settings = readSettings(argv, process.env);
  const logger = createLogger('control-plane', { level: settings.logLevel });
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'unexpected rejection: the process ends');
    process.exit(1);
  });
  for (const warning of settings.warnings) logger.warn({}, warning);
  if (!settings.users) logger.warn({}, 'the API is open to every user of this host (no --auth)');
  const running = await startControlPlane(settings, logger);
  logger.info({ event: 'ready', url: running.url, leader: running.core.leads }, 'the API answers');
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      logger.info({ signal }, 'stopping');
      running.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'the stop failed');
          process.exit(1);
        },
      );
    });
  }
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  const text = error instanceof ConfigurationError ? error.message : String(error);
  process.stderr.write(`longrun control-plane: ${text}\n`);
  process.exit(1);
});
