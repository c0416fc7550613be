// Restarts of the agent: nothing that runs is touched, real exits are reported, orphans are treated with patience.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AgentBench, anAssignment, INSTANCE } from './fixtures/agent-bench.js';

let bench: AgentBench;
beforeEach(() => {
  bench = new AgentBench();
  bench.automatic = { epoch: 1, set: [anAssignment()] };
});
afterEach(() => bench.stop());

async function started(): Promise<void> {
  await bench.start();
  await bench.run(100);
}
const { taskId } = anAssignment();

describe('after a restart of the agent', () => {
  it('a running task is watched on and its end is seen', async () => {
    await started();
    const before = bench.session.status();
    await bench.stop();
    await started();
    expect(bench.runtime.started).toHaveLength(1);
    expect(bench.session.status()).toMatchObject({
      phase: 'running',
      run: 2,
      handle: before?.handle,
      startedAt: before?.startedAt,
    });
    bench.runtime.crash(taskId, 5);
    await bench.run(10);
    expect(bench.session.status()).toMatchObject({ phase: 'ended', exit: { code: 5 } });
  });

  it('a task that ended meanwhile is reported with its real exit', async () => {
    await started();
    await bench.stop();
    bench.runtime.crash(taskId, 9);
    await started();
    expect(bench.session.phases()).toEqual(['1 ended']);
    expect(bench.session.status()).toMatchObject({ exit: { code: 9, requested: false } });
    expect(bench.runtime.started).toHaveLength(1);
  });

  it('a task that nobody knows any more ended with an unknown exit', async () => {
    await started();
    await bench.stop();
    bench.runtime.vanish(taskId);
    await started();
    const exit = bench.session.status()?.exit;
    expect(exit).toMatchObject({ requested: false });
    expect(exit).not.toHaveProperty('code');
  });

  it('an assignment whose start never happened is begun', async () => {
    bench.runtime.holdStarts();
    await started();
    await bench.stop();
    const fresh = bench.runtime.holdStarts();
    fresh();
    await started();
    expect(bench.session.status()).toMatchObject({ phase: 'running', incarnation: 1 });
  });

  it('crashes are repaired without any control plane', async () => {
    await started();
    await bench.stop();
    bench.reachable = false;
    bench.runtime.crash(taskId);
    await bench.start();
    await bench.run(10_500);
    expect(bench.runtime.started).toHaveLength(2);
    const own = bench.runtime.started[1]?.taskId;
    await bench.stop();
    await bench.start();
    await bench.run(60_000);
    expect(bench.runtime.running()).toEqual([own]);
  });
});

describe('a task that no assignment names', () => {
  it('is listed, and stopped only after 60 s with a complete set', async () => {
    await started();
    await bench.stop();
    bench.automatic = { epoch: 1, set: [] };
    await started();
    expect(bench.session.of('agent-update').at(-1)?.agent.warnings).toEqual([
      expect.stringContaining(INSTANCE),
    ]);
    expect(bench.session.statuses()).toEqual([]);
    await bench.run(59_000);
    expect(bench.runtime.stopped).toEqual([]);
    await bench.run(1_000);
    expect(bench.runtime.running()).toEqual([]);
    await bench.run(61_000);
    expect(bench.journal.entries.size).toBe(0);
    expect(bench.session.of('agent-update').at(-1)?.agent.warnings).toEqual([]);
  });

  it('is not begun any more when it is still pulled', async () => {
    bench.automatic = null;
    const open = bench.runtime.holdPulls();
    const launch = { image: 'busybox' };
    const session = await bench.joined([anAssignment({ launch })]);
    session.full([]);
    await bench.run(10);
    open();
    await bench.run(30_000);
    expect(bench.runtime.started).toEqual([]);
    const next = anAssignment({ incarnation: 2, launch });
    session.change([next]);
    await bench.run(1_000);
    expect(bench.runtime.running()).toEqual([next.taskId]);
    session.change([], [INSTANCE]);
    await bench.run(30_000);
    expect(bench.runtime.running()).toEqual([next.taskId]);
  });

  it('is found also when it appears while the agent runs', async () => {
    bench.automatic = { epoch: 1, set: [] };
    await started();
    const { launch: spec, ...task } = anAssignment();
    await bench.runtime.start({ ...task, spec });
    await bench.run(31_000);
    expect(bench.session.of('agent-update').at(-1)?.agent.warnings).toEqual([
      expect.stringContaining(INSTANCE),
    ]);
    await bench.run(60_000);
    expect(bench.runtime.running()).toEqual([]);
  });

  it('is safe while there is no session or no whole set', async () => {
    await started();
    bench.automatic = { epoch: 1, set: [] };
    for (let round = 0; round < 4; round += 1) {
      bench.session.drop();
      await bench.run(40_000);
    }
    bench.automatic = null;
    bench.session.drop();
    await bench.run(3_000);
    bench.session.welcome();
    bench.session.full([], true);
    await bench.run(200_000);
    expect(bench.runtime.stopped).toEqual([]);
  });

  it('is kept when an assignment names it again', async () => {
    await started();
    bench.session.drop();
    bench.automatic = { epoch: 1, set: [] };
    await bench.run(30_000);
    bench.session.change([anAssignment()]);
    await bench.run(300_000);
    expect(bench.runtime.running()).toEqual([taskId]);
    expect(bench.session.status()).toMatchObject({ phase: 'running' });
  });

  it('is found although the journal is lost, and named by the set again', async () => {
    await started();
    await bench.stop();
    bench.journal.entries.clear();
    await started();
    expect(bench.runtime.started).toHaveLength(1);
    expect(bench.session.status()).toMatchObject({ phase: 'running', taskId });
  });
});
