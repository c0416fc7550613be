// Finds a Docker Engine for tests: the one that DOCKER_HOST names, the usual one, or a private one that all test processes
// of this user share, installed with apt first where that is allowed. Only after all of that is it missing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../until.js';
import { engineAnswers } from './engine-request.js';
import { PrivateDockerd } from './private-dockerd.js';

export interface TestDocker {
  readonly socketPath: string;
  /** Ends a private engine when no other process uses it; leaves a found one alone. A process that just exits has the same effect. */
  stop(): Promise<void>;
}
export interface MissingDocker {
  readonly missing: string;
}

const USUAL_SOCKET = '/var/run/docker.sock';
/** iproute2 makes the bridge, busybox-static the test image; both are small. */
const PACKAGES = ['docker.io', 'iptables', 'iproute2', 'busybox-static'];

/** With `LONGRUN_REQUIRE_DOCKER=1` a missing engine is an error that says why. */
export async function findOrStartDocker(): Promise<TestDocker | MissingDocker> {
  const found = await search();
  if ('missing' in found && process.env['LONGRUN_REQUIRE_DOCKER'] === '1') {
    throw new Error(`LONGRUN_REQUIRE_DOCKER=1, but there is no Docker Engine: ${found.missing}`);
  }
  return found;
}

async function search(): Promise<TestDocker | MissingDocker> {
  const named = process.env['DOCKER_HOST'];
  if (named?.startsWith('unix://')) {
    const socketPath = named.slice('unix://'.length);
    if (await engineAnswers(socketPath)) return foreign(socketPath);
    return { missing: `DOCKER_HOST names ${socketPath}, but no engine answers there` };
  }
  if (await engineAnswers(USUAL_SOCKET)) return foreign(USUAL_SOCKET);
  if (process.getuid?.() !== 0) {
    return { missing: `no engine answers on ${USUAL_SOCKET}, and only root can start one` };
  }
  if (!hasDockerd() && !installDocker()) {
    return {
      missing: `no engine answers on ${USUAL_SOCKET}, and docker.io could not be installed with apt-get`,
    };
  }
  try {
    return await joinOrStart();
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

const foreign = (socketPath: string): TestDocker => ({ socketPath, stop: () => Promise.resolve() });

/** Whether a private engine could be started here at all (for tests that kill theirs). */
export const canStartDockerd = (): boolean => process.getuid?.() === 0 && hasDockerd();

const hasDockerd = (): boolean => spawnSync('dockerd', ['--version'], { stdio: 'ignore' }).status === 0;

function installDocker(): boolean {
  if (!existsSync('/etc/debian_version')) return false;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...rest: string[]): boolean =>
    spawnSync('apt-get', rest, { stdio: ['ignore', 'ignore', 'inherit'], env: environment, timeout: 300_000 })
      .status === 0;
  const install = (): boolean => apt('install', '-y', '--no-install-recommends', ...PACKAGES);
  return (install() || (apt('update') && install())) && hasDockerd();
}

async function joinOrStart(): Promise<TestDocker> {
  const folder = sharedFolder();
  const lock = `${folder}.lock`;
  await until('the lock of the shared test engine', () => takeLock(lock), {
    withinMs: 120_000,
    everyMs: 100,
  });
  try {
    const engine = new PrivateDockerd(folder);
    if (await engineAnswers(engine.socketPath)) {
      mkdirSync(join(folder, 'users'), { recursive: true });
      writeFileSync(join(folder, 'users', String(process.pid)), '');
    } else {
      await engine.start();
    }
    return { socketPath: engine.socketPath, stop: () => engine.stop() };
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Unix sockets allow about 100 bytes for their path, so a long TMPDIR is not used. */
function sharedFolder(): string {
  const base = tmpdir().length <= 40 ? tmpdir() : '/tmp';
  return join(base, `longrun-docker-${process.getuid?.() ?? 0}`);
}

function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!isHeld(lock)) rmSync(lock, { force: true }); // its holder was killed
    return false;
  }
}

function isHeld(lock: string): boolean {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    return holder === 0 || (process.kill(holder, 0) as boolean);
  } catch {
    return false;
  }
}
