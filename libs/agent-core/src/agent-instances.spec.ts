// What workers do with assignments: newest wins, stops, rejections, restarts without a control plane.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RuntimeError } from '#libs/runtime';
import { AgentBench, anAssignment, INSTANCE } from './fixtures/agent-bench.js';

let bench: AgentBench;
beforeEach(() => {
  bench = new AgentBench();
});
afterEach(() => bench.stop());

const image = { runtime: 'process' as const, image: 'busybox' };

describe('the newest assignment', () => {
  it('stops the older incarnation before it starts the newer one', async () => {
    const session = await bench.joined([anAssignment()]);
    session.change([anAssignment({ incarnation: 2 })]);
    await bench.run(10);
    expect(bench.runtime.stopped).toEqual([{ taskId: anAssignment().taskId, graceMs: 3_000 }]);
    expect(bench.runtime.running()).toEqual([anAssignment({ incarnation: 2 }).taskId]);
    expect(session.status()).toMatchObject({ incarnation: 2, phase: 'running' });
  });

  it('cancels a pull', async () => {
    const open = bench.runtime.holdPulls();
    const session = await bench.joined([anAssignment({ launch: image })]);
    expect(session.status()).toMatchObject({ phase: 'pulling', pull: { doneBytes: 1 } });
    session.change([anAssignment({ goal: 'stop', launch: image })]);
    await bench.run(10);
    expect(session.status()).toMatchObject({ phase: 'ended', exit: { requested: true } });
    open();
    await bench.run(1_000);
    expect(bench.runtime.started).toEqual([]);
  });

  it('lets an engine start finish, and stops the task then', async () => {
    const open = bench.runtime.holdStarts();
    const session = await bench.joined([anAssignment()]);
    expect(session.status()).toMatchObject({ phase: 'starting' });
    session.change([anAssignment({ goal: 'stop' })]);
    await bench.run(1_000);
    expect(bench.runtime.stopped).toEqual([]);
    open();
    await bench.run(10);
    expect(bench.runtime.running()).toEqual([]);
    expect(session.status()).toMatchObject({ phase: 'ended', exit: { requested: true } });
  });

  it('is the one with the higher incarnation, whatever comes last', async () => {
    const session = await bench.joined([anAssignment({ incarnation: 2 })]);
    session.change([anAssignment({ incarnation: 1, goal: 'stop' })]);
    await bench.run(10);
    expect(bench.runtime.running()).toHaveLength(1);
  });
});

describe('a stop', () => {
  it('of what never began is reported as ended', async () => {
    const session = await bench.joined([anAssignment({ goal: 'stop' })]);
    expect(bench.runtime.started).toEqual([]);
    expect(session.status()).toMatchObject({ phase: 'ended', exit: { requested: true } });
  });

  it('keeps the logs for a while after the instance was dismissed', async () => {
    const session = await bench.joined([anAssignment()]);
    const { taskId } = anAssignment();
    bench.runtime.write(taskId, 'last words');
    session.change([anAssignment({ goal: 'stop' })]);
    await bench.run(10);
    session.change([], [INSTANCE]);
    await bench.run(10);
    session.send({
      type: 'log-request',
      request: 'r',
      instanceId: INSTANCE,
      taskId,
      stream: 'stdout',
      from: 0,
      follow: true,
    });
    await bench.run(300);
    expect(
      session
        .of('log-chunk')
        .map(({ text }) => text)
        .join(''),
    ).toBe('last words');
    expect(session.of('log-chunk').at(-1)).toMatchObject({ end: true });
    await bench.run(3_600_000);
    expect(bench.journal.entries.size).toBe(0);
    await expect(bench.runtime.readLog(taskId, 'stdout', 0, 10)).rejects.toThrow('not known');
  });
});

describe('a start that is refused', () => {
  it('is reported with its reason and not tried again while there is a session', async () => {
    bench.runtime.refuse(new RuntimeError('rejected', 'port-taken', 'port 31000 is taken', 31_000));
    const session = await bench.joined([anAssignment()]);
    await bench.run(100_000);
    expect(session.status()).toMatchObject({
      phase: 'rejected',
      reject: { reason: 'port-taken', message: 'port 31000 is taken', port: 31_000 },
    });
    expect(bench.runtime.started).toEqual([]);
  });

  it('for want of a runtime names it', async () => {
    const session = await bench.joined([anAssignment({ launch: { runtime: 'docker', image: 'busybox' } })]);
    expect(session.status()).toMatchObject({ phase: 'rejected', reject: { reason: 'runtime-missing' } });
  });
});

describe('a start whose answer is lost', () => {
  const lost = new RuntimeError('temporary', 'temporary', 'the engine hung up');

  it('may have happened: it is reported only once nothing of the task runs any more', async () => {
    bench.runtime.loseAnswers(lost);
    const session = await bench.joined([anAssignment()]);
    await bench.run(1_000);
    expect(bench.runtime.started).toHaveLength(1);
    expect(session.status()).toMatchObject({
      phase: 'rejected',
      reject: { reason: 'temporary', message: 'the engine hung up' },
    });
    expect(bench.runtime.running()).toEqual([]);
  });

  it('never leaves a task beside the next incarnation', async () => {
    bench.runtime.loseAnswers(lost);
    const session = await bench.joined([anAssignment()]);
    bench.runtime.loseAnswers(null);
    const next = anAssignment({ incarnation: 2 });
    session.change([next]);
    await bench.run(1_000);
    expect(bench.runtime.running()).toEqual([next.taskId]);
  });

  it('is asked about again until the engine answers', async () => {
    bench.runtime.failStops(lost);
    bench.runtime.loseAnswers(lost);
    const session = await bench.joined([anAssignment()]);
    await bench.run(20_000);
    expect(session.status()?.phase).toBe('starting');
    bench.runtime.failStops(null);
    await bench.run(20_000);
    expect(session.status()?.phase).toBe('rejected');
    expect(bench.runtime.running()).toEqual([]);
  });
});

describe('a task that ends', () => {
  it('is not started again by the agent while there is a session', async () => {
    const session = await bench.joined([anAssignment()]);
    bench.runtime.crash(anAssignment().taskId, 0);
    await bench.run(120_000);
    expect(session.status()).toMatchObject({
      incarnation: 1,
      phase: 'ended',
      exit: { code: 0, requested: false },
    });
    expect(bench.runtime.started).toHaveLength(1);
  });

  it('is started again after 10 s without a session, on the same ports, with the backoff carried on', async () => {
    const assignment = anAssignment({ delayMs: 2_000 });
    await bench.joined([assignment]);
    bench.cutOff();
    bench.runtime.crash(assignment.taskId);
    await bench.run(9_900);
    expect(bench.runtime.started).toHaveLength(1);
    await bench.run(200);
    const second = bench.runtime.started[1];
    expect(second).toMatchObject({ incarnation: 2, spec: { ports: assignment.launch.ports } });
    expect(second?.spec.env).toEqual({ MESOS_TASK_ID: second?.taskId, COLOUR: 'blue' });
    // delays so far: 2 s, then 4 s (waited within the 10 s), now 8 s
    bench.runtime.crash(second?.taskId ?? assignment.taskId);
    await bench.run(7_900);
    expect(bench.runtime.started).toHaveLength(2);
    await bench.run(200);
    expect(bench.runtime.started).toHaveLength(3);
  });

  it('forgets the backoff after stable running', async () => {
    await bench.joined([anAssignment({ delayMs: 32_000 })]);
    bench.cutOff();
    await bench.run(61_000);
    bench.runtime.crash(anAssignment().taskId);
    await bench.run(1_100);
    expect(bench.runtime.started).toHaveLength(2);
  });

  it('and was restarted by the agent is taken over, not restarted, when the session returns', async () => {
    const own = await bench.restartedAlone();
    bench.reachable = true;
    bench.automatic = { epoch: 2, set: [anAssignment()] };
    await bench.run(3_000);
    expect(bench.session.status()).toMatchObject({
      incarnation: 2,
      taskId: own,
      phase: 'running',
      autonomous: true,
    });
    bench.session.change([anAssignment({ incarnation: 2, task: own })]);
    await bench.run(100_000);
    expect(bench.runtime.started).toHaveLength(2);
    expect(bench.runtime.stopped).toEqual([]);
    expect(bench.session.status()).toMatchObject({ incarnation: 2, autonomous: false, phase: 'running' });
  });

  it('and was restarted by the agent is told before the agent says that it let go of it', async () => {
    await bench.restartedAlone();
    bench.reachable = true;
    // a control plane that has stored the end, and waits with the next launch
    bench.automatic = { epoch: 2, set: [] };
    await bench.run(3_000);
    const said = bench.session.received.map((each) =>
      each.type === 'statuses'
        ? each.items.map(({ incarnation, phase }) => `${incarnation} ${phase}`)
        : each.type,
    );
    const told = said.findIndex((each) => each.includes('2 running'));
    expect(told).toBeGreaterThan(0);
    expect(said.indexOf('assignments-ack')).toBeGreaterThan(told);
  });

  it('and was restarted by the agent is told, too, by an agent that was started anew and has no engine yet', async () => {
    const own = await bench.restartedAlone();
    await bench.stop();
    bench.reachable = true;
    bench.engineless = true;
    bench.automatic = { epoch: 2, set: [] };
    await bench.start();
    await bench.run(100);
    expect(bench.session.status()).toMatchObject({ incarnation: 2, taskId: own, accepting: false });
    expect(bench.session.of('assignments-ack')).toHaveLength(1);
    // it is taken over, and watched on from when the engine answers
    bench.session.change([anAssignment({ incarnation: 2, task: own })]);
    await bench.findRuntime();
    await bench.run(1_000);
    expect(bench.session.status()).toMatchObject({ incarnation: 2, phase: 'running', autonomous: false });
    expect(bench.runtime.started).toHaveLength(2);
    expect(bench.runtime.stopped).toEqual([]);
  });

  it('and was restarted by the agent is stopped when the control plane says so of it, not of the one before', async () => {
    const own = await bench.restartedAlone();
    bench.reachable = true;
    bench.automatic = { epoch: 2, set: [anAssignment({ goal: 'stop' })] };
    await bench.run(30_000);
    // it is taken over and may be routed by now
    expect(bench.runtime.running()).toEqual([own]);
    expect(bench.session.status()).toMatchObject({ incarnation: 2, taskId: own, phase: 'running' });
    bench.session.change([anAssignment({ incarnation: 2, task: own, goal: 'stop' })]);
    await bench.run(3_000);
    expect(bench.runtime.running()).toEqual([]);
    expect(bench.session.status()).toMatchObject({
      incarnation: 2,
      phase: 'ended',
      exit: { requested: true },
    });
  });

  it('is not started again by the agent when it was stopped on request', async () => {
    const session = await bench.joined([anAssignment()]);
    session.change([anAssignment({ goal: 'stop' })]);
    await bench.run(10);
    bench.cutOff();
    await bench.run(300_000);
    expect(bench.runtime.started).toHaveLength(1);
  });
});
