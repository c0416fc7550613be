// Type-checks one part of the tree (and what it imports) without the rest: `node scripts/typecheck-part.mjs libs/model apps/agent`.
// For quick rounds while working; `npm run typecheck` checks everything.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const parts = process.argv.slice(2);
if (!parts.length) {
  process.stderr.write('usage: node scripts/typecheck-part.mjs FOLDER...\n');
  process.exit(2);
}
const config = `tsconfig.part-${process.pid}.json`;
writeFileSync(
  config,
  JSON.stringify({
    extends: './tsconfig.json',
    include: parts.map((part) => `${part}/**/*.ts`),
    exclude: ['node_modules', 'dist'],
  }),
);
try {
  execFileSync('npx', ['tsc', '--noEmit', '-p', config], { stdio: 'inherit' });
} catch {
  process.exitCode = 1;
} finally {
  rmSync(config, { force: true });
}
