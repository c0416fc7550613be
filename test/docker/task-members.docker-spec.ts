// What the members of a definition become in a real container: terminal, limits, accounts, system call filter, shared memory, sandbox.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import type { LaunchSpec } from '#libs/model';
import { until } from '#libs/testkit';
import { Agent, describeDocker, never, testEngine } from './test-engine.js';

const WAIT = 120_000;
const engine = await testEngine();

describeDocker(engine, 'members of a definition', ({ socketPath }) => {
  const agent = new Agent({ socketPath });
  const docker = new Docker({ socketPath });
  const folder = mkdtempSync(join(tmpdir(), 'longrun-members-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const sandboxes = (): string[] => readdirSync(join(agent.dataDir, 'sandboxes'));

  async function output(spec: Partial<LaunchSpec>): Promise<{ text: string; code: number | undefined }> {
    const { taskId } = await agent.run(spec);
    const { code } = await agent.runtime.waitForExit(taskId, never);
    return { text: (await agent.runtime.readLog(taskId, 'stdout', 0, 100_000)).text, code };
  }

  it(
    'tty: there is a terminal; its output is read in pieces and from any byte, and tells the end',
    async () => {
      const cmd =
        'tty && echo one; echo two >&2; head -c 20000 /dev/zero | tr "\\0" x; echo; printf last; exit 3';
      const { taskId } = await agent.run({ tty: true, cmd });
      const exit = await agent.runtime.waitForExit(taskId, never);
      expect(exit).toMatchObject({ code: 3 });
      expect(exit.message).toContain('last');
      const whole = (await agent.runtime.readLog(taskId, 'stdout', 0, 100_000)).text;
      expect(whole).toBe(`/dev/pts/0\r\none\r\ntwo\r\n${'x'.repeat(20_000)}\r\nlast`);
      expect((await agent.runtime.readLog(taskId, 'stdout', 12, 3)).text).toBe('one');
      expect((await agent.runtime.readLog(taskId, 'stdout', -4, 100)).text).toBe('last');
      expect((await agent.runtime.readLog(taskId, 'stderr', 0, 100)).text).toBe('');
      expect((await output({ cmd: 'tty' })).text).toBe('not a tty\n');
    },
    WAIT,
  );

  it(
    'resourceLimits: the container has them, and may use more than it asked for',
    async () => {
      const cmd = 'x=$(head -c 30000000 /dev/zero | tr "\\0" x); echo ${#x}; exec sleep 1000';
      const { handle = '', taskId } = await agent.run({ mem: 16, limits: { mem: 512, cpus: 64 }, cmd });
      await until('its memory', async () =>
        (await agent.runtime.readLog(taskId, 'stdout', 0, 100)).text.includes('30000000'),
      );
      const { HostConfig } = await docker.getContainer(handle).inspect();
      expect(HostConfig).toMatchObject({
        ...{ Memory: 536_870_912, MemoryReservation: 16_777_216, CpuQuota: 6_400_000, CpuPeriod: 100_000 },
      });
    },
    WAIT,
  );

  it(
    'user: a name of the image, its own group, and what was fetched belongs to it',
    async () => {
      writeFileSync(join(folder, 'given'), 'words');
      const fetch = [{ uri: join(folder, 'given'), extract: true, executable: false, cache: false }];
      const cmd =
        'id -u; id -g; cd $MESOS_SANDBOX; stat -c %u:%g . given; echo more >> given && touch new && echo fine';
      expect(await output({ user: '1234:1235', fetch, cmd })).toEqual({
        text: '1234\n1235\n1234:1235\n1234:1235\nfine\n',
        code: 0,
      });
      expect((await output({ user: 'root', fetch, cmd: 'id -un; stat -c %u $MESOS_SANDBOX' })).text).toBe(
        'root\n0\n',
      );
    },
    WAIT,
  );

  it(
    'linuxInfo: filter of system calls and shared memory',
    async () => {
      const seccomp = 'grep Seccomp: /proc/self/status';
      expect((await output({ cmd: seccomp })).text).toContain('2');
      expect((await output({ cmd: seccomp, linuxInfo: { seccomp: { unconfined: true } } })).text).toContain(
        '0',
      );
      const shm = { ipcInfo: { mode: 'PRIVATE' as const, shmSize: 3 } };
      expect((await output({ cmd: 'df -k /dev/shm | tail -n 1', linuxInfo: shm })).text).toContain(' 3072 ');
      const { handle = '' } = await agent.run({
        cmd: 'true',
        linuxInfo: { ipcInfo: { mode: 'SHARE_PARENT' } },
      });
      expect((await docker.getContainer(handle).inspect()).HostConfig.IpcMode).toBe('host');
    },
    WAIT,
  );

  it(
    'linuxInfo: a profile of the agent by its name; a missing one is refused with the remedy',
    async () => {
      const named = (profileName: string) => ({ seccomp: { profileName, unconfined: false } });
      const cmd = 'mkdir /tmp/x && echo made';
      const profiles = join(agent.dataDir, 'profiles');
      await expect(agent.run({ cmd, linuxInfo: named('strict') })).rejects.toMatchObject({
        reason: 'invalid',
        message: expect.stringContaining(`'strict' is not in ${profiles}`),
      });
      mkdirSync(profiles);
      const profile = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
      };
      writeFileSync(join(profiles, 'strict.json'), JSON.stringify(profile, null, 2));
      writeFileSync(join(profiles, 'broken'), '{');
      expect((await output({ cmd, linuxInfo: named('strict') })).code).toBe(1);
      expect((await output({ cmd, linuxInfo: named('strict.json') })).code).toBe(1);
      await expect(agent.run({ cmd, linuxInfo: named('broken') })).rejects.toThrow('is no JSON');
      await expect(agent.run({ cmd, linuxInfo: named('../profiles/strict') })).rejects.toThrow(
        'is no file name',
      );
    },
    WAIT,
  );

  it(
    'the sandbox goes with the container, however that went',
    async () => {
      const refused = agent.launch({ cmd: 'true', user: 'no-such-account' });
      await expect(agent.runtime.start(refused)).rejects.toMatchObject({ reason: 'invalid' });
      expect(sandboxes()).not.toContain(refused.taskId);

      const removed = agent.launch({ cmd: 'exec sleep 1000' });
      const { handle = '' } = await agent.runtime.start(removed);
      expect(sandboxes()).toContain(removed.taskId);
      await docker.getContainer(handle).remove({ force: true });
      await agent.runtime.forget(removed.taskId, false);
      expect(sandboxes()).not.toContain(removed.taskId);

      const kept = agent.launch({ cmd: 'true' });
      await agent.runtime.start(kept);
      await agent.runtime.waitForExit(kept.taskId, never);
      await agent.runtime.forget(kept.taskId, false);
      expect(sandboxes()).toContain(kept.taskId);
      const lost = join(agent.dataDir, 'sandboxes', 'lost.task-1');
      const half = join(agent.dataDir, 'fetching', 'sandbox-half');
      for (const path of [lost, half]) mkdirSync(path, { recursive: true });
      await agent.reopen();
      await agent.runtime.list();
      expect(sandboxes()).toContain(kept.taskId);
      expect([lost, half].filter((path) => existsSync(path))).toEqual([]);
      expect(statSync(join(agent.dataDir, 'sandboxes')).mode & 0o777).toBe(0o700);
      await agent.runtime.forget(kept.taskId, true);
      expect(sandboxes()).not.toContain(kept.taskId);
    },
    WAIT,
  );
});
