// `npm test [-- unit simulation integration docker e2e]`: everything, on a bare machine, with real parts. Ends with `N passed, N failed`.
// Docker suites need an engine: found, started or installed (see libs/testkit). Only when all of that fails are they skipped, loudly;
// LONGRUN_REQUIRE_DOCKER=1 makes that a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

const PROJECTS = ['unit', 'simulation', 'integration', 'docker', 'e2e'];
/** Their files need nothing from each other; the others measure, or share ports and an engine. */
const SHARES_CORES = new Set(['unit', 'simulation']);
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

try {
  for (const project of projects) runProject(project);
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

function runProject(project) {
  if (missing && project === 'docker') {
    say(`\n!!! SKIPPED: the Docker suites. ${missing}\n`);
    return;
  }
  const startedAt = performance.now();
  const file = join(results, `${project}.json`);
  const workers = SHARES_CORES.has(project) ? ['--maxWorkers=2'] : ['--runInBand'];
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const { status } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      jest,
      '--selectProjects',
      project,
      '--json',
      `--outputFile=${file}`,
      ...workers,
      ...more,
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 2, 2],
      timeout: PROJECT_MS,
      env: {
        ...process.env,
        ...(engine && !missing
          ? { DOCKER_HOST: `unix://${engine.socketPath}`, LONGRUN_TEST_DOCKER: '1' }
          : {}),
      },
    },
  );
  count(project, file, status);
  say(`${project}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
}

function count(project, file, status) {
  let result;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    say(`${project}: jest gave no result (exit status ${status})`);
    totals.failed += 1;
    return;
  }
  totals.passed += result.numPassedTests;
  totals.failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
  totals.skipped += result.numPendingTests + result.numTodoTests;
  if (status !== 0 && !result.numFailedTests && !result.numRuntimeErrorTestSuites) totals.failed += 1;
}
