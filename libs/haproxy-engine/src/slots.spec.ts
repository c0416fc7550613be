// The places of one backend while some of its targets are left out for failing.
import { expect, test } from '@jest/globals';
import { asTaskId, timestampOf } from '#libs/model';
import type { RouteService, RouteTarget } from '#libs/routing';
import { aService, aTarget } from '#libs/testkit';
import { Slots } from './slots.js';

const of = (targets: readonly RouteTarget[], more: Partial<RouteService> = {}): RouteService =>
  aService([], { targets, ...more });
const planned = (service: RouteService, out: readonly string[] = [], preference = {}): Slots =>
  Slots.planned({ backend: 'b', preference, service }, new Set(out.map((each) => asTaskId(each))));
const change = (slots: Slots, service: RouteService, ...out: string[]) => {
  const { open, close, full, rested } = slots.change(service, new Set(out.map((each) => asTaskId(each))));
  return { open, close, full, rested };
};
const nothing = { open: [], close: [], full: false, rested: [] };

test('who is left out goes into maintenance and comes back to its place', () => {
  const service = of([aTarget('a', 1), aTarget('b', 2)]);
  const slots = planned(service);
  const maint = { ...nothing, close: ['set server b/s2 state maint'], rested: ['s2'] };
  expect(change(slots, service, 'b')).toEqual(maint);
  expect(change(slots, service, 'b')).toEqual(nothing);
  expect(slots.taskAt('s2')).toBe('b');
  expect(slots.leaving()).toEqual([]);
  expect(change(slots, service)).toEqual({ ...nothing, open: ['set server b/s2 state ready'] });
  // one that leaves while it is out gives its place back as any other
  change(slots, service, 'b');
  change(slots, of([aTarget('a', 1)]));
  expect(slots.leaving()).toEqual(['b']);
  slots.settle(new Map());
  const { open, close } = change(slots, of([aTarget('a', 1), aTarget('c', 3)]));
  expect([open.at(-1), close]).toEqual(['set server b/s2 state ready', []]);
});

test('a new configuration has it disabled', () => {
  const slots = planned(of([aTarget('a', 1), aTarget('b', 2)]), ['b']);
  expect(slots.lines('check').slice(0, 2)).toEqual([
    'server s1 127.0.0.1:1 weight 1 check',
    'server s2 127.0.0.1:2 weight 0 disabled check',
  ]);
  expect(change(slots, of([aTarget('a', 1), aTarget('b', 2)]))).toEqual({
    ...nothing,
    open: ['set server b/s2 weight 1', 'set server b/s2 state ready'],
  });
});

test('its version keeps its share, which those that are left divide', () => {
  const [one, two] = [timestampOf(1), timestampOf(2)];
  const shares = [
    { version: one, weight: 2 },
    { version: two, weight: 2 },
  ];
  const targets = [
    ...['a', 'b'].map((name, at) => aTarget(name, at + 1, { version: one })),
    aTarget('c', 3, { version: two }),
    aTarget('d', 4, { version: two }),
  ];
  const service = of(targets, { traffic: { shares } });
  expect(change(planned(service), service, 'a').open).toEqual(['set server b/s2 weight 2']);
});

test('lost agents are asked when all others are out, and nobody moves between the kinds of places', () => {
  const suspects = of([
    aTarget('a', 1),
    aTarget('b', 2, { suspect: true }),
    aTarget('c', 3, { suspect: true }),
  ]);
  expect(change(planned(suspects), suspects, 'a').open).toEqual([
    'set server b/s2 weight 1',
    'set server b/s3 weight 1',
  ]);
  const zoned = of([aTarget('near', 1, { zone: 'z' }), aTarget('far', 2, { zone: 'y' })], {
    policy: { preferZone: true },
  });
  expect(change(planned(zoned, [], { zone: 'z' }), zoned, 'near')).toEqual({
    ...nothing,
    close: ['set server b/s1 state maint'],
    rested: ['s1'],
  });
});
