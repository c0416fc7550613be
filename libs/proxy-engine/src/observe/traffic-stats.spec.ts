// What is counted of requests, what is told to the control plane and when it is forgotten, and what Prometheus reads.
import { describe, expect, it } from '@jest/globals';
import { asAppId, asInstanceId, asTaskId } from '#libs/model';
import type { RequestRecord } from '#libs/proxy-core';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import { mergeTotals, prometheusText, type ProcessSnapshot } from './snapshot.js';
import { TrafficStats } from './traffic-stats.js';

const target = (name: string, version = 'v1'): RouteTarget => ({
  taskId: asTaskId(name),
  instanceId: asInstanceId(`i-${name}`),
  host: '127.0.0.1',
  port: 1,
  suspect: false,
  version: version as NonNullable<RouteTarget['version']>,
});
const service = (portIndex = 0, targets: readonly RouteTarget[] = []): RouteService => ({
  appId: asAppId('/web'),
  portIndex,
  mode: 'http',
  hosts: [],
  sticky: false,
  redirectToHttps: false,
  emptyReason: '',
  targets,
});
const record = (more: Partial<RequestRecord> = {}): RequestRecord => ({
  path: 'fast',
  service: service(),
  target: target('a'),
  method: 'GET',
  host: 'web',
  urlPath: '/',
  clientAddress: '127.0.0.1',
  requestId: 'r',
  status: 200,
  durationMs: 5,
  retries: 0,
  bytesOut: 100,
  ...more,
});
const table = (...targets: RouteTarget[]): RouteTable =>
  ({ services: [service(0, targets)] }) as Partial<RouteTable> as RouteTable;
const snapshot = (stats: TrafficStats): ProcessSnapshot => ({
  totals: stats.totals(),
  inFlight: { a: 2, left: 1 },
  standing: [
    { appId: '/web', portIndex: 0, version: 'v"1', taskId: 'a', inFlight: 2, waiting: 0, leftOut: 1 },
    { appId: '/web', portIndex: 0, inFlight: 0, waiting: 3, leftOut: 0 },
  ],
  table: {
    epoch: 1,
    number: 7,
    madeAt: null,
    confirmed: { epoch: 1, number: 6 },
    ageMs: 0,
    leaseMs: 9_500,
    services: 1,
    targets: 1,
  },
});

describe('what was broken off', () => {
  const torn = (): TrafficStats => {
    const stats = new TrafficStats();
    for (const abortedBy of ['target', 'silence', 'client', 'drain', undefined] as const)
      stats.ended(record({ abortedBy }));
    stats.ended(record({ status: 0, abortedBy: 'client' }));
    return stats;
  };

  it('is counted by whom, beside its status, and its time counts for none', () => {
    const [series] = torn().totals();
    expect(series).toMatchObject({ counts: [6, 0, 5, 0, 0, 0, 1, 0, 600], aborted: [2, 2, 1] });
    expect(series?.latency).toEqual([expect.any(Number), 1]);
    const [both] = mergeTotals([snapshot(torn()), snapshot(torn())]);
    expect(both?.aborted).toEqual([4, 4, 2]);
  });

  it('is told once, and only where there is some: the control plane of an older release knows no such member', () => {
    const stats = torn();
    stats.ended(record({ target: target('b') }));
    expect(stats.take()?.series.map(({ taskId, aborted }) => [taskId, aborted])).toEqual([
      ['a', [2, 2, 1]],
      ['b', undefined],
    ]);
    stats.answered();
    stats.ended(record({ abortedBy: 'target' }));
    expect(stats.take()?.series).toMatchObject([{ taskId: 'a', aborted: [1, 0, 0] }]);
  });

  it('is counted as an engine of sums tells it', () => {
    const stats = new TrafficStats();
    const sums = { broken: 0, connections: 0, retries: 0, ejections: 0, bytesOut: 0, averageMs: 1 };
    const byClass = [0, 4, 0, 0, 0] as const;
    stats.counted(service(), target('a'), { ...sums, byClass, aborted: { target: 2, client: 1 } });
    stats.counted(service(), target('a'), { ...sums, byClass });
    expect(stats.totals()).toMatchObject([{ counts: [8, 0, 8], aborted: [2, 1, 0] }]);
  });

  it('is a metric', () => {
    expect(prometheusText([snapshot(torn())]).match(/^longrun_proxy_aborted_total.*$/gm)).toEqual([
      'longrun_proxy_aborted_total{app="/web",port="0",version="v1",task="a",by="target"} 2',
      'longrun_proxy_aborted_total{app="/web",port="0",version="v1",task="a",by="client"} 2',
      'longrun_proxy_aborted_total{app="/web",port="0",version="v1",task="a",by="drain"} 1',
    ]);
  });
});

describe('counts', () => {
  it('are kept by task and port, with requests of no task and of no app beside them', () => {
    const stats = new TrafficStats();
    stats.ended(record());
    stats.ended(record({ status: 503, retries: 2 }));
    stats.ended(record({ status: 0 }));
    stats.ended(record({ service: service(1) }));
    stats.ended(record({ target: undefined, status: 404, path: 'own' }));
    stats.ended(record({ target: undefined, service: undefined, status: 404, path: 'own' }));
    stats.ended(record({ path: 'tcp', status: 0, durationMs: 60_000 }));
    stats.ended(record({ path: 'websocket', status: 101, durationMs: 60_000 }));
    const shown = stats
      .totals()
      .map(({ appId, portIndex, taskId, counts }) => [appId, portIndex, taskId, counts]);
    expect(shown).toEqual([
      ['/web', 0, 'a', [5, 1, 1, 0, 0, 1, 1, 2, 500]],
      ['/web', 1, 'a', [1, 0, 1, 0, 0, 0, 0, 0, 100]],
      ['/web', 0, undefined, [1, 0, 0, 0, 1, 0, 0, 0, 100]],
      ['', 0, undefined, [1, 0, 0, 0, 1, 0, 0, 0, 100]],
    ]);
    // neither the tunnels nor the one without an answer
    expect(stats.totals()[0]?.latency.filter((_, at) => at % 2 === 1)).toEqual([2]);
  });

  it('have a bound: beyond it tasks of a version are counted together', () => {
    const stats = new TrafficStats();
    for (let task = 0; task < 6_000; task += 1) stats.ended(record({ target: target(`t${task}`) }));
    expect(stats.totals()).toHaveLength(5_001);
    expect(stats.totals().at(-1)).toMatchObject({ version: 'v1', counts: expect.arrayContaining([1_000]) });
  });
});

describe('what is told', () => {
  it('is what came since the last report that was answered, and nothing when nothing came', () => {
    const stats = new TrafficStats();
    const told = (): unknown => stats.take()?.series.map(({ taskId, counts }) => [taskId, counts[0]]);
    stats.swap(table(target('a')));
    expect(told()).toBeUndefined();
    stats.ended(record());
    expect(told()).toEqual([['a', 1]]);
    stats.ended(record());
    // the first was lost
    expect(told()).toEqual([['a', 2]]);
    stats.ended(record());
    stats.answered();
    expect(told()).toEqual([['a', 1]]);
    stats.answered();
    expect(told()).toBeUndefined();
  });

  it('tells of a target that was left out, although nothing more went to it', () => {
    const stats = new TrafficStats();
    const counts = (): unknown => stats.take()?.series.map((each) => each.counts);
    stats.swap(table(target('a')));
    stats.ended(record());
    // nothing behind the bytes while there is nothing to tell: a control plane of before takes no more
    expect(counts()).toEqual([[1, 0, 1, 0, 0, 0, 0, 0, 100]]);
    stats.answered();
    stats.leftOut(service(), target('a'));
    expect(counts()).toEqual([[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]);
    stats.answered();
    expect(counts()).toBeUndefined();
  });

  it('is bounded: the busiest first, the rest with the next report', () => {
    const stats = new TrafficStats();
    const targets = Array.from({ length: 700 }, (_, at) => target(`t${at}`));
    stats.swap(table(...targets));
    targets.forEach((each) => stats.ended(record({ target: each })));
    stats.ended(record({ target: targets[699] }));
    const first = stats.take()?.series ?? [];
    expect([first.length, first[0]?.taskId]).toEqual([500, 't699']);
    stats.answered();
    expect(stats.take()?.series).toHaveLength(200);
  });

  it('of a task that has left is told to the end, then the task is forgotten', () => {
    const stats = new TrafficStats();
    stats.ended(record());
    stats.swap(table());
    expect(stats.take()?.series).toHaveLength(1);
    stats.answered();
    stats.take();
    expect(stats.totals()).toEqual([]);
  });
});

describe('the text for Prometheus', () => {
  const two = (): ProcessSnapshot[] =>
    [1, 2].map((times) => {
      const stats = new TrafficStats();
      for (let time = 0; time < times; time += 1) stats.ended(record({ target: target('a', 'v"1') }));
      if (times === 2) stats.leftOut(service(), target('a', 'v"1'));
      return snapshot(stats);
    });

  it('sums over workers and tells the one that is furthest behind', () => {
    expect(mergeTotals(two())).toMatchObject([{ taskId: 'a', counts: [3, 0, 3, 0, 0, 0, 0, 0, 300, 1] }]);
    const text = prometheusText(two());
    const lines = text.trimEnd().split('\n');
    const of = 'app="/web",port="0",version="v\\"1"';
    expect(lines).toEqual(
      expect.arrayContaining([
        `longrun_proxy_requests_total{${of},task="a",code="2xx"} 3`,
        `longrun_proxy_response_bytes_total{${of},task="a"} 300`,
        `longrun_proxy_request_duration_seconds_bucket{${of},le="0.0025"} 0`,
        `longrun_proxy_request_duration_seconds_bucket{${of},le="0.01"} 3`,
        `longrun_proxy_request_duration_seconds_count{${of}} 3`,
        `longrun_proxy_in_flight{${of},task="a"} 4`,
        'longrun_proxy_in_flight{task="left"} 2',
        'longrun_proxy_waiting{app="/web",port="0"} 6',
        `longrun_proxy_left_out{${of},task="a"} 2`,
        `longrun_proxy_ejections_total{${of},task="a"} 1`,
        'longrun_proxy_workers 2',
        'longrun_proxy_table_number 7',
        'longrun_proxy_table_confirmed_number 6',
        'longrun_proxy_lease_seconds 9.5',
      ]),
    );
    for (const line of lines) expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{.*\})? \S+)$/);
  });
});
