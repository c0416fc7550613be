// A program of ours as a process of its own, compiled straight from the sources into a folder, with all it imports: a spec then needs no
// build, never runs a stale one, and can kill what it starts.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { transformSync } from '@swc/core';

const ROOT = resolve('.');
const IMPORTS = { '#libs/*': './libs/*/src/index.js', '#migrations': './migrations/index.js' };
const IMPORTED = /(?:from|import)\s*\(?\s*['"]([.#][^'"]*)['"]/g;
/** Files beside a module that it reads at run time: `new URL('./x.sh', import.meta.url)`. */
const BESIDE = /new URL\(['"](\.[^'"]+\.[a-z]+)['"], import\.meta\.url\)/g;

export interface ProgramOptions {
  /** False: the caller puts a node_modules there. */
  readonly linkModules?: boolean;
}

/**
 * Compiles `entries` (paths below the repository, e.g. `apps/agent/src/main.ts`) and what they import into `target`, which may exist.
 * `apps/agent/src/main.ts` becomes `TARGET/apps/agent/src/main.js`; `#libs/x` works in it and in files that the caller adds.
 */
export function compileProgram(
  target: string,
  entries: readonly string[],
  { linkModules = true }: ProgramOptions = {},
): void {
  const waiting = [...entries];
  const seen = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const next of compileFile(file, target)) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  writeFileSync(
    join(target, 'package.json'),
    JSON.stringify({ type: 'module', version: '9.9.9', imports: IMPORTS }),
  );
  if (linkModules) symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'));
}

/** The sources that it imports. */
function compileFile(file: string, target: string): string[] {
  const { code } = transformSync(readFileSync(join(ROOT, file), 'utf8'), {
    swcrc: false,
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
    },
    module: { type: 'es6' },
  });
  const out = join(target, file.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, code);
  for (const [, name = ''] of code.matchAll(BESIDE)) {
    const from = join(ROOT, dirname(file), name);
    if (existsSync(from)) writeFileSync(join(dirname(out), name), readFileSync(from));
  }
  return [...code.matchAll(IMPORTED)]
    .map(([, name = '']) => sourceOf(name, dirname(file)))
    .filter((next) => existsSync(join(ROOT, next)));
}

function sourceOf(name: string, folder: string): string {
  if (name === '#migrations') return 'migrations/index.ts';
  if (name.startsWith('#libs/')) return `${name.slice(1)}/src/index.ts`;
  return join(folder, name.replace(/\.js$/, '.ts'));
}
