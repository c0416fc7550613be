// A simulated host with the real agent on it: starts, crashes, power, ports, lies, and the same again with the same seed.
import { describe, expect, it } from '@jest/globals';
import type { RuntimeKind } from '#libs/model';
import { assignment, HostBench, httpCheck, PORT } from './fixtures/host-bench.js';
import type { SimTask } from './sim-task.js';

const KINDS: readonly RuntimeKind[] = ['process', 'docker'];
const isWell = (bench: HostBench): boolean => bench.status()?.health[0]?.alive === true;
const phaseOf = (bench: HostBench): string | undefined => bench.status()?.phase;
const only = (bench: HostBench): SimTask => {
  const [task, ...more] = bench.host.alive;
  if (!task || more.length) throw new Error(`${bench.host.alive.length} tasks live`);
  return task;
};
const launches = (bench: HostBench): number => bench.told.filter((each) => each === 'launching').length;

async function withTask(
  wishes: Parameters<typeof assignment>[0] = {},
  seed = 'bench',
): Promise<{ bench: HostBench; task: SimTask }> {
  const bench = new HostBench({ seed });
  await bench.joined(assignment(wishes));
  await bench.until('it runs', () => phaseOf(bench) === 'running');
  return { bench, task: only(bench) };
}

describe('a simulated host', () => {
  it.each(KINDS)('runs what is assigned, and the agent finds it well: %s', async (runtime) => {
    const bench = new HostBench();
    await bench.joined(assignment({ launch: { runtime } }));
    await bench.until('it is well', () => isWell(bench));
    expect(bench.phases().slice(-2)).toEqual(['1 starting', '1 running']);
    expect(bench.told).toEqual(['launching', 'running']);
    expect(bench.host.listener(PORT)).toMatchObject({
      taskId: 'shop_web.task-1-1',
      isWell: true,
      wasReady: true,
    });
  });

  it.each(KINDS)(
    'is told of a stop before anything happens, and the task ends in its own time: %s',
    async (runtime) => {
      const { bench, task } = await withTask({ launch: { runtime } });
      bench.assign(assignment({ goal: 'stop', launch: { runtime } }));
      await bench.until('the stop is asked', () => bench.told.includes('stopAsked 5000'));
      expect(task.isAlive).toBe(true);
      await bench.until('its end is reported', () => phaseOf(bench) === 'ended');
      expect(bench.told.at(-1)).toBe('ended SIGTERM');
      expect(bench.status()?.exit).toMatchObject({ requested: true });
      expect(bench.host.listener(PORT)).toBeNull();
    },
  );

  it.each(KINDS)(
    'kills what ignores SIGTERM when the grace period is over, not before: %s',
    async (runtime) => {
      const { bench, task } = await withTask({ behaviour: 'ignores-term', launch: { runtime } });
      bench.assign(assignment({ behaviour: 'ignores-term', goal: 'stop', launch: { runtime } }));
      await bench.until('the stop is asked', () => bench.told.includes('stopAsked 5000'));
      const askedAt = bench.ms;
      await bench.until('it is dead', () => !task.isAlive);
      expect(bench.ms - askedAt).toBeGreaterThanOrEqual(4_999);
      expect(bench.ms - askedAt).toBeLessThan(5_100);
      await bench.until('its end is reported', () => phaseOf(bench) === 'ended');
      expect(bench.status()?.exit).toMatchObject({ code: 137, signal: 'SIGKILL', requested: true });
    },
  );

  it('reports a crash with its code, and leaves the next start to the control plane', async () => {
    const { bench, task } = await withTask();
    task.crash(7);
    await bench.run(30_000);
    expect(bench.status()).toMatchObject({ phase: 'ended', exit: { code: 7, requested: false } });
    expect(bench.host.alive).toEqual([]);
  });

  it('restarts by itself, on the same port, what ends while there is no control plane', async () => {
    const { bench, task } = await withTask();
    bench.goAway();
    task.crash();
    await bench.run(9_000);
    expect(bench.host.alive).toEqual([]);
    await bench.until('the next incarnation', () => bench.host.alive.length > 0, 10_000);
    expect(only(bench)).toMatchObject({ incarnation: 2, hostPorts: [PORT] });
  });

  it.each(KINDS)(
    'keeps tasks alive over a kill of the agent, which finds out later how they ended: %s',
    async (runtime) => {
      const { bench, task } = await withTask({ launch: { runtime } });
      bench.host.killAgent();
      await bench.run(5_000);
      expect(task.isAlive).toBe(true);
      task.crash(9);
      bench.host.startAgent();
      await bench.until('its end is reported', () => phaseOf(bench) === 'ended');
      expect(bench.status()).toMatchObject({ exit: { code: 9, requested: false }, run: 2 });
      expect(launches(bench)).toBe(1);
    },
  );

  it.each(KINDS)('has one task whenever the agent dies in the middle of its start: %s', async (runtime) => {
    const found = new Set<number>();
    for (let afterMs = 0; afterMs <= 600; afterMs += 20) {
      const bench = new HostBench({ seed: `start ${afterMs}` });
      await bench.joined();
      bench.host.images.add('shop:1 1');
      bench.assign(assignment({ launch: { runtime } }));
      await bench.run(afterMs);
      bench.host.killAgent();
      found.add(bench.host.tasks.length);
      bench.host.startAgent();
      await bench.until('it is well', () => isWell(bench));
      expect(bench.host.tasks).toHaveLength(1);
      expect(launches(bench)).toBe(1);
    }
    // both cases did occur: it had reached the system, and it had not
    expect(found).toEqual(new Set([0, 1]));
  });

  it.each([
    ['process' as const, undefined],
    ['docker' as const, 255],
  ])('loses all tasks with the power, tells nobody, and knows it afterwards: %s', async (runtime, code) => {
    const { bench, task } = await withTask({ launch: { runtime } });
    const told = bench.statuses.length;
    bench.host.powerOff();
    expect(bench.host.http(bench.host.address, PORT, '/health')).toEqual({
      kind: 'silent',
      connected: false,
    });
    await bench.run(30_000);
    expect(task.how).toBe('power-off');
    expect(bench.statuses).toHaveLength(told);
    bench.host.powerOn();
    expect(bench.host.listener(PORT)).toBeNull();
    await bench.until('its end is reported', () => phaseOf(bench) === 'ended');
    expect(bench.status()?.exit?.code).toBe(code);
    expect(bench.status()?.exit?.requested).toBe(false);
  });

  it.each(KINDS)(
    'rejects a launch whose port something else has, and runs it once that is gone: %s',
    async (runtime) => {
      const bench = new HostBench();
      expect(bench.host.takePort(PORT, true)).toBe(true);
      await bench.joined(assignment({ launch: { runtime } }));
      await bench.until('it is rejected', () => phaseOf(bench) === 'rejected');
      expect(bench.status()?.reject).toMatchObject({ reason: 'port-taken', port: PORT });
      expect(bench.host.tasks).toEqual([]);
      bench.host.takePort(PORT, false);
      bench.assign(assignment({ incarnation: 2, launch: { runtime } }));
      await bench.until('it runs', () => phaseOf(bench) === 'running');
      expect(bench.host.takePort(PORT, true)).toBe(runtime === 'process' && !only(bench).accepts);
    },
  );

  it('has a process die that finds its port taken when it opens it', async () => {
    const bench = new HostBench();
    await bench.joined(assignment());
    await bench.until('it runs', () => bench.told.includes('running'));
    expect(only(bench).accepts).toBe(false);
    expect(bench.host.takePort(PORT, true)).toBe(true);
    await bench.until('its end is reported', () => phaseOf(bench) === 'ended');
    expect(bench.told.at(-1)).toBe('ended port taken');
    expect(bench.status()?.exit?.message).toContain('EADDRINUSE');
  });

  it('rejects a container whose image is not to be found', async () => {
    const bench = new HostBench();
    await bench.joined(assignment({ behaviour: 'image-missing', launch: { runtime: 'docker' } }));
    await bench.until('it is rejected', () => phaseOf(bench) === 'rejected');
    expect(bench.status()?.reject).toMatchObject({ reason: 'image-not-found' });
    expect(bench.told).toEqual([]);
  });

  it('tells how far a long pull is, and pulls an image once', async () => {
    const bench = new HostBench();
    const launch = { runtime: 'docker' as const };
    await bench.joined(assignment({ behaviour: 'pulls-long', launch }));
    await bench.until('it runs', () => phaseOf(bench) === 'running', 300_000);
    const pulls = bench.statuses.filter(({ phase, pull }) => phase === 'pulling' && pull);
    expect(pulls.length).toBeGreaterThan(5);
    expect(bench.ms).toBeGreaterThan(60_000);
    const before = bench.ms;
    only(bench).crash();
    bench.assign(assignment({ behaviour: 'pulls-long', incarnation: 2, launch }));
    await bench.until(
      'the next one runs',
      () => bench.status()?.incarnation === 2 && phaseOf(bench) === 'running',
    );
    expect(bench.ms - before).toBeLessThan(10_000);
  });

  it('has checks fail of tasks that are well while its checker is blind', async () => {
    const { bench, task } = await withTask();
    await bench.until('it is well', () => isWell(bench));
    bench.host.setBlind(true);
    await bench.until('it is reported ill', () => !isWell(bench));
    expect(task.isWell).toBe(true);
    bench.host.setBlind(false);
    await bench.until('it is well again', () => isWell(bench));
  });

  it.each([
    ['sicken', '500 Internal Server Error'],
    ['hang', 'no answer within 2 s (10.0.0.1:31000)'],
  ] as const)('has a task %s for a while', async (deed, cause) => {
    const { bench, task } = await withTask();
    await bench.until('it is well', () => isWell(bench));
    task[deed](20_000);
    expect(task.isWell).toBe(false);
    await bench.until('it is reported ill', () => !isWell(bench));
    expect(bench.status()?.health[0]?.lastFailureCause).toBe(cause);
    await bench.until('it is well again', () => isWell(bench));
    expect(task).toMatchObject({ isWell: true, isAlive: true });
  });

  it.each([
    ['never-healthy', 60_000, { isWell: false, wasReady: false, isAlive: true }],
    ['never-ready', 60_000, { isWell: true, wasReady: false, isAlive: true }],
    ['goes-bad', 60_000, { isWell: false, wasReady: true, isAlive: true }],
    ['slow', 10_000, { isWell: false, wasReady: false, isAlive: true }],
    ['slow', 60_000, { isWell: true, wasReady: true, isAlive: true }],
  ] as const)('runs a release that is %s, seen after %i ms', async (behaviour, ms, facts) => {
    const readinessCheck = {
      name: 'ready',
      protocol: 'HTTP' as const,
      path: '/ready',
      portName: 'web',
      intervalSeconds: 1,
      timeoutSeconds: 1,
      httpStatusCodesForReady: [200],
      preserveLastResponse: false,
    };
    const ports = [{ index: 0, name: 'web', hostPort: PORT, protocol: 'tcp' as const }];
    const { bench, task } = await withTask({ behaviour, launch: { readinessCheck, ports } });
    await bench.run(ms);
    expect(task).toMatchObject(facts);
    expect(bench.status()?.readiness?.ready).toBe(facts.wasReady);
  });

  it.each(['crashes-at-start', 'crashes-after'] as const)('runs a release that %s', async (behaviour) => {
    const bench = new HostBench();
    await bench.joined(assignment({ behaviour }));
    await bench.until('its end is reported', () => phaseOf(bench) === 'ended');
    expect(bench.status()?.exit?.code).toBe(behaviour === 'crashes-after' ? 3 : 1);
  });

  it('asks whoever listens at a port, not the task that is meant', async () => {
    // the second one never listens; its check is sent to the port of the first one
    const other = assignment({
      number: 2,
      behaviour: 'crashes-after',
      launch: { ports: [], healthChecks: [{ ...httpCheck, port: PORT }] },
    });
    const bench = new HostBench();
    await bench.joined(assignment(), other);
    await bench.until(
      'the second one is called well',
      () => bench.status(other.instanceId)?.health[0]?.alive === true,
    );
    expect(bench.host.task(other.taskId)?.wasReady).toBe(false);
  });

  it('does late what happened while the agent was frozen', async () => {
    const { bench, task } = await withTask();
    bench.host.freezeAgent();
    task.crash(4);
    await bench.run(8_000);
    expect(phaseOf(bench)).toBe('running');
    bench.host.thawAgent();
    await bench.until('its end is reported', () => phaseOf(bench) === 'ended', 5_000);
    expect(bench.status()?.run).toBe(1);
  });

  it('cannot start containers while its engine is in trouble, nor see their end', async () => {
    const { bench, task } = await withTask({ launch: { runtime: 'docker' } });
    bench.host.setEngine('errors');
    task.crash(6);
    await bench.run(20_000);
    expect(phaseOf(bench)).toBe('running');
    bench.host.setEngine('ok');
    await bench.until('its end is reported', () => phaseOf(bench) === 'ended', 5_000);
    expect(bench.status()?.exit?.code).toBe(6);
  });

  it('takes a start back that was carried out and not answered, and only then says that it failed', async () => {
    // until the engine carries one out and does not answer
    for (let turn = 0; turn < 50; turn += 1) {
      const bench = new HostBench({ seed: `unanswered ${turn}` });
      await bench.joined();
      await bench.run(2_000);
      bench.host.images.add('shop:1 1');
      bench.host.setEngine('errors');
      bench.assign(assignment({ launch: { runtime: 'docker' } }));
      const isDecided = (): boolean => ['running', 'rejected'].includes(phaseOf(bench) ?? '');
      await bench.until('it runs or is decided', () => bench.host.alive.length > 0 || isDecided());
      await bench.until('it is taken back or decided', () => bench.host.alive.length === 0 || isDecided());
      if (!bench.told.includes('launching') || phaseOf(bench) === 'running') continue;
      expect(bench.host.alive).toEqual([]);
      expect(bench.told.filter((each) => each.startsWith('stopAsked'))).not.toEqual([]);
      bench.host.setEngine('ok');
      await bench.until('its failure is reported', () => phaseOf(bench) === 'rejected');
      expect(bench.phases().filter((each) => each.endsWith('running'))).toEqual([]);
      return;
    }
    throw new Error('it never happened');
  });

  it.each(['low', 'full'] as const)('has a disk that is %s, and says so', async (condition) => {
    const seed = ['a', 'b', 'c', 'd', 'e', 'f'].find((each) => {
      const { disk } = new HostBench({ seed: each }).host;
      disk.fill(true);
      return disk.isFull === (condition === 'full');
    });
    const bench = new HostBench({ seed: seed ?? 'none' });
    await bench.joined();
    bench.host.fillDisk(true);
    bench.assign(assignment());
    await bench.run(10_000);
    expect(bench.log.join('\n')).toContain('the disk is nearly full');
    // nothing can be started where nothing can be written
    expect(bench.host.tasks).toHaveLength(condition === 'full' ? 0 : 1);
    bench.host.fillDisk(false);
    bench.assign(assignment({ incarnation: 2 }));
    await bench.until('it runs', () => phaseOf(bench) === 'running');
  });

  it('loses the one write under way when the agent dies, or has it', async () => {
    const found = new Set<boolean>();
    for (let turn = 0; turn < 20; turn += 1) {
      const bench = new HostBench({ seed: `write ${turn}` });
      await bench.joined(assignment());
      await bench.until('the assignment has come', () =>
        bench.log.some((each) => each.includes('launching')),
      );
      bench.assign(assignment(), assignment({ number: 2 }));
      await bench.run(3);
      bench.host.killAgent();
      const { entries } = bench.host.disk;
      expect([...entries.keys()]).toContain('shop_web.instance-1');
      found.add(entries.has(assignment({ number: 2 }).instanceId));
    }
    expect(found).toEqual(new Set([true, false]));
  });

  it('does the same again with the same seed, and something else with another', async () => {
    const play = async (seed: string): Promise<string> => {
      const bench = new HostBench({ seed, clockError: { offsetMs: 400, rate: 1.0005 } });
      const set = [
        assignment(),
        assignment({ number: 2, behaviour: 'flaps' }),
        assignment({ number: 3, behaviour: 'crashes-after', launch: { runtime: 'docker' } }),
        assignment({ number: 4, behaviour: 'ignores-term', launch: { runtime: 'docker' } }),
      ];
      await bench.joined(...set);
      await bench.run(20_000);
      bench.host.setEngine('errors');
      bench.host.crashTask(0);
      await bench.run(5_000);
      bench.host.killAgent();
      bench.host.setEngine('slow');
      bench.host.startAgent();
      await bench.run(20_000);
      bench.goAway();
      bench.host.fillDisk(true);
      await bench.run(30_000);
      bench.host.powerOff();
      bench.host.powerOn();
      await bench.run(60_000);
      return bench.log.join('\n');
    };
    const [first, second, other] = [await play('one'), await play('one'), await play('two')];
    expect(second).toBe(first);
    expect(other).not.toBe(first);
    expect(first.split('\n').length).toBeGreaterThan(50);
  });
});
