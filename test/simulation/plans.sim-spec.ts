// Plans come true: 500 random changes in small clusters without faults, each foreseen by the leader, then asked for, and compared.
import { describe, expect, it } from '@jest/globals';
import { comparePlans, type PlanFact } from '#libs/simulation';

const CHANGES = 20;
const FIXED = Array.from({ length: 20 }, (_, index) => `plans ${index + 1}`);
/** Others in each run; what fails is named by its seed, and `comparePlans(seed, 20)` runs it again. */
const START = Date.now();
const FRESH = Array.from({ length: 5 }, (_, index) => `plans ${START + index}`);
/** ms; a cluster takes about a second of one core, of which others may leave little. */
const TEST_MS = 600_000;

/** Of all clusters together. */
const facts: PlanFact[] = [];

describe('the executed steps equal the plan', () => {
  it.each([...FIXED, ...FRESH])(
    `for ${CHANGES} changes, one after another, of the cluster "%s"`,
    async (seed) => {
      const compared = await comparePlans(seed, CHANGES);
      facts.push(...compared);
      expect({ seed, unlike: compared.filter(({ problems }) => problems.length) }).toEqual({
        seed,
        unlike: [],
      });
    },
    TEST_MS,
  );

  it('for 500 changes of all kinds: those that fit, those that do not, and with nothing left to chance or with much of it', () => {
    expect(facts).toHaveLength(CHANGES * (FIXED.length + FRESH.length));
    const count = (is: (fact: PlanFact) => boolean): number => facts.filter(is).length;
    const isCertain = ({ plan }: PlanFact): boolean => plan.waves.every(({ certain }) => certain);
    const kinds = new Set(facts.map(({ change }) => change.do));
    expect([...kinds].sort()).toEqual([
      'deploy',
      'deploy-many',
      'kill-and-scale',
      'remove',
      'remove-group',
      'restart',
      'scale',
    ]);
    expect(count(({ plan }) => plan.fits === false)).toBeGreaterThan(10);
    expect(count(({ plan }) => plan.outcome.rolledBack === true)).toBeGreaterThan(5);
    expect(count((fact) => isCertain(fact) && fact.plan.waves.length > 1)).toBeGreaterThan(50);
    expect(count((fact) => !isCertain(fact))).toBeGreaterThan(50);
    expect(count(({ plan }) => plan.waitsForRoom.length > 0)).toBeGreaterThan(0);
    expect(count(({ plan }) => plan.waves.some(({ step }) => step > 1))).toBeGreaterThan(50);
  });
});
