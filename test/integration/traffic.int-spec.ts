// Traffic shared between versions, over HTTP and on real Postgres: set during a rollout, kept over kill -9 with the same table, measured by
// what a proxy reports, and ended.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { Agent } from '#libs/agent-core';
import { latencyBucket, type ProxyReport } from '#libs/agent-protocol';
import type { RouteTable } from '#libs/routing';
import { FakeRuntime, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(120_000);

const PROXY = { authorization: 'Bearer proxy-token' };
const TRAFFIC = '/v3/apps/web/traffic';

interface Shown {
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
  readonly setBy?: string;
  readonly group?: { readonly id: string; readonly apps: readonly string[] };
  readonly measured: { readonly requests: number };
  readonly versions: readonly {
    readonly appId?: string;
    readonly version: string;
    readonly current: boolean;
    readonly routed: number;
    readonly weight: number | null;
    readonly measured: { readonly requests: number; readonly p50Ms: number } | null;
  }[];
}

let folder: string;
let database: TempDatabase;
let plane: ControlPlaneProcess;
let agent: Agent;

const get = async <T>(path: string): Promise<T> => (await plane.send('GET', path)).body as T;
const shown = (): Promise<Shown> => get<Shown>(TRAFFIC);
/** The newest table, as a proxy gets it. */
async function table(): Promise<RouteTable> {
  const stream = await fetch(`${plane.url}/v3/routes?epoch=0&after=0`, { headers: PROXY });
  let text = '';
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const line = text.split('\n').find((each) => each.startsWith('{"type":"table"'));
    if (line !== undefined && text.includes('\n')) return (JSON.parse(line) as { table: RouteTable }).table;
  }
  throw new Error('the stream ended');
}
/** The stream of events from the first one on, until all of these were in one line. */
async function eventsUntil(...parts: readonly string[]): Promise<string> {
  const stream = await fetch(`${plane.url}/v3/events?lastEventId=0`, {
    headers: { accept: 'text/event-stream' },
  });
  let text = '';
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (text.split('\n').some((line) => parts.every((part) => line.includes(part)))) return text;
  }
  throw new Error(`the stream ended: ${text.slice(-500)}`);
}
const routedBoth = (): Promise<Shown> =>
  until('both versions to be routed', async () => {
    const now = await shown();
    return now.versions.length === 2 && now.versions.every(({ routed }) => routed === 2) && now;
  });
const report = (traffic: ProxyReport['traffic']) =>
  plane.send(
    'POST',
    '/v3/proxies/p1',
    { address: 'p1', epoch: 0, confirmed: { epoch: 0, number: 0 }, inFlight: {}, warnings: [], traffic },
    PROXY,
  );

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  database = await tempDatabase();
  plane = await ControlPlaneProcess.start(folder, database.url);
  const resources = { cpus: 8, mem: 8_000, disk: 8_000, ports: [{ from: 41_300, to: 41_350 }] };
  agent = await startFakeRuntimeAgent(
    plane.url,
    'agent-token',
    { hostname: 'host-1', resources },
    {
      probes: {
        http: () => Promise.resolve({ kind: 'success' }),
        tcp: () => Promise.resolve({ kind: 'success' }),
        ask: () => Promise.resolve({ kind: 'answer', status: 200, contentType: 'text/plain', body: 'ready' }),
      },
      runtime: new FakeRuntime(new SystemClock(), 'process'),
    },
  );
  const app = { id: '/web', cmd: 'serve 1', cpus: 0.1, mem: 16, instances: 2 };
  const labels = { 'longrun.io/min-ready-seconds': '0' };
  expect((await plane.send('POST', '/v2/apps', { ...app, labels })).status).toBe(201);
  await until('the app to serve', async () => (await shown()).versions[0]?.routed === 2);
});
afterEach(async () => {
  await agent.close();
  await plane.end('SIGKILL');
  await database.drop();
});

it('a canary: held, shared, measured, over kill -9, and finished', async () => {
  const [{ version: old } = { version: '' }] = (await shown()).versions;
  expect((await plane.send('PUT', TRAFFIC, { shares: [{ version: 'current', weight: 1 }] })).status).toBe(
    200,
  );
  expect((await plane.send('PUT', '/v2/apps/web', { cmd: 'serve 2' })).status).toBe(200);
  const fresh = (await routedBoth()).versions.find(({ current }) => current)?.version;
  const pins = [{ by: 'header', name: 'X-Canary', value: 'secret-word', version: 'current' }];
  const shares = [
    { version: old, weight: 95 },
    { version: fresh, weight: 5 },
  ];
  const put = await plane.send('PUT', TRAFFIC, { shares, pins });
  expect(put).toMatchObject({
    status: 200,
    body: { shares, setBy: 'PUT /v3/apps/web/traffic from 127.0.0.1' },
  });
  const { waiting } = await get<{ waiting: string[] }>('/v3/apps/web/waiting');
  expect(waiting).toEqual([
    expect.stringMatching(/is held by the shares .* goes on .* after DELETE \/v3\/apps\/web\/traffic/),
  ]);
  const before = await table();
  expect(before.services[0]).toMatchObject({
    traffic: { shares, pins: [{ name: 'x-canary', version: fresh }] },
  });
  const told = await eventsUntil('"shares":[{"version"', 'x-canary');
  expect(told).not.toContain('secret-word');

  const series = { appId: '/web', portIndex: 0, latency: [latencyBucket(20), 10], counts: [10, 0, 10] };
  const sent = [
    { ...series, version: old, taskId: 't1' },
    { ...series, version: fresh, taskId: 't2', counts: [1, 0, 1] },
  ];
  expect(await report({ series: sent as never })).toMatchObject({ status: 200 });
  expect((await shown()).versions.map(({ version, measured }) => [version, measured?.requests])).toEqual([
    [fresh, 1],
    [old, 10],
  ]);
  expect(await get('/v3/traffic')).toMatchObject({ proxies: 1, apps: [{ appId: '/web', requests: 11 }] });
  expect(await report({ series: [{ ...series, counts: [-1] }] as never })).toMatchObject({ status: 422 });
  // ejections are the tenth count; how targets stand is told anew with each report
  const stands = {
    appId: '/web',
    portIndex: 0,
    inFlight: 3,
    waiting: 0,
    leftOut: 1,
    version: old,
    taskId: 't1',
  };
  const ejected = {
    ...series,
    version: old,
    taskId: 't1',
    counts: [0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    latency: [],
  };
  const line = { appId: '/web', portIndex: 0, inFlight: 0, waiting: 4, leftOut: 0 };
  expect(await report({ series: [ejected], standing: [stands, line] } as never)).toMatchObject({
    status: 200,
  });
  const standing = async (): Promise<unknown> => (await get<{ apps: unknown[] }>('/v3/traffic')).apps[0];
  expect(await standing()).toMatchObject({ requests: 11, ejections: 2, inFlight: 3, waiting: 4, leftOut: 1 });
  expect((await report(undefined)).status).toBe(200);
  expect(await standing()).toMatchObject({ ejections: 2, inFlight: 0, waiting: 0, leftOut: 0 });

  await plane.end('SIGKILL');
  await plane.start();
  await routedBoth();
  const after = await table();
  expect(after.services).toEqual(before.services);
  expect(after.number).toBeGreaterThanOrEqual(before.number);
  expect(await get<unknown[]>('/v2/deployments')).toHaveLength(1);

  expect((await plane.send('PUT', TRAFFIC, { shares: [{ version: 'current', weight: 1 }] })).status).toBe(
    200,
  );
  await until('the rollout to end', async () => (await get<unknown[]>('/v2/deployments')).length === 0);
  await until('the shares to go', async () => (await shown()).shares.length === 0);
  expect((await shown()).versions).toMatchObject([{ version: fresh, routed: 2, weight: null }]);
});

it('a third version beside a canary: that it cannot start is told, with the ways out', async () => {
  const [{ version: old } = { version: '' }] = (await shown()).versions;
  await plane.send('PUT', TRAFFIC, { shares: [{ version: 'current', weight: 1 }] });
  await plane.send('PUT', '/v2/apps/web', { cmd: 'serve 2' });
  const fresh = (await routedBoth()).versions.find(({ current }) => current)?.version;
  const shares = [
    { version: old, weight: 50 },
    { version: fresh, weight: 50 },
  ];
  expect((await plane.send('PUT', TRAFFIC, { shares })).status).toBe(200);
  expect((await plane.send('PUT', '/v2/apps/web?force=true', { cmd: 'serve 3' })).status).toBe(200);
  const words = /no instance of version .* runs yet.* all 4 of .* the weight 0.* raise maximumOverCapacity/;
  const { waiting } = await get<{ waiting: string[] }>('/v3/apps/web/waiting');
  expect(waiting[0]).toMatch(words);
  await until('it to be explained', async () => {
    const { holds } = await get<{ holds: { text: string }[] }>('/v3/apps/web/explain');
    return holds.some(({ text }) => words.test(text));
  });
  // that way does lead out
  const way = [
    { version: old, weight: 100 },
    { version: fresh, weight: 0 },
  ];
  expect((await plane.send('PUT', TRAFFIC, { shares: way })).status).toBe(200);
  await until('the third version to be routed', async () =>
    (await shown()).versions.some(({ current, routed }) => current && routed === 2),
  );
});

it('after a rollback the instances that stayed are of the current version', async () => {
  const [{ version: old } = { version: '' }] = (await shown()).versions;
  await plane.send('PUT', TRAFFIC, { shares: [{ version: 'current', weight: 1 }] });
  await plane.send('PUT', '/v2/apps/web', { cmd: 'serve 2' });
  await routedBoth();
  expect((await plane.send('POST', '/v3/apps/web/rollback')).status).toBe(200);
  await until('the new ones to go', async () => (await shown()).versions.length === 1);
  expect((await shown()).versions).toMatchObject([{ version: old, current: true, routed: 2 }]);
});

it('a deployment group: its traffic is told by its id, that of its apps as theirs, and shares are refused', async () => {
  const labels = { HAPROXY_DEPLOYMENT_GROUP: 'shop' };
  for (const id of ['/blue', '/green'])
    expect((await plane.send('POST', '/v2/apps', { id, cmd: 'serve 1', instances: 0, labels })).status).toBe(
      201,
    );
  const series = { appId: '/shop', portIndex: 0, latency: [], version: 'v' };
  const sent = [
    { ...series, taskId: 'blue.1', counts: [7, 0, 7] },
    { ...series, taskId: 'green.1', counts: [3, 0, 3] },
    { ...series, appId: '/none', counts: [9, 0, 9] },
  ];
  expect((await report({ series: sent as never })).status).toBe(200);
  const { apps } = await get<{ apps: { appId: string; requests: number }[] }>('/v3/traffic');
  expect(apps.map(({ appId, requests }) => [appId, requests])).toEqual([['/shop', 10]]);
  const group = { id: '/shop', apps: ['/blue', '/green'] };
  expect(await get('/v3/apps/shop/traffic')).toMatchObject({
    ...{ appId: '/shop', group, shares: [], measured: { requests: 10 } },
  });
  expect(await get('/v3/apps/blue/traffic')).toMatchObject({ group, measured: { requests: 7 } });
  expect((await shown()).group).toBeUndefined();
  const put = await plane.send('PUT', '/v3/apps/shop/traffic', {
    shares: [{ version: 'current', weight: 1 }],
  });
  expect(put).toMatchObject({ status: 409, body: { message: expect.stringMatching(/deployment group of/) } });
});

it('refuses by the name of the member, with the remedy', async () => {
  const put = (body: unknown) => plane.send('PUT', TRAFFIC, body);
  const refusals: [unknown, string, RegExp][] = [
    [{ shares: [{ version: 'previous', weight: 1 }] }, '/shares(0)/version', /no older version of \/web/],
    [{ shares: [{ version: '2020-01-01T00:00:00.000Z', weight: 1 }] }, '/shares(0)/version', /there are: 2/],
    [{ shares: [{ version: 'current', weight: 1.5 }] }, '/shares(0)/weight', /0 to 1000/],
    [{ shares: [{ version: 'current', weight: 0 }] }, '/shares', /add up to 0/],
    [{ shares: Array(11).fill({ version: 'current', weight: 1 }) }, '/shares', /1 to 10/],
  ];
  for (const [body, path, text] of refusals) {
    const answer = await put(body);
    expect(answer).toMatchObject({
      status: 422,
      body: { details: [{ path, errors: [expect.stringMatching(text)] }] },
    });
  }
  expect((await plane.send('GET', '/v3/apps/none/traffic')).status).toBe(404);
  expect((await plane.send('DELETE', '/v3/apps/none/traffic')).status).toBe(404);
  expect((await plane.send('DELETE', TRAFFIC)).status).toBe(204);
});
