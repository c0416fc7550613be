import { describe, expect, it } from '@jest/globals';
import { Cluster } from './cluster.js';
import { runScenario } from './run.js';
import { scenarioOf } from './scenario/generate.js';
import type { Scenario } from './scenario/scenario.js';

/** The first minutes only: everything that could differ does so there, too. */
const beginningOf = (seed: string): Scenario => {
  const scenario = scenarioOf(seed);
  const quietFromMs = 2 * 60_000;
  return { ...scenario, quietFromMs, durationMs: quietFromMs + 30_000 };
};

/** ms, against a run that hangs; one takes about a second where nothing else runs, and most of a minute on a crowded machine. */
const TEST_MS = 300_000;

/** More seeds, from their beginning to their end, are replayed by the project `simulation`. */
const SEEDS = ['1', '2'];

describe('a run', () => {
  const firsts = new Map<string, ReturnType<typeof runScenario>>();
  /** The one that all cases compare with. */
  const firstOf = (seed: string): ReturnType<typeof runScenario> => {
    const first = firsts.get(seed) ?? runScenario(beginningOf(seed), { trace: true });
    firsts.set(seed, first);
    return first;
  };

  it.each(SEEDS)(
    'of seed %s has the same log each time, byte by byte',
    async (seed) => {
      const first = await firstOf(seed);
      const second = await runScenario(beginningOf(seed), { trace: true });
      expect(second.log).toEqual(first.log);
      expect(second.digest).toBe(first.digest);
      expect(second.counts).toEqual(first.counts);
      // it was no empty one
      expect(first.log.length).toBeGreaterThan(100);
      expect(first.counts['launches']).toBeGreaterThan(3);
    },
    TEST_MS,
  );

  it(
    'of another seed has another log',
    async () => {
      const digests = [];
      for (const seed of SEEDS) digests.push((await firstOf(seed)).digest);
      expect(new Set(digests).size).toBe(SEEDS.length);
    },
    TEST_MS,
  );

  it(
    'says the same whether the whole log is kept or not',
    async () => {
      const whole = await firstOf('1');
      const end = await runScenario(beginningOf('1'));
      expect(end.digest).toBe(whole.digest);
      expect(whole.log.slice(-end.log.length)).toEqual(end.log);
    },
    TEST_MS,
  );

  it(
    'ends when somebody sets a timer of no time for ever, for then time stands still',
    async () => {
      const cluster = new Cluster({ ...beginningOf('1'), actions: [] }, false);
      const again = (): void => void cluster.timeline.after(0, again);
      cluster.timeline.after(5_000, again);
      cluster.start();
      await cluster.run(60_000);
      expect(cluster.broken).toMatchObject({ rule: 'time-goes-on', at: 5_000 });
    },
    TEST_MS,
  );
});
