// `longrun up`: options, signals, exit code.
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { ConfigurationError, readConfiguration, type Settings } from '#libs/configuration';
import { UP_OPTIONS, upUsage } from './options.js';
import { watchParents } from './parent-watch.js';
import { Supervisor } from './supervisor.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
/** A second Ctrl-C: at most this long until the end. */
const FORCED_MS = 5_000;
/** npm passes a terminal's Ctrl-C on although we got it too: signals this close together are one. */
const SAME_PRESS_MS = 1_000;

function readSettings(): Settings {
  const yaml = readYaml();
  return readConfiguration(UP_OPTIONS, {
    argv: process.argv.slice(2),
    env: process.env,
    ...(yaml === undefined ? {} : { yaml }),
  });
}

function readYaml(): string | undefined {
  try {
    return readFileSync('longrun.yaml', 'utf8');
  } catch {
    return undefined;
  }
}

/** nohup cannot be seen, for Node takes back that SIGHUP is ignored; but it leaves none of our streams at a terminal. */
const isAtTerminal = [0, 1, 2].some((stream) => isatty(stream));

async function up(): Promise<number> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(upUsage());
    return 0;
  }
  const settings = readSettings();
  settings.warnings.forEach((warning) => say(`warning: ${warning}`));
  const supervisor = new Supervisor(settings, say);
  const stopping = new AbortController();
  const forced = new AbortController();
  const stopRequested = new Promise<void>((resolve) =>
    stopping.signal.addEventListener('abort', () => resolve()),
  );
  let askedAt = 0;
  const ask = (why: string): void => {
    if (!stopping.signal.aborted) {
      askedAt = performance.now();
      say(`${why}: stopping in order; once more forces it`);
      stopping.abort();
    } else if (!forced.signal.aborted && performance.now() - askedAt > SAME_PRESS_MS) {
      say('forced');
      forced.abort();
      setTimeout(() => process.exit(1), FORCED_MS).unref();
    }
  };
  process.on('SIGINT', () => ask('interrupted'));
  process.on('SIGTERM', () => ask('asked to end'));
  const unwatch = watchParents(() => ask('npm is gone'));
  process.on('SIGHUP', () => {
    if (isAtTerminal) return ask('the terminal is gone');
    unwatch(); // npm ends with the terminal, even under nohup
    supervisor.reopenLogs();
  });
  // the same at a terminal, whose end is a SIGHUP
  process.on('SIGUSR1', () => supervisor.reopenLogs());

  let failure: unknown;
  try {
    await supervisor.start(stopping.signal);
    if (!stopping.signal.aborted)
      say(
        settings.flag('keep-tasks')
          ? 'Longrun is up. Ctrl-C stops it and leaves its tasks running; the next start adopts them.'
          : 'Longrun is up. Ctrl-C stops it and its tasks (--keep-tasks leaves those running).',
      );
    await stopRequested;
  } catch (error) {
    failure = error;
  }
  unwatch();
  const { tasksLeft } = await supervisor.stop(forced.signal);
  if (failure) throw failure;
  if (tasksLeft) say(`${tasksLeft} task${tasksLeft === 1 ? '' : 's'} left running`);
  say('stopped');
  return tasksLeft ? 1 : 0;
}

process.stderr.on('error', () => undefined); // a terminal that is gone must not end us before our order is done
try {
  process.exitCode = await up();
} catch (error) {
  say(`longrun up: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof ConfigurationError ? 2 : 1;
}
