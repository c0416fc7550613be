// What is taken for a standstill, and that each is told once, whoever notices it first.
import { beforeEach, expect, it } from '@jest/globals';
import { ManualClock } from './manual-clock.js';
import { Standstill } from './standstill.js';

let clock: ManualClock;
let standstill: Standstill;
let told: [since: number, now: number][];

/** As time goes on in a process that is awake. */
const pass = (ms: number): void => clock.advance(ms);

beforeEach(() => {
  clock = new ManualClock(0);
  told = [];
  standstill = new Standstill(clock, { tickMs: 1_000, lateMs: 500 }, (since, now) => told.push([since, now]));
  standstill.watch();
});

it('says nothing while ticks come in time, or little too late', () => {
  pass(60_400);
  clock.standStill(1_099);
  standstill.check();
  expect(told).toEqual([]);
});

it.each([
  ['by its tick', () => clock.advance(0)],
  ['by a check before timers fire', () => standstill.check()],
])('tells each standstill once, noticed %s', (_, notice) => {
  pass(60_400);
  clock.spend(8_000);
  notice();
  expect(told).toEqual([[60_000, 68_400]]);
  standstill.check();
  pass(30_000);
  expect(told).toHaveLength(1);

  clock.spend(1_500);
  notice();
  expect(told.slice(1)).toEqual([[98_400, 99_900]]);
});

it('has one timer, also after a standstill', () => {
  clock.standStill(8_000);
  standstill.end();
  expect(clock.nextAt()).toBeNull();
});

it('tells nothing after its end, also when told of one it ends', () => {
  const ending = new Standstill(clock, { tickMs: 1_000, lateMs: 500 }, () => ending.end());
  ending.watch();
  standstill.end();
  clock.standStill(8_000);
  ending.check();
  standstill.check();
  expect([told, clock.nextAt()]).toEqual([[], null]);
});
