// What is particular to plain processes: cgroups, logs on disk, refusals, and numbers of tasks.
import { mkdtempSync, readFileSync, readdirSync, statSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LaunchSpec } from '#libs/model';
import { silentLogger } from '#libs/telemetry';
import { until } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { launchOf } from './launches.testing.js';
import { ProcessRuntime } from './process-runtime.js';
import type { ProcessRuntimeOptions } from './process-runtime.js';

describe('a process runtime', () => {
  const never = new AbortController().signal;
  let dataDir: string;
  let runtime: ProcessRuntime;

  const open = (more: Partial<ProcessRuntimeOptions> = {}): ProcessRuntime =>
    new ProcessRuntime({ dataDir, clock: new SystemClock(), logger: silentLogger, ...more });

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'longrun-limits-'));
    runtime = open();
  });
  afterEach(async () => {
    for (const { taskId } of await runtime.list()) await runtime.stop(taskId, 0);
    await runtime.close();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const reopen = async (more: Partial<ProcessRuntimeOptions>): Promise<void> => {
    await runtime.close();
    runtime = open(more);
  };

  async function ended(cmd: string, more = {}): Promise<ReturnType<ProcessRuntime['waitForExit']>> {
    const launch = launchOf(cmd, more);
    await runtime.start(launch);
    return runtime.waitForExit(launch.taskId, never);
  }

  it('tells an out-of-memory kill from other kills, where cgroups can be used', async () => {
    const { warnings } = await runtime.health();
    const isLimited = !warnings.join().includes('no cgroup limits');
    if (!isLimited) return expect(warnings.join()).toContain('no cgroup limits: ');
    // tail keeps what it reads until a line ends, which never happens here
    const exit = await ended('exec tail -n 1 /dev/zero', { mem: 32 });
    expect(exit).toMatchObject({ outOfMemory: true, requested: false });
    expect(exit.message).toContain('out of memory: the kernel killed it at its limit of 32 MiB');
    expect(await ended('kill -9 $$', { mem: 32 })).toMatchObject({ outOfMemory: false, signal: 'SIGKILL' });
  }, 60_000);

  it('gives a task more than it asks for, or all, where cgroups can be used', async () => {
    if ((await runtime.health()).warnings.join().includes('no cgroup limits')) return;
    const read =
      'while IFS=: read -r _ names path; do case $names in *memory*|*cpu*|"") ' +
      'for f in memory.limit_in_bytes memory.soft_limit_in_bytes cpu.cfs_quota_us memory.max memory.low cpu.max; do ' +
      'for d in /sys/fs/cgroup/memory /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do ' +
      '[ -e $d$path/$f ] && echo $f $(cat $d$path/$f); done; done;; esac; done < /proc/self/cgroup';
    const seen = async (limits: LaunchSpec['limits']): Promise<string> => {
      const launch = launchOf(read, { mem: 64, ...(limits ? { limits } : {}) });
      await runtime.start(launch);
      await runtime.waitForExit(launch.taskId, never);
      return (await runtime.readLog(launch.taskId, 'stdout', 0, 10_000)).text;
    };
    const more = await seen({ mem: 128, cpus: 1.5 });
    expect(more).toMatch(/memory\.(limit_in_bytes|max) 134217728/);
    expect(more).toMatch(/memory\.(soft_limit_in_bytes|low) 67108864/);
    expect(more).toMatch(/cpu\.(cfs_quota_us 150000|max 150000 100000)/);
    const all = await seen({ mem: 'unlimited', cpus: 'unlimited' });
    expect(all).toMatch(/memory\.(limit_in_bytes \d{16,}|max max)/);
    expect(all).toMatch(/cpu\.(cfs_quota_us -1|max max)/);
    expect(await seen(undefined)).toMatch(/memory\.(limit_in_bytes|max) 67108864/);
    const exit = await ended('exec tail -n 1 /dev/zero', { mem: 32, limits: { mem: 48 } });
    expect(exit.message).toContain('its limit of 48 MiB');
  }, 60_000);

  it('leaves no cgroup of an ended task', async () => {
    const launch = launchOf('sleep 0.2; cat /proc/self/cgroup');
    await runtime.start(launch);
    await runtime.waitForExit(launch.taskId, never);
    const { text } = await runtime.readLog(launch.taskId, 'stdout', 0, 10_000);
    const { warnings } = await runtime.health();
    if (warnings.length) return;
    expect(text).toContain(`/${launch.taskId}`);
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const folders = mounts.filter((line) => / cgroup2? /.test(line)).map((line) => line.split(' ')[1] ?? '');
    for (const folder of folders) {
      const all = readdirSync(folder).includes('longrun')
        ? readdirSync(join(folder, 'longrun'), { recursive: true, encoding: 'utf8' })
        : [];
      expect(all.filter((path) => path.includes(launch.taskId))).toEqual([]);
    }
  }, 60_000);

  it('says in health when it cannot limit', async () => {
    await reopen({ limits: false });
    expect((await runtime.health()).warnings).toEqual(['no cgroup limits: switched off']);
  });

  it('ends a missing program with 127 and its name', async () => {
    const launch = launchOf('', { args: ['no-such-program', '--port', '1'] });
    const { cmd: _cmd, ...spec } = launch.spec;
    await runtime.start({ ...launch, spec });
    const exit = await runtime.waitForExit(launch.taskId, never);
    expect(exit).toMatchObject({ code: 127, requested: false });
    expect(exit.message).toMatch(/command not found.*no-such-program/s);
  }, 60_000);

  it('runs in the sandbox that MESOS_SANDBOX names, and gives names no shell would take', async () => {
    const launch = launchOf('', { args: ['env'], env: { 'spring.url': `it's`, HOME: '/srv', _: 'u' } });
    const { cmd: _cmd, ...spec } = launch.spec;
    await runtime.start({ ...launch, spec });
    await runtime.waitForExit(launch.taskId, never);
    const { text } = await runtime.readLog(launch.taskId, 'stdout', 0, 10_000);
    const sandbox = join(dataDir, 'sandboxes', 'shop_web', launch.taskId);
    expect(text.split('\n').filter(Boolean).sort()).toEqual(
      expect.arrayContaining([`HOME=/srv`, `MESOS_SANDBOX=${sandbox}`, `spring.url=it's`]),
    );
    expect(text).not.toContain('PWD=');
    expect(readdirSync(join(dataDir, 'records')).filter((name) => name.endsWith('.env'))).toEqual([]);
  }, 60_000);

  it.each([
    ['bridge networking', { network: 'bridge' as const }, /host networking/],
    [
      'a volume elsewhere',
      { volumes: [{ containerPath: '/data', hostPath: '/tmp', mode: 'RW' as const }] },
      /must equal/,
    ],
    [
      'a volume that is not there',
      { volumes: [{ containerPath: '/no/x', hostPath: '/no/x', mode: 'RW' as const }] },
      /create it/,
    ],
    ['a container network', { network: 'container' as const, networkNames: ['dev'] }, /host networking/],
    ['a seccomp profile', { linuxInfo: { seccomp: { profileName: 'p', unconfined: false } } }, /image/],
    ['shared memory of its own', { linuxInfo: { ipcInfo: { mode: 'PRIVATE' as const } } }, /image/],
    [
      'an unknown scheme',
      { fetch: [{ uri: 'hdfs://u:p@h/x', extract: true, executable: false, cache: false }] },
      /scheme 'hdfs'/,
    ],
    ['a NUL in a value', { env: { A: 'a\0b' } }, /NUL/],
  ])('refuses %s with the remedy', async (_, spec, message) => {
    const launch = launchOf('exit 0', spec);
    const start = runtime.prepare(launch, () => undefined, never).then(() => runtime.start(launch));
    await expect(start).rejects.toMatchObject({
      kind: 'rejected',
      reason: 'invalid',
      message: expect.stringMatching(message),
    });
    expect(await runtime.list()).toEqual([]);
  });

  it('rotates by copying and truncating: bounded, with offsets that stay right', async () => {
    await reopen({ logBytesMax: 1_000, logFilesMax: 3 });
    const launch = launchOf(
      'i=100000; until [ -e end ]; do [ -e go ] && echo $i && i=$((i+1)); sleep 0.002; done',
    );
    await runtime.start(launch);
    await runtime.execute(launch.taskId, 'touch go', 10_000);
    let next = 0;
    let seen = '';
    await until('8,000 bytes', async () => {
      await runtime.rotate();
      const read = await runtime.readLog(launch.taskId, 'stdout', next, 100_000);
      next = read.next;
      seen += read.text;
      return seen.length > 8_000;
    });
    await runtime.execute(launch.taskId, 'touch end', 10_000);
    await runtime.waitForExit(launch.taskId, never);
    const lines = seen.split('\n').slice(0, -1).map(Number);
    expect(next).toBe(seen.length);
    expect(lines.every((line, index) => index === 0 || line > (lines[index - 1] ?? 0))).toBe(true);
    const files = readdirSync(join(dataDir, 'sandboxes', 'shop_web', launch.taskId));
    expect(files.filter((name) => name.startsWith('stdout')).length).toBeLessThanOrEqual(3);
    const tail = await runtime.readLog(launch.taskId, 'stdout', -7, 100);
    expect(tail.text).toMatch(/^\d{6}\n$/);
  }, 60_000);

  it('looks sooner after a task that floods its log', async () => {
    await reopen({ logBytesMax: 100_000, logFilesMax: 3 });
    const launch = launchOf('while :; do head -c 200000 /dev/zero; sleep 0.05; done'); // 3 to 4 MB/s
    await runtime.start(launch);
    const folder = join(dataDir, 'sandboxes', 'shop_web', launch.taskId);
    await until('the first rotation', () =>
      readdirSync(folder).some((name) => /^stdout\.\d{15}$/.test(name)),
    );
    let most = 0;
    const from = performance.now();
    await until('some rounds', () => {
      most = Math.max(most, statSync(join(folder, 'stdout')).size);
      return performance.now() - from > 4_000;
    });
    expect(most).toBeLessThan(3_000_000); // every 2 s only, it would be 6 MB
    await runtime.stop(launch.taskId, 0);
  }, 60_000);

  it('drops output on a full disk: the file stops growing, the bytes are counted', async () => {
    const launch = launchOf('while :; do echo 0123456789; done');
    await runtime.start(launch);
    runtime.dropOutput(true);
    const dropped = await until('dropped bytes', async () =>
      (await runtime.health()).warnings.find((warning) => /^[1-9]\d* bytes/.test(warning)),
    );
    expect(dropped).toContain('dropped');
    runtime.dropOutput(false);
    await runtime.stop(launch.taskId, 0);
    expect((await runtime.readLog(launch.taskId, 'stdout', 0, 100)).next).toBeLessThan(1_000_000);
  }, 60_000);

  it('tells a hundred quick exits with their own codes', async () => {
    const launches = Array.from({ length: 100 }, (_, index) => launchOf(`exit ${index}`));
    const exits = await Promise.all(
      launches.map(async (launch) => {
        await runtime.start(launch);
        return runtime.waitForExit(launch.taskId, new AbortController().signal);
      }),
    );
    expect(exits.map((exit) => exit.code)).toEqual(launches.map((_, index) => index));
  }, 60_000);

  it('finds thousands of ended tasks again quickly', async () => {
    const launch = launchOf('exit 0');
    await runtime.start(launch);
    await runtime.waitForExit(launch.taskId, never);
    await runtime.close();
    const folder = join(dataDir, 'records');
    for (const name of readdirSync(folder).filter((each) => each.startsWith(launch.taskId))) {
      const text = readFileSync(join(folder, name), 'utf8');
      for (let index = 0; index < 2_000; index += 1) {
        const copy = `${launch.taskId}-${index}`;
        writeFileSync(join(folder, name.replace(launch.taskId, copy)), text.replaceAll(launch.taskId, copy));
      }
    }
    runtime = open();
    const before = performance.now();
    expect(await runtime.list()).toHaveLength(2_001);
    expect(performance.now() - before).toBeLessThan(10_000);
    const again = performance.now();
    await runtime.list();
    expect(performance.now() - again).toBeLessThan(500);
  }, 120_000);
});
