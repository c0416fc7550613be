// Health, readiness, disk and logs.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LogRequest } from '#libs/agent-protocol';
import { RuntimeError } from '#libs/runtime';
import { aCheck, AgentBench, anAssignment, INSTANCE } from './fixtures/agent-bench.js';

let bench: AgentBench;
beforeEach(() => {
  bench = new AgentBench();
});
afterEach(() => bench.stop());

const ports = [{ index: 0, hostPort: 31_000, protocol: 'tcp' as const }];
const refused = { kind: 'failure' as const, cause: 'connection refused' };

describe('health', () => {
  it('is asked quickly until the first success, and failures of these probes do not count', async () => {
    let answers = false;
    bench.probe = () => (answers ? { kind: 'success' } : refused);
    const check = aCheck({ gracePeriodSeconds: 0, intervalSeconds: 60 });
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    await bench.run(900);
    expect(bench.probes.length).toBeGreaterThan(3);
    expect(session.status()?.health).toEqual([null]);
    answers = true;
    await bench.run(800);
    expect(session.status()?.health).toMatchObject([{ alive: true, consecutiveFailures: 0 }]);
    const soFar = bench.probes.length;
    await bench.run(3_000);
    expect(bench.probes.length).toBe(soFar);
  });

  it('counts failures of its rounds, first after 5 s, and reports each change only', async () => {
    const check = aCheck({ gracePeriodSeconds: 0, intervalSeconds: 10 });
    bench.probe = () => refused;
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    session.acknowledge();
    await bench.run(5_100);
    expect(session.status()?.health).toMatchObject([
      { alive: false, consecutiveFailures: 1, lastFailureCause: 'connection refused' },
    ]);
    await bench.run(10_000);
    expect(session.status()?.health).toMatchObject([{ consecutiveFailures: 2 }]);
    bench.probe = () => ({ kind: 'success' });
    await bench.run(10_000);
    expect(session.status()?.health).toMatchObject([{ alive: true, consecutiveFailures: 0 }]);
    session.acknowledge();
    const told = session.statuses().length;
    await bench.run(60_000);
    expect(session.statuses()).toHaveLength(told);
  });

  it('counts nothing in the grace period before the first success', async () => {
    bench.probe = () => refused;
    const check = aCheck({ gracePeriodSeconds: 30, intervalSeconds: 10 });
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    await bench.run(29_000);
    expect(session.status()?.health).toEqual([null]);
    await bench.run(10_000);
    expect(session.status()?.health).toMatchObject([{ consecutiveFailures: 1 }]);
  });

  it('by a command waits for delaySeconds and takes its exit code', async () => {
    const check = aCheck({
      protocol: 'COMMAND',
      command: { value: 'test -e ready' },
      gracePeriodSeconds: 0,
      delaySeconds: 15,
    });
    bench.runtime.commandExit = 1;
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    await bench.run(14_900);
    expect(session.status()?.health).toEqual([null]);
    await bench.run(200);
    expect(session.status()?.health).toMatchObject([
      { alive: false, lastFailureCause: 'exit code 1: from the fake' },
    ]);
  });

  it('by a command keeps its last result while nobody can be asked, and fails when the task cannot be', async () => {
    const check = aCheck({
      protocol: 'COMMAND',
      command: { value: 'true' },
      gracePeriodSeconds: 0,
      delaySeconds: 0,
      intervalSeconds: 5,
    });
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    await bench.run(6_000);
    expect(session.status()?.health).toMatchObject([{ alive: true }]);
    const asked = bench.runtime.executed.length;
    bench.runtime.commandExit = new RuntimeError('temporary', 'temporary', 'the engine is away');
    await bench.run(60_000);
    expect(bench.runtime.executed.length).toBeGreaterThan(asked + 5);
    expect(session.status()?.health).toMatchObject([{ alive: true, consecutiveFailures: 0 }]);
    bench.runtime.commandExit = new RuntimeError('rejected', 'invalid', 'its container is paused');
    await bench.run(6_000);
    expect(session.status()?.health).toMatchObject([
      { alive: false, lastFailureCause: 'its container is paused' },
    ]);
  });

  it('keeps the beginning of a long cause', async () => {
    bench.probe = () => ({ kind: 'failure', cause: `500 ${'x'.repeat(10_000)}` });
    const check = aCheck({ gracePeriodSeconds: 0, intervalSeconds: 1 });
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    await bench.run(2_000);
    expect(session.status()?.health[0]?.lastFailureCause).toHaveLength(300);
  });

  it.each(['MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP'] as const)(
    'by %s waits for delaySeconds, and does not look before',
    async (protocol) => {
      const check = aCheck({ protocol, delaySeconds: 15 });
      const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
      await bench.run(14_900);
      expect(bench.probes).toEqual([]);
      await bench.run(200);
      expect(session.status()?.health).toMatchObject([{ alive: true }]);
    },
  );

  it('by HTTP pays no attention to delaySeconds', async () => {
    const check = aCheck({ delaySeconds: 3_600 });
    const session = await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    await bench.run(1_000);
    expect(session.status()?.health).toMatchObject([{ alive: true }]);
  });

  it('with an interval of 0 is asked once per second', async () => {
    const check = aCheck({ intervalSeconds: 0 });
    await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    bench.probes.length = 0;
    await bench.run(10_000);
    expect(bench.probes.length).toBeGreaterThanOrEqual(9);
    expect(bench.probes.length).toBeLessThanOrEqual(11);
  });

  it('ends with the task', async () => {
    const check = aCheck({ intervalSeconds: 1 });
    await bench.joined([anAssignment({ launch: { ports, healthChecks: [check] } })]);
    bench.runtime.crash(anAssignment().taskId);
    await bench.run(10);
    bench.probes.length = 0;
    await bench.run(10_000);
    expect(bench.probes).toEqual([]);
  });
});

describe('accepting', () => {
  it('is true at once without ports', async () => {
    const session = await bench.joined([anAssignment()]);
    expect(session.status()).toMatchObject({ phase: 'running', accepting: true });
  });

  it('comes with the first accepted connection of every port that has no check', async () => {
    const open = new Set<number>();
    bench.probe = (port) => (open.has(port) ? { kind: 'success' } : refused);
    const two = [
      ...ports,
      { index: 1, hostPort: 31_001, protocol: 'tcp' as const },
      { index: 2, hostPort: 31_002, protocol: 'udp' as const },
    ];
    const session = await bench.joined([anAssignment({ launch: { ports: two } })]);
    open.add(31_000);
    await bench.run(2_000);
    expect(session.status()).toMatchObject({ accepting: false });
    open.add(31_001);
    await bench.run(1_000);
    expect(session.status()).toMatchObject({ accepting: true });
    expect(bench.probes.some(({ port }) => port === 31_002)).toBe(false);
  });
});

describe('a nearly full disk', () => {
  it('stops task output and is told, and its end too', async () => {
    const session = await bench.joined();
    bench.freeShare = 0.04;
    await bench.run(5_000);
    expect(bench.runtime.dropping).toBe(true);
    expect(session.of('agent-update').at(-1)).toMatchObject({ diskLow: true });
    bench.freeShare = 0.2;
    await bench.run(5_000);
    expect(bench.runtime.dropping).toBe(false);
    expect(session.of('agent-update').at(-1)).toMatchObject({ diskLow: false });
  });
});

describe('logs', () => {
  const { taskId } = anAssignment();
  const request = (id: string, more: Partial<LogRequest> = {}): LogRequest =>
    ({
      ...{
        type: 'log-request',
        request: id,
        instanceId: INSTANCE,
        taskId,
        stream: 'stdout',
        from: 0,
        follow: false,
      },
      ...more,
    }) as LogRequest;

  it('are sent in chunks of at most 64 KiB and end at the end', async () => {
    const session = await bench.joined([anAssignment()]);
    bench.runtime.write(taskId, 'x'.repeat(150_000));
    session.send(request('a'));
    await bench.run(300);
    const chunks = session.of('log-chunk');
    expect(chunks.map(({ text }) => text.length)).toEqual([65_536, 65_536, 18_928, 0]);
    expect(chunks.at(-1)).toMatchObject({ end: true });
  });

  it('are followed until they are cancelled', async () => {
    const session = await bench.joined([anAssignment()]);
    session.send(request('a', { follow: true }));
    await bench.run(1_000);
    bench.runtime.write(taskId, 'one');
    await bench.run(300);
    expect(session.of('log-chunk')).toMatchObject([{ text: 'one', end: false }]);
    session.send({ type: 'log-cancel', request: 'a' });
    await bench.run(0);
    bench.runtime.write(taskId, 'two');
    await bench.run(1_000);
    expect(session.of('log-chunk')).toHaveLength(1);
  });

  it('are refused beyond 32 at once, and for a task that nobody knows', async () => {
    const session = await bench.joined([anAssignment()]);
    session.send(request('unknown', { taskId: anAssignment({ task: 'x.y' }).taskId }));
    await bench.run(0);
    expect(session.of('log-chunk')).toMatchObject([
      { request: 'unknown', end: true, error: expect.stringContaining('x.y') },
    ]);
    for (let at = 0; at < 33; at += 1) session.send(request(`r${at}`, { follow: true }));
    await bench.run(0);
    expect(session.of('log-chunk').slice(1)).toMatchObject([
      { request: 'r32', end: true, error: expect.stringContaining('32') },
    ]);
  });
});
