// `npm run bench [-- NAME… [--OPTIONS]]`: builds and runs bench/NAME (all by default), one after another; options are passed on. Figures go to standard output; bench/RESULTS.md keeps the ones worth keeping.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

await prepare();
const NOT_A_BENCH = new Set([
  'figures',
  'http-load',
  'large-cluster',
  'proxy-node',
  'proxy-peers',
  'simulated-agents',
  'working-agents',
]);
const all = readdirSync(join(ROOT, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .filter((name) => !NOT_A_BENCH.has(name));
const words = process.argv.slice(2);
const first = words.findIndex((word) => word.startsWith('--'));
const [chosen, options] = first < 0 ? [words, []] : [words.slice(0, first), words.slice(first)];
for (const name of chosen.length ? chosen : all) {
  process.stdout.write(`## ${name}\n\n`);
  const { status } = spawnSync(process.execPath, [join(ROOT, 'dist', 'bench', `${name}.js`), ...options], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
