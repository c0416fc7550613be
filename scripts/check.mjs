// `npm run check`: types, lint, format and the unit tests; about two minutes on two cores. `npm run check -- types lint` does only these.
// Lint is as long as types and format together and each of them uses one core, so they run side by side; the unit tests use all cores.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

await prepare();
const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
const lint = ['lint', bin('eslint'), ['.', '--max-warnings', '0']];
const types = ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']];
const format = ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']];
const unit = [
  'unit',
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', bin('jest'), '--selectProjects', 'unit', '--silent'],
];
const chosen = process.argv.slice(2);
const isChosen = ([name]) => !chosen.length || chosen.includes(name);
let failed = 0;

/** One after another; the words of each step are shown in one piece when it ends. */
async function lane(...steps) {
  for (const [what, command, args] of steps.filter(isChosen)) {
    const startedAt = performance.now();
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
    const [status] = await once(child, 'close').catch((error) => [error.message]);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(Buffer.concat(said));
    process.stderr.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${what} (${seconds} s)\n`);
    if (status !== 0) failed += 1;
  }
}

await Promise.all([lane(lint), lane(types, format)]);
await lane(unit);
process.exitCode = failed ? 1 : 0;
