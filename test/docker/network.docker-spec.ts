// Tasks in the networks that an operator has made with `docker network create`.
import { expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { freePort, until } from '#libs/testkit';
import { Agent, describeDocker, never, testEngine } from './test-engine.js';
import { makeNetwork } from './test-network.js';

const engine = await testEngine();
const absent = { name: 'absent', prefix: '' };
const shop = engine ? await makeNetwork(engine.socketPath) : absent;
const audit = engine ? await makeNetwork(engine.socketPath) : absent;
const WAIT = 120_000;
const serve = (word: string): string =>
  `mkdir -p /tmp/w && echo ${word} > /tmp/w/x && exec httpd -f -p 8080 -h /tmp/w`;
const fetched = (host: string, port: number): Promise<string> =>
  until(`an answer of ${host}:${port}`, async () => (await fetch(`http://${host}:${port}/x`)).text());
const unpublished = { index: 0, hostPort: 0, containerPort: 8080, protocol: 'tcp' as const };
const on = (...networkNames: string[]) => ({
  network: 'container' as const,
  networkNames,
  ports: [unpublished],
});
const gone = (name: string): RegExp => new RegExp(`docker network create ${name}$`);

describeDocker(engine, 'a task on a container network', ({ socketPath }) => {
  const docker = new Docker({ socketPath });
  const agent = new Agent({ socketPath });
  const addressOf = (task: Awaited<ReturnType<Agent['run']>>): string => task.ipAddresses[0]?.ipAddress ?? '';

  it(
    'is reached at its own address without any host port, and reaches its neighbours there',
    async () => {
      const [a, b] = [
        await agent.run({ ...on(shop.name), cmd: serve('a') }),
        await agent.run({ ...on(shop.name), cmd: serve('b') }),
      ];
      expect(addressOf(a)).toContain(shop.prefix);
      expect(addressOf(b)).toContain(shop.prefix);
      expect([await fetched(addressOf(a), 8080), await fetched(addressOf(b), 8080)]).toEqual(['a\n', 'b\n']);
      const { output } = await agent.runtime.execute(
        a.taskId,
        `wget -qO- http://${addressOf(b)}:8080/x`,
        20_000,
      );
      expect(output).toBe('b\n');
      const { HostConfig } = await docker.getContainer(a.handle ?? '').inspect();
      expect(HostConfig.PortBindings).toEqual({});
      expect((await agent.runtime.list()).find(({ taskId }) => taskId === a.taskId)).toMatchObject({
        ipAddresses: a.ipAddresses,
      });
    },
    WAIT,
  );

  it(
    'is reached at its host port as well, where it has one',
    async () => {
      const hostPort = await freePort();
      const task = await agent.run({
        ...on(shop.name),
        ports: [{ ...unpublished, hostPort }],
        cmd: serve('both'),
      });
      expect(await fetched('127.0.0.1', hostPort)).toBe('both\n');
      expect(await fetched(addressOf(task), 8080)).toBe('both\n');
    },
    WAIT,
  );

  it(
    'is in all of its networks from its first moment, and its main address is that of the first',
    async () => {
      // the order of the names is the reverse of the engine's own in one of the two
      for (const [main, second] of [[shop, audit] as const, [audit, shop] as const]) {
        const task = await agent.run({
          ...on(main.name, second.name),
          cmd: serve('two'),
        });
        expect(task.ipAddresses.map(({ ipAddress }) => ipAddress.replace(/\d+$/, ''))).toEqual([
          main.prefix,
          second.prefix,
        ]);
        for (const { ipAddress } of task.ipAddresses) expect(await fetched(ipAddress, 8080)).toBe('two\n');
      }
    },
    WAIT,
  );

  it(
    'keeps its address for the next task of its instance, and no other gets it as long as it is there',
    async () => {
      const spec = { ...on(shop.name), cmd: 'exec sleep 1000' };
      const launches = Array.from({ length: 6 }, () => agent.launch(spec));
      const before = await Promise.all(launches.map((each) => agent.runtime.start(each)));
      expect(new Set(before.map(addressOf)).size).toBe(6);
      await Promise.all(before.map(({ handle = '' }) => docker.getContainer(handle).kill()));
      // as after a crash of the whole host, with nobody to say in which order
      await Promise.all(before.map(({ taskId }) => agent.runtime.waitForExit(taskId, never)));
      const stranger = await agent.run(spec);
      expect(before.map(addressOf)).not.toContain(addressOf(stranger));
      const runtime = await agent.reopen();
      for (const [index, { instanceId }] of [...launches.entries()].reverse()) {
        const next = await runtime.start(agent.launch(spec, instanceId));
        expect([index, addressOf(next)]).toEqual([index, addressOf(before[index] ?? next)]);
      }
    },
    WAIT,
  );

  it.each([
    ['the only one', () => ['longrun-spec-none']],
    ['the second one', () => [shop.name, 'longrun-spec-none']],
  ])(
    'is rejected when %s is not there, with what to do, and leaves nothing behind',
    async (_which, names) => {
      const launch = agent.launch({ ...on(...names()), cmd: serve('late') });
      await expect(agent.runtime.start(launch)).rejects.toMatchObject({
        ...{ kind: 'rejected', reason: 'invalid' },
        message: expect.stringMatching(gone('longrun-spec-none')),
      });
      const label = [`io.longrun.task=${launch.taskId}`];
      expect(await docker.listContainers({ all: true, filters: { label } })).toEqual([]);
    },
    WAIT,
  );

  it(
    'that was created and not joined to its second network yet, for its agent died then, is joined before it starts',
    async () => {
      const launch = agent.launch({ ...on(shop.name, audit.name), cmd: serve('resumed') });
      const { taskId } = launch;
      const name = `longrun.${taskId}`;
      const first = await agent.runtime.start(launch);
      // as it was left behind: the same container, of one network, not started
      const { Config, HostConfig } = await docker.getContainer(first.handle ?? '').inspect();
      await agent.runtime.stop(taskId, 0);
      await agent.runtime.waitForExit(taskId, never);
      await docker.getContainer(first.handle ?? '').remove({ force: true });
      await docker.createContainer({ ...Config, HostConfig, name } as Docker.ContainerCreateOptions);
      const task = await agent.runtime.start(launch);
      expect(task.ipAddresses).toHaveLength(2);
    },
    WAIT,
  );
});
