import { describe, expect, it } from '@jest/globals';
import { asInstanceId, asTaskId } from '#libs/model';
import type { RoutePolicy, RouteService, RouteTarget } from '#libs/routing';
import { ManualClock } from '#libs/time';
import { stickyKeyOf } from '../admission/sticky-cookie.js';
import { aService, aTable } from '../fixtures/engine-bed.js';
import { LiveRoutes, type LiveRoutesOptions } from './live-routes.js';
import type { Pick, Placed } from './pick.js';
import { TargetClaims } from './target-claims.js';
import type { TargetWish } from './wish.js';

type More = Partial<Omit<RouteTarget, 'taskId'>>;

/** A service whose targets are written short: `{ a: {}, b: { weight: 0 } }`. */
function served(targets: Readonly<Record<string, object>>, more: Partial<RouteService> = {}): RouteService {
  return aService(
    {},
    {
      emptyReason: '',
      targets: Object.entries(targets).map(([name, each]: [string, More]) => ({
        taskId: asTaskId(name),
        instanceId: asInstanceId(`web.instance-${name}`),
        host: '127.0.0.1',
        port: 31_000,
        suspect: false,
        ...each,
      })),
      ...more,
    },
  );
}

class Bed {
  readonly clock = new ManualClock();
  readonly idle: string[] = [];
  readonly routes: LiveRoutes;
  #seed = 1;
  #number = 0;

  constructor(options: Partial<LiveRoutesOptions> = {}) {
    const claims = new TargetClaims(this.clock, (task) => this.idle.push(task));
    this.routes = new LiveRoutes(claims, { random: () => this.chance(), ...options });
  }

  chance(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  swap(...services: RouteService[]): void {
    this.routes.swap(aTable((this.#number += 1), ...services));
  }

  /** Share of each task of `count` requests, one after the other. */
  shares(service: RouteService, count = 1_000, wish: TargetWish = {}): Record<string, number> {
    const shares: Record<string, number> = {};
    for (let done = 0; done < count; done += 1) {
      const pick = this.routes.pick(service, wish);
      const task = pick?.target.taskId ?? 'nobody';
      shares[task] = (shares[task] ?? 0) + 1 / count;
      pick?.release('ok');
    }
    return shares;
  }

  names(service: RouteService, wish: TargetWish = {}): string[] {
    return Object.keys(this.shares(service, 200, wish)).sort();
  }

  /** The next one, whoever it is. */
  take(service: RouteService, wish: TargetWish = {}): Pick {
    const pick = this.routes.pick(service, wish);
    if (!pick) throw new Error(this.routes.explain(service, wish).message);
    return pick;
  }

  fail(service: RouteService, task: string, times: number): void {
    const others = new Set(service.targets.map(({ taskId }) => taskId).filter((each) => each !== task));
    for (let done = 0; done < times; done += 1) this.take(service, { tried: others }).release('failed');
  }
}

function limited(connectionsPerTarget: number, more: object = {}): { policy: RoutePolicy } {
  return { policy: { limits: { connectionsPerTarget, ...more } } };
}

/** Writes down what the line says, by name. */
function place(bed: Bed, service: RouteService, log: string[], name: string, wish: TargetWish = {}): Placing {
  const placing: Placing = { pick: undefined, cancel: undefined };
  placing.cancel = bed.routes.place(service, wish, (placed: Placed) => {
    if (placed.kind === 'placed') placing.pick = placed.pick;
    log.push(`${name}: ${placed.kind === 'placed' ? placed.pick.target.taskId : placed.why.kind}`);
  });
  return placing;
}
interface Placing {
  pick: Pick | undefined;
  cancel: (() => void) | undefined;
}

describe('order of targets', () => {
  it('is: who answers; who should get nothing; who may not answer; who failed', () => {
    const bed = new Bed();
    const web = served({ a: {}, spare: { weight: 0 }, lost: { suspect: true } });
    bed.swap(web);
    expect(bed.names(web)).toEqual(['a']);
    const tried = (...tasks: string[]): TargetWish => ({ tried: new Set(tasks.map(asTaskId)) });
    expect(bed.names(web, tried('a'))).toEqual(['spare']);
    expect(bed.names(web, tried('a', 'spare'))).toEqual(['lost']);
    expect(bed.routes.pick(web, tried('a', 'spare', 'lost'))).toBeUndefined();
    bed.take(web).release('refused');
    expect(bed.names(web)).toEqual(['spare']);
  });

  it('begins with the own zone, where the service wants that, as long as it has somebody', () => {
    const bed = new Bed({ zone: 'z1' });
    const targets = { a: { zone: 'z1' }, b: { zone: 'z2' }, c: {} };
    const web = served(targets, { policy: { preferZone: true } });
    bed.swap(web);
    expect(bed.names(web)).toEqual(['a']);
    bed.take(web).release('refused');
    expect(bed.names(web)).toEqual(['b', 'c']);
    const anywhere = served(targets);
    bed.swap(anywhere);
    bed.clock.advance(1_000);
    expect(bed.names(anywhere)).toEqual(['a', 'b', 'c']);
  });

  it('steps over a full target of the own zone, but waits rather than going to a spare one', () => {
    const bed = new Bed({ zone: 'z1' });
    const policy: RoutePolicy = { preferZone: true, limits: { connectionsPerTarget: 1 } };
    const web = served({ a: { zone: 'z1' }, b: { zone: 'z2' }, spare: { weight: 0 } }, { policy });
    bed.swap(web);
    expect([bed.take(web), bed.take(web)].map(({ target }) => target.taskId)).toEqual(['a', 'b']);
    expect(bed.routes.pick(web, {})).toBeUndefined();
  });
});

describe('traffic shares', () => {
  const [OLD, NEW] = ['2026-01-01T00:00:00.000Z', '2026-02-01T00:00:00.000Z'];
  const canary = (targets: Readonly<Record<string, object>>, ...weights: number[]): RouteService =>
    served(targets, {
      traffic: { shares: [OLD, NEW].map((version, at) => ({ version, weight: weights[at] ?? 0 })) },
    });
  const five = {
    a: { version: OLD },
    b: { version: OLD },
    c: { version: OLD },
    d: { version: OLD },
    n: { version: NEW },
  };

  it('count versions, not instances', () => {
    const bed = new Bed();
    const web = canary(five, 1, 1);
    bed.swap(web);
    expect(bed.shares(web, 4_000)['n']).toBeCloseTo(0.5, 1);
    const little = canary(five, 95, 5);
    bed.swap(little);
    const { n = 0, a = 0 } = bed.shares(little, 4_000);
    expect(Math.abs(n - 0.05)).toBeLessThan(0.02);
    expect(Math.abs(a - 0.2375)).toBeLessThan(0.04);
  });

  it('of a version that cannot answer falls to the others', () => {
    const bed = new Bed();
    const gone = canary({ a: { version: OLD }, n: { version: NEW, suspect: true } }, 1, 99);
    bed.swap(gone);
    expect(bed.names(gone)).toEqual(['a']);
    const unnamed = canary({ a: { version: OLD }, x: { version: '2026-03-01T00:00:00.000Z' } }, 1, 1);
    bed.swap(unnamed);
    expect(bed.names(unnamed)).toEqual(['a']);
    expect(bed.names(unnamed, { tried: new Set([asTaskId('a')]) })).toEqual(['x']);
    const none = canary({ x: { version: '2026-03-01T00:00:00.000Z' } }, 1, 1);
    bed.swap(none);
    expect(bed.names(none)).toEqual(['x']);
  });

  it('of a full version falls to the others that have one, and to nobody else', () => {
    const bed = new Bed();
    const targets = { a: { version: OLD }, n: { version: NEW }, x: { version: '2026-03-01T00:00:00.000Z' } };
    const web = { ...canary(targets, 99, 1), ...limited(1) };
    bed.swap(web);
    const held = [bed.take(web), bed.take(web)];
    expect(held.map(({ target }) => target.taskId).sort()).toEqual(['a', 'n']);
    expect(bed.routes.pick(web, {})).toBeUndefined();
    // who is pinned waits for his version
    held.find(({ target }) => target.taskId === 'a')?.release('ok');
    expect(bed.routes.pick(web, { version: NEW })).toBeUndefined();
    expect(bed.take(web).target.taskId).toBe('a');
  });

  it('do not bind a pinned request, nor a session that has its target already', () => {
    const bed = new Bed();
    const web = canary(five, 100, 0);
    bed.swap(web);
    expect(bed.names(web)).toEqual(['a', 'b', 'c', 'd']);
    expect(bed.names(web, { version: NEW })).toEqual(['n']);
    expect(bed.names(web, { version: '2020-01-01T00:00:00.000Z' })).toEqual(['a', 'b', 'c', 'd']);
    const sticky = stickyKeyOf(bed.take(web, { version: NEW }).target);
    expect(bed.names(web, { sticky })).toEqual(['n']);
    expect(bed.names(web, { sticky, tried: new Set([asTaskId('n')]) })).not.toContain('n');
    bed.swap(canary({ a: { version: OLD } }, 100, 0));
    expect(bed.names(web, { sticky })).toEqual(['a']);
  });
});

describe('slow start', () => {
  const slow = (targets: Readonly<Record<string, object>>): RouteService =>
    served(targets, { policy: { slowStartMs: 10_000 } });

  it('gives a newcomer a tenth at first and the whole in the end', () => {
    const bed = new Bed();
    const [two, three] = [slow({ a: {}, b: {} }), slow({ a: {}, b: {}, n: {} })];
    bed.swap(two);
    bed.swap(three);
    expect(Math.abs((bed.shares(three, 4_000)['n'] ?? 0) - 0.1 / 2.1)).toBeLessThan(0.02);
    bed.clock.advance(5_000);
    expect(Math.abs((bed.shares(three, 4_000)['n'] ?? 0) - 0.55 / 2.55)).toBeLessThan(0.03);
    bed.swap(slow({ a: {}, b: {}, n: { suspect: true } }));
    bed.swap(three);
    bed.clock.advance(5_000);
    expect(Math.abs((bed.shares(three, 4_000)['n'] ?? 0) - 1 / 3)).toBeLessThan(0.04);
  });

  it('is not for those that were there before this process', () => {
    const bed = new Bed();
    const web = slow({ a: {}, n: {} });
    bed.swap(web);
    expect(bed.shares(web, 4_000)['n']).toBeCloseTo(0.5, 1);
  });
});

describe('leaving out', () => {
  it('follows five bad answers in a row, lasts twice as long each time, and ends with a good one', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {}, c: {} });
    bed.swap(web);
    bed.fail(web, 'a', 4);
    bed.take(web, { tried: new Set(['b', 'c'].map(asTaskId)) }).release('ok');
    bed.fail(web, 'a', 4);
    expect(bed.names(web)).toEqual(['a', 'b', 'c']);
    bed.fail(web, 'a', 5);
    expect(bed.names(web)).toEqual(['b', 'c']);
    bed.clock.advance(999);
    expect(bed.names(web)).toEqual(['b', 'c']);
    bed.clock.advance(1);
    // one more is enough now, for the row goes on
    bed.fail(web, 'a', 1);
    bed.clock.advance(1_999);
    expect(bed.names(web)).toEqual(['b', 'c']);
    bed.clock.advance(1);
    expect(bed.names(web)).toEqual(['a', 'b', 'c']);
    bed.fail(web, 'a', 4);
    expect(bed.names(web)).toEqual(['a', 'b', 'c']);
  });

  it('goes by the policy of the service', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {} }, { policy: { ejection: { failures: 1, ms: 60_000 } } });
    bed.swap(web);
    bed.fail(web, 'a', 1);
    bed.clock.advance(59_999);
    expect(bed.names(web)).toEqual(['b']);
    const never = served({ a: {}, b: {} }, { policy: { ejection: { failures: 0 } } });
    bed.swap(never);
    bed.clock.advance(1);
    bed.fail(never, 'b', 50);
    expect(bed.names(never)).toEqual(['a', 'b']);
  });

  it('never concerns the last half, and a lone target not at all', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {}, c: {}, d: {} });
    bed.swap(web);
    for (const task of ['a', 'b', 'c', 'd']) {
      bed.fail(web, task, 5);
      bed.clock.advance(10);
    }
    // those that are back first
    expect(bed.names(web)).toEqual(['a', 'b']);
    const lone = served({ x: {} });
    bed.swap(lone);
    bed.fail(lone, 'x', 50);
    expect(bed.names(lone)).toEqual(['x']);
  });

  it('concerns a port, not its task, and nothing that began before says more', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {} });
    const admin = served({ a: { port: 31_001 } }, { portIndex: 1 });
    bed.swap(web, admin);
    const wish = { tried: new Set([asTaskId('b')]) };
    const [early, late] = [bed.take(web, wish), bed.take(web, wish)];
    const asBusy = [1, 2].map(() => bed.take(web, { tried: new Set([asTaskId('a')]) }));
    bed.clock.advance(10);
    bed.take(admin).release('refused');
    expect(bed.names(web)).toEqual(['a', 'b']);
    bed.take(web, wish).release('refused');
    // a closing server still answers what it has
    early.release('ok');
    expect(bed.names(web)).toEqual(['b']);
    bed.clock.advance(1_000);
    late.release('refused');
    for (const each of asBusy) each.release('ok');
    expect(bed.names(web)).toEqual(['a', 'b']);
  });
});

describe('limits', () => {
  it('make requests wait for their turn, first come first served', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {} }, limited(2));
    bed.swap(web);
    const held = Array.from({ length: 4 }, () => bed.take(web));
    expect(bed.routes.pick(web, {})).toBeUndefined();
    const log: string[] = [];
    const waiting = ['1', '2', '3'].map((name) => place(bed, web, log, name));
    waiting[1]?.cancel?.();
    const [first, second] = held;
    first?.release('ok');
    expect(log).toEqual([`1: ${first?.target.taskId}`]);
    // nobody overtakes
    const late = place(bed, web, log, 'late');
    second?.release();
    second?.release();
    expect(log.slice(1)).toEqual([`3: ${second?.target.taskId}`]);
    waiting[0]?.pick?.release('ok');
    expect(log.at(-1)).toMatch(/^late: /);
    for (const each of [...held, ...waiting.map(({ pick }) => pick), late.pick]) each?.release('ok');
    expect(bed.routes.claims.counts().size).toBe(0);
    expect(bed.clock.nextAt()).toBeNull();
  });

  it('bound the line in number and time', () => {
    const bed = new Bed();
    const web = served({ a: {} }, limited(1, { queue: 2, queueMs: 500 }));
    bed.swap(web);
    const held = bed.take(web);
    const log: string[] = [];
    for (const name of ['1', '2', '3']) place(bed, web, log, name);
    expect(log).toEqual(['3: queue-full']);
    bed.clock.advance(500);
    expect(log).toEqual(['3: queue-full', '1: queue-timeout', '2: queue-timeout']);
    held.release('ok');
    expect(log).toHaveLength(3);
    expect(bed.take(web).target.taskId).toBe('a');
  });

  it('keep a session waiting for its own target, and let others pass it', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {} }, { sticky: true, ...limited(1) });
    bed.swap(web);
    const held = [bed.take(web), bed.take(web)];
    const [a, b] = held.sort((x, y) => (x.target.taskId < y.target.taskId ? -1 : 1));
    const log: string[] = [];
    place(bed, web, log, 'session', { sticky: a ? stickyKeyOf(a.target) : '' });
    const other = place(bed, web, log, 'other');
    b?.release('ok');
    other.pick?.release('ok');
    expect(log).toEqual(['other: b']);
    // while somebody waits, a newcomer asks by way of the line
    expect(bed.routes.pick(web, {})).toBeUndefined();
    place(bed, web, log, 'third');
    a?.release('ok');
    expect(log).toEqual(['other: b', 'third: b', 'session: a']);
  });

  it('let those who wait go on when a swap brings room, and tell them when it takes the last hope', () => {
    const bed = new Bed();
    const web = served({ a: {} }, limited(1));
    bed.swap(web);
    const held = bed.take(web);
    const log: string[] = [];
    place(bed, web, log, '1');
    place(bed, web, log, 'retry', { tried: new Set([asTaskId('c')]) });
    bed.swap(served({ a: {}, b: {} }, limited(1)));
    expect(log).toEqual(['1: b']);
    bed.swap(served({ c: {} }, limited(1)));
    expect(log).toEqual(['1: b', 'retry: all-tried']);
    const again = bed.take(web);
    place(bed, web, log, '2');
    bed.swap(served({}, { emptyReason: '1 instance starting', ...limited(1) }));
    expect(log.at(-1)).toBe('2: starting');
    bed.swap(web);
    place(bed, web, log, '3');
    bed.swap();
    expect(log.at(-1)).toBe('3: removed');
    for (const each of [held, again]) each.release();
    expect(bed.clock.nextAt()).toBeNull();
  });

  it('wake those who wait when a target comes back from its rest', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {} }, limited(1));
    bed.swap(web);
    const wish = { tried: new Set([asTaskId('a')]) };
    bed.take(web, wish).release('refused');
    const held = bed.take(web);
    expect(held.target.taskId).toBe('a');
    const log: string[] = [];
    place(bed, web, log, '1');
    expect(log).toEqual([]);
    bed.clock.advance(1_000);
    expect(log).toEqual(['1: b']);
  });

  it('survive whoever releases or asks again at once', () => {
    const bed = new Bed();
    const web = served({ a: {} }, limited(1));
    bed.swap(web);
    const held = bed.take(web);
    let served_ = 0;
    const again = (left: number): void => {
      bed.routes.place(web, {}, (placed) => {
        served_ += 1;
        if (left > 0) again(left - 1);
        if (placed.kind === 'placed') placed.pick.release('ok');
      });
    };
    for (let each = 0; each < 50; each += 1) again(3);
    held.release('ok');
    expect(served_).toBe(200);
    expect(bed.routes.claims.counts().size).toBe(0);
  });
});

describe('reasons', () => {
  it('say what a client should know, and no more', () => {
    const bed = new Bed();
    const web = served({ a: {}, b: {} });
    const why = (tried: readonly string[] = []) =>
      bed.routes.explain(web, { tried: new Set(tried.map(asTaskId)) });
    bed.swap();
    expect(why()).toEqual({ kind: 'removed', message: 'app /web is being removed', retryAfterS: 5 });
    bed.swap(served({}, { emptyReason: 'the app is scaled to 0 instances' }));
    expect(why()).toMatchObject({ kind: 'empty', message: expect.stringContaining('scaled to 0') });
    bed.swap(served({}, { emptyReason: '2 instances waiting for the image to be pulled' }));
    expect(why()).toMatchObject({ kind: 'starting', retryAfterS: 5 });
    bed.swap(web);
    expect(why(['a', 'b'])).toMatchObject({ kind: 'all-tried' });
    for (const task of ['a', 'b']) bed.take(web, { tried: new Set([asTaskId(task)]) }).release('refused');
    expect(why(['a', 'b'])).toMatchObject({
      kind: 'all-ejected',
      message: expect.stringMatching(/2 of its 2 instances were tried, none accepted a connection/),
    });
  });
});

describe('claims', () => {
  it('are of targets of the table of that moment, and counted exactly until their end', () => {
    const bed = new Bed();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const held: Pick[] = [];
    const opened = new Map<string, number>();
    const count = (task: string, by: number): void => {
      opened.set(task, (opened.get(task) ?? 0) + by);
      if (opened.get(task) === 0) opened.delete(task);
    };
    const placed = (result: Placed): void => {
      if (result.kind !== 'placed') return;
      held.push(result.pick);
      count(result.pick.target.taskId, 1);
      expect(now).toContain(result.pick.target.taskId);
    };
    let now: string[] = [];
    const older = served({});
    for (let step = 0; step < 5_000; step += 1) {
      const dice = bed.chance();
      if (dice < 0.02) {
        now = names.filter(() => bed.chance() < 0.5);
        bed.swap(served(Object.fromEntries(now.map((name) => [name, {}])), limited(3, { queue: 20 })));
      } else if (dice < 0.5) {
        const cancel = bed.routes.place(older, {}, placed);
        if (bed.chance() < 0.2) cancel?.();
      } else if (dice < 0.95) {
        const [pick] = held.splice(Math.floor(bed.chance() * held.length), 1);
        // counted before, for the place may be taken within the call
        if (pick) count(pick.target.taskId, -1);
        const outcome = (['ok', 'failed', 'refused', undefined] as const)[Math.floor(bed.chance() * 4)];
        pick?.release(outcome);
        pick?.release(outcome);
      } else bed.clock.advance(Math.floor(bed.chance() * 400));
      expect(new Map(bed.routes.claims.counts())).toEqual(opened);
    }
    for (const pick of held) pick.release();
    bed.swap();
    expect(bed.routes.claims.counts().size).toBe(0);
    expect(bed.clock.nextAt()).toBeNull();
    expect(new Set(bed.idle)).toEqual(new Set(names));
  });
});

describe('retries', () => {
  it('have a budget for each service: ten, and a fifth of its requests', () => {
    const bed = new Bed();
    const web = served({ a: {} });
    const other = served({ o: {} }, { portIndex: 1, policy: { retries: { budgetPercent: 100 } } });
    bed.swap(web, other);
    const allowed = (service: RouteService): number =>
      Array.from({ length: 500 }, () => bed.routes.mayRetry(service)).filter(Boolean).length;
    bed.shares(web, 100);
    bed.shares(other, 100);
    // a second attempt is no request
    for (let done = 0; done < 100; done += 1)
      bed.routes.pick(web, { tried: new Set([asTaskId('x')]) })?.release();
    expect([allowed(web), allowed(other)]).toEqual([30, 110]);
    bed.swap(web);
    expect([allowed(web), allowed(other)]).toEqual([0, 0]);
    bed.clock.advance(10_000);
    expect(allowed(web)).toBe(10);
  });
});
