// Sums over proxies of what they measured, for a minute at most.
import { expect, test } from '@jest/globals';
import { latencyBucket, type TrafficSeries, type TrafficStanding } from '#libs/agent-protocol';
import { asProxyId } from '#libs/model';
import { TRAFFIC_GENERATION_MS, TrafficMeter } from './traffic-meter.js';

const [one, two] = [asProxyId('one'), asProxyId('two')];
const series = (
  taskId: string,
  version: string,
  requests: number,
  ms = 10,
  appId = '/web',
): TrafficSeries => ({
  appId,
  portIndex: 0,
  version,
  taskId,
  counts: [requests, 0, requests],
  latency: [latencyBucket(ms), requests],
});
const anyone = (): boolean => true;
const requests = (meter: TrafficMeter, now: number): number => meter.app('/web', now).requests;

test('sums over proxies, tasks and versions, the newest version first', () => {
  const meter = new TrafficMeter();
  meter.note(one, { series: [series('a', 'v1', 30), series('b', 'v2', 10, 200)] }, 1_000, anyone);
  meter.note(two, { series: [series('a', 'v1', 60)] }, 2_000, anyone);
  const app = meter.app('/web', 11_000);
  expect(app).toMatchObject({
    appId: '/web',
    requests: 100,
    perSecond: 10,
    status: { '2xx': 100, '5xx': 0 },
  });
  expect(
    app.versions.map(({ version, requests: count, targets }) => [version, count, targets.length]),
  ).toEqual([
    ['v2', 10, 1],
    ['v1', 90, 1],
  ]);
  expect(app.p50Ms).toBeGreaterThan(9);
  expect(app.p50Ms).toBeLessThan(12);
  expect(app.p95Ms).toBeGreaterThan(180);
  expect(meter.proxies(11_000)).toBe(2);
  expect(meter.windowSeconds(11_000)).toBe(10);
});

test('sums what was broken off, by whom', () => {
  const meter = new TrafficMeter();
  meter.note(one, { series: [{ ...series('a', 'v1', 9), aborted: [2, 1] }] }, 0, anyone);
  meter.note(two, { series: [{ ...series('a', 'v1', 9), aborted: [1, 0, 4, 5] }] }, 0, anyone);
  meter.note(two, { series: [series('b', 'v1', 9)] }, TRAFFIC_GENERATION_MS, anyone);
  const { aborted, versions } = meter.app('/web', TRAFFIC_GENERATION_MS);
  expect(aborted).toEqual({ target: 3, client: 1, drain: 4 });
  expect(versions[0]?.targets.map((each) => each.aborted.target)).toEqual([3, 0]);
});

test('forgets after two generations, and then holds nothing', () => {
  const meter = new TrafficMeter();
  meter.note(one, { series: [series('a', 'v1', 10)] }, 0, anyone);
  meter.note(one, { series: [series('a', 'v1', 5)] }, TRAFFIC_GENERATION_MS, anyone);
  expect(requests(meter, TRAFFIC_GENERATION_MS)).toBe(15);
  expect(requests(meter, 2 * TRAFFIC_GENERATION_MS)).toBe(5);
  expect(requests(meter, 3 * TRAFFIC_GENERATION_MS)).toBe(0);
  expect(meter.apps(3 * TRAFFIC_GENERATION_MS)).toEqual([]);
});

test('what is in flight, waits and is left out is that of the last reports, of proxies that are heard', () => {
  const meter = new TrafficMeter();
  const stands = (
    taskId: string | undefined,
    inFlight: number,
    waiting = 0,
    leftOut = 0,
  ): TrafficStanding => ({
    ...{ appId: '/web', portIndex: 0, inFlight, waiting, leftOut },
    ...(taskId === undefined ? {} : { version: 'v1', taskId }),
  });
  const shown = (now: number): unknown => {
    const { inFlight, waiting, leftOut, versions } = meter.app('/web', now);
    return [inFlight, waiting, leftOut, versions.map(({ version, inFlight: own }) => [version, own])];
  };
  meter.note(one, { series: [], standing: [stands('a', 2), stands(undefined, 0, 3)] }, 0, anyone);
  meter.note(
    two,
    { series: [series('a', 'v1', 1)], standing: [stands('a', 1), stands('b', 0, 0, 1)] },
    1_000,
    anyone,
  );
  const versions = (own: number): unknown => [
    ['v1', own],
    [null, 0],
  ];
  expect(shown(1_000)).toEqual([3, 3, 1, versions(3)]);
  expect(meter.apps(1_000)).toEqual(['/web']);
  // each report says it anew, also one that has nothing to tell
  meter.note(one, undefined, 2_000, anyone);
  expect(shown(2_000)).toEqual([1, 0, 1, versions(1)]);
  expect(shown(11_000)).toEqual([1, 0, 1, versions(1)]);
  expect(shown(11_001)).toEqual([0, 0, 0, versions(0)]);
  expect(meter.proxies(11_001)).toBe(2);
});

test('a pause is no traffic, and a clock that goes back begins anew', () => {
  const meter = new TrafficMeter();
  meter.note(one, { series: [series('a', 'v1', 10)] }, 100_000, anyone);
  expect(requests(meter, 200_000)).toBe(0);
  meter.note(one, { series: [series('a', 'v1', 10)] }, 200_000, anyone);
  expect(requests(meter, 100_000)).toBe(0);
});

test('takes nothing of apps that do not exist, and does not tell tasks apart beyond its bound', () => {
  const meter = new TrafficMeter();
  meter.note(one, { series: [series('a', 'v1', 10, 10, '/gone')] }, 0, (app) => app === '/web');
  expect(meter.apps(0)).toEqual([]);
  for (let task = 0; task < 5_100; task += 1)
    meter.note(one, { series: [series(`t${task}`, 'v1', 1)] }, 0, anyone);
  const { versions, requests: sum } = meter.app('/web', 0);
  expect(sum).toBe(5_100);
  expect(versions[0]?.targets).toHaveLength(5_001);
});

test('of a service of several apps, what went to one of them counts as its own, with what stands there', () => {
  const meter = new TrafficMeter();
  const standing = [
    { appId: '/web', portIndex: 0, version: 'v1', taskId: 'blue.1', inFlight: 2, waiting: 0, leftOut: 0 },
    { appId: '/blue', portIndex: 0, version: 'v1', taskId: 'blue.1', inFlight: 1, waiting: 0, leftOut: 0 },
  ];
  const sent = [
    series('blue.1', 'v1', 30),
    series('green.1', 'v1', 10),
    series('blue.1', 'v1', 5, 10, '/blue'),
  ];
  meter.note(one, { series: sent, standing }, 0, anyone);
  const isOf = ({ taskId }: { readonly taskId?: string }): boolean => taskId === 'blue.1';
  const blue = meter.app('/blue', 0, [{ id: '/blue' }, { id: '/web', isOf }]);
  expect(blue).toMatchObject({ appId: '/blue', requests: 35, inFlight: 3 });
  expect(blue.versions).toMatchObject([{ version: 'v1', requests: 35 }]);
  expect(meter.app('/blue', 0)).toMatchObject({ requests: 5, inFlight: 1 });
  expect(meter.app('/web', 0)).toMatchObject({ requests: 40, inFlight: 2 });
});
