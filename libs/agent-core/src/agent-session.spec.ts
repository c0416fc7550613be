// The session: order, acknowledgements, fencing, reconnects.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HEARTBEAT_MS } from '#libs/agent-protocol';
import { asInstanceId } from '#libs/model';
import { AgentBench, anAssignment, INSTANCE } from './fixtures/agent-bench.js';

let bench: AgentBench;
beforeEach(() => {
  bench = new AgentBench();
});
afterEach(() => bench.stop());

describe('hello', () => {
  it('carries the run number, which is on disk before and grows with each start', async () => {
    await bench.start();
    expect(bench.session.of('hello')).toMatchObject([
      { run: 1, epoch: 0, cluster: null, agent: { hostname: 'host-1' } },
    ]);
    expect(bench.journal.identity).toMatchObject({ run: 1 });
    await bench.stop();
    await bench.start();
    expect(bench.session.of('hello')).toMatchObject([{ run: 2 }]);
  });

  it('is followed by nothing until the welcome', async () => {
    await bench.start();
    await bench.run(4_000);
    expect(bench.session.received.map(({ type }) => type)).toEqual(['hello']);
  });
});

describe('assignments', () => {
  it('are acknowledged cumulatively, and a set only when it is whole', async () => {
    const other = asInstanceId('shop_web.instance-2');
    await bench.start();
    bench.session.welcome();
    bench.session.full([anAssignment()], true);
    await bench.run(10);
    expect(bench.session.of('assignments-ack')).toEqual([]);
    expect(bench.runtime.started).toEqual([]);
    bench.session.full([anAssignment({ id: other })]);
    await bench.run(10);
    expect(bench.session.of('assignments-ack')).toMatchObject([{ number: 2 }]);
    expect([...bench.journal.entries.keys()]).toEqual([INSTANCE, other]);
    expect(bench.runtime.running()).toHaveLength(2);
  });

  it('that cannot be written to disk are not acknowledged: the session ends and they come again', async () => {
    await bench.start();
    bench.session.welcome();
    await bench.run(0);
    bench.journal.broken = new Error('no space left on device');
    bench.session.full([anAssignment()]);
    await bench.run(10);
    expect(bench.session.of('assignments-ack')).toEqual([]);
    expect(bench.session.open).toBe(false);
    bench.journal.broken = null;
    bench.automatic = { epoch: 1, set: [anAssignment()] };
    await bench.run(3_000);
    expect(bench.session.of('assignments-ack')).toMatchObject([{ number: 1 }]);
    expect(bench.runtime.running()).toHaveLength(1);
    expect(bench.journal.entries.get(INSTANCE)?.assignment).toEqual(anAssignment());
  });

  it('that came before and are still not on disk are not acknowledged the second time either', async () => {
    await bench.start();
    bench.session.welcome();
    await bench.run(0);
    bench.journal.broken = new Error('no space left on device');
    bench.automatic = { epoch: 1, set: [anAssignment()] };
    bench.session.full([anAssignment()]);
    await bench.run(6_000);
    expect(bench.sessions.length).toBeGreaterThan(2);
    expect(bench.sessions.flatMap((each) => each.of('assignments-ack'))).toEqual([]);
  });

  it('that name something no more are not acknowledged before that is on disk, or a restarted agent would start it', async () => {
    await bench.joined([anAssignment()]);
    bench.runtime.crash(anAssignment().taskId);
    await bench.run(10);
    bench.journal.broken = new Error('no space left on device');
    bench.automatic = { epoch: 1, set: [] };
    bench.session.change([], [INSTANCE]);
    await bench.run(6_000);
    expect(bench.sessions.length).toBeGreaterThan(2);
    expect(bench.sessions.slice(1).flatMap((each) => each.of('assignments-ack'))).toEqual([]);
    bench.journal.broken = null;
    await bench.run(3_000);
    expect(bench.session.of('assignments-ack')).toMatchObject([{ number: 1 }]);
    expect(bench.journal.entries.get(INSTANCE)?.assignment).toBeNull();
  });

  it('that are not on disk are not carried out, for a restarted agent would not know what it had started', async () => {
    await bench.start();
    bench.session.welcome();
    await bench.run(0);
    bench.journal.broken = new Error('no space left on device');
    bench.automatic = { epoch: 1, set: [anAssignment()] };
    bench.session.full([anAssignment()]);
    await bench.run(20_000);
    expect(bench.runtime.started).toEqual([]);
    bench.journal.broken = null;
    await bench.run(3_000);
    expect(bench.runtime.started).toHaveLength(1);
  });

  it('with a missing number end the session', async () => {
    const session = await bench.joined();
    session.send({
      type: 'assignments',
      number: 3,
      full: false,
      more: false,
      items: [anAssignment()],
      removed: [],
    });
    await bench.run(10);
    expect(session.open).toBe(false);
    expect(bench.runtime.started).toEqual([]);
  });
});

describe('a heartbeat that says when it was sent', () => {
  it('is answered at once, behind all that is known, and each one tells of the newest', async () => {
    await bench.start();
    bench.session.welcome(1, 'cluster-1', 5_000);
    bench.session.full([anAssignment()]);
    await bench.run(10);
    const [taskId] = bench.runtime.running();
    if (!taskId) throw new Error('nothing runs');
    expect(bench.session.of('heartbeat').at(-1)).toEqual({ type: 'heartbeat', heard: 5_000 });
    const before = bench.session.received.length;
    bench.runtime.crash(taskId, 3);
    // its report waits for the end of the turn, for what else changes in it
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(bench.session.received).toHaveLength(before);
    bench.session.send({ type: 'heartbeat', at: 7_000 });
    await bench.run(0);
    const said = bench.session.received.slice(before);
    expect(said.map(({ type }) => type)).toEqual(['statuses', 'heartbeat']);
    expect(said.at(-1)).toEqual({ type: 'heartbeat', heard: 7_000 });
    await bench.run(HEARTBEAT_MS);
    expect(bench.session.of('heartbeat').slice(2)).toEqual([{ type: 'heartbeat', heard: 7_000 }]);
  });

  it('is answered after a look at the tasks, for one may have ended while this process stood still', async () => {
    await bench.start();
    const { runtime, session } = bench;
    session.welcome(1, 'cluster-1', 5_000);
    session.full([anAssignment()]);
    await bench.run(10);
    const [taskId] = runtime.running();
    if (!taskId) throw new Error('nothing runs');
    runtime.holdEnds();
    runtime.crash(taskId, 3);
    await bench.run(10);
    expect(session.status()?.phase).toBe('running');
    const before = session.received.length;
    session.send({ type: 'heartbeat', at: 7_000 });
    await bench.run(0);
    expect(session.received.slice(before)).toMatchObject([
      { type: 'statuses', items: [{ phase: 'ended' }] },
      { type: 'heartbeat', heard: 7_000 },
    ]);
  });

  it('stays without an answer while the tasks cannot be looked at, and so does the welcome', async () => {
    await bench.start();
    const { runtime, session } = bench;
    runtime.failLooks(new Error('no Docker Engine answers'));
    session.welcome(1, 'cluster-1', 5_000);
    await bench.run(HEARTBEAT_MS);
    session.send({ type: 'heartbeat', at: 7_000 });
    await bench.run(HEARTBEAT_MS);
    const heard = (): unknown[] => session.of('heartbeat').map((each) => each.heard);
    expect(heard()).toEqual([0, 0]);
    runtime.failLooks(null);
    session.send({ type: 'heartbeat', at: 9_000 });
    await bench.run(0);
    expect(heard()).toEqual([0, 0, 9_000]);
  });

  it('is not answered before the welcome, for statuses come first, nor one that does not say so', async () => {
    await bench.start();
    bench.session.send({ type: 'heartbeat', at: 1_000 });
    await bench.run(0);
    expect(bench.session.of('heartbeat')).toEqual([]);
    bench.session.welcome();
    await bench.run(10);
    const before = bench.session.of('heartbeat').length;
    bench.session.send({ type: 'heartbeat' });
    await bench.run(0);
    expect(bench.session.of('heartbeat')).toHaveLength(before);
  });
});

describe('fencing', () => {
  it('keeps the highest epoch on disk and refuses a lower one, after its own restart too', async () => {
    bench.automatic = { epoch: 7, set: [anAssignment()] };
    await bench.start();
    await bench.run(10);
    expect(bench.journal.identity).toMatchObject({ epoch: 7, cluster: 'cluster-1' });
    await bench.stop();
    bench.automatic = { epoch: 6, set: [] };
    await bench.start();
    await bench.run(70_000);
    expect(bench.agent.connected).toBe(false);
    expect(bench.runtime.stopped).toEqual([]);
    bench.automatic = { epoch: 8, set: [anAssignment()] };
    await bench.run(3_000);
    expect(bench.agent.connected).toBe(true);
    expect(bench.runtime.started).toHaveLength(1);
  });

  it('refuses another cluster, dials it rarely, and stops nothing', async () => {
    await bench.joined([anAssignment()]);
    bench.session.drop();
    await bench.run(200);
    bench.session.welcome(9, 'cluster-2');
    bench.session.full([]);
    await bench.run(59_000);
    expect(bench.refusals).toEqual([expect.stringContaining('cluster-2')]);
    expect(bench.sessions).toHaveLength(2);
    await bench.run(2_000);
    expect(bench.sessions).toHaveLength(3);
    expect(bench.runtime.running()).toHaveLength(1);
    expect(bench.journal.identity).toMatchObject({ epoch: 1, cluster: 'cluster-1' });
  });

  it('follows the hint to the leader', async () => {
    await bench.start();
    bench.session.send({ type: 'refused', reason: 'a standby', final: false, leader: 'http://two' });
    await bench.run(0);
    expect(bench.session.url).toBe('http://two');
    bench.session.drop();
    await bench.run(3_000);
    expect(bench.sessions.at(2)?.url).toBe('http://one');
  });
});

describe('a session', () => {
  it('sends heartbeats every 3 s', async () => {
    const session = await bench.joined();
    await bench.run(9_500);
    expect(session.of('heartbeat')).toHaveLength(4);
  });

  it('is given up after 10 s of silence, and dialled anew', async () => {
    const session = await bench.joined();
    session.silent = true;
    await bench.run(10_100);
    expect(bench.agent.connected).toBe(false);
    await bench.run(2_100);
    expect(bench.sessions.length).toBeGreaterThan(1);
  });

  it('is dialled with growing delays of at most 2 s', async () => {
    bench.reachable = false;
    await bench.start();
    await bench.run(30_000);
    bench.reachable = true;
    await bench.run(2_000);
    expect(bench.sessions).toHaveLength(1);
  });
});

describe('statuses', () => {
  it('are repeated until they are acknowledged', async () => {
    const session = await bench.joined([anAssignment()]);
    expect(session.phases()).toEqual(['1 running']);
    await bench.run(5_100);
    expect(session.phases()).toEqual(['1 running', '1 running']);
    session.acknowledge();
    await bench.run(20_000);
    expect(session.phases()).toHaveLength(2);
  });

  it('are told again in a new session although an acknowledgement came before, for another leader may have lost them', async () => {
    const session = await bench.joined([anAssignment()]);
    session.acknowledge();
    bench.automatic = { epoch: 1, set: [anAssignment()] };
    session.drop();
    await bench.run(3_000);
    expect(bench.session.phases()).toEqual(['1 running']);
  });

  it('that came up without a session are not lost, and the newest wins', async () => {
    await bench.joined([anAssignment()]);
    const { taskId } = anAssignment();
    bench.cutOff();
    bench.runtime.crash(taskId, 3);
    await bench.run(5_000);
    bench.reachable = true;
    bench.automatic = { epoch: 1, set: [anAssignment()] };
    await bench.run(3_000);
    expect(bench.session.phases()).toEqual(['1 ended']);
    expect(bench.session.status()).toMatchObject({ exit: { code: 3, requested: false } });
  });
});
