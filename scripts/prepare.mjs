// Makes a checkout ready to run: installs what is missing, builds what is stale. Imports node: modules only, for it runs before any install.
// Several may start at once on one checkout (a person's second terminal, CI): one prepares, the others wait. A checkout that is ready is
// not written to, so it may belong to somebody else.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_NEEDED = [20, 19];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const say = (line) => process.stderr.write(`${line}\n`);

function fail(line, status = 1) {
  say(line);
  process.exit(status);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) return;
  fail(`Longrun needs Node ${NODE_NEEDED.join('.')} or newer; this is ${process.version}`, 2);
}

/** A signal ends what runs here too, at once: both steps begin anew next time, and nothing of them may go on behind our back. */
async function run(what, command, args) {
  say(`${what} …`);
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  let ended = null;
  const end = (signal) => {
    ended = signal;
    child.kill('SIGKILL');
  };
  for (const signal of SIGNALS) process.on(signal, end);
  const [status, error] = await once(child, 'close').then(
    ([code]) => [code, null],
    (problem) => [null, problem],
  );
  for (const signal of SIGNALS) process.off(signal, end);
  if (ended) process.exit(128 + constants.signals[ended]);
  if (status !== 0) fail(`${what} failed${error ? `: ${error.message}` : ''}; the lines above say why`);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // absent: as good as empty for everything below
  }
}

/** npm's own record of what it installed has all that the lock file asks for. */
function isInstalled() {
  const record = read(join(ROOT, 'node_modules', '.package-lock.json'));
  if (!record) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(record).packages;
  return Object.entries(wanted).every(
    ([path, { optional, integrity }]) => path === '' || optional || installed[path]?.integrity === integrity,
  );
}

/** Nothing of ours needs install scripts, and one of a dependency reports to its maker. */
async function install() {
  const what = ['--include=dev', '--include=optional', '--ignore-scripts'];
  await run('installing dependencies', 'npm', ['ci', ...what, '--no-audit', '--no-fund', '--loglevel=error']);
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

/** By content, so that a copy or a moved checkout is not built again. */
function sourceMark() {
  const settings = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'nest-cli.json',
  ];
  const folders = ['apps', 'libs', 'migrations', 'bench'].flatMap((name) => [...sources(join(ROOT, name))]);
  const hash = createHash('sha256');
  for (const path of [...settings.map((name) => join(ROOT, name)), ...folders.sort()]) {
    const content = readFileSync(path);
    hash.update(`${relative(ROOT, path)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** What a folder with a `dist` was built from. */
const builtMark = (folder) => join(folder, 'dist', '.built');

const isBuilt = (folder = ROOT) => read(builtMark(folder)) === sourceMark();

async function build() {
  const mark = sourceMark();
  rmSync(builtMark(ROOT), { force: true });
  const nest = join(ROOT, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  await run('building', process.execPath, [nest, 'build']);
  writeFileSync(builtMark(ROOT), mark);
}

/** Finds our dependencies as ROOT does, for it lies in their folder; `#libs/…` is what its own package.json says. */
async function buildApart() {
  const mark = sourceMark();
  rmSync(join(APART, 'dist'), { recursive: true, force: true });
  mkdirSync(APART, { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(APART, 'package.json'));
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const outDir = join(APART, 'dist');
  await run('building', process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', outDir]);
  writeFileSync(builtMark(APART), mark);
}

/** An abstract unix socket named after the checkout (ADR 5): the kernel frees it with its holder. Resolves when it is ours. */
async function lock() {
  const { dev, ino } = statSync(ROOT);
  for (let said = false; ; said = true) {
    const server = createServer();
    server.listen(`\0longrun/prepare/${dev}-${ino}`);
    const problem = await once(server, 'listening').then(
      () => null,
      (error) => error,
    );
    if (!problem) return server;
    if (problem.code !== 'EADDRINUSE') throw problem;
    if (!said) say('waiting for another command, which installs or builds here …');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export async function prepare() {
  checkNode();
  if (isInstalled() && isBuilt()) return;
  const held = await lock();
  if (!isInstalled()) await install();
  if (!isBuilt()) await build();
  held.close();
}

/** Of what only tries the code, beside a product that may run from `dist`, whose files must stay. */
const APART = join(ROOT, 'node_modules', '.cache', 'longrun-built-apart');

/** The folder whose `dist` is up to date: ROOT, or a place of its own; null when neither is, or something must be installed. */
export function readyFolder() {
  return isInstalled() ? ([ROOT, APART].find((each) => isBuilt(each)) ?? null) : null;
}

/** As `prepare`, but leaves `dist` alone. Resolves with the folder that has the built code. */
export async function prepareApart() {
  checkNode();
  const ready = readyFolder();
  if (ready) return ready;
  const held = await lock();
  if (!isInstalled()) await install();
  if (!readyFolder()) await buildApart();
  held.close();
  return readyFolder();
}

/** A module of ours that imports nothing, without a build; null before anything is installed. */
export async function typedModule(path) {
  const typescript = await import('typescript').catch(() => null);
  if (!typescript) return null;
  const source = readFileSync(join(ROOT, path), 'utf8');
  const compilerOptions = { target: 'es2023', module: 'esnext' };
  const { outputText } = typescript.default.transpileModule(source, { compilerOptions });
  return import(`data:text/javascript,${encodeURIComponent(outputText)}`);
}
