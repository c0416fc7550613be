// Who is left out by what two looks at HAProxy's counters tell: the order of answers between them is not known.
import { beforeEach, expect, test } from '@jest/globals';
import { asTaskId } from '#libs/model';
import type { RouteEjection, RouteService } from '#libs/routing';
import { aService, aTable, aTarget } from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { nameOf } from './config-text.js';
import { Ejections, Look } from './ejections.js';

let clock: ManualClock;
let left: string[];
let ejections: Ejections;
let service: RouteService;
let lookedAt: number;

const withTargets = (names: readonly string[], ejection?: RouteEjection): RouteService =>
  aService([], {
    targets: names.map((name, at) => aTarget(name, 31_000 + at)),
    ...(ejection ? { policy: { ejection } } : {}),
  });

beforeEach(() => {
  clock = new ManualClock();
  left = [];
  ejections = new Ejections({ clock, onLeftOut: (_service, { taskId }) => left.push(taskId) });
  service = withTargets(['a', 'b', 'c', 'd']);
  lookedAt = clock.now();
});

/** Failed and other answers by task since the last look, 250 ms ago; then HAProxy is told. Answers with who is out. */
function look(seen: Record<string, readonly [number, number]>, down: readonly string[] = []): string[] {
  clock.advance(250);
  const one = new Look();
  for (const [task, [failed, sound]] of Object.entries(seen))
    one.add(nameOf(service), asTaskId(task), { failed, sound, since: lookedAt });
  for (const { taskId } of service.targets) one.stands(nameOf(service), taskId, down.includes(taskId));
  const changed = ejections.judge(one, aTable(1, service));
  const out = ejections.outOf(service);
  if (changed.length > 0) ejections.told(service, out);
  lookedAt = clock.now();
  return [...out].sort();
}

test('five in a row, over looks, ended by one that answers', () => {
  expect(look({ a: [4, 0], b: [0, 9] })).toEqual([]);
  expect(look({ a: [0, 1] })).toEqual([]);
  expect(look({ a: [4, 0] })).toEqual([]);
  expect(look({})).toEqual([]);
  expect(look({ a: [1, 0] })).toEqual(['a']);
  expect(left).toEqual(['a']);
});

test('where some failed and some did not, most of them count as a row, fewer as one', () => {
  expect(look({ a: [5, 4] })).toEqual(['a']);
  expect(look({ b: [50, 50] })).toEqual(['a']);
  // what was before has ended
  expect(look({ c: [4, 0] })).toEqual(['a']);
  expect(look({ c: [3, 2] })).toEqual(['a']);
  service = withTargets(['a', 'b', 'c', 'd'], { failures: 1 });
  // the first one is back
  expect(look({ d: [1, 99] })).toEqual(['d']);
});

test('out for 1, 2, 4, 8 and then 10 s while it fails at once, and for 1 s again after it answered', () => {
  const outFor = (): number => {
    const since = clock.now();
    for (;;) if (look({ b: [0, 5] }).length === 0) return clock.now() - since;
  };
  expect(look({ a: [5, 0] })).toEqual(['a']);
  const pauses = [outFor()];
  for (let turn = 0; turn < 5; turn += 1) {
    expect(look({ a: [1, 0] })).toEqual(['a']);
    pauses.push(outFor());
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(look({ a: [0, 3] })).toEqual([]);
  expect(look({ a: [4, 0] })).toEqual([]);
  expect(look({ a: [1, 0] })).toEqual(['a']);
  expect(outFor()).toBe(1_000);
  expect(left).toHaveLength(7);
});

test('what ends while it is out, or did before it was back, says nothing', () => {
  expect(look({ a: [5, 0] })).toEqual(['a']);
  for (let turn = 0; turn < 3; turn += 1) expect(look({ a: [9, 0] })).toEqual(['a']);
  expect(look({ a: [9, 0] })).toEqual([]);
  expect(look({ a: [0, 1] })).toEqual([]);
  expect(left).toEqual(['a']);
});

test('never the last half, those that refuse connections counted in; who would be back first stays', () => {
  expect(look({ a: [5, 0] })).toEqual(['a']);
  expect(look({ b: [5, 0] })).toEqual(['a', 'b']);
  expect(look({ c: [5, 0], d: [5, 0] })).toEqual(['c', 'd']);
  expect(left).toEqual(['a', 'b', 'c', 'd']);
  expect(look({}, ['a'])).toHaveLength(1);
  expect(look({}, ['a', 'b'])).toEqual([]);
  service = withTargets(['a']);
  expect(look({ a: [50, 0] })).toEqual([]);
});

test('a table without it, or with too few others, brings it back', () => {
  expect(look({ a: [5, 0], b: [5, 0] })).toEqual(['a', 'b']);
  service = withTargets(['a', 'b']);
  expect(ejections.outOf(service).size).toBe(1);
  service = withTargets(['c']);
  expect(look({})).toEqual([]);
  service = withTargets(['a', 'b', 'c', 'd']);
  expect(look({})).toEqual([]);
});

test('labels say how many and for how long, and that nobody is', () => {
  service = withTargets(['a', 'b'], { failures: 2, ms: 500 });
  expect(look({ a: [2, 0] })).toEqual(['a']);
  expect(look({})).toEqual(['a']);
  expect(look({})).toEqual([]);
  service = withTargets(['a', 'b'], { failures: 0 });
  expect(look({ b: [100, 0] })).toEqual([]);
});

test('looks often while somebody is out or failed just now, and tells who is out', () => {
  expect(ejections.pauseMs).toBe(500);
  look({ a: [5, 0] });
  expect(ejections.pauseMs).toBe(250);
  expect([...ejections.active()]).toEqual([nameOf(service)]);
  const other = { appId: '/other', portIndex: 0, inFlight: 2, waiting: 0, leftOut: 0 };
  expect(ejections.standings([other])).toMatchObject([other, { appId: '/web', taskId: 'a', leftOut: 1 }]);
  look({ a: [0, 0] });
  clock.advance(6_000);
  look({});
  clock.advance(6_000);
  look({});
  expect(ejections.pauseMs).toBe(500);
  expect(ejections.standings([other])).toEqual([other]);
});
