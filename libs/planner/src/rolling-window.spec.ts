// The worked rows of behaviour.md 5, and what follows from looking at two sets at any moment.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rollingWindow } from './rolling-window.js';
import type { RollingSets } from './rolling-window.js';

const atBegin = (
  n: number,
  minimumHealthCapacity: number,
  maximumOverCapacity: number,
  old: number,
  healthy = old,
): RollingSets => ({
  n,
  minimumHealthCapacity,
  maximumOverCapacity,
  old: { active: old, wanted: old, healthy },
  new: { started: 0, healthy: 0 },
});

describe('rollingWindow, worked rows', () => {
  test.each([
    // n, min, over, old, minHealthy, maxCapacity, mayStop, mayStart
    [1, 1, 1, 1, 1, 2, 0, 1],
    [1, 1, 0, 1, 1, 2, 0, 1],
    [1, 0, 0, 1, 0, 1, 1, 0],
    [1, 0.5, 0, 1, 1, 2, 0, 1],
    [2, 1, 0, 2, 2, 3, 0, 1],
    [3, 0.5, 0, 3, 2, 3, 1, 0],
    [3, 0.34, 0.34, 3, 2, 4, 1, 1],
    [5, 0.5, 0.25, 5, 3, 6, 2, 1],
    [10, 1, 1, 10, 10, 20, 0, 10],
    [10, 1, 0.05, 10, 10, 11, 0, 1],
    [10, 0.5, 0, 10, 5, 10, 5, 0],
    [10, 0.5, 0.5, 10, 5, 15, 5, 5],
    [10, 0, 0, 10, 0, 10, 10, 0],
    [10, 1, 0.3, 8, 10, 13, 0, 5],
    [4, 1, 0, 2, 4, 4, 0, 2],
    [5, 1, 0, 10, 5, 6, 5, 0],
    [3, 1, 1, 5, 3, 6, 2, 1],
  ])('n %p, min %p, over %p, %p old', (n, min, over, old, minHealthy, maxCapacity, mayStop, mayStart) => {
    expect(rollingWindow(atBegin(n, min, over, old))).toEqual({ minHealthy, maxCapacity, mayStop, mayStart });
  });

  test('unhealthy old ones are not stopped at the start while new ones may come', () => {
    const window = rollingWindow(atBegin(3, 0.5, 0.5, 3, 1));
    expect(window).toEqual({ minHealthy: 2, maxCapacity: 4, mayStop: 0, mayStart: 1 });
  });
});

describe('rollingWindow, later moments', () => {
  test('closes the gap: with no room and an unhealthy old one, that one makes room', () => {
    expect(rollingWindow(atBegin(2, 0.5, 0, 2, 1)).mayStop).toBe(1);
    expect(rollingWindow(atBegin(1, 1, 0, 1, 0)).mayStop).toBe(1);
  });

  test('the gap rule waits while a stop or a start is under way', () => {
    const stuck = atBegin(2, 1, 0, 2, 1);
    expect(rollingWindow({ ...stuck, old: { active: 3, wanted: 2, healthy: 1 } }).mayStop).toBe(0);
    expect(rollingWindow({ ...stuck, new: { started: 1, healthy: 0 } }).mayStop).toBe(0);
  });

  test('a healthy new one frees an old one, also an unhealthy one', () => {
    const one = atBegin(1, 1, 1, 1);
    expect(rollingWindow({ ...one, new: { started: 1, healthy: 1 } }).mayStop).toBe(1);
    const sick = atBegin(1, 1, 1, 1, 0);
    expect(rollingWindow({ ...sick, new: { started: 1, healthy: 1 } }).mayStop).toBe(1);
  });

  test('a new one that serves for a moment only frees an unhealthy old one, and no other', () => {
    const moment = (old: number, healthy: number, serving: number): RollingSets => ({
      ...atBegin(3, 1, 1, old, healthy),
      new: { started: 3, healthy: 0, serving },
    });
    expect(rollingWindow(moment(3, 3, 3)).mayStop).toBe(0);
    expect(rollingWindow(moment(3, 1, 3)).mayStop).toBe(2);
    expect(rollingWindow(moment(3, 1, 1)).mayStop).toBe(1);
    expect(rollingWindow(moment(3, 1, 0)).mayStop).toBe(0);
  });

  test('no healthy old one goes in the place of an unhealthy one that is kept', () => {
    const kept = (old: number, healthy: number, started: number, settled: number): RollingSets => ({
      n: 2,
      minimumHealthCapacity: 1,
      maximumOverCapacity: 1,
      old: { active: old, wanted: old, healthy, keptUnhealthy: 1 },
      new: { started, healthy: settled, serving: started },
    });
    expect(rollingWindow(kept(2, 1, 2, 0)).mayStop).toBe(0);
    expect(rollingWindow(kept(2, 1, 2, 1)).mayStop).toBe(0);
    expect(rollingWindow(kept(2, 1, 2, 2)).mayStop).toBe(1);
    expect(rollingWindow(kept(3, 1, 2, 0)).mayStop).toBe(1);
    const gap = atBegin(2, 1, 0, 2, 1);
    expect(rollingWindow(gap).mayStop).toBe(1);
    expect(rollingWindow({ ...gap, old: { ...gap.old, keptUnhealthy: 1 } }).mayStop).toBe(0);
  });

  test('computes shares as decimals', () => {
    expect(rollingWindow(atBegin(100, 0.07, 0, 0)).minHealthy).toBe(7);
    expect(rollingWindow(atBegin(100, 1, 0.15, 0)).maxCapacity).toBe(115);
    expect(rollingWindow(atBegin(10, 1e-7, 0, 0)).minHealthy).toBe(1);
  });

  test('whatever the moment: stopping so many, unhealthy first, keeps the floor, and starting keeps the capacity', () => {
    const sets = fc
      .tuple(
        fc.nat(12),
        fc.nat(100),
        fc.nat(100),
        fc.nat(12),
        fc.nat(12),
        fc.nat(12),
        fc.nat(12),
        fc.nat(12),
        fc.nat(4),
      )
      .map(([n, min, over, healthyOld, sickOld, leaving, healthyNew, sickNew, kept]): RollingSets => ({
        n,
        minimumHealthCapacity: min / 100,
        maximumOverCapacity: over / 100,
        old: {
          active: healthyOld + sickOld + leaving,
          wanted: healthyOld + sickOld,
          healthy: healthyOld,
          keptUnhealthy: Math.min(kept, sickOld),
        },
        new: { started: healthyNew + sickNew, healthy: Math.floor(healthyNew / 2), serving: healthyNew },
      }));
    fc.assert(
      fc.property(sets, (each) => {
        const window = rollingWindow(each);
        const sick = each.old.wanted - each.old.healthy - (each.old.keptUnhealthy ?? 0);
        const healthyStopped = Math.max(0, window.mayStop - sick);
        const healthy = each.old.healthy + each.new.healthy;
        if (healthyStopped) expect(healthy - healthyStopped).toBeGreaterThanOrEqual(window.minHealthy);
        if (window.mayStart) {
          expect(each.old.active + each.new.started + window.mayStart).toBeLessThanOrEqual(
            window.maxCapacity,
          );
        }
      }),
      { seed: 5, numRuns: 2_000 },
    );
  });
});
