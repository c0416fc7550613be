import { describe, expect, it } from '@jest/globals';
import { runScenario } from './run.js';
import { scenarioOf } from './scenario/generate.js';
import type { Scenario } from './scenario/scenario.js';

/** The first minutes only: everything that could differ does so there, too. */
const beginningOf = (seed: string): Scenario => {
  const scenario = scenarioOf(seed);
  const quietFromMs = 2 * 60_000;
  return { ...scenario, quietFromMs, durationMs: quietFromMs + 30_000 };
};

/** ms; a run takes less than a second where nothing else runs. */
const TEST_MS = 60_000;

describe('a run', () => {
  it.each(['1', '2', '3'])(
    'of seed %s has the same log each time, byte by byte',
    async (seed) => {
      const first = await runScenario(beginningOf(seed), { trace: true });
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
      const digests = await Promise.all(
        ['1', '2'].map(async (seed) => (await runScenario(beginningOf(seed))).digest),
      );
      expect(new Set(digests).size).toBe(2);
    },
    TEST_MS,
  );

  it(
    'says the same whether the whole log is kept or not',
    async () => {
      const whole = await runScenario(beginningOf('3'), { trace: true });
      const end = await runScenario(beginningOf('3'));
      expect(end.digest).toBe(whole.digest);
      expect(whole.log.slice(-end.log.length)).toEqual(end.log);
    },
    TEST_MS,
  );
});
