// Whom an agent dials next, and after which delay.
import { describe, expect, it } from '@jest/globals';
import { DialPlan } from './dial-plan.js';

const URLS = ['http://one', 'http://two', 'http://three'];
/** The longest delays. */
const ids = { uuid: () => 'ffffffff-0000-4000-8000-000000000000' };
const aPlan = (urls: readonly string[] = URLS): DialPlan => new DialPlan(urls, ids);

/** Whom it dials, when each dial fails with this hint. */
function dialled(plan: DialPlan, hints: readonly (string | undefined)[]): string[] {
  return hints.map((hint) => {
    const url = plan.url();
    plan.failed(hint);
    return url;
  });
}

describe('a dial plan', () => {
  it('tries one control plane after the other', () => {
    const dials = dialled(aPlan(), [undefined, undefined, undefined, undefined]);
    expect(dials).toEqual(['http://one', 'http://two', 'http://three', 'http://one']);
  });

  it('waits for twice as long each time, up to 2 s', () => {
    const plan = aPlan();
    const delays = Array.from({ length: 6 }, () => plan.failed());
    expect(delays.map((each) => Math.ceil(each / 100) * 100)).toEqual([200, 400, 800, 1600, 2000, 2000]);
  });

  it('follows the hint to a leader at once', () => {
    const plan = aPlan();
    expect(plan.failed('http://three')).toBe(0);
    expect(plan.url()).toBe('http://three');
  });

  it('asks the next one when the hinted leader does not answer, not the one that named it', () => {
    expect(dialled(aPlan(), ['http://three', undefined, undefined])).toEqual([
      'http://one',
      'http://three',
      'http://two',
    ]);
  });

  it('asks the only one again when the leader that it named does not answer', () => {
    expect(dialled(aPlan(['http://one']), ['http://two', undefined, undefined])).toEqual([
      'http://one',
      'http://two',
      'http://one',
    ]);
  });

  it('follows three hints in a row, then takes its time, until a session lasted', () => {
    const plan = aPlan();
    const name = (): string => (plan.url() === 'http://one' ? 'http://two' : 'http://one');
    expect([1, 2, 3].map(() => plan.failed(name()))).toEqual([0, 0, 0]);
    expect(plan.failed(name())).toBeGreaterThan(0);
    plan.lasted();
    expect(plan.failed('http://three')).toBe(0);
  });
});
