import { expect, it } from '@jest/globals';
import { ManualClock } from '#libs/time';
import { WrongHeaders } from './wrong-headers.js';

it('a warning of a port lasts for a minute after its last cause, once however often it happened', () => {
  const clock = new ManualClock();
  const headers = new WrongHeaders(clock);
  const ports = (): number[] =>
    headers.warnings().map((text) => Number(/^service port (\d+):/.exec(text)?.[1]));
  expect(ports()).toEqual([]);
  headers.note(10_001);
  clock.advance(40_000);
  headers.note(10_002);
  headers.note(10_002);
  expect(ports()).toEqual([10_001, 10_002]);
  clock.advance(30_000);
  expect(ports()).toEqual([10_002]);
  headers.note(10_002);
  clock.advance(59_000);
  expect(ports()).toEqual([10_002]);
  clock.advance(2_000);
  expect(ports()).toEqual([]);
});
