// `npm run simulate [-- OPTIONS]`: builds what is stale and runs the simulator (libs/simulation). `-- --help` lists the options. They are
// read before anything is built, for a build is a long wait for the answer that an option is not known.
import { availableParallelism } from 'node:os';
import { prepareApart, readyFolder, typedModule } from './prepare.mjs';

const words = process.argv.slice(2);
process.exitCode = (readyFolder() ? null : await answerAtOnce()) ?? (await simulate());

async function simulate() {
  const root = await prepareApart();
  const module = await import(`file://${root}/dist/libs/simulation/src/command/simulate.js`);
  return module.simulate(words);
}

/** The exit code when there is nothing to run; null: go on. */
async function answerAtOnce() {
  const options = await typedModule('libs/simulation/src/command/options.ts');
  if (!options) return null;
  try {
    if (options.readOptions(words, { now: Date.now(), cores: availableParallelism() })) return null;
    process.stdout.write(options.USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof options.UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}
