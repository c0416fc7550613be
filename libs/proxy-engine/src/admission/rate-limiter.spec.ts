import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RateLimiter } from './rate-limiter.js';

const clockAt = (start = 0) => {
  const clock = { time: start, now: () => clock.time };
  return clock;
};

describe('rates', () => {
  it('let a burst through, then as many as the rate says, and say when to come again', () => {
    const clock = clockAt(5_000);
    const limiter = new RateLimiter(clock);
    const rate = { perSecond: 2, burst: 3 };
    expect([1, 2, 3, 4].map(() => limiter.take('a', rate))).toEqual([0, 0, 0, 1]);
    expect(limiter.take('b', rate)).toBe(0);
    clock.time += 500;
    expect([limiter.take('a', rate), limiter.take('a', rate)]).toEqual([0, 1]);
    clock.time += 60_000;
    expect([1, 2, 3, 4].map(() => limiter.take('a', rate))).toEqual([0, 0, 0, 1]);
    const slow = { perSecond: 1 / 60, burst: 1 };
    expect([limiter.take('c', slow), limiter.take('c', slow)]).toEqual([0, 60]);
  });

  it('never let more through than burst and rate, whatever the times; and nobody waits longer than told', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 });
    const rates = fc.record({
      perSecond: fc.constantFrom(0.3, 1, 7, 333),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(steps, rates, (pauses, rate) => {
        const clock = clockAt();
        const limiter = new RateLimiter(clock);
        let admitted = 0;
        for (const pause of pauses) {
          clock.time += pause;
          const wait = limiter.take('a', rate);
          if (wait === 0) admitted += 1;
          else {
            const again = clockAt(clock.time + wait * 1_000);
            Object.assign(clock, { time: again.time });
            expect(limiter.take('a', rate)).toBe(0);
            admitted += 1;
          }
          expect(admitted).toBeLessThanOrEqual(
            rate.burst +
              (clock.time / 1_000) * rate.perSecond +
              0.001 * rate.perSecond * pauses.length +
              1e-6,
          );
        }
      }),
    );
  });

  it('need bounded memory; those that are whole again are forgotten first', () => {
    const clock = clockAt();
    const limiter = new RateLimiter(clock, 10);
    const rate = { perSecond: 1, burst: 1 };
    for (let n = 0; n < 10; n += 1) limiter.take(`old ${n}`, rate);
    clock.time += 1_500;
    limiter.take('new', rate);
    expect(limiter.size).toBe(1);
    for (let n = 0; n < 1_000; n += 1) limiter.take(`flood ${n}`, rate);
    expect(limiter.size).toBe(10);
    expect(limiter.take('flood 999', rate)).toBe(1);
  });
});
