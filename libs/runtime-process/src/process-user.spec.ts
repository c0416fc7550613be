// Tasks as somebody else than the agent: who they are, what they can reach, and that nothing they put into their folder makes the
// agent, which is root here, read or write elsewhere.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LaunchSpec, TaskExit, TaskId } from '#libs/model';
import { silentLogger } from '#libs/telemetry';
import { until } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { launchOf } from './launches.testing.js';
import { ProcessRuntime } from './process-runtime.js';

const isRoot = process.geteuid?.() === 0;
const never = new AbortController().signal;

/** An account that is in a group beyond its own, where this host has one. */
function memberOfMore(): string {
  const rows = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const members = rows.flatMap((row) => row[3]?.split(',') ?? []);
  return members.find((name) => name !== '' && name !== 'root') ?? 'nobody';
}

(isRoot ? describe : describe.skip)('a task with a user', () => {
  let folder: string;
  let runtime: ProcessRuntime;

  const open = (): ProcessRuntime =>
    new ProcessRuntime({
      ...{
        dataDir: join(folder, 'data'),
        clock: new SystemClock(),
        logger: silentLogger,
        logBytesMax: 1_000,
      },
    });
  const output = async (taskId: TaskId): Promise<string> =>
    (await runtime.readLog(taskId, 'stdout', 0, 10_000)).text;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-user-'));
    chmodSync(folder, 0o711);
    runtime = open();
  });
  afterEach(async () => {
    for (const { taskId } of await runtime.list()) await runtime.stop(taskId, 0);
    await runtime.close();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  async function run(
    cmd: string,
    spec: Partial<LaunchSpec> = {},
  ): Promise<{ taskId: TaskId; exit: TaskExit }> {
    const launch = launchOf(cmd, { user: 'nobody', ...spec });
    await runtime.prepare(launch, () => undefined, never);
    await runtime.start(launch);
    return { taskId: launch.taskId, exit: await runtime.waitForExit(launch.taskId, never) };
  }

  it('has its uid, its gid and all its groups, no right of root, and the names of a login', async () => {
    const user = memberOfMore();
    const groups = execFileSync('id', ['-G', user], { encoding: 'utf8' });
    const home = execFileSync('getent', ['passwd', user], { encoding: 'utf8' }).split(':')[5];
    const cmd =
      'id -un; id -G; grep CapEff /proc/self/status; echo $HOME $USER $LOGNAME; cd "$MESOS_SANDBOX" && echo in';
    const { taskId } = await run(cmd, { user });
    const text = await output(taskId);
    expect(text).toBe(`${user}\n${groups}CapEff:\t0000000000000000\n${home} ${user} ${user}\nin\n`);
    expect(await output((await run('echo $HOME', { env: { HOME: '/srv' } })).taskId)).toBe('/srv\n');
    expect((await runtime.health()).warnings.join()).not.toContain('MESOS_SANDBOX');
  }, 60_000);

  it('may be the agent itself', async () => {
    const { taskId } = await run('id -u; echo $HOME', { user: 'root' });
    expect(await output(taskId)).toBe('0\n/root\n');
  }, 60_000);

  it('says which folder closes the way to its sandbox, where it still begins', async () => {
    chmodSync(folder, 0o700);
    const { taskId, exit } = await run('echo words > x && cat x');
    expect(exit).toMatchObject({ code: 0 });
    expect(await output(taskId)).toBe('words\n');
    expect((await runtime.health()).warnings.join()).toContain(`${folder} is closed to them`);
  }, 60_000);

  it.each(['no-such-account', '-h', 'a:b', '', '4294900000'])(
    'is refused when nobody is %j',
    async (user) => {
      const launch = launchOf('true', { user });
      await expect(runtime.start(launch)).rejects.toMatchObject({
        ...{
          kind: 'rejected',
          reason: 'invalid',
          message: expect.stringContaining(`user '${user}' has no account`),
        },
      });
      expect(await runtime.list()).toEqual([]);
    },
  );

  it('sees no library of the app loaded before it has given up root', async () => {
    const { taskId } = await run('echo "$LD_PRELOAD $LD_X"', {
      env: { LD_PRELOAD: '/no/such.so', LD_X: 'y' },
    });
    expect(await output(taskId)).toBe('/no/such.so y\n');
    const { text } = await runtime.readLog(taskId, 'stderr', 0, 10_000);
    // the loader complains once for each program; the shim, setpriv and env must not be among them
    expect(text).not.toContain('setpriv');
    expect(text.match(/cannot be preloaded/g)?.length ?? 0).toBeLessThanOrEqual(2);
  }, 60_000);

  it('runs its checks as that user too', async () => {
    const launch = launchOf('sleep 1000', { user: 'nobody', env: { WHO: 'me' } });
    await runtime.start(launch);
    const { code, output: text } = await runtime.execute(
      launch.taskId,
      'id -un; echo $WHO; touch checked',
      10_000,
    );
    expect([code, text]).toEqual([0, 'nobody\nme\n']);
    await runtime.close();
    runtime = open();
    expect(await runtime.execute(launch.taskId, 'id -un', 10_000)).toEqual({ code: 0, output: 'nobody\n' });
  }, 60_000);

  it.each([
    ['a link', (secret: string) => `ln -sf ${secret} stdout`],
    ['a hard link', (secret: string) => `ln -f ${secret} stdout 2>/dev/null || ln -sf ${secret} stdout`],
    ['a pipe', () => 'mkfifo stdout'],
  ])(
    'cannot have the agent read or empty another file by %s in place of its output',
    async (_what, plant) => {
      const secret = join(folder, 'secret');
      writeFileSync(secret, 's'.repeat(5_000), { mode: 0o600 });
      const launch = launchOf(`rm -f stdout; ${plant(secret)}; touch planted; sleep 1000`, {
        user: 'nobody',
      });
      await runtime.start(launch);
      const sandbox = join(folder, 'data', 'sandboxes', 'shop_web', launch.taskId);
      await until('the planted thing', () => existsSync(join(sandbox, 'planted')));
      await runtime.rotate();
      runtime.dropOutput(true);
      expect(await output(launch.taskId)).toBe('');
      appendFileSync(secret, 'more');
      runtime.dropOutput(false);
      expect(readFileSync(secret, 'utf8')).toBe(`${'s'.repeat(5_000)}more`);
    },
    60_000,
  );

  it('cannot have the agent write elsewhere when its output is rotated', async () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'mine', { mode: 0o600 });
    const launch = launchOf(
      `for n in 000000000000000 000000000001500 000000000002000; do ln -s ${target} stdout.$n; ln -s ${target} stdout.$n.tmp; done
       head -c 2000 /dev/zero | tr '\\0' x; echo; echo done >&2; sleep 1000`,
      { user: 'nobody' },
    );
    await runtime.start(launch);
    await until('its output', async () => (await runtime.readLog(launch.taskId, 'stderr', 0, 100)).text);
    await runtime.rotate();
    expect(readFileSync(target, 'utf8')).toBe('mine');
  }, 60_000);

  it('leaves nothing when it is gone', async () => {
    const { taskId } = await run('mkdir -p a/b && chmod 0 a', {});
    await runtime.forget(taskId, true);
    expect(existsSync(join(folder, 'data', 'sandboxes', 'shop_web'))).toBe(false);
  }, 60_000);
});

describe('sandboxes of a process runtime', () => {
  it('that an agent left when it was killed before the start are removed by the next one', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'longrun-unused-'));
    const paths = ['sandboxes/shop_web/task-1', 'fetching/sandbox-half'].map((path) => join(dataDir, path));
    for (const path of paths) mkdirSync(path, { recursive: true });
    const runtime = new ProcessRuntime({ dataDir, clock: new SystemClock(), logger: silentLogger });
    try {
      await runtime.list();
      expect(paths.filter((path) => existsSync(path))).toEqual([]);
    } finally {
      await runtime.close();
      rmSync(dataDir, { recursive: true });
    }
  });
});
