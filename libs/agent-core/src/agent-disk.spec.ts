// A disk that neither takes a write nor refuses it: what needs a disk waits, and nobody may count on this agent meanwhile.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { asInstanceId } from '#libs/model';
import { AgentBench, anAssignment, INSTANCE } from './fixtures/agent-bench.js';
import { ORPHAN_MS } from './instance-set.js';
import { DISK_HANGS_MS } from './watched-journal.js';

const OTHER = asInstanceId('shop_web.instance-2');

let bench: AgentBench;
beforeEach(async () => {
  bench = new AgentBench();
  await bench.joined([anAssignment()]);
});
afterEach(() => bench.stop());

describe('an agent whose disk hangs', () => {
  it('says so and ends its session, and dials again once the disk answers', async () => {
    const { session } = bench;
    const goOn = bench.journal.hang();
    session.change([anAssignment({ id: OTHER })]);
    await bench.run(DISK_HANGS_MS - 100);
    expect(session.open).toBe(true);
    await bench.run(200);
    expect(session.open).toBe(false);
    expect(session.of('agent-update').at(-1)?.agent.warnings).toEqual([expect.stringContaining('disk')]);
    await bench.run(120_000);
    expect(bench.sessions).toHaveLength(1);

    bench.automatic = { epoch: 1, set: [anAssignment()] };
    goOn();
    await bench.run(3_000);
    expect(bench.sessions).toHaveLength(2);
    expect(bench.session.of('hello')).toMatchObject([{ agent: { warnings: [] } }]);
    expect(bench.session.of('assignments-ack')).toMatchObject([{ number: 1 }]);
  });

  it('stops nothing and starts nothing by itself', async () => {
    const goOn = bench.journal.hang();
    bench.session.change([anAssignment({ id: OTHER })]);
    await bench.run(DISK_HANGS_MS + 1_000);
    bench.runtime.crash(anAssignment().taskId);
    await bench.run(120_000);
    expect(bench.runtime.started).toHaveLength(1);
    expect(bench.runtime.stopped).toEqual([]);
    goOn();
  });

  it('keeps its session while writes end, however many of them wait', async () => {
    for (let count = 0; count < 5; count += 1) {
      const goOn = bench.journal.hang();
      bench.session.change([anAssignment({ id: OTHER, incarnation: count + 1 })]);
      await bench.run(DISK_HANGS_MS - 1_000);
      goOn();
      await bench.run(10);
    }
    await bench.run(2 * DISK_HANGS_MS);
    expect(bench.session.open).toBe(true);
    expect(bench.sessions).toHaveLength(1);
  });

  it('is not said of one that answered while this process stood still', async () => {
    const goOn = bench.journal.hang();
    bench.session.change([anAssignment({ id: OTHER })]);
    await bench.run(10);
    bench.clock.standStill(DISK_HANGS_MS + 5_000);
    goOn();
    await bench.run(5_000);
    const told = bench.sessions.flatMap((each) => [...each.of('agent-update'), ...each.of('hello')]);
    expect(told.flatMap(({ agent }) => agent.warnings)).toEqual([]);
  });

  it('closes while it waits for the disk', async () => {
    const goOn = bench.journal.hang();
    bench.session.change([anAssignment({ id: OTHER })]);
    await bench.run(DISK_HANGS_MS + 5_000);
    const closed = bench.stop();
    goOn();
    await closed;
    await bench.run(60_000);
    expect(bench.sessions).toHaveLength(1);
  });
});

it('a set that reaches the disk after its session has ended makes nobody an orphan that is stopped', async () => {
  const { session } = bench;
  const goOn = bench.journal.hang();
  session.full([]);
  await bench.run(10);
  bench.reachable = false;
  session.drop();
  await bench.run(1_000);
  goOn();
  await bench.run(2 * ORPHAN_MS);
  expect(bench.runtime.stopped).toEqual([]);
  expect(bench.runtime.running()).toEqual([anAssignment().taskId]);
  expect(bench.journal.entries.get(INSTANCE)?.assignment).toBeNull();
});
