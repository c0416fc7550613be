// `npm run mutants [-- OPTIONS]`: plants each defect of test/simulation/mutants.mjs in a copy of the built code and runs the simulator
// until it notices. A seed counts only when it holds without the defect. The working tree is not touched.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepareApart, ROOT } from './prepare.mjs';

const USAGE = `npm run mutants -- [OPTIONS]

  --only A,B   these mutants only
  --quick      those that CI runs only
  --seeds N    the most seeds that each gets (1000)
  --first N    the first seed (1)
  --jobs N     how many seeds at once (the number of cores)
  --list       names and promises
  --help

The exit code is 0 when every mutant was caught, 1 when one was not, 2 for a mistake in the options.
`;
const say = (line) => process.stdout.write(`${line}\n`);
const fail = (text) => {
  process.stderr.write(`${text}\n`);
  process.exit(2);
};

const options = readOptions();
const built = await prepareApart();
const { MUTANTS } = await import('../test/simulation/mutants.mjs');
const { default: typescript } = await import('typescript');
const chosen = chosenMutants();
if (options.list) {
  for (const { name, file, says } of chosen) say(`${name}  (${file})\n    ${says}`);
  process.exit(0);
}

/** Of all simulators so far, their threads included. */
let cpuSeconds = 0;
const folder = mkdtempSync(join(tmpdir(), 'longrun-mutants-'));
/** One row per mutant. */
const results = [];
try {
  cpSync(join(built, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const mutant of chosen) results.push(tryMutant(mutant));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
say(`\n${tableOf(results)}\n`);
const missed = results.filter(({ caught }) => !caught).length;
say(`${results.length - missed} mutants caught, ${missed} not`);
process.exitCode = missed ? 1 : 0;

/** Plants it and tells what came of it. */
function tryMutant(mutant) {
  const cpuBefore = cpuSeconds;
  const module = join('dist', mutant.file.replace(/\.ts$/, '.js'));
  plant(mutant, join(folder, module));
  try {
    const { caught, seeds } = hunt();
    const cost = `${seeds} seeds, ${(cpuSeconds - cpuBefore).toFixed(0)} s of CPU`;
    if (!caught) say(`NOT CAUGHT  ${mutant.name}: ${mutant.says} (${cost})`);
    else say(`caught  ${mutant.name}: seed ${caught.seed}: ${caught.broken.rule} (${cost})`);
    return { mutant, caught, seeds, cpuSeconds: cpuSeconds - cpuBefore };
  } finally {
    cpSync(join(built, module), join(folder, module));
  }
}

/** In Markdown. */
function tableOf(rows) {
  const lines = rows.map(({ mutant, caught, seeds, cpuSeconds: cpu }) => [
    mutant.name,
    caught ? `seed ${caught.seed}` : '**not caught**',
    caught ? caught.broken.rule : '',
    seeds,
    cpu.toFixed(0),
  ]);
  const head = ['mutant', 'caught at', 'by the promise', 'seeds run', 'CPU s'];
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function plant({ name, file, find, replace }, target) {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const times = source.split(find).length - 1;
  if (times !== 1) fail(`${name}: its text occurs ${times} times in ${file}, not once`);
  const { outputText } = typescript.transpileModule(
    source.replace(find, () => replace),
    {
      fileName: file,
      compilerOptions: { target: 'es2023', module: 'esnext', experimentalDecorators: true },
    },
  );
  writeFileSync(target, outputText);
}

/** Goes on behind a seed that fails without the defect, too: that one says nothing about it. */
function hunt() {
  let done = 0;
  while (done < options.seeds) {
    const result = simulate(folder, ['--first', options.first + done, '--seeds', options.seeds - done]);
    done += result.seeds;
    const caught = result.failed.find(({ seed, broken }) => broken && holdsWithout(seed));
    if (caught || !result.failed.length) return { caught, seeds: done };
  }
  return { caught: undefined, seeds: done };
}

function holdsWithout(seed) {
  return simulate(built, ['--seed', seed]).failed.length === 0;
}

function simulate(root, words) {
  const program =
    'import(process.argv[1]).then(async ({ simulate }) => { process.exitCode = await simulate(process.argv.slice(2)); ' +
    'const { user, system } = process.cpuUsage(); process.stderr.write(`\\ncpu ${(user + system) / 1e6}\\n`); })';
  const module = `file://${join(root, 'dist', 'libs', 'simulation', 'src', 'command', 'simulate.js')}`;
  const run = spawnSync(
    process.execPath,
    ['-e', program, module, ...words.map(String), '--jobs', options.jobs, '--json', '--fail-fast'],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 },
  );
  if (run.status !== 0 && run.status !== 1)
    throw new Error(`the simulator ended with ${run.status}: ${run.stderr}`);
  cpuSeconds += Number(/^cpu (\S+)$/m.exec(run.stderr)?.[1] ?? 0);
  return JSON.parse(run.stdout);
}

function chosenMutants() {
  if (!options.only) return MUTANTS.filter(({ quick }) => quick || !options.quick);
  return options.only
    .split(',')
    .map(
      (name) =>
        MUTANTS.find((each) => each.name === name) ?? fail(`no mutant is called ${name}; --list names them`),
    );
}

function readOptions() {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  let values;
  try {
    ({ values } = parseArgs({
      options: { only: text, seeds: text, first: text, jobs: text, quick: flag, list: flag, help: flag },
    }));
  } catch (error) {
    return fail(error.message);
  }
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const whole = (name, otherwise) => {
    const given = values[name] ?? String(otherwise);
    if (!/^[1-9]\d*$/.test(given)) fail(`--${name} must be a whole number from 1 on, not '${given}'`);
    return Number(given);
  };
  return {
    ...values,
    seeds: whole('seeds', 1000),
    first: whole('first', 1),
    jobs: String(whole('jobs', availableParallelism())),
  };
}
