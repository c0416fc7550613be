// What becomes of targets that answer badly, and how often their requests are sent again.
import { expect, it } from '@jest/globals';
import { asAppId, asTaskId } from '#libs/model';
import type { RouteService } from '#libs/routing';
import { until } from '#libs/testkit';
import { aService, type Ask, type Backend, type EngineBench } from './engine-bench.js';

/** Requests one after the other, enough to meet each of a few targets. */
const SOME = 24;
/** What a budget counts is forgotten after ten seconds, counted by whole ones. ms. */
const WINDOW_MS = 9_000;

export function failureCases(bench: EngineBench, timeoutMs: number): void {
  const backends = (names: readonly string[]): Promise<Backend[]> =>
    Promise.all(names.map((name) => bench.backend(name)));
  const policy = (more: NonNullable<RouteService['policy']> = {}): Partial<RouteService> => ({
    policy: { balance: { by: 'round-robin' }, ...more },
  });
  /** Only it is left out, as far as clients can tell. */
  const leavesOut = async (target: Backend, asked: Ask = {}): Promise<void> => {
    await until(`${target.task} to be left out`, async () => {
      const before = target.seen.length;
      await bench.tally(SOME, asked);
      return target.seen.length === before;
    });
  };
  const isAskedAgain = (target: Backend, asked: Ask = {}): Promise<unknown> => {
    const before = target.seen.length;
    return until(`${target.task} to be asked again`, async () => {
      await bench.tally(SOME, asked);
      return target.seen.length > before;
    });
  };
  const leftOut = (): string[] =>
    bench.engine
      .standings()
      .filter(({ leftOut }) => leftOut > 0)
      .map(({ taskId }) => taskId ?? '');

  it(
    'leaves out a target that answers like a gateway without a server, says so, and asks it again by itself',
    async () => {
      const [a, b, bad] = (await backends(['a', 'b', 'bad'])) as [Backend, Backend, Backend];
      bad.behave(503);
      await bench.route(aService([a, b, bad], policy({ ejection: { failures: 3, ms: 2_000 } })));
      await leavesOut(bad);
      expect(leftOut()).toEqual([asTaskId('bad')]);
      expect(await bench.tally(SOME)).toEqual({ a: SOME / 2, b: SOME / 2 });
      // a newer table changes nothing about it, one in which nobody else is left does
      await bench.route(aService([bad, b], policy({ ejection: { failures: 3, ms: 2_000 } })));
      expect(await bench.tally(10)).toEqual({ b: 10 });
      await bench.route(aService([bad], policy({ ejection: { failures: 3, ms: 2_000 } })));
      expect(await bench.tally(3)).toEqual({ 503: 3 });
      await bench.route(aService([a, b, bad], policy({ ejection: { failures: 3, ms: 2_000 } })));
      bad.behave(200);
      await isAskedAgain(bad);
      await until('nobody to be left out', () => leftOut().length === 0);
    },
    timeoutMs,
  );

  it(
    'leaves it out for longer each time, until it answers',
    async () => {
      const [a, bad] = (await backends(['a', 'bad'])) as [Backend, Backend];
      bad.behave(502);
      await bench.route(aService([a, bad], policy({ ejection: { failures: 2, ms: 400 } })));
      const pauses: number[] = [];
      let [seen, since] = [0, Date.now()];
      // 0.4, 0.8, 1.6, 3.2 s, and on where the machine made the first one longer
      await until(
        'it to be left out for more than twice as long as at first, the fourth time or later',
        async () => {
          await bench.ask();
          if (bad.seen.length > seen) {
            // in between others are asked in turn
            if (seen > 0 && Date.now() - since > 300) pauses.push(Date.now() - since);
            [seen, since] = [bad.seen.length, Date.now()];
          }
          return pauses.length >= 4 && (pauses.at(-1) ?? 0) > 2 * (pauses[0] ?? 0);
        },
      );
      bad.behave(200);
      await isAskedAgain(bad);
    },
    timeoutMs,
  );

  it(
    'counts targets that break requests off as well, whatever the method, and takes their sessions elsewhere',
    async () => {
      const [a, b, bad] = (await backends(['a', 'b', 'bad'])) as [Backend, Backend, Backend];
      const post = { method: 'POST', body: 'x' };
      await bench.route(aService([a, b, bad], { ...policy({ ejection: { ms: 3_000 } }), sticky: true }));
      let cookie = '';
      await until('a session', async () => {
        const { text, headers } = await bench.ask();
        cookie = headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
        return text === 'bad';
      });
      for (const ask of [{}, post]) {
        bad.behave('cut');
        await leavesOut(bad, ask);
        expect(leftOut()).toEqual([asTaskId('bad')]);
        expect((await bench.tally(5, { ...ask, headers: { cookie } }))['bad']).toBeUndefined();
        bad.behave(200);
        await isAskedAgain(bad, ask);
      }
    },
    timeoutMs,
  );

  it(
    'never leaves out the last half of a service for its answers, nor anybody for what is no failure of a gateway',
    async () => {
      const all = await backends(['a', 'b', 'c', 'd']);
      for (const each of all) each.behave(503);
      await bench.route(aService(all, policy({ ejection: { failures: 2, ms: 1_000 } })));
      const asked = (): Promise<number[]> => {
        const before = all.map(({ seen }) => seen.length);
        return bench.tally(SOME).then((answers) => {
          // the task's own answers
          expect(answers).toEqual({ 503: SOME });
          return all.map(({ seen }, at) => seen.length - (before[at] ?? 0));
        });
      };
      const idle = (counts: readonly number[]): number => counts.filter((count) => count === 0).length;
      await until('two to be left out', async () => idle(await asked()) === 2);
      for (let turn = 0; turn < 20; turn += 1) expect(idle(await asked())).toBeLessThanOrEqual(2);
      for (const each of all) each.behave(500);
      const counts = async (): Promise<number[]> => {
        const before = all.map(({ seen }) => seen.length);
        await bench.tally(4 * SOME);
        return all.map(({ seen }, at) => seen.length - (before[at] ?? 0));
      };
      const alike = all.map(() => SOME);
      // one that comes back may miss a turn of the round in which it does
      await until('all to be asked alike', async () =>
        (await counts()).every((count) => count === SOME && leftOut().length === 0),
      );
      expect(await counts()).toEqual(alike);
      expect(leftOut()).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'leaves nobody out where the labels say so',
    async () => {
      const [a, bad] = (await backends(['a', 'bad'])) as [Backend, Backend];
      bad.behave(503);
      await bench.route(aService([a, bad], policy({ ejection: { failures: 0 } })));
      for (let turn = 0; turn < 10; turn += 1) {
        expect(await bench.tally(SOME)).toEqual({ a: SOME / 2, 503: SOME / 2 });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    timeoutMs,
  );

  it(
    'sends no more requests again than the budget allows, where each target breaks them off',
    async () => {
      const all = await backends(['a', 'b', 'c', 'd', 'e']);
      for (const each of all) each.behave('cut');
      const count = 100;
      const repeats = async (
        path: string,
        budgetPercent?: number,
      ): Promise<{ done: number; windows: number }> => {
        const retries = budgetPercent === undefined ? {} : { retries: { budgetPercent } };
        const more = policy({ ...retries, ejection: { failures: 0 } });
        await bench.route(aService(all, { ...more, appId: asAppId(path) }));
        const before = all.flatMap(({ seen }) => seen).length;
        const since = performance.now();
        expect(await bench.tally(count)).toEqual({ 502: count });
        const windows = 1 + Math.floor((performance.now() - since) / WINDOW_MS);
        return { done: all.flatMap(({ seen }) => seen).length - before - count, windows };
      };
      // ten of each window, and so many of a hundred
      for (const [path, percent] of [
        ['/usual', undefined],
        ['/none', 0],
        ['/half', 50],
      ] as const) {
        const earned = (count * (percent ?? 20)) / 100;
        const { done, windows } = await repeats(path, percent);
        expect(done).toBeGreaterThanOrEqual(Math.floor((10 + earned) / 2));
        // one under way when the budget is used up may have had its two
        expect(done).toBeLessThanOrEqual(windows * (10 + 1) + earned);
      }
      for (const each of all) each.behave(200);
      expect(await bench.tally(5)).not.toHaveProperty('502');
    },
    timeoutMs,
  );

  it(
    'goes on past targets that have seen nothing whatever the budget',
    async () => {
      const [a, ...dead] = (await backends(['a', ...Array.from({ length: 3 }, (_, at) => `dead-${at}`)])) as [
        Backend,
        ...Backend[],
      ];
      await Promise.all(dead.map((each) => each.stop()));
      await bench.route(aService([...dead, a], policy({ retries: { budgetPercent: 0 } })));
      expect(await bench.tally(20)).toEqual({ a: 20 });
    },
    timeoutMs,
  );
}
