// How many are stopped and started, and who goes first (behaviour.md 4 and 11.4).
import { describe, expect, test } from '@jest/globals';
import { asInstanceId } from '#libs/model';
import type { InstanceId } from '#libs/model';
import { scaleNeeds, victimOrder } from './scaling.js';
import type { VictimCandidate, VictimState } from './scaling.js';

test.each([
  // considered, target, explicit, toKill, toStart
  [3, 5, 0, 0, 2],
  [5, 3, 0, 2, 0],
  [3, 3, 0, 0, 0],
  [3, 3, 2, 2, 2], // killed by name without scaling: as many come back
  [3, 1, 2, 2, 0], // killed and scaled
  [3, 0, 1, 3, 0],
  [0, 0, 0, 0, 0],
])(
  '%p considered, %p wanted, %p named: stop %p, start %p',
  (considered, target, explicit, toKill, toStart) => {
    expect(scaleNeeds(considered, target, explicit)).toEqual({ toKill, toStart });
  },
);

describe('victims', () => {
  const one = (name: string, state: VictimState, since?: number, group?: string): VictimCandidate => ({
    id: asInstanceId(name),
    state,
    ...(since === undefined ? {} : { since }),
    ...(group === undefined ? {} : { group }),
  });
  const order = (
    candidates: readonly VictimCandidate[],
    named: readonly string[] = [],
    selection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST' = 'YOUNGEST_FIRST',
  ): readonly InstanceId[] =>
    victimOrder(candidates, new Set(named.map(asInstanceId)), selection).map(({ id }) => id);

  test('go by state: waiting, unreachable, staging, starting, running, others', () => {
    const states: readonly VictimState[] = [
      'other',
      'running',
      'starting',
      'staging',
      'unreachable',
      'waiting',
    ];
    expect(order(states.map((state) => one(state, state, 1)))).toEqual([...states].reverse());
  });

  test('of one state by age, as killSelection says; one without a start time first', () => {
    const all = [one('b', 'running', 2), one('a', 'running', 1), one('c', 'running', 3), one('x', 'running')];
    expect(order(all)).toEqual(['x', 'c', 'b', 'a']);
    expect(order(all, [], 'OLDEST_FIRST')).toEqual(['x', 'a', 'b', 'c']);
  });

  test('the named ones before all others', () => {
    const all = [one('a', 'running', 1), one('b', 'staging', 2), one('c', 'running', 3)];
    expect(order(all, ['a'])).toEqual(['a', 'b', 'c']);
  });

  test('keep GROUP_BY groups even: the next is always of a biggest group', () => {
    const all = [
      one('r1-young', 'running', 9, 'r1'),
      one('r2-a', 'running', 1, 'r2'),
      one('r2-b', 'running', 2, 'r2'),
      one('r2-c', 'running', 3, 'r2'),
    ];
    expect(order(all)).toEqual(['r2-c', 'r2-b', 'r1-young', 'r2-a']);
  });
});
