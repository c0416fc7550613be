// What HAProxy's counters say of connections that came to nothing.
import { expect, test } from '@jest/globals';
import { ManualClock } from '#libs/time';
import { ClientWatch } from './client-watch.js';
import { statRows, type StatRow } from './traffic-counter.js';

const info = (now: number): string =>
  `Name: HAProxy\nMaxconn: 100\nHard_maxconn: 100\nCurrConns: ${now}\nCumConns: 800\n`;
const rows = (...lines: string[]): StatRow[] =>
  statRows(`# pxname,svname,stot,dreq,dcon,dses,conn_tot\n${lines.join('\n')}\n`);

test('tells for a minute that there are as many as there may be, and by what', () => {
  const clock = new ManualClock();
  const [asked, limited] = [{ maxConnections: 100 }, { maxConnections: 5_000 }].map(
    (limits) => new ClientWatch(clock, limits),
  ) as [ClientWatch, ClientWatch];
  for (const watch of [asked, limited]) {
    watch.see(1, info(99), []);
    expect(watch.warnings()).toEqual([]);
    watch.see(1, info(100), []);
  }
  expect(asked.warnings()).toEqual([
    expect.stringMatching(/ all 100 connections .* --max-connections allows/),
  ]);
  expect(limited.warnings()).toEqual([
    expect.stringMatching(/ all 100 connections .* limit of open files allows/),
  ]);
  clock.advance(61_000);
  asked.see(1, info(7), []);
  expect(asked.warnings()).toEqual([]);
});

test('adds up whom the limit for each client refused, over workers, and nobody whom an app does not serve', () => {
  const watch = new ClientWatch(new ManualClock(), { connectionsPerClient: 5 });
  const apart = 'port:10001,FRONTEND,9,7,0,0,9';
  watch.see(1, info(0), rows('main,FRONTEND,9,0,0,0,9', apart));
  expect(watch.warnings()).toEqual([]);
  watch.see(1, info(0), rows('main,FRONTEND,9,2,1,0,9', 'port:10001,FRONTEND,9,7,1,1,9'));
  watch.see(2, info(0), rows('main,FRONTEND,9,1,0,0,9', apart));
  expect(watch.warnings()).toEqual([
    expect.stringMatching(/--connections-per-client 5 .*; 6 connections were refused/),
  ]);
});
