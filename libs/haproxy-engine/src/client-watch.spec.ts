// What HAProxy's counters say of connections that came to nothing.
import { expect, test } from '@jest/globals';
import { ManualClock } from '#libs/time';
import { ClientWatch } from './client-watch.js';
import { statRows, type StatRow } from './traffic-counter.js';

const info = (now: number): string =>
  `Name: HAProxy\nMaxconn: 100\nHard_maxconn: 100\nCurrConns: ${now}\nCumConns: 800\n`;
const rows = (...lines: string[]): StatRow[] =>
  statRows(`# pxname,svname,stot,dreq,dcon,dses,conn_tot\n${lines.join('\n')}\n`);
const NONE = new Set<number>();

test('tells for a minute that there are as many as there may be, and by what', () => {
  const clock = new ManualClock();
  const [asked, limited] = [{ maxConnections: 100 }, { maxConnections: 5_000 }].map(
    (limits) => new ClientWatch(clock, limits),
  ) as [ClientWatch, ClientWatch];
  for (const watch of [asked, limited]) {
    watch.see(1, info(99), [], NONE);
    expect(watch.warnings()).toEqual([]);
    watch.see(1, info(100), [], NONE);
  }
  expect(asked.warnings()).toEqual([
    expect.stringMatching(/ all 100 connections .* --max-connections allows/),
  ]);
  expect(limited.warnings()).toEqual([
    expect.stringMatching(/ all 100 connections .* limit of open files allows/),
  ]);
  clock.advance(61_000);
  asked.see(1, info(7), [], NONE);
  expect(asked.warnings()).toEqual([]);
});

test('adds up whom the limit for each client refused, over workers, and nobody whom an app does not serve', () => {
  const watch = new ClientWatch(new ManualClock(), { connectionsPerClient: 5 });
  const apart = 'port:10001,FRONTEND,9,7,0,0,9';
  watch.see(1, info(0), rows('main,FRONTEND,9,0,0,0,9', apart), NONE);
  expect(watch.warnings()).toEqual([]);
  watch.see(1, info(0), rows('main,FRONTEND,9,2,1,0,9', 'port:10001,FRONTEND,9,7,1,1,9'), NONE);
  watch.see(2, info(0), rows('main,FRONTEND,9,1,0,0,9', apart), NONE);
  expect(watch.warnings()).toEqual([
    expect.stringMatching(/--connections-per-client 5 .*; 6 connections were refused/),
  ]);
});

test('tells of a port whose connections come to nothing, not of headers that are on their way', () => {
  const clock = new ManualClock();
  const watch = new ClientWatch(clock, {});
  const see = (stot: number, accepted: number, dses = 0): string[] => {
    watch.see(
      1,
      info(0),
      rows(`port:10001,FRONTEND,${stot},0,0,${dses},${accepted}`, 'port:10002,FRONTEND,0,0,0,0,9'),
      new Set([10_001]),
    );
    return watch.warnings();
  };
  expect(see(3, 5)).toEqual([]);
  expect(see(5, 5)).toEqual([]);
  // who is refused for other reasons
  expect(see(5, 7, 2)).toEqual([]);
  expect(see(5, 8, 2)).toEqual([]);
  expect(see(5, 8, 2)).toEqual([expect.stringMatching(/^service port 10001: .* PROXY header/)]);
  clock.advance(61_000);
  expect(see(5, 8, 2)).toEqual([]);
  see(6, 10, 2);
  expect(see(6, 10, 2)).toHaveLength(1);
});
