// What of HAProxy's counters is a failure of a target, and since when.
import { expect, test } from '@jest/globals';
import { FailureCounter, failuresIn } from './failure-counter.js';
import { statRows, TrafficCounter } from './traffic-counter.js';

const HEAD = '# pxname,svname,stot,hrsp_2xx,hrsp_5xx,econ,eresp,wretr,srv_abrt';
const rowsOf = (counts: string): ReturnType<typeof statRows> => statRows(`${HEAD}\nb,s1,${counts}\n`);

test('reads the table of failed answers', () => {
  const text = `# table: longrun_failed, type: string, size:102400, used:2
0x7f: key=s1/shop:web:0 use=0 exp=3599999 http_req_cnt=12
0x7e: key=r2/b:0:pin-0123456789abcdef use=1 exp=1 shard=0 http_req_cnt=1

 key=s1/shop:web:0 broken=3
`;
  expect([...failuresIn(text)]).toEqual([
    ['s1/shop:web:0', 12],
    ['r2/b:0:pin-0123456789abcdef', 1],
    ['!s1/shop:web:0', 3],
  ]);
  expect(failuresIn('').size).toBe(0);
});

test('counts statuses by the table, breaks and what is torn by the counters, once; other answers are sound', () => {
  const traffic = new TrafficCounter();
  const failures = new FailureCounter(traffic);
  let now = 1_000;
  const look = (counts: string, told: [string, number][] = [], isAll = false) => {
    const named = failures.begin(new Map(told));
    const [row] = rowsOf(counts);
    if (!row) throw new Error('no row');
    const grown = failures.grown('b', 's1', row, (now += 250));
    if (isAll) traffic.grown(rowsOf(counts));
    failures.end(now, isAll, () => true);
    return [grown, [...named]];
  };
  expect(look('9,9,0,0,0,0,0', [], true)).toEqual([undefined, []]);
  // since the look at all: two 503, a 500 and two that are sound; one told of by 502 of HAProxy's own, one given to another target
  expect(look('16,11,3,0,1,1,0', [['s1/b', 2]])).toEqual([{ failed: 4, sound: 3, since: 1_250 }, ['b']]);
  // torn by closing, which is an error too, and by silence
  expect(look('18,13,3,0,2,1,2', [['s1/b', 2]])).toEqual([{ failed: 2, sound: 0, since: 1_500 }, []]);
  // the table forgot it
  expect(look('19,13,4,0,2,1,2', [['s1/b', 1]])).toEqual([{ failed: 1, sound: 0, since: 1_750 }, ['b']]);
  expect(look('20,14,4,0,2,1,2', [['s1/b', 1]])).toEqual([{ failed: 0, sound: 1, since: 2_000 }, []]);
  // broken off, and answered by a script
  expect(
    look('22,14,4,0,2,1,2', [
      ['s1/b', 1],
      ['!s1/b', 2],
    ]),
  ).toEqual([{ failed: 2, sound: 0, since: 2_250 }, ['b']]);
  // a worker that did not answer has told nothing, and nothing is told twice
  expect([...failures.begin()]).toEqual([]);
  // somebody else has the place
  failures.given('s1/b');
  expect(
    look('25,14,4,0,7,1,2', [
      ['s1/b', 1],
      ['!s1/b', 2],
    ])[0],
  ).toBeUndefined();
});
