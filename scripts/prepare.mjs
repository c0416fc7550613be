// Makes a checkout ready to run: installs what is missing, builds what is stale. Imports node: modules only, for it runs before any install.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_NEEDED = [20, 19];

const say = (line) => process.stderr.write(`${line}\n`);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) return;
  say(`Longrun needs Node ${NODE_NEEDED.join('.')} or newer; this is ${process.version}`);
  process.exit(2);
}

function run(what, command, args) {
  say(`${what} …`);
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  say(`${what} failed${error ? `: ${error.message}` : ''}; the lines above say why`);
  process.exit(1);
}

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const stamp = join(ROOT, 'node_modules', '.longrun-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  run('installing dependencies', 'npm', [
    'ci',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  writeFileSync(stamp, lock);
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith('.ts') || entry.name.endsWith('.sh')) yield path;
  }
}

function sourceMark() {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'])
    hash.update(readFileSync(join(ROOT, file)));
  for (const folder of ['apps', 'libs', 'migrations', 'bench']) {
    if (!existsSync(join(ROOT, folder))) continue;
    for (const path of [...sources(join(ROOT, folder))].sort()) {
      const { mtimeMs, size } = statSync(path);
      hash.update(`${path} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest('hex');
}

function build() {
  const stamp = join(ROOT, 'dist', '.built');
  const mark = sourceMark();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === mark) return;
  run('building', process.execPath, [
    join(ROOT, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'),
    'build',
  ]);
  writeFileSync(stamp, mark);
}

export function prepare() {
  checkNode();
  install();
  build();
}
