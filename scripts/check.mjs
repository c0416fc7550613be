// `npm run check`: types, lint, format and the unit tests; under two minutes on two cores. `npm run check -- types lint` does only these.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

await prepare();
const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
const steps = [
  ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  ['lint', bin('eslint'), ['.', '--max-warnings', '0']],
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  [
    'unit',
    process.execPath,
    ['--experimental-vm-modules', '--no-warnings', bin('jest'), '--selectProjects', 'unit', '--silent'],
  ],
];
let failed = 0;
const chosen = process.argv.slice(2);
for (const [what, command, args] of steps.filter(([name]) => !chosen.length || chosen.includes(name))) {
  const startedAt = performance.now();
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stderr.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${what} (${seconds} s)\n`);
  if (status !== 0) failed += 1;
}
process.exitCode = failed ? 1 : 0;
