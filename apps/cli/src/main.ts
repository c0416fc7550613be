// The command line client: finds the verb, reads its options, runs it, and turns the outcome into an exit code.
import { ApiError, ApiUnreachable } from '#libs/api-client';
import { ConfigurationError } from '#libs/configuration';
import { COMMANDS, runCommand } from './command-table.js';
import { CommandFailed } from './exit.js';
import { fitting } from './output/wrap.js';
import { inCliWords } from './output/cli-words.js';
import { inWords } from './output/error-words.js';
import { usage, usageOf } from './usage.js';

async function main(argv: readonly string[]): Promise<number> {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === 'help' || verb === '--help' || verb === '-h') {
    process.stdout.write(usage());
    return verb === undefined ? 2 : 0;
  }
  const command = COMMANDS.find(({ name }) => name === verb);
  if (!command) {
    process.stderr.write(`longrun: there is no command "${verb}"; "longrun help" lists them\n`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(usageOf(command));
    return 0;
  }
  try {
    return await runCommand(command, rest);
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof ConfigurationError) {
    process.stderr.write(`longrun: ${error.message}\n`);
    return 2;
  }
  if (error instanceof ApiUnreachable) {
    process.stderr.write(
      `longrun: ${error.message}\nIs Longrun running? Start it with "longrun up", or name its address with --url or LONGRUN_URL.\n`,
    );
    return 3;
  }
  if (error instanceof ApiError) {
    process.stderr.write(`longrun: ${inCliWords(error.message)}\n`);
    for (const { path, errors } of error.details)
      process.stderr.write(`  ${path}: ${errors.map((each) => inCliWords(inWords(each))).join('; ')}\n`);
    return 1;
  }
  if (error instanceof CommandFailed) {
    const lines = `longrun: ${inCliWords(error.message)}`.split('\n');
    // a script that looks for words finds them in one line
    process.stderr.write(`${(process.stderr.isTTY ? fitting(lines) : lines).join('\n')}\n`);
    return error.exitCode;
  }
  throw error;
}

process.stdout.on('error', () => process.exit(0)); // e.g. `longrun logs | head`
process.exitCode = await main(process.argv.slice(2));
