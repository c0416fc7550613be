// What containers get from an app definition: networks, ports, limits, volumes, parameters, labels.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { freePort, until } from '#libs/testkit';
import { Agent, describeDocker, IMAGE, never, testEngine } from './test-engine.js';

const engine = await testEngine();
const WAIT = 120_000;
/** Answers every request on this port with the container's environment. */
const serve = (port: string): string =>
  `mkdir -p /tmp/w && env > /tmp/w/env && exec httpd -f -p ${port} -h /tmp/w`;
const fetched = (port: number): Promise<string> =>
  until(`an answer on port ${port}`, async () => (await fetch(`http://127.0.0.1:${port}/env`)).text());

describeDocker(engine, 'a container of a task', ({ socketPath }) => {
  const docker = new Docker({ socketPath });
  const agent = new Agent({ socketPath });

  it(
    'is reached through its published port with bridge networking, and has an address of its own',
    async () => {
      const hostPort = await freePort();
      const port = { index: 0, hostPort, containerPort: 8080, protocol: 'tcp' as const };
      const task = await agent.run({
        network: 'bridge',
        ports: [port],
        cmd: serve('8080'),
        env: { WHO: 'me' },
      });
      expect(await fetched(hostPort)).toContain('WHO=me');
      expect(task.ipAddresses).toEqual([
        { ipAddress: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/), protocol: 'IPv4' },
      ]);
    },
    WAIT,
  );

  it(
    'listens on the host itself with host networking',
    async () => {
      const hostPort = await freePort();
      const port = { index: 0, hostPort, protocol: 'tcp' as const };
      const task = await agent.run({ ports: [port], cmd: serve('$PORT0'), env: { PORT0: String(hostPort) } });
      expect(await fetched(hostPort)).toContain(`PORT0=${hostPort}`);
      expect(task.ipAddresses).toEqual([]);
    },
    WAIT,
  );

  it(
    'is the same task under another name: it lives, is stopped and cleared away',
    async () => {
      const { taskId, handle = '' } = await agent.run({ cmd: 'exec sleep 1000' });
      const container = docker.getContainer(handle);
      await container.rename({ name: `renamed-${handle.slice(0, 12)}` });
      const stopped = new AbortController();
      const exit = agent.runtime.waitForExit(taskId, stopped.signal);
      expect(await Promise.race([exit, agent.runtime.execute(taskId, 'echo alive', 20_000)])).toMatchObject({
        output: expect.stringContaining('alive'),
      });
      await container.pause();
      await expect(agent.runtime.execute(taskId, 'echo alive', 20_000)).rejects.toMatchObject({
        kind: 'rejected',
        message: expect.stringMatching(/paused/i),
      });
      await container.unpause();
      await agent.runtime.stop(taskId, 0);
      expect(await exit).toMatchObject({ requested: true });
      await agent.runtime.forget(taskId, true);
      await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    },
    WAIT,
  );

  it(
    'tells a port that another container holds from every other failure',
    async () => {
      const hostPort = await freePort();
      const port = { index: 0, hostPort, containerPort: 80, protocol: 'tcp' as const };
      await agent.run({ network: 'bridge', ports: [port], cmd: serve('80') });
      const second = agent.run({ network: 'bridge', ports: [port], cmd: serve('80') });
      await expect(second).rejects.toMatchObject({ kind: 'rejected', reason: 'port-taken', port: hostPort });
    },
    WAIT,
  );

  it(
    'is killed when it takes more memory than it has, and the exit says so',
    async () => {
      const task = await agent.run({ mem: 16, cmd: 'x=0123456789; while :; do x=$x$x; done' });
      const exit = await agent.runtime.waitForExit(task.taskId, never);
      expect(exit).toMatchObject({ outOfMemory: true, code: 137, requested: false });
      expect(exit.message).toContain('its limit is 16 MiB');
    },
    WAIT,
  );

  it(
    'sees folders of the host, read-only where it says so',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'longrun-volume-'));
      try {
        await writeFile(join(folder, 'given'), 'words');
        const volume = { hostPath: folder, containerPath: '/data' };
        const task = await agent.run({
          volumes: [
            { ...volume, mode: 'RW' },
            { ...volume, containerPath: '/fixed', mode: 'RO' },
          ],
          cmd: 'cp /data/given /data/copy; touch /fixed/new',
        });
        const exit = await agent.runtime.waitForExit(task.taskId, never);
        expect(await readFile(join(folder, 'copy'), 'utf8')).toBe('words');
        expect(exit).toMatchObject({ code: 1 });
        expect(exit.message).toContain('Read-only file system');
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    WAIT,
  );

  it(
    'carries our labels over the app’s, never restarts by itself and has an init',
    async () => {
      const launch = agent.launch({
        cmd: 'exec sleep 1000',
        labels: { HAPROXY_GROUP: 'external', 'io.longrun.task': 'not-this' },
      });
      const { handle = '' } = await agent.runtime.start(launch);
      const { Config, HostConfig } = await docker.getContainer(handle).inspect();
      expect(Config.Labels).toMatchObject({
        HAPROXY_GROUP: 'external',
        'io.longrun.task': launch.taskId,
        'io.longrun.agent': agent.agentId,
        'io.longrun.incarnation': '1',
        MESOS_TASK_ID: launch.taskId,
      });
      expect(HostConfig).toMatchObject({
        ...{ RestartPolicy: { Name: 'no' }, AutoRemove: false, Init: true, CpuShares: 102 },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } },
      });
    },
    WAIT,
  );

  it(
    'takes docker parameters by their names',
    async () => {
      const { taskId } = await agent.run({
        network: 'bridge',
        cmd: 'hostname; pwd; cat /etc/hosts; ulimit -n; echo $EXTRA; touch /here || echo fixed',
        parameters: [
          { key: 'hostname', value: 'given' },
          { key: 'workdir', value: '/var' },
          { key: 'add-host', value: 'db.example:10.1.2.3' },
          { key: 'ulimit', value: 'nofile=123:456' },
          { key: 'env', value: 'EXTRA=more' },
          { key: 'read-only', value: 'true' },
        ],
      });
      await agent.runtime.waitForExit(taskId, never);
      const { text } = await agent.runtime.readLog(taskId, 'stdout', 0, 10_000);
      for (const words of ['given\n/var\n', '10.1.2.3\tdb.example', '123\nmore\nfixed\n'])
        expect(text).toContain(words);
    },
    WAIT,
  );

  it.each([
    ['an unknown parameter, by its name', { parameters: [{ key: 'frobnicate', value: '1' }] }, /frobnicate/],
    [
      'a host path above its sandbox',
      { volumes: [{ hostPath: '../data', containerPath: '/d', mode: 'RW' as const }] },
      /'..\/data'/,
    ],
    ['a value the engine refuses', { parameters: [{ key: 'cap-add', value: 'NOT_A_CAP' }] }, /NOT_A_CAP/i],
  ])(
    'is refused for %s',
    async (_what, spec, words) => {
      const failure = await agent.run({ cmd: 'true', ...spec }).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        kind: 'rejected',
        reason: 'invalid',
        message: expect.stringMatching(words),
      });
    },
    WAIT,
  );

  it(
    'fails with 127 for a program that is not in its image',
    async () => {
      const { taskId } = await agent.run({ args: ['/no/such/program'] });
      const exit = await agent.runtime.waitForExit(taskId, never);
      expect(exit).toMatchObject({ code: 127, requested: false });
      expect(exit.message).toContain('/no/such/program');
    },
    WAIT,
  );

  it(
    'that the engine refuses to start leaves nothing behind',
    async () => {
      const parameters = [{ key: 'sysctl', value: 'no.such=1' }];
      const launch = agent.launch({ cmd: 'true', network: 'bridge', parameters });
      await expect(agent.runtime.start(launch)).rejects.toMatchObject({ name: 'RuntimeError' });
      const labels = [`io.longrun.task=${launch.taskId}`];
      expect(await docker.listContainers({ all: true, filters: { label: labels } })).toEqual([]);
    },
    WAIT,
  );

  it(
    'ends by the signal that its image names',
    async () => {
      const { taskId } = await agent.run({
        cmd: `trap 'exit 5' USR1; trap '' TERM; echo ready; while :; do sleep 0.1; done`,
        parameters: [{ key: 'stop-signal', value: 'SIGUSR1' }],
      });
      await until('the trap', async () => (await agent.runtime.readLog(taskId, 'stdout', 0, 100)).text);
      await agent.runtime.stop(taskId, 60_000);
      expect(await agent.runtime.waitForExit(taskId, never)).toMatchObject({ code: 5, requested: true });
    },
    WAIT,
  );

  it(
    'is found by nobody when its labels make no sense, and disturbs nobody',
    async () => {
      const strange = await docker.createContainer({
        ...{ Image: IMAGE, Cmd: ['sleep', '1000'] },
        Labels: {
          ...{ 'io.longrun.cluster': 'cluster-of-specs', 'io.longrun.agent': agent.agentId },
          ...{ 'io.longrun.task': '', 'io.longrun.instance': '%', 'io.longrun.incarnation': 'many' },
        },
      });
      try {
        await strange.start();
        const { taskId } = await agent.run({ cmd: 'exit 3' });
        expect(await agent.runtime.waitForExit(taskId, never)).toMatchObject({ code: 3 });
        const ids = (await agent.runtime.list()).map((task) => task.handle);
        expect(ids).not.toContain(strange.id);
      } finally {
        await strange.remove({ force: true });
      }
    },
    WAIT,
  );

  it(
    'that a person removed counts as ended, with an unknown code',
    async () => {
      const { taskId, handle = '' } = await agent.run({ cmd: 'exec sleep 1000' });
      const exit = agent.runtime.waitForExit(taskId, never);
      await docker.getContainer(handle).remove({ force: true });
      // killed first, then removed: whichever was seen
      expect([137, undefined]).toContain((await exit).code);
    },
    WAIT,
  );

  it(
    'created by an agent that died before the start is started by the next one',
    async () => {
      const launch = agent.launch({ cmd: 'exit 4' });
      const { handle: first = '' } = await agent.runtime.start(launch);
      const definition = await docker.getContainer(first).inspect();
      await docker.getContainer(first).remove({ force: true });
      const created = await docker.createContainer({ ...definition.Config, name: definition.Name.slice(1) });
      await agent.reopen();
      expect(await agent.runtime.list()).not.toContainEqual(
        expect.objectContaining({ taskId: launch.taskId }),
      );
      expect((await agent.runtime.start(launch)).handle).toBe(created.id);
      expect(await agent.runtime.waitForExit(launch.taskId, never)).toMatchObject({ code: 4 });
    },
    WAIT,
  );

  it(
    'says what the engine lacks, or that there is none',
    async () => {
      expect(await agent.runtime.health()).toMatchObject({ usable: true });
      const nowhere = agent.open('/nonexistent/docker.sock');
      const health = await nowhere.health();
      expect(health.usable).toBe(false);
      expect(health.warnings[0]).toContain('/nonexistent/docker.sock');
      await expect(nowhere.list()).rejects.toMatchObject({ kind: 'temporary' });
      await nowhere.close();
    },
    WAIT,
  );
});
