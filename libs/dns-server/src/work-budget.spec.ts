// What answers may cost, on a clock that the spec moves.
import { describe, expect, it } from '@jest/globals';
import { WorkBudget } from './work-budget.js';

describe('WorkBudget', () => {
  it('gives a quarter of the time that goes by, after a short burst', () => {
    let now = 0;
    const budget = new WorkBudget(() => now);
    let worked = 0;
    while (now < 10_000) {
      const waitMs = budget.waitMs();
      now += waitMs;
      if (waitMs > 0) continue;
      budget.spend(() => (now += 2));
      worked += 2;
    }
    expect(worked / now).toBeGreaterThan(0.23);
    expect(worked / now).toBeLessThan(0.27);
  });

  it('saves up 20 ms at most, and counts a work that throws', () => {
    let now = 1_000_000;
    const budget = new WorkBudget(() => now);
    now += 3_600_000;
    let pieces = 0;
    for (; budget.waitMs() === 0; pieces += 1)
      expect(() =>
        budget.spend(() => {
          now += 1;
          throw new Error('bad packet');
        }),
      ).toThrow('bad packet');
    // 1 ms each, of which a quarter comes back
    expect(pieces).toBeGreaterThanOrEqual(20);
    expect(pieces).toBeLessThanOrEqual(28);
  });

  it('counts a pause of the whole process as 20 ms', () => {
    let now = 0;
    const budget = new WorkBudget(() => now);
    budget.spend(() => (now += 60_000));
    expect(budget.waitMs()).toBeLessThanOrEqual(81);
  });
});
