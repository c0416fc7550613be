// What HAProxy's counters say since the last look.
import { expect, test } from '@jest/globals';
import { statRows, TrafficCounter } from './traffic-counter.js';

const HEAD =
  '# pxname,svname,stot,bout,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,econ,eresp,cli_abrt,srv_abrt,chkdown,ttime';
const rows = (counts: string): ReturnType<typeof statRows> => statRows(`${HEAD}\nb,a,${counts}\n`);

test('tells answers that were broken off by whom, also of requests that began before the last look', () => {
  const counter = new TrafficCounter();
  // three whole ones, one torn, one that its client left
  expect(counter.grown(rows('5,100,0,5,0,0,0,0,1,1,1,0,3'))).toMatchObject([
    { backend: 'b', server: 'a', sums: { byClass: [0, 5, 0, 0, 0], aborted: { target: 1, client: 1 } } },
  ]);
  expect(counter.grown(rows('5,100,0,5,0,0,0,0,1,1,1,0,3'))).toEqual([]);
  // silence is no error of HAProxy's, and nothing new has begun
  expect(counter.grown(rows('5,100,0,5,0,0,0,0,1,1,2,0,3'))).toMatchObject([
    { sums: { byClass: [0, 0, 0, 0, 0], broken: 0, aborted: { target: 1, client: 0 } } },
  ]);
});

test('what was taken out by us was not found down, what was found down beside it was', () => {
  const counter = new TrafficCounter();
  counter.grown(rows('5,100,0,5,0,0,0,0,0,0,0,0,3'));
  counter.rested('b', 'a');
  expect(counter.grown(rows('5,100,0,5,0,0,0,0,0,0,0,1,3'))).toEqual([]);
  expect(counter.grown(rows('5,100,0,5,0,0,0,0,0,0,0,2,3'))).toMatchObject([{ sums: { ejections: 1 } }]);
});

test('TCP has no answers to break off', () => {
  const [grown] = new TrafficCounter().grown(rows('2,100,,,,,,0,0,1,1,0,3'));
  expect(grown?.sums).toMatchObject({ connections: 2 });
  expect(grown?.sums).not.toHaveProperty('aborted');
});
