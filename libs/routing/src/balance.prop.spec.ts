import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asInstanceId, asTaskId } from '#libs/model';
import { ejectionMs, pickTarget } from './balance.js';
import type { RouteTarget } from './route-table.js';

interface Made {
  readonly target: RouteTarget;
  readonly inFlight: number;
  readonly ejected: boolean;
  readonly tried: boolean;
}

const targets = fc
  .array(
    fc.record({ suspect: fc.boolean(), inFlight: fc.nat(3), ejected: fc.boolean(), tried: fc.boolean() }),
    {
      maxLength: 8,
    },
  )
  .map((all) =>
    all.map(({ suspect, ...state }, index): Made => ({
      ...state,
      target: {
        taskId: asTaskId(`t${index}`),
        instanceId: asInstanceId(`i${index}`),
        host: 'h',
        port: 1,
        suspect,
      },
    })),
  );

function choose(all: readonly Made[], turn: number): Made | undefined {
  const of = (target: RouteTarget): Made | undefined => all.find((each) => each.target === target);
  const picked = pickTarget({
    targets: all.map(({ target }) => target),
    turn,
    tried: new Set(all.filter(({ tried }) => tried).map(({ target }) => target.taskId)),
    load: {
      inFlight: (target) => of(target)?.inFlight ?? 0,
      isEjected: (target) => of(target)?.ejected ?? false,
    },
  });
  return picked && of(picked);
}

describe('pickTarget', () => {
  it('finds somebody exactly when somebody is left, never one that was tried', () => {
    fc.assert(
      fc.property(targets, fc.nat(), (all, turn) => {
        const picked = choose(all, turn);
        expect(picked !== undefined).toBe(all.some(({ tried }) => !tried));
        expect(picked?.tried ?? false).toBe(false);
      }),
    );
  });

  it('prefers who answers, then who is not suspect, then who has least to do', () => {
    fc.assert(
      fc.property(targets, fc.nat(), (all, turn) => {
        const picked = choose(all, turn);
        if (!picked) return;
        const rank = ({ ejected, target, inFlight }: Made): number =>
          (ejected ? 100 : 0) + (target.suspect ? 10 : 0) + inFlight;
        const left = all.filter(({ tried }) => !tried);
        expect(rank(picked)).toBe(Math.min(...left.map(rank)));
      }),
    );
  });

  it('takes turns among equals', () => {
    const equals = ['a', 'b', 'c'].map((name): Made => ({
      target: { taskId: asTaskId(name), instanceId: asInstanceId(name), host: 'h', port: 1, suspect: false },
      inFlight: 0,
      ejected: false,
      tried: false,
    }));
    expect([0, 1, 2, 3].map((turn) => choose(equals, turn)?.target.taskId)).toEqual(['a', 'b', 'c', 'a']);
  });

  it('keeps a failing target out for 1 to 10 seconds', () => {
    expect([1, 2, 3, 4, 5, 50].map(ejectionMs)).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });
});
