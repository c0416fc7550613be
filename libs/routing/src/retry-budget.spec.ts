import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.js';

const START = 1_700_000_000_000;

describe('retry budget', () => {
  it('is a fifth of the requests and ten more, and grows back as seconds pass', () => {
    const budget = new RetryBudget();
    const taken = (now: number, wanted: number): number =>
      Array.from({ length: wanted }, () => budget.take(now)).filter(Boolean).length;
    expect(taken(START, 100)).toBe(10);
    for (let done = 0; done < 100; done += 1) budget.request(START + 500);
    expect(taken(START + 900, 100)).toBe(20);
    expect(taken(START + 9_999, 100)).toBe(0);
    // the requests are forgotten with the retries
    expect(taken(START + 10_000, 100)).toBe(10);
    expect(taken(START + 3_600_000, 100)).toBe(10);
  });

  it('never allows more than the rule, counted anew over the window each time', () => {
    const step = fc.record({ afterMs: fc.nat(3_000), requests: fc.nat(60), retries: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(step), fc.nat(100), (steps, percent) => {
        const budget = new RetryBudget();
        const [requests, retries]: [number[], number[]] = [[], []];
        let now = START;
        const inWindow = (times: readonly number[]): number =>
          times.filter((at) => Math.floor(at / 1_000) > Math.floor(now / 1_000) - 10).length;
        for (const { afterMs, ...wanted } of steps) {
          now += afterMs;
          for (let done = 0; done < wanted.requests; done += 1) {
            budget.request(now);
            requests.push(now);
          }
          for (let done = 0; done < wanted.retries; done += 1) {
            const allowed = inWindow(retries) + 1 <= 10 + (inWindow(requests) * percent) / 100;
            expect(budget.take(now, percent)).toBe(allowed);
            if (allowed) retries.push(now);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
