// `npm test [-- unit simulation integration docker e2e]`: everything, on a bare machine, with real parts. Ends with `N passed, N failed`.
// Docker suites need an engine: found, started or installed (see libs/testkit). Only when all of that fails are they skipped, loudly;
// LONGRUN_REQUIRE_DOCKER=1 makes that a failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

const PROJECTS = ['unit', 'simulation', 'integration', 'docker', 'e2e'];
/**
 * How many files run at once. Each has its own Postgres, ports, folders and cgroups. Those of e2e mostly wait, and the longest of unit
 * (whole proxies and agents), too, so there are more of them than cores of a small machine; what must be alone is a project of its own.
 */
const AT_ONCE = { unit: 3, simulation: 2, integration: 2, docker: 1, e2e: 3, 'e2e-alone': 1 };
/**
 * It only computes, in virtual time, and what comes after it mostly waits: it runs beside those, on what they leave of the processors,
 * and has ended before what must be alone begins.
 */
const BESIDE = 'simulation';
/** A tenth of an ordinary share. No less, for its tests have limits of real time, and a machine may have more to do. */
const BESIDE_NICE = 10;
/** What a person means by it. */
const RUNS = { e2e: ['e2e', 'e2e-alone'] };
const NEEDS_DOCKER = new Set(['docker', 'e2e']);
const say = (line) => process.stderr.write(`${line}\n`);

const chosen = process.argv.slice(2).filter((word) => PROJECTS.includes(word));
const more = process.argv.slice(2).filter((word) => !PROJECTS.includes(word));
const projects = chosen.length ? chosen : PROJECTS;

await prepare();
const { findOrStartDocker } = await import('../dist/libs/testkit/src/docker/index.js');
// a lack of it is judged below, after everything else has run
const required = process.env.LONGRUN_REQUIRE_DOCKER === '1';
delete process.env.LONGRUN_REQUIRE_DOCKER;
const engine = projects.some((project) => NEEDS_DOCKER.has(project)) ? await findOrStartDocker() : null;
const missing = engine && 'missing' in engine ? engine.missing : null;
/** A project that takes longer hangs. */
const PROJECT_MS = 40 * 60_000;
const totals = { passed: 0, failed: 0, skipped: 0 };
const results = mkdtempSync(join(tmpdir(), 'longrun-test-'));

/** Process groups that a signal for ours does not reach. */
const apart = new Set();
process.on('exit', () => apart.forEach((pid) => signalGroup(pid, 'SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => process.exit(128 + constants.signals[signal]));

try {
  let beside = null;
  for (const project of projects.flatMap((each) => RUNS[each] ?? [each])) {
    if (project === 'e2e-alone') await beside;
    const run = runProject(project);
    if (project === BESIDE) beside = run;
    else await run;
  }
  await beside;
} finally {
  if (engine && !missing) await engine.stop();
  rmSync(results, { recursive: true, force: true });
}
if (totals.skipped) say(`!!! ${totals.skipped} tests were skipped`);
if (missing) say(`!!! no Docker Engine: ${missing}`);
if (required && (missing || totals.skipped)) {
  say('LONGRUN_REQUIRE_DOCKER=1: nothing may be skipped');
  totals.failed += 1;
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed ? 1 : 0;

async function runProject(project) {
  if (missing && project === 'docker') {
    say(`\n!!! SKIPPED: the Docker suites. ${missing}\n`);
    return;
  }
  const startedAt = performance.now();
  const file = join(results, `${project}.json`);
  const workers = AT_ONCE[project] > 1 ? [`--maxWorkers=${AT_ONCE[project]}`] : ['--runInBand'];
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const isBeside = project === BESIDE;
  const child = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      jest,
      '--selectProjects',
      project,
      '--json',
      `--outputFile=${file}`,
      '--passWithNoTests', // of a pattern that names files of `e2e` only
      ...workers,
      ...more,
    ],
    {
      cwd: ROOT,
      stdio: isBeside ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
      timeout: PROJECT_MS,
      detached: isBeside,
      env: {
        ...process.env,
        ...(engine && !missing
          ? { DOCKER_HOST: `unix://${engine.socketPath}`, LONGRUN_TEST_DOCKER: '1' }
          : {}),
      },
    },
  );
  const said = [];
  if (isBeside) {
    apart.add(child.pid);
    yieldToOthers(child.pid);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
  }
  const [status] = await once(child, 'close');
  apart.delete(child.pid);
  process.stderr.write(Buffer.concat(said));
  const filesMs = count(project, file, status);
  const seconds = (ms) => `${(ms / 1000).toFixed(0)} s`;
  say(`${project}: ${seconds(performance.now() - startedAt)}, its files together ${seconds(filesMs)}\n`);
}

/** Linux divides processor time among sessions first (autogroup, which has a nice value of its own), then among their processes. */
function yieldToOthers(pid) {
  setPriority(pid, BESIDE_NICE);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(BESIDE_NICE));
  } catch {
    // a kernel without it
  }
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Returns how long its files took, one after another, milliseconds. */
function count(project, file, status) {
  let result;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    say(`${project}: jest gave no result (exit status ${status})`);
    totals.failed += 1;
    return 0;
  }
  totals.passed += result.numPassedTests;
  totals.failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
  totals.skipped += result.numPendingTests + result.numTodoTests;
  if (status !== 0 && !result.numFailedTests && !result.numRuntimeErrorTestSuites) totals.failed += 1;
  return result.testResults.reduce((sum, { startTime, endTime }) => sum + (endTime - startTime), 0);
}
