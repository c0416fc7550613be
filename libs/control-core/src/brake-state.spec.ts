// What people see of the brakes while they are on, over a whole control plane with a scripted agent.
import { describe, expect, it } from '@jest/globals';
import { countsOf } from './brake-state.js';

describe('the counts of a brake', () => {
  const settings = { minimumInstances: 4, share: 0.5, windowMs: 60_000 };

  it('tell how many turned together, and how many of those that were healthy before are needed', () => {
    const turned = [0, 1_000, 2_000, 500_000];
    expect(countsOf({ healthy: 17, turnedUnhealthyAt: turned }, settings)).toEqual({
      healthy: 17,
      unhealthy: 4,
      together: 3,
      needed: 10,
    });
  });

  it('need nothing while the brake is switched off', () => {
    const off = { ...settings, minimumInstances: 0 };
    expect(countsOf({ healthy: 0, turnedUnhealthyAt: [1, 2, 3, 4] }, off)).toMatchObject({
      together: 4,
      needed: null,
    });
  });
});
