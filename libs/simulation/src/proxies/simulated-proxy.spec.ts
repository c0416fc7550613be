import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ProxyReport } from '#libs/agent-protocol';
import { asAppId, asInstanceId, asTaskId, timestampOf, type AppId, type TaskId } from '#libs/model';
import type { RouteTable, RouteTarget } from '#libs/routing';
import { ROUTES_PATH } from '../control/control-plane.js';
import { SimNetwork, type Endpoint } from '../engine/network.js';
import { Random } from '../engine/random.js';
import { EXACT, SimProcess } from '../engine/sim-process.js';
import { Timeline } from '../engine/timeline.js';
import type { RequestFact } from '../promises/watch.js';
import type { ClientRequest } from './exchange.js';
import type { ListeningTask } from './listening-task.js';
import { SimulatedProxy } from './simulated-proxy.js';

const WEB = asAppId('/web');
const SHOP = asAppId('/shop');
const HOST = '10.0.0.1';
/** Marks the requests of a spec among those of the seeded clients. */
const MINE = -1;

class Task implements ListeningTask {
  isHung = false;
  isListening = true;
  how: string | null = null;
  #told: (() => void)[] = [];

  constructor(
    readonly taskId: TaskId,
    readonly appId: AppId,
  ) {}

  http(): { readonly kind: 'refused' } | { readonly kind: 'answer'; readonly status: number } {
    return this.isListening ? { kind: 'answer', status: 200 } : { kind: 'refused' };
  }
  onEnd(tell: () => void): void {
    this.#told.push(tell);
  }
  end(how: string): void {
    this.isListening = false;
    this.how = how;
    for (const tell of this.#told) tell();
  }
}

/** A control plane that says what the spec tells it, one host, one proxy. */
class World {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly plane: SimProcess;
  readonly reports: ProxyReport[] = [];
  readonly requests: RequestFact[] = [];
  readonly swapped: string[] = [];
  readonly asked: string[] = [];
  readonly listening = new Map<number, Task>();
  /** The host has no power. */
  isDark = false;
  readonly #streams = new Set<Endpoint>();
  readonly proxy: SimulatedProxy;
  #table: RouteTable;

  constructor(seed = 'proxies') {
    this.random = new Random(seed);
    this.network = new SimNetwork(this.timeline, this.random);
    this.plane = new SimProcess(this.timeline, 'cp-0', 'cp-0#1', this.random);
    this.#table = tableOf(1, []);
    this.network.listen('cp-0:8080', {
      process: this.plane,
      accept: (endpoint, path) => {
        this.asked.push(path);
        this.#streams.add(endpoint);
        endpoint.send(JSON.stringify({ type: 'table', table: this.#table }));
        return { message: () => undefined, closed: () => this.#streams.delete(endpoint) };
      },
      answer: async (_path, body) => {
        this.reports.push(JSON.parse(body) as ProxyReport);
        const { cluster, epoch, number } = this.#table;
        return JSON.stringify({ status: 200, body: { cluster, epoch, number } });
      },
    });
    this.#beat();
    this.proxy = new SimulatedProxy({
      index: 0,
      timeline: this.timeline,
      network: this.network,
      random: this.random,
      controlPlane: 'http://cp-0:8080',
      clockError: () => EXACT,
      listener: (address, port) => (address === HOST ? this.listening.get(port) : undefined),
      hostOf: () => 'agent-0',
      isDark: () => this.isDark,
      hooks: {
        note: () => undefined,
        onSwap: (_proxy, { number }) => this.swapped.push(String(number)),
        onRoutedAtOnce: () => undefined,
        onRequest: (request) => this.requests.push(request),
        onChoice: () => undefined,
        onMiss: () => undefined,
      },
    });
  }

  get number(): number {
    return this.#table.number;
  }
  get openStreams(): number {
    return this.#streams.size;
  }
  get mine(): readonly RequestFact[] {
    return this.requests.filter(({ since }) => since === MINE);
  }

  run(ms: number): Promise<void> {
    return this.timeline.run(this.timeline.now + ms, () => undefined);
  }

  /** A task that listens at this port of the host. */
  task(name: string, port: number, app: AppId = WEB): Task {
    const task = new Task(asTaskId(name), app);
    this.listening.set(port, task);
    return task;
  }

  /** The next table: these targets of /web. */
  publish(...targets: readonly RouteTarget[]): void {
    this.#table = tableOf(this.#table.number + 1, targets);
    for (const each of this.#streams) each.send(JSON.stringify({ type: 'table', table: this.#table }));
  }

  ask(more: Partial<ClientRequest> = {}): void {
    this.proxy.arrive({
      appId: WEB,
      portIndex: 0,
      since: MINE,
      forMs: 10,
      streams: false,
      repeatable: true,
      ...more,
    });
  }

  #beat(): void {
    this.plane.clock.after(3_000, () => {
      const { epoch, number } = this.#table;
      for (const each of this.#streams) each.send(JSON.stringify({ type: 'heartbeat', epoch, number }));
      this.#beat();
    });
  }
}

const target = (name: string, port: number): RouteTarget => ({
  taskId: asTaskId(name),
  instanceId: asInstanceId(`web.${name}`),
  host: HOST,
  port,
  suspect: false,
});

const tableOf = (number: number, targets: readonly RouteTarget[]): RouteTable => ({
  cluster: 'c1',
  epoch: 1,
  number,
  madeAt: timestampOf(0),
  services: [
    {
      appId: WEB,
      portIndex: 0,
      servicePort: 10_000,
      mode: 'auto',
      hosts: [],
      sticky: false,
      redirectToHttps: false,
      emptyReason: 'its tasks are on their way',
      targets,
    },
  ],
});

let world: World;
beforeEach(() => {
  world = new World();
});
const results = (requests: readonly RequestFact[]): string[] =>
  [...new Set(requests.map(({ result }) => result))].sort();
const lastReport = (): ProxyReport | undefined => world.reports.at(-1);

/** Two tasks are routed, and the proxy has confirmed it. */
async function serving(): Promise<{ first: Task; second: Task }> {
  const [first, second] = [world.task('t1', 31_000), world.task('t2', 31_001)];
  world.publish(target('t1', 31_000), target('t2', 31_001));
  world.proxy.start();
  await world.run(5_000);
  expect(lastReport()?.confirmed).toEqual({ epoch: 1, number: world.number });
  return { first, second };
}

describe('a simulated proxy', () => {
  it('answers its clients from both tasks, some of them for long, and reports nothing of routed ones', async () => {
    await serving();
    await world.run(300_000);
    expect(results(world.requests)).toEqual(['answered']);
    expect(new Set(world.requests.map(({ taskId }) => taskId))).toEqual(new Set(['t1', 't2']));
    expect(world.requests.length).toBeGreaterThan(300);
    expect(world.reports.every(({ inFlight }) => !Object.keys(inFlight).length)).toBe(true);
  });

  it('does the same in two runs, to the number of things that happened', async () => {
    const run = async (): Promise<unknown> => {
      world = new World();
      await serving();
      world.proxy.freeze();
      await world.run(20_000);
      world.proxy.thaw();
      await world.run(60_000);
      return [world.timeline.happened, world.requests, world.reports, world.swapped];
    };
    expect(await run()).toEqual(await run());
  });

  it('tries the next target when nobody listens, and leaves the silent one out for a while', async () => {
    const { first, second } = await serving();
    first.isListening = false;
    for (let count = 0; count < 10; count += 1) world.ask();
    await world.run(100);
    expect(world.mine.map(({ result, taskId }) => [result, taskId])).toEqual(
      Array.from({ length: 10 }, () => ['answered', second.taskId]),
    );
    second.isListening = false;
    world.ask();
    await world.run(100);
    expect(world.mine.at(-1)).toMatchObject({ result: 'refused', taskId: null });
    expect(world.mine.at(-1)?.text).toBe('none accepted; tried t2, t1');
  });

  it('passes over any number of targets that refuse at once, and tries three that keep it waiting', async () => {
    await serving();
    const ports = Array.from({ length: 6 }, (_, index) => 31_010 + index);
    const tasks = ports.map((port) => world.task(`n${port}`, port));
    for (const each of tasks.slice(1)) each.isListening = false;
    world.publish(...ports.map((port) => target(`n${port}`, port)));
    await world.run(100);
    expect(world.proxy.table?.number).toBe(world.number);
    for (let count = 0; count < 5; count += 1) world.ask();
    await world.run(100);
    expect(results(world.mine)).toEqual(['answered']);
    expect(Math.max(...world.mine.map(({ missed }) => missed.length))).toBeGreaterThan(2);
    world.isDark = true;
    world.ask();
    await world.run(8_900);
    expect(world.mine).toHaveLength(5);
    await world.run(200);
    expect(world.mine.at(-1)).toMatchObject({ result: 'refused', taskId: null });
    expect(world.mine.at(-1)?.missed.map(({ how }) => how)).toEqual(Array(3).fill('timed-out'));
  });

  it('repeats no more than the budget of the service allows', async () => {
    const { first, second } = await serving();
    for (let count = 0; count < 80; count += 1) world.ask({ forMs: 500 });
    await world.run(100);
    first.end('crashed');
    await world.run(1_000);
    const broke = world.mine.filter(({ missed }) => missed.some(({ how }) => how === 'broke'));
    const lost = broke.filter(({ result }) => result === 'reset').length;
    expect(broke.length - lost).toBeGreaterThanOrEqual(10);
    expect(lost).toBeGreaterThan(5);
    expect(results(world.mine.filter(({ taskId }) => taskId === second.taskId))).toEqual(['answered']);
  });

  it('says in the words of the table why nobody can answer', async () => {
    await serving();
    world.publish();
    await world.run(1_000);
    world.ask();
    world.ask({ appId: SHOP });
    expect(world.mine).toMatchObject([
      { result: 'no-target', taskId: null, text: 'its tasks are on their way' },
      { result: 'no-target', taskId: null, text: 'no route for port 0 of /shop' },
    ]);
  });

  it('repeats a request once elsewhere when its task dies before it answers, if it may be repeated', async () => {
    const { first } = await serving();
    await world.run(60_000);
    const ask = (more: Partial<ClientRequest>): void => {
      // both tasks get one of two
      for (let count = 0; count < 2; count += 1) world.ask({ forMs: 500, ...more });
    };
    ask({ repeatable: true });
    ask({ repeatable: false });
    ask({ streams: true });
    await world.run(100);
    first.end('crashed');
    await world.run(2_000);
    const of = (from: number): string[] => results(world.mine.slice(from));
    expect(world.mine).toHaveLength(6);
    const lost = world.mine.filter(({ result }) => result === 'reset');
    expect(lost.map(({ taskId }) => taskId)).toEqual(['t1', 't1']);
    expect(of(0)).toEqual(['answered', 'reset']);
    expect(lost[0]?.text).toContain('t1 of /web ended while it answered');
    world.publish(target('t2', 31_001));
    await world.run(5_000);
    expect(lastReport()?.confirmed.number).toBe(world.number);
    expect(lastReport()?.inFlight).toEqual({});
  });

  it('tells when the task of another app answers at the port of a target', async () => {
    await serving();
    world.task('t9', 31_000, SHOP);
    world.ask();
    world.ask();
    await world.run(100);
    expect(world.mine.map(({ result }) => result).sort()).toEqual(['answered', 'wrong-app']);
    expect(world.mine.find(({ result }) => result === 'wrong-app')?.text).toBe(
      't9 of /shop answered a request for /web',
    );
  });

  it('reports what is in flight to a task that has left, and at once when it is over', async () => {
    await serving();
    world.ask({ forMs: 7_000 });
    world.ask({ forMs: 7_000 });
    await world.run(10);
    world.publish(target('t2', 31_001));
    await world.run(5_000);
    expect(lastReport()?.inFlight['t1']).toBeGreaterThanOrEqual(1);
    expect(world.proxy.inFlightRequests().some(({ taskId }) => taskId === 't1')).toBe(true);
    const isInFlight = (): boolean => world.proxy.inFlightRequests().some(({ taskId }) => taskId === 't1');
    while (isInFlight()) await world.run(10);
    await world.run(50);
    expect(lastReport()?.inFlight).toEqual({});
    expect(results(world.mine)).toEqual(['answered']);
  });

  it('reaches no task while the way is cut, and gets the answer late of one that was under way', async () => {
    await serving();
    world.ask({ forMs: 500 });
    await world.run(10);
    world.network.cut('agent-0', 'proxy-0');
    world.ask();
    await world.run(2_900);
    expect(world.mine).toEqual([]);
    await world.run(10_000);
    expect(world.mine.map(({ result }) => result)).toEqual(['refused']);
    world.network.mendAll();
    await world.run(100);
    expect(world.mine.map(({ result }) => result)).toEqual(['refused', 'answered']);
  });

  it('waits for a task that hangs, and 300 s for one whose host has lost its power', async () => {
    const { first, second } = await serving();
    [first.isHung, second.isHung] = [true, true];
    world.ask();
    world.ask();
    await world.run(30_000);
    expect(world.mine).toEqual([]);
    second.isHung = false;
    await world.run(1_000);
    expect(world.mine).toMatchObject([{ result: 'answered', taskId: 't2' }]);
    first.end('power-off');
    await world.run(299_000);
    expect(world.mine).toHaveLength(1);
    await world.run(2_000);
    expect(world.mine.at(-1)).toMatchObject({ result: 'reset', taskId: 't1' });
  });
});

describe('a frozen proxy', () => {
  it('does nothing, and asks for the newest table before it serves what has waited', async () => {
    const { first } = await serving();
    world.proxy.freeze();
    await world.run(1_000);
    const [requests, reports] = [world.requests.length, world.reports.length];
    for (let count = 0; count < 20; count += 1) world.ask();
    // its lease ends meanwhile, so the first task is stopped without it
    await world.run(15_000);
    world.publish(target('t2', 31_001));
    first.end('SIGTERM');
    world.task('t9', 31_000, SHOP);
    await world.run(15_000);
    expect([world.requests.length, world.reports.length]).toEqual([requests, reports]);
    expect(world.proxy.isAlive && world.proxy.isFrozen).toBe(true);
    world.proxy.thaw();
    await world.run(2_000);
    expect(world.mine).toHaveLength(20);
    expect(world.mine.every(({ result, taskId }) => result === 'answered' && taskId === 't2')).toBe(true);
    expect(results(world.requests.slice(requests).filter(({ result }) => result !== 'reset'))).toEqual([
      'answered',
    ]);
  });

  it('leaves one stream open, however often it asks for a table in between', async () => {
    await serving();
    for (let round = 0; round < 20; round += 1) {
      world.proxy.freeze();
      await world.run(100);
      world.ask();
      await world.run(12_000);
      world.publish(target('t1', 31_000), target('t2', 31_001));
      world.proxy.thaw();
      await world.run(3_000);
    }
    expect(world.mine).toHaveLength(20);
    expect(world.openStreams).toBe(1);
    expect(world.asked.filter((path) => path.endsWith('epoch=0&after=0')).length).toBeGreaterThanOrEqual(5);
  });

  it('serves what it has when no control plane answers after the thaw, within a second or so', async () => {
    await serving();
    world.proxy.freeze();
    await world.run(1_000);
    world.ask();
    world.network.cut('proxy-0', 'cp-0');
    await world.run(20_000);
    world.proxy.thaw();
    await world.run(900);
    expect(world.mine).toEqual([]);
    await world.run(600);
    expect(results(world.mine)).toEqual(['answered']);
  });
});

describe('a proxy that is killed', () => {
  it('between the swap and the end of the save has never confirmed that table, and comes back with the last one', async () => {
    await serving();
    const before = world.number;
    const saved = world.proxy.disk.memory.table?.number;
    expect(saved).toBe(before);
    world.publish(target('t2', 31_001));
    const seen = world.swapped.length;
    while (world.swapped.length === seen) await world.run(1);
    expect(world.proxy.table?.number).toBe(before + 1);
    world.proxy.crash();
    expect([world.proxy.isAlive, world.proxy.table]).toEqual([false, null]);
    await world.run(5_000);
    expect(world.proxy.disk.memory.table?.number).toBe(before);
    expect(world.reports.every(({ confirmed }) => confirmed.number <= before)).toBe(true);

    world.network.cut('cp-0', 'proxy-0');
    world.proxy.start();
    await world.run(2_000);
    expect(world.proxy.table?.number).toBe(before);
    world.network.mendAll();
    await world.run(15_000);
    expect(world.proxy.table?.number).toBe(before + 1);
    expect(world.proxy.disk.memory.table?.number).toBe(before + 1);
    expect(lastReport()?.confirmed.number).toBe(before + 1);
  });

  it('at any moment has on its disk what it had confirmed, and not always what it had swapped', async () => {
    let lost = 0;
    let kept = 0;
    for (let afterMs = 0; afterMs < 300; afterMs += 10) {
      world = new World(`killed after ${afterMs}`);
      await serving();
      world.publish(target('t2', 31_001));
      while (world.proxy.table?.number !== world.number) await world.run(1);
      await world.run(afterMs);
      world.proxy.crash();
      await world.run(1_000);
      const onDisk = world.proxy.disk.memory.table?.number ?? 0;
      for (const { confirmed } of world.reports) expect(confirmed.number).toBeLessThanOrEqual(onDisk);
      // its ports are open by then, so the save had begun
      if (afterMs > 20 && onDisk < world.number) lost += 1;
      if (onDisk === world.number) kept += 1;
    }
    expect([lost > 0, kept > 0]).toEqual([true, true]);
  });

  it('says nothing of the requests that die with it, and counts anew', async () => {
    await serving();
    world.ask({ forMs: 5_000 });
    world.ask({ forMs: 5_000 });
    await world.run(100);
    world.proxy.crash();
    expect(world.proxy.inFlightRequests()).toEqual([]);
    await world.run(100);
    world.proxy.start();
    world.publish();
    await world.run(20_000);
    expect(world.mine).toEqual([]);
    expect(lastReport()?.confirmed.number).toBe(world.number);
    expect(lastReport()?.inFlight).toEqual({});
  });
});

describe('a proxy that is stopped in order', () => {
  it('takes nothing new, lets what is in flight end, and says good-bye last', async () => {
    await serving();
    world.ask({ forMs: 8_000 });
    await world.run(10);
    world.proxy.leave();
    world.ask();
    await world.run(7_900);
    expect(world.proxy.isAlive).toBe(true);
    expect(world.reports.some(({ leaving }) => leaving)).toBe(false);
    await world.run(31_000);
    expect(results(world.mine)).toEqual(['answered']);
    expect(world.mine).toHaveLength(1);
    expect(lastReport()?.leaving).toBe(true);
    expect(world.proxy.isAlive).toBe(false);
    expect(world.asked.every((path) => path.startsWith(ROUTES_PATH))).toBe(true);
  });
});
