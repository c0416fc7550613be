// kill -9 at the worst moments: of the agent, of the shim, of nobody (a reused pid). The agent is a real node process that runs
// this lib, compiled into a temporary folder because a spec cannot rely on a build.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { asTaskId } from '#libs/model';
import type { TaskId } from '#libs/model';
import { identityOf, isAlive } from '#libs/process-identity';
import { silentLogger } from '#libs/telemetry';
import { compileProgram, until } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { ProcessRuntime } from './process-runtime.js';
import { launchOf } from './launches.testing.js';
import { TaskRecords } from './task-records.js';

/** Starts what it is told on its command line, one after the other, and says each handle; then it just lives. */
const AGENT = `
import { readFileSync } from 'node:fs';
import { ProcessRuntime } from '#libs/runtime-process';
import { SystemClock } from '#libs/time';
const { dataDir, launches } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const runtime = new ProcessRuntime({ dataDir, clock: new SystemClock(), logger: { warn() {} } });
for (const launch of launches) {
  const { taskId, handle } = await runtime.start(launch);
  process.stdout.write(taskId + ' ' + handle + '\\n');
}
setInterval(() => {}, 1000);
`;

describe('a process runtime after kill -9', () => {
  const program = mkdtempSync(join(tmpdir(), 'longrun-program-'));
  const never = new AbortController().signal;
  let dataDir: string;
  let runtime: ProcessRuntime | undefined;
  let agent: ChildProcess | undefined;

  beforeAll(() => {
    compileProgram(program, ['libs/runtime-process/src/index.ts', 'libs/time/src/index.ts']);
    writeFileSync(join(program, 'agent.js'), AGENT);
  });
  afterAll(() => rmSync(program, { recursive: true, force: true }));
  beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), 'longrun-crash-'))));
  afterEach(async () => {
    agent?.kill('SIGKILL');
    const last = runtime ?? adopt();
    for (const { taskId } of await last.list()) {
      await last.stop(taskId, 0);
      await last.forget(taskId, true);
    }
    await last.close();
    runtime = undefined;
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const adopt = (limits = true): ProcessRuntime =>
    (runtime = new ProcessRuntime({ dataDir, clock: new SystemClock(), logger: silentLogger, limits }));

  /** Starts the agent process and gives what it said so far. */
  function startAgent(launches: readonly unknown[]): { said: () => string[]; process: ChildProcess } {
    const order = join(dataDir, 'order.json');
    writeFileSync(order, JSON.stringify({ dataDir, launches }));
    const child = spawn(process.execPath, [join(program, 'agent.js'), order], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    agent = child;
    return { said: () => text.split('\n').filter(Boolean), process: child };
  }

  async function killAgent(child: ChildProcess): Promise<void> {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  const taskOf = (line: string | undefined): { taskId: TaskId; pid: number } => {
    const [taskId, pid] = (line ?? '').split(' ');
    return { taskId: asTaskId(taskId ?? ''), pid: Number(pid) };
  };

  it('of the agent: tasks live on with their pids, and every exit is known', async () => {
    const launches = [
      launchOf('echo ready; until [ -e go ]; do sleep 0.05; done; exit 21'),
      launchOf('sleep 0.2; echo words >&2; exit 22'),
      launchOf('exec sleep 1000'),
    ];
    const { said, process: child } = startAgent(launches);
    await until('three tasks', () => said().length === 3);
    const [first, second, third] = said().map(taskOf);
    if (!first || !second || !third) throw new Error('three tasks expected');
    const identity = identityOf(first.pid);
    await killAgent(child);
    await until('the end of the short one', () => identityOf(second.pid) === null);

    const next = adopt();
    const found = new Map((await next.list()).map((task) => [task.taskId, task]));
    expect(found.get(first.taskId)).toMatchObject({ state: 'running', handle: String(first.pid) });
    expect(identityOf(first.pid)).toEqual(identity);
    expect(await next.waitForExit(second.taskId, never)).toMatchObject({ code: 22, requested: false });
    await next.execute(first.taskId, 'touch go', 10_000);
    expect(await next.waitForExit(first.taskId, never)).toMatchObject({ code: 21, requested: false });
    await next.stop(third.taskId, 10_000);
    expect(await next.waitForExit(third.taskId, never)).toMatchObject({ code: 143, requested: true });
  }, 60_000);

  it('of the agent in the middle of its starts: every task is adopted or told as failed, none runs unknown', async () => {
    for (const after of [0, 1, 4]) {
      const launches = Array.from({ length: 12 }, () => launchOf('exec sleep 1000'));
      const { said, process: child } = startAgent(launches);
      await until('some starts', () => said().length >= after);
      await killAgent(child);
      const next = adopt();
      const listed = await next.list();
      const running = listed.filter((task) => task.state === 'running');
      for (const line of said()) {
        const { taskId, pid } = taskOf(line);
        expect(running.find((task) => task.taskId === taskId)?.handle).toBe(String(pid));
      }
      for (const task of running) expect(identityOf(Number(task.handle))).not.toBeNull();
      for (const task of listed.filter((each) => each.state === 'ended')) {
        expect(task.exit?.code).toBeUndefined();
        expect(task.exit?.message).toContain('while it was being started');
      }
      // whoever has a sandbox of this data folder in its environment is one of the listed tasks, or its shim
      const known = new Set(listed.map((task) => task.taskId));
      const sandboxes = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .flatMap((pid) =>
          environmentOf(pid).filter((entry) => entry.startsWith(`MESOS_SANDBOX=${dataDir}/`)),
        );
      for (const entry of sandboxes) expect(known).toContain(entry.split('/').pop());
      for (const { taskId } of listed) {
        await next.stop(taskId, 0);
        await next.forget(taskId, true);
      }
      await next.close();
      runtime = undefined;
    }
  }, 120_000);

  it.each([true, false])(
    'of the shim: the task runs on, is adopted and stopped, its exit is unknown (cgroups: %s)',
    async (limits) => {
      const first = adopt(limits);
      const launch = launchOf('exec sleep 1000');
      const { handle } = await first.start(launch);
      process.kill(shimOf(launch.taskId), 'SIGKILL');
      await first.close();
      const next = adopt(limits);
      expect(await next.list()).toMatchObject([{ taskId: launch.taskId, state: 'running', handle }]);
      await next.stop(launch.taskId, 10_000);
      const exit = await next.waitForExit(launch.taskId, never);
      expect(exit).toMatchObject({ requested: true, message: expect.stringContaining('shim was killed') });
      expect(exit.code).toBeUndefined();
      expect(identityOf(Number(handle))).toBeNull();
    },
    60_000,
  );

  it.each([true, false])(
    'of shim and task: noticed without being asked, counted as failed, children killed (cgroups: %s)',
    async (limits) => {
      const first = adopt(limits);
      const launch = launchOf('setsid sleep 1000 & echo $!; wait');
      const { handle } = await first.start(launch);
      const child = await until('the child', async () => {
        const pid = Number((await first.readLog(launch.taskId, 'stdout', 0, 100)).text.trim());
        return pid ? identityOf(pid) : null;
      });
      process.kill(shimOf(launch.taskId), 'SIGKILL');
      process.kill(Number(handle), 'SIGKILL');
      const exit = await first.waitForExit(launch.taskId, never);
      expect(exit.code).toBeUndefined();
      expect(exit.requested).toBe(false);
      expect(isAlive(child)).toBe(false);
    },
    60_000,
  );

  it.each([true, false])(
    'of nobody: a daemon that left its session is killed when the task ends (cgroups: %s)',
    async (limits) => {
      const first = adopt(limits);
      const launch = launchOf('setsid sleep 1000 & echo $!; sleep 0.2; exit 3');
      await first.start(launch);
      expect(await first.waitForExit(launch.taskId, never)).toMatchObject({ code: 3 });
      const pid = Number((await first.readLog(launch.taskId, 'stdout', 0, 100)).text.trim());
      expect(identityOf(pid)).toBeNull();
    },
    60_000,
  );

  it('of nobody: never signals a process that only has the pid of a task', async () => {
    const bystander = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    try {
      const identity = identityOf(bystander.pid ?? 0);
      if (!identity) throw new Error('the bystander should live');
      const first = adopt(false);
      const launch = launchOf('exec sleep 1000');
      const { handle } = await first.start(launch);
      await first.close();
      const records = new TaskRecords(join(dataDir, 'records'));
      const started = records.startedOf(launch.taskId);
      const shim = shimOf(launch.taskId);
      process.kill(shim, 'SIGKILL');
      process.kill(Number(handle), 'SIGKILL');
      // both: while its shim is still dying a task counts as running
      await until('the end', () => identityOf(Number(handle)) === null && identityOf(shim) === null);
      const forged = `${identity.pid} ${started?.startTime} ${identity.pid} 1 ${identity.bootId} 0`;
      await records.write(launch.taskId, 'started', forged);

      const next = adopt(false);
      await next.stop(launch.taskId, 0);
      expect(await next.list()).toMatchObject([{ state: 'ended', exit: { requested: false } }]);
      expect(isAlive(identity)).toBe(true);
    } finally {
      bystander.kill('SIGKILL');
    }
  }, 60_000);

  it('of the host: tasks of another boot have ended, with an unknown exit', async () => {
    const first = adopt();
    const launch = launchOf('exec sleep 1000');
    const { handle } = await first.start(launch);
    await first.close();
    process.kill(shimOf(launch.taskId), 'SIGKILL');
    process.kill(Number(handle), 'SIGKILL');
    for (const kind of ['launch', 'started']) {
      const path = join(dataDir, 'records', `${launch.taskId}.${kind}`);
      const { bootId } = identityOf(process.pid) ?? { bootId: '' };
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(bootId, 'another-boot'));
    }
    const next = adopt();
    const exit = await next.waitForExit(launch.taskId, never);
    expect(exit).toMatchObject({ requested: false, message: 'exit unknown: the host was restarted' });
    expect(exit.code).toBeUndefined();
  }, 60_000);

  it('of the agent before the sandbox was made: told as failed', async () => {
    const first = adopt();
    const launch = launchOf('exec sleep 1000');
    const { handle } = await first.start(launch);
    await first.close();
    process.kill(shimOf(launch.taskId), 'SIGKILL');
    process.kill(Number(handle), 'SIGKILL');
    await until('the end', () => identityOf(Number(handle)) === null);
    rmSync(join(dataDir, 'records', `${launch.taskId}.started`));
    rmSync(join(dataDir, 'sandboxes'), { recursive: true });
    const next = adopt();
    const exit = await next.waitForExit(launch.taskId, never);
    expect(exit).toMatchObject({ message: expect.stringContaining('while it was being started') });
    expect(await next.readLog(launch.taskId, 'stdout', 0, 10)).toEqual({ text: '', next: 0 });
  }, 60_000);

  const shimOf = (taskId: TaskId): number =>
    new TaskRecords(join(dataDir, 'records')).startedOf(taskId)?.shimPid ?? Number.NaN;
});

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // it ended in between
  }
}
