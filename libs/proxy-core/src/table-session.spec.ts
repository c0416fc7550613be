import { describe, expect, it } from '@jest/globals';
import type { ProxyReport } from '#libs/agent-protocol';
import { asAppId, asInstanceId, asProxyId, asTaskId, timestampOf, type TaskId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import { ManualClock } from '#libs/time';
import { until } from '#libs/testkit';
import type { ProxyMemory, ReportOutcome, RoutesListener, RoutesQuery } from './seams.js';
import { TableSession } from './table-session.js';

function aTable(epoch: number, number: number, tasks: string[] = [], cluster = 'c1'): RouteTable {
  return {
    cluster,
    epoch,
    number,
    madeAt: timestampOf(0),
    services: [
      {
        appId: asAppId('/web'),
        portIndex: 0,
        mode: 'auto',
        hosts: [],
        sticky: false,
        redirectToHttps: false,
        emptyReason: '',
        targets: tasks.map((task) => ({
          taskId: asTaskId(task),
          instanceId: asInstanceId(`web.instance-${task}`),
          host: '127.0.0.1',
          port: 31_000,
          suspect: false,
        })),
      },
    ],
  };
}

const NOTHING: ProxyMemory = { cluster: null, epoch: 0, table: null };

/** A session in a scripted world: one clock, one control plane that a test speaks for, a data path that records. */
class World {
  readonly clock = new ManualClock();
  readonly reports: (ProxyReport & { at: string })[] = [];
  readonly saved: ProxyMemory[] = [];
  readonly swapped: number[] = [];
  readonly notices: string[] = [];
  readonly streams: { query: RoutesQuery; listener: RoutesListener; closed: boolean }[] = [];
  inFlight = new Map<TaskId, number>();
  holdSwap: Promise<void> = Promise.resolve();
  holdSave: Promise<void> = Promise.resolve();
  holdFetch: Promise<void> = Promise.resolve();
  answer: () => ReportOutcome | Promise<ReportOutcome> = () => ({
    kind: 'answer',
    answer: { cluster: 'c1', epoch: 1, number: this.swapped.at(-1) ?? 0 },
  });
  newest: unknown = null;
  readonly session: TableSession;

  constructor(memory: ProxyMemory = NOTHING) {
    this.session = new TableSession({
      clock: this.clock,
      network: {
        followRoutes: (query, listener) => {
          const stream = { query, listener, closed: false };
          this.streams.push(stream);
          return { close: () => void (stream.closed = true) };
        },
        report: async (at, _proxy, report) => {
          this.reports.push({ ...report, at });
          return this.answer();
        },
        fetchTable: async () => {
          await this.holdFetch;
          return this.newest;
        },
      },
      journal: {
        save: async (each) => {
          await this.holdSave;
          this.saved.push(each);
        },
      },
      user: {
        swap: async (table) => {
          this.swapped.push(table.number);
          await this.holdSwap;
        },
        inFlight: () => this.inFlight,
        warnings: () => ['port 1 is taken'],
      },
      proxyId: asProxyId('p1'),
      run: 'r1',
      address: '127.0.0.1:8000',
      controlPlanes: ['http://a:8080'],
      memory,
      onNotice: (text) => this.notices.push(text),
    });
  }

  send(table: RouteTable): void {
    this.streams.at(-1)?.listener.onLine({ type: 'table', table });
  }
  last(): ProxyReport & { at: string } {
    const report = this.reports.at(-1);
    if (!report) throw new Error('no report yet');
    return report;
  }
  confirmed(epoch: number, number: number): Promise<unknown> {
    return until(`the confirmation of ${epoch}/${number}`, () => {
      const { confirmed } = this.last();
      return confirmed.epoch === epoch && confirmed.number === number;
    });
  }
}

describe('table session', () => {
  it('confirms a table after it was swapped and is on disk, not before', async () => {
    const world = new World();
    let swapDone = (): void => undefined;
    let saveDone = (): void => undefined;
    world.holdSwap = new Promise((resolve) => (swapDone = resolve));
    world.holdSave = new Promise((resolve) => (saveDone = resolve));
    await world.session.start();
    world.send(aTable(1, 7));
    expect(world.swapped).toEqual([7]);
    world.clock.advance(3_000);
    await until('a report meanwhile', () => world.reports.length >= 2);
    expect(world.last().confirmed).toEqual({ epoch: 0, number: 0 });
    swapDone();
    world.clock.advance(3_000);
    await until('another one', () => world.reports.length >= 3);
    expect(world.last().confirmed).toEqual({ epoch: 0, number: 0 });
    saveDone();
    await world.confirmed(1, 7);
    expect(world.saved.at(-1)).toEqual({ cluster: 'c1', epoch: 1, table: aTable(1, 7) });
    expect(world.last()).toMatchObject({ cluster: 'c1', epoch: 1, warnings: ['port 1 is taken'] });
  });

  it('says who it is, as in its reports, with each question for tables, so that stops wait for it from the first one on', async () => {
    const world = new World();
    await world.session.start();
    world.streams.at(-1)?.listener.onEnd({ problem: 'gone' });
    world.clock.advance(100);
    const [proxy, { run, address }] = ['p1', world.last()];
    expect(world.streams.map(({ query }) => query.by)).toEqual([
      { proxy, run, address },
      { proxy, run, address },
    ]);
  });

  it('serves from the table on disk before it hears of a control plane, and asks for what came after it', async () => {
    const world = new World({ cluster: 'c1', epoch: 4, table: aTable(3, 9) });
    world.answer = () => ({ kind: 'failed', message: 'refused' });
    await world.session.start();
    expect(world.swapped).toEqual([9]);
    expect(world.streams[0]?.query).toMatchObject({ at: 'http://a:8080', epoch: 3, after: 9 });
    await until('a report', () => world.reports.length > 0);
    expect(world.last()).toMatchObject({ cluster: 'c1', epoch: 4, confirmed: { epoch: 3, number: 9 } });
  });

  it('refuses an older number, an older epoch and another cluster, says so, and keeps its table', async () => {
    const world = new World({ cluster: 'c1', epoch: 2, table: aTable(2, 9) });
    await world.session.start();
    world.send(aTable(2, 8));
    world.send(aTable(1, 20));
    world.send(aTable(3, 1, [], 'c2'));
    world.send({} as RouteTable);
    expect(world.swapped).toEqual([9]);
    expect(world.notices.join('\n')).toMatch(
      /2\/8 is older[^]*epoch 1 is older[^]*cluster c2[^]*no route table/,
    );
    world.send(aTable(3, 9));
    await world.confirmed(3, 9);
    expect(world.swapped).toEqual([9, 9]);
  });

  it('reports what is in flight to tasks that have left, and at once when the last of it ends', async () => {
    const world = new World();
    await world.session.start();
    world.send(aTable(1, 1, ['a', 'b']));
    await world.confirmed(1, 1);
    world.inFlight = new Map([
      [asTaskId('a'), 2],
      [asTaskId('b'), 1],
    ]);
    world.send(aTable(1, 2, ['b']));
    await world.confirmed(1, 2);
    expect(world.last().inFlight).toEqual({ a: 2 });
    const before = world.reports.length;
    world.session.taskIdle(asTaskId('b'));
    expect(world.reports).toHaveLength(before);
    world.inFlight.delete(asTaskId('a'));
    world.session.taskIdle(asTaskId('a'));
    await until('the report', () => world.reports.length === before + 1);
    expect(world.last().inFlight).toEqual({});
  });

  it('reports every three seconds', async () => {
    const world = new World();
    await world.session.start();
    for (let round = 1; round <= 4; round += 1) {
      await until('a report', () => world.reports.length === round);
      world.clock.advance(3_000);
    }
  });

  it('skips tables that are overtaken while one is being swapped', async () => {
    const world = new World();
    let swapDone = (): void => undefined;
    world.holdSwap = new Promise((resolve) => (swapDone = resolve));
    await world.session.start();
    for (const number of [1, 2, 3, 4]) world.send(aTable(1, number));
    swapDone();
    await world.confirmed(1, 4);
    expect(world.swapped).toEqual([1, 4]);
  });

  describe('when the data path cannot carry a table out', () => {
    const never = new Promise<void>(() => undefined);
    /** What follows from a timer has happened. */
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

    it('goes over to a newer one after two seconds, and never confirms the other', async () => {
      const world = new World();
      world.holdSwap = never;
      await world.session.start();
      world.send(aTable(1, 1));
      world.clock.advance(1_000);
      world.holdSwap = Promise.resolve();
      world.send(aTable(1, 2));
      world.clock.advance(999);
      await settle();
      expect(world.swapped).toEqual([1]);
      world.clock.advance(1);
      await world.confirmed(1, 2);
      expect(world.swapped).toEqual([1, 2]);
      expect(world.reports.map(({ confirmed }) => confirmed)).not.toContainEqual({ epoch: 1, number: 1 });
    });

    it('waits for it as long as there is no newer one, and confirms it then', async () => {
      const world = new World();
      let swapDone = (): void => undefined;
      world.holdSwap = new Promise((resolve) => (swapDone = resolve));
      await world.session.start();
      world.send(aTable(1, 1));
      for (let second = 0; second < 8; second += 1) {
        world.clock.advance(1_000);
        await settle();
      }
      expect(world.last().confirmed).toEqual({ epoch: 0, number: 0 });
      swapDone();
      await world.confirmed(1, 1);
      expect(world.swapped).toEqual([1]);
    });

    it('lets it go when it leaves', async () => {
      const world = new World();
      world.holdSwap = never;
      await world.session.start();
      world.send(aTable(1, 1));
      const left = world.session.leave();
      world.clock.advance(2_000);
      await left;
      expect(world.last()).toMatchObject({ leaving: true, confirmed: { epoch: 0, number: 0 } });
    });

    it('asks for a newer one than that on disk after ten seconds, without having confirmed anything', async () => {
      const world = new World({ cluster: 'c1', epoch: 4, table: aTable(4, 9) });
      world.holdSwap = never;
      let isStarted = false;
      const started = world.session.start().then(() => (isStarted = true));
      world.clock.advance(9_999);
      await settle();
      expect([isStarted, world.streams.length, world.reports.length]).toEqual([false, 0, 0]);
      world.clock.advance(1);
      await started;
      expect(world.streams[0]?.query).toMatchObject({ epoch: 0, after: 0 });
      await until('a report', () => world.reports.length > 0);
      expect(world.last()).toMatchObject({ epoch: 4, confirmed: { epoch: 0, number: 0 } });
      world.holdSwap = Promise.resolve();
      world.answer = () => ({ kind: 'answer', answer: { cluster: 'c1', epoch: 4, number: 10 } });
      world.send(aTable(4, 10));
      await world.confirmed(4, 10);
    });
  });

  it('follows the leader that it is told of, and returns to the configured address when that one is gone', async () => {
    const world = new World();
    world.answer = () =>
      world.last().at === 'http://a:8080'
        ? { kind: 'elsewhere', leader: 'http://b:8080' }
        : { kind: 'failed', message: 'refused' };
    await world.session.start();
    await until('a report to the leader', () => world.last().at === 'http://b:8080');
    expect(world.streams[0]?.closed).toBe(true);
    expect(world.streams[1]?.query.at).toBe('http://b:8080');
    world.streams[1]?.listener.onEnd({ problem: 'gone' });
    world.clock.advance(3_000);
    await until('a report to the configured one', () => world.last().at === 'http://a:8080');
  });

  it('reopens a stream that ended or fell silent', async () => {
    const world = new World();
    await world.session.start();
    world.streams[0]?.listener.onEnd({ problem: 'gone' });
    world.clock.advance(100);
    expect(world.streams).toHaveLength(2);
    world.clock.advance(9_000);
    world.streams[1]?.listener.onLine({ type: 'heartbeat', epoch: 1, number: 0 });
    world.clock.advance(9_000);
    expect(world.streams).toHaveLength(2);
    world.clock.advance(2_000);
    expect(world.streams).toHaveLength(3);
    expect(world.streams[1]?.closed).toBe(true);
  });

  it('turns away from a leader of an older epoch', async () => {
    const world = new World({ cluster: 'c1', epoch: 5, table: aTable(5, 1) });
    await world.session.start();
    world.streams[0]?.listener.onLine({ type: 'heartbeat', epoch: 4, number: 1 });
    expect(world.streams[0]?.closed).toBe(true);
  });

  describe('after a freeze', () => {
    it('fetches what it missed before the next request, once for all of them', async () => {
      const world = new World();
      await world.session.start();
      world.send(aTable(1, 1, ['a']));
      await world.confirmed(1, 1);
      await until('the lease', () => world.session.freshen() === undefined);
      // frozen: time passes, no timer runs
      world.clock.now = (
        (now) => () =>
          now
      )(world.clock.now() + 15_000);
      world.newest = aTable(1, 5, ['b']);
      world.answer = () => ({ kind: 'answer', answer: { cluster: 'c1', epoch: 1, number: 5 } });
      const reports = world.reports.length;
      const waits = [world.session.freshen(), world.session.freshen()];
      expect(waits[0]).toBeDefined();
      expect(waits[1]).toBe(waits[0]);
      await Promise.all(waits);
      expect(world.swapped).toEqual([1, 5]);
      expect(world.reports.length).toBeGreaterThan(reports);
      expect(world.session.freshen()).toBeUndefined();
    });

    it('a request waits for the table also when a report was answered meanwhile, its own or another', async () => {
      const world = new World();
      await world.session.start();
      world.send(aTable(1, 1, ['a']));
      await world.confirmed(1, 1);
      await until('the lease', () => world.session.freshen() === undefined);
      world.newest = aTable(1, 5, ['b']);
      world.answer = () => ({ kind: 'answer', answer: { cluster: 'c1', epoch: 1, number: 5 } });
      let fetched = (): void => undefined;
      world.holdFetch = new Promise((resolve) => (fetched = resolve));
      const frozenAt = world.clock.now();
      world.clock.now = () => frozenAt + 15_000;
      // a report that is due anyway is the first to go out
      const reports = world.reports.length;
      world.session.taskIdle(asTaskId('gone'));
      await until('its answer', () => world.reports.length > reports);
      await new Promise((resolve) => setImmediate(resolve));
      const first = world.session.freshen();
      expect(first).toBeDefined();
      await until('a report of the request', () => world.reports.length > reports + 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(world.session.freshen()).toBe(first);
      fetched();
      await first;
      expect(world.swapped).toEqual([1, 5]);
    });

    it('does not believe the answer to a report from before the freeze', async () => {
      const world = new World();
      await world.session.start();
      world.send(aTable(1, 1, ['a']));
      await world.confirmed(1, 1);
      await until('the lease', () => world.session.freshen() === undefined);
      let answerOld = (): void => undefined;
      const old: ReportOutcome = { kind: 'answer', answer: { cluster: 'c1', epoch: 1, number: 1 } };
      world.answer = () => new Promise((resolve) => (answerOld = () => resolve(old)));
      const reports = world.reports.length;
      world.clock.advance(3_000);
      await until('a report to be under way', () => world.reports.length === reports + 1);
      const frozenAt = world.clock.now();
      world.clock.now = () => frozenAt + 15_000;
      world.newest = aTable(1, 5, ['b']);
      world.answer = () => ({ kind: 'answer', answer: { cluster: 'c1', epoch: 1, number: 5 } });
      const wait = world.session.freshen();
      expect(wait).toBeDefined();
      answerOld();
      await wait;
      expect(world.swapped).toEqual([1, 5]);
    });

    it('that was refused: each two seconds a request waits for the newest table, for no stop waits for this process', async () => {
      const world = new World();
      await world.session.start();
      world.send(aTable(1, 1, ['a']));
      await world.confirmed(1, 1);
      await until('the lease', () => world.session.freshen() === undefined);
      // another proxy has its identity
      world.answer = () => ({ kind: 'refused', message: 'another proxy uses this identity' });
      const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      for (let second = 0; second < 9; second += 1) {
        expect(world.session.freshen()).toBeUndefined();
        world.clock.advance(1_000);
        await settle();
      }
      // its last lease is over
      world.clock.advance(1_500);
      world.newest = aTable(1, 5, ['b']);
      const wait = world.session.freshen();
      expect(wait).toBeDefined();
      await wait;
      expect(world.swapped).toEqual([1, 5]);
      expect(world.session.freshen()).toBeUndefined();
      world.clock.advance(2_000);
      await settle();
      world.newest = aTable(1, 6);
      await world.session.freshen();
      expect(world.swapped).toEqual([1, 5, 6]);
      // the other one has left
      world.answer = () => ({ kind: 'answer', answer: { cluster: 'c1', epoch: 1, number: 6 } });
      world.clock.advance(3_000);
      await settle();
      world.clock.advance(2_500);
      await settle();
      expect(world.session.freshen()).toBeUndefined();
    });

    it('waits a second at most, and then serves on without a control plane', async () => {
      const world = new World({ cluster: 'c1', epoch: 1, table: aTable(1, 1) });
      world.answer = () => new Promise<ReportOutcome>(() => undefined);
      await world.session.start();
      const wait = world.session.freshen();
      expect(wait).toBeDefined();
      world.clock.advance(1_000);
      await wait;
      expect(world.session.freshen()).toBeUndefined();
    });
  });

  it('says when it leaves', async () => {
    const world = new World();
    await world.session.start();
    await world.session.leave();
    expect(world.last().leaving).toBe(true);
    const count = world.reports.length;
    world.clock.advance(60_000);
    expect(world.reports).toHaveLength(count);
    expect(world.streams).toHaveLength(1);
  });

  it('confirms and warns when the disk is full', async () => {
    const world = new World();
    world.holdSave = Promise.reject(new Error('ENOSPC'));
    world.holdSave.catch(() => undefined);
    await world.session.start();
    world.send(aTable(1, 1));
    await world.confirmed(1, 1);
    expect(world.last().warnings.join()).toContain('cannot be kept on disk: ENOSPC');
  });
});
