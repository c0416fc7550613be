// `npm test [-- unit simulation integration docker e2e]`: everything, on a bare machine, with real parts. Ends with `N passed, N failed`.
// Docker suites need an engine: found, started or installed (see libs/testkit). Only when all of that fails are they skipped, loudly;
// LONGRUN_REQUIRE_DOCKER=1 makes that a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

const PROJECTS = ['unit', 'simulation', 'integration', 'docker', 'e2e'];
/**
 * How many files run at once. Each has its own Postgres, ports, folders and cgroups. Those of e2e mostly wait, so there are more of them
 * than cores of a small machine; what must be alone is a project of its own.
 */
const AT_ONCE = { unit: 2, simulation: 2, integration: 2, docker: 1, e2e: 3, 'e2e-alone': 1 };
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

try {
  for (const project of projects.flatMap((each) => RUNS[each] ?? [each])) runProject(project);
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
  const workers = AT_ONCE[project] > 1 ? [`--maxWorkers=${AT_ONCE[project]}`] : ['--runInBand'];
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
      '--passWithNoTests', // of a pattern that names files of `e2e` only
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
  const filesMs = count(project, file, status);
  const seconds = (ms) => `${(ms / 1000).toFixed(0)} s`;
  say(`${project}: ${seconds(performance.now() - startedAt)}, its files together ${seconds(filesMs)}\n`);
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
