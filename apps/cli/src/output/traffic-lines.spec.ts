import { expect, test } from '@jest/globals';
import type { TrafficAnswer, TrafficMeasured } from '#libs/api-client';
import { trafficLines } from './traffic-lines.js';

const measured = (requests: number, more: Partial<TrafficMeasured> = {}): TrafficMeasured => ({
  requests,
  perSecond: requests / 50,
  status: { '1xx': 0, '2xx': requests, '3xx': 0, '4xx': 0, '5xx': 0 },
  broken: 0,
  retries: 0,
  ejections: 0,
  inFlight: 0,
  waiting: 0,
  leftOut: 0,
  bytesPerSecond: 0,
  p50Ms: 1.25,
  p95Ms: 42.4,
  p99Ms: 1_500,
  ...more,
});
const version = (name: string, weight: number | null, of: TrafficMeasured | null) => ({
  version: name,
  current: name === 'v2',
  instances: 3,
  routed: 2,
  weight,
  measured: of,
});

test('shows what is wanted beside what is measured', () => {
  const answer: TrafficAnswer = {
    appId: '/web',
    shares: [
      { version: 'v1', weight: 9 },
      { version: 'v2', weight: 1 },
    ],
    pins: [{ by: 'cookie', name: 'canary', value: '1', version: 'v2' }],
    since: '2026-01-01T00:00:00.000Z',
    setBy: 'a person',
    windowSeconds: 50,
    measured: measured(1_000, {
      waiting: 3,
      status: { '1xx': 0, '2xx': 980, '3xx': 0, '4xx': 0, '5xx': 15 },
    }),
    versions: [
      version(
        'v2',
        1,
        measured(100, {
          status: { '1xx': 0, '2xx': 95, '3xx': 0, '4xx': 0, '5xx': 4 },
          broken: 1,
          aborted: { target: 2, client: 9, drain: 1 },
          ejections: 2,
          inFlight: 5,
        }),
      ),
      version('v1', 9, measured(900)),
      version('v0', null, null),
    ],
  };
  expect(trafficLines(answer).join('\n'))
    .toBe(`/web: 20/s in the last 50 s, 1.5 % errors, 3 wait for a target; shares set 2026-01-01T00:00:00.000Z by a person
VERSION       ROUTED  WEIGHT    GETS  RATE  IN FLIGHT  ERRORS  RETRIES  EJECTED  P50     P95    P99
v2 (current)  2/3     1 (10 %)  10 %  2/s   5          8 %     0        2        1.3 ms  42 ms  1.5 s
v1            2/3     9 (90 %)  90 %  18/s  0          0 %     0        0        1.3 ms  42 ms  1.5 s
v0            2/3     -         0 %   -     -          -       -        -        -       -      -
pin: cookie canary=1 goes to v2`);
});

test('a deployment group has the rows of its apps, and shares that have no effect there are told', () => {
  const group = { id: '/shop', apps: ['/blue', '/green'] };
  const base = { shares: [], pins: [], windowSeconds: 50, measured: measured(100), group };
  const rows = [{ appId: '/blue', ...version('v2', null, measured(100)) }];
  expect(trafficLines({ ...base, appId: '/shop', versions: rows }).join('\n')).toMatch(
    /^APP +VERSION [^]*\n\/blue +v2 \(current\) [^]*the deployment group of \/blue, \/green: HAPROXY_DEPLOYMENT_NEW_INSTANCES/m,
  );
  const shares = [{ version: 'v2', weight: 1 }];
  expect(trafficLines({ ...base, appId: '/blue', shares, versions: [] }).slice(1)).toEqual([
    'warning: the shares of /blue have no effect in the deployment group /shop, only at /_app/blue/',
    'in the deployment group /shop: HAPROXY_DEPLOYMENT_NEW_INSTANCES divides its traffic; "longrun traffic /shop" shows all of it',
  ]);
});
