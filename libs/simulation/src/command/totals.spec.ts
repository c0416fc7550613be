// What is told at the end of many seeds: how many held, which did not, and of which of them a story is worth its time.
import { describe, expect, it } from '@jest/globals';
import type { SeedResult } from './seed-run.js';
import { Totals } from './totals.js';

const aResult = (seed: number, rule?: string): SeedResult => ({
  seed: String(seed),
  broken: rule === undefined ? null : { rule, text: 'it broke', at: 1000 },
  digests: ['a'],
  counts: { stops: 2 },
  simulatedMs: 1000,
});

function totalsOf(...results: readonly SeedResult[]): Totals {
  const totals = new Totals();
  for (const each of results) totals.add(each);
  return totals;
}

describe('the totals of a run', () => {
  it('count what happened and what held', () => {
    expect(totalsOf(aResult(1), aResult(2)).report()).toBe(
      '  stops            4\n2 seeds passed, 0 failed\n',
    );
    expect(totalsOf(aResult(1)).report()).toContain('\n1 seed passed, 0 failed\n');
  });

  it('list every seed that failed, in the order of the seeds, also one whose replays differ', () => {
    const unsteady = { ...aResult(4), digests: ['a', 'b'] };
    const report = totalsOf(aResult(10, 'floor'), unsteady, aResult(3), aResult(2, 'drained')).report();
    expect(report.split('\n').slice(1, -1)).toEqual([
      'FAILED seed 2: drained: it broke',
      'FAILED seed 4: its runs differ: a, b',
      'FAILED seed 10: floor: it broke',
      '1 seed passed, 3 failed',
    ]);
  });

  it('give one example of each promise that was broken, its first seed, up to a number', () => {
    const totals = totalsOf(
      aResult(9, 'floor'),
      aResult(5, 'floor'),
      aResult(6, 'drained'),
      aResult(7, 'capacity'),
      aResult(8),
      { ...aResult(1), digests: ['a', 'b'] },
    );
    expect(totals.examples(2).map(({ seed }) => seed)).toEqual(['5', '6']);
    expect(totals.examples(9).map(({ seed }) => seed)).toEqual(['5', '6', '7']);
  });
});
