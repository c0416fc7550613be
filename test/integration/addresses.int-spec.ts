// `GET /v3/addresses` over HTTP and on real Postgres: the ways to apps of every kind, and which of several proxies, as these report
// themselves, lead there.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PROXY_LEASE_MS, type ProxyListens, type ProxyReport } from '#libs/agent-protocol';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';

jest.setTimeout(120_000);

const PROXY = { authorization: 'Bearer proxy-token' };

interface Way {
  readonly by: string;
  readonly proxies: readonly string[];
  readonly https?: readonly string[];
}

let folder: string;
let database: TempDatabase;
let plane: ControlPlaneProcess;

const ask = (query = '') => plane.send('GET', `/v3/addresses${query}`);
async function waysTo(app: string): Promise<readonly Way[]> {
  const { status, body } = await ask(`?app=${encodeURIComponent(app)}`);
  expect(status).toBe(200);
  const { apps } = body as { apps: { appId: string; ways: Way[] }[] };
  expect(apps.map(({ appId }) => appId)).toEqual([app]);
  return apps[0]?.ways ?? [];
}
/** Kind of way and the proxies that lead there, such as `host: all in`. */
const served = async (app: string): Promise<readonly string[]> =>
  (await waysTo(app)).map(({ by, proxies }) => `${by}: ${proxies.join(' ')}`);

const report = (id: string, listens?: Partial<ProxyListens>, more: Partial<ProxyReport> = {}) =>
  plane.send(
    'POST',
    `/v3/proxies/${id}`,
    {
      ...{ address: `${id}:8000`, epoch: 0, confirmed: { epoch: 0, number: 0 }, inFlight: {}, warnings: [] },
      ...(listens ? { listens: { appPaths: true, ...listens } } : {}),
      ...more,
    },
    PROXY,
  );
async function proxies(all: Readonly<Record<string, Partial<ProxyListens> | undefined>>): Promise<void> {
  for (const [id, listens] of Object.entries(all)) expect((await report(id, listens)).status).toBe(200);
}

/** No agent is there, and none is needed: ways come from definitions. */
async function create(id: string, definition: object): Promise<void> {
  const { status, body } = await plane.send('POST', '/v2/apps', {
    id,
    cmd: 'serve',
    instances: 0,
    ...definition,
  });
  if (status !== 201) throw new Error(`${id}: ${status} ${JSON.stringify(body)}`);
}
const ports = (...numbers: number[]) => ({ portDefinitions: numbers.map((port) => ({ port })) });

const byHost = { by: 'host', portIndex: 0 };
const byPort = (servicePort: number, mode = 'auto', portIndex = 0) => ({
  ...{ by: 'service-port', portIndex, servicePort, mode },
});
const byId = (app: string, portIndex = 0) => ({ by: 'app-id', portIndex, path: `/_app${app}/` });

beforeAll(async () => {
  folder = compileControlPlane();
  database = await tempDatabase();
  plane = await ControlPlaneProcess.start(folder, database.url);
  await create('/shop/web', {
    ...ports(10_001, 10_002),
    labels: { HAPROXY_0_VHOST: 'shop.example', HAPROXY_0_PATH: '/api', HAPROXY_0_REDIRECT_TO_HTTPS: 'true' },
  });
  await create('/db', {
    ...ports(10_003),
    labels: { HAPROXY_0_MODE: 'tcp', HAPROXY_0_BIND_ADDR: '192.0.2.1' },
  });
  await create('/job', { portDefinitions: [] });
  await create('/far', ports(25_000));
  await create('/inside', {
    ...ports(10_004),
    labels: { HAPROXY_GROUP: 'internal', HAPROXY_0_VHOST: 'x.example' },
  });
  await create('/outside', {
    ...ports(10_005),
    labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'x.example' },
  });
});
afterAll(async () => {
  await plane.end('SIGKILL');
  await database.drop();
  removeFolder(folder);
});
/** Those of the test before leave, and with that their leases end. */
beforeEach(async () => {
  const { body } = await plane.send('GET', '/v3/proxies');
  for (const { id } of (body as { proxies: { id: string }[] }).proxies) {
    expect((await report(id, {}, { leaving: true })).status).toBe(200);
  }
});

describe('the ways to an app', () => {
  it('are told without any proxy, too, and name none', async () => {
    expect(await waysTo('/shop/web')).toEqual(
      [
        { ...byHost, host: 'shop.example', path: '/api', redirectToHttps: true, https: [] },
        byPort(10_001),
        byPort(10_002, 'auto', 1),
        byId('/shop/web'),
      ].map((way) => ({ ...way, proxies: [] })),
    );
  });

  it('are those of its definition, in every kind', async () => {
    await proxies({ p1: {} });
    const { body } = await ask();
    const x = { ...byHost, host: 'x.example', https: [] };
    const expected = {
      '/db': [{ ...byPort(10_003, 'tcp'), bind: '192.0.2.1' }],
      '/far': [byId('/far')],
      '/inside': [x, byPort(10_004), byId('/inside')],
      '/job': [],
      // the host is that of /inside, which has asked for it longer
      '/outside': [byPort(10_005), byId('/outside')],
      '/shop/web': expect.anything(),
    };
    expect(body).toEqual({
      apps: Object.entries(expected).map(([appId, ways]) => ({
        appId,
        ways: Array.isArray(ways) ? ways.map((way) => ({ ...way, proxies: ['p1'] })) : ways,
      })),
    });
  });
});

describe('the proxies of a way', () => {
  it('are those of all groups for an app without one; a proxy of an older release says nothing and serves all', async () => {
    await proxies({
      all: { groups: ['*'] },
      none: { groups: [] },
      old: undefined,
      in: { groups: ['internal'] },
    });
    expect(await served('/db')).toEqual(['service-port: all none old']);
  });

  it('are those of one of its groups, and a host that two apps ask for is with each group its own', async () => {
    await proxies({ in: { groups: ['internal', 'other'] }, out: { groups: ['external'] } });
    expect(await served('/inside')).toEqual(['host: in', 'service-port: in', 'app-id: in']);
    expect(await served('/outside')).toEqual(['host: out', 'service-port: out', 'app-id: out']);
    expect(await served('/db')).toEqual(['service-port: ']);
  });

  it('are those that may open its service port', async () => {
    await proxies({
      low: { servicePorts: { from: 10_000, to: 10_001 } },
      all: { servicePorts: { from: 1, to: 65_535 } },
    });
    expect(await served('/shop/web')).toEqual([
      'host: all low',
      'service-port: all low',
      'service-port: all',
      'app-id: all low',
    ]);
  });

  it('change with what they report, and end when they leave', async () => {
    await proxies({ p1: { groups: ['internal'] } });
    expect(await served('/db')).toEqual(['service-port: ']);
    await proxies({ p1: {} });
    expect(await served('/db')).toEqual(['service-port: p1']);
    expect((await report('p1', {}, { leaving: true })).status).toBe(200);
    expect(await served('/db')).toEqual(['service-port: ']);
  });

  it('are not those whose lease has ended', async () => {
    await proxies({ p1: {} });
    expect(await served('/db')).toEqual(['service-port: p1']);
    const isGone = async (): Promise<boolean> => (await served('/db'))[0] === 'service-port: ';
    await until('the lease to end', isGone, { withinMs: 4 * PROXY_LEASE_MS });
    expect((await plane.send('GET', '/v3/proxies')).body).toMatchObject({
      proxies: [{ id: 'p1', live: false }],
    });
  });

  it('are known to the next leader, and listed with their groups', async () => {
    await proxies({ in: { groups: ['internal'], servicePorts: { from: 10_000, to: 10_100 } } });
    await plane.end('SIGKILL');
    await plane.start();
    expect(await served('/inside')).toEqual(['host: in', 'service-port: in', 'app-id: in']);
    expect(await served('/db')).toEqual(['service-port: ']);
    expect((await plane.send('GET', '/v3/proxies')).body).toMatchObject({
      proxies: [{ id: 'in', listens: { groups: ['internal'], servicePorts: { from: 10_000, to: 10_100 } } }],
    });
  });
});

describe('the certificates for a host', () => {
  const certified = async (app: string): Promise<unknown> => {
    const [way] = await waysTo(app);
    return { proxies: way?.proxies, https: way?.https };
  };

  it('are those that proxies name, one label below a wildcard; of an older release nothing is known', async () => {
    const httpsPort = 8_443;
    await proxies({
      exact: { httpsPort, httpsNames: ['a.example', 'shop.example'] },
      wild: { httpsPort, httpsNames: ['*.example'], httpsNamesCut: true },
      below: { httpsPort, httpsNames: ['*.shop.example'] },
      plain: { httpsNames: [] },
      old: { httpsPort },
      older: undefined,
    });
    const all = ['below', 'exact', 'old', 'older', 'plain', 'wild'];
    expect(await certified('/shop/web')).toEqual({ proxies: all, https: ['exact', 'wild'] });
    expect(await certified('/inside')).toEqual({ proxies: all, https: ['wild'] });
    expect((await plane.send('GET', '/v3/proxies')).body).toMatchObject({
      proxies: [{}, { id: 'exact', listens: { httpsNames: ['a.example', 'shop.example'] } }, {}, {}, {}, {}],
    });
    await proxies({ exact: { httpsPort, httpsNames: [] } });
    expect(await certified('/shop/web')).toEqual({ proxies: all, https: ['wild'] });
  });
});

describe('a registered proxy', () => {
  it('is listed with what it says of itself, over a change of the leader', async () => {
    const about = { engine: 'haproxy', host: 'edge-1', worker: { index: 2, of: 4 } };
    expect((await report('p1', {}, { about })).status).toBe(200);
    const { body } = await plane.send('GET', '/v3/proxies');
    expect(body).toMatchObject({
      newest: { epoch: expect.any(Number), number: expect.any(Number) },
      proxies: [{ id: 'p1', about, heardAt: expect.stringMatching(/Z$/), confirmed: { number: 0 } }],
    });
    await plane.end('SIGKILL');
    await plane.start();
    const { proxies: after } = (await plane.send('GET', '/v3/proxies')).body as { proxies: object[] };
    expect(after).toMatchObject([{ id: 'p1', about }]);
    // not heard by this leader
    expect(after[0]).not.toHaveProperty('heardAt');
    expect((await report('bad', {}, { about: { engine: 1 } as never })).status).toBe(422);
  });

  it('cannot be removed while it lives', async () => {
    await proxies({ p1: {} });
    expect(await plane.send('DELETE', '/v3/proxies/p1')).toMatchObject({
      status: 409,
      body: { message: expect.stringMatching(/p1 \(p1:8000\) lives: .* Stop it/) },
    });
    expect(await served('/db')).toEqual(['service-port: p1']);
    const removed = async (): Promise<boolean> =>
      (await plane.send('DELETE', '/v3/proxies/p1')).status === 200;
    await until('the lease to end', removed, { withinMs: 4 * PROXY_LEASE_MS });
    expect((await plane.send('DELETE', '/v3/proxies/p1')).status).toBe(404);
  });

  it('has its warnings with those of the app that they are about, once however many workers say it', async () => {
    const own = 'app /shop/web: the HAProxy engine does not carry out this';
    const port = 'service port 10003 is not opened: another process listens on it';
    const warnings = [own, port, 'app /shop/web-2: of another one', 'service port 100030 is none of ours'];
    for (const id of ['p1', 'p2'])
      expect((await report(id, {}, { address: 'edge:80', warnings })).status).toBe(200);
    expect((await report('p3', {}, { address: 'edge-3:80', warnings: [port] })).status).toBe(200);
    const warned = async (app: string): Promise<string[]> =>
      ((await plane.send('GET', `/v3/apps${app}/warnings`)).body as { warnings: string[] }).warnings.filter(
        (text) => /^prox/.test(text),
      );
    expect(await warned('/shop/web')).toEqual([`proxy edge:80: ${own}`]);
    expect(await warned('/db')).toEqual([
      'proxies edge:80, edge-3:80: service port 10003 (portDefinitions[0].port) is not opened: another process listens on it',
    ]);
    expect(await warned('/job')).toEqual([]);
    for (const id of ['p1', 'p2', 'p3']) await report(id, {}, { leaving: true });
    expect(await warned('/db')).toEqual([]);
  });
});

describe('what is asked or told wrongly', () => {
  it('is an app that is not there, or no id of one', async () => {
    expect(await ask('?app=/none')).toMatchObject({
      status: 404,
      body: { message: "App '/none' does not exist" },
    });
    for (const bad of ['/UPPER CASE', '', '/a//b', '/..', '/a\0'])
      expect([bad, (await ask(`?app=${encodeURIComponent(bad)}`)).status]).toEqual([bad, 404]);
  });

  it('is a page that is none', async () => {
    for (const bad of ['limit=0', 'limit=x', 'limit=100000', 'cursor=%00', 'cursor=x'])
      expect([bad, (await ask(`?${bad}`)).status]).toEqual([bad, 422]);
    const first = await ask('?limit=2');
    expect(first.body).toMatchObject({ apps: [{ appId: '/db' }, { appId: '/far' }] });
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1];
    expect((await plane.send('GET', next ?? '')).body).toMatchObject({
      apps: [{ appId: '/inside' }, { appId: '/job' }],
    });
  });

  it('is a proxy of groups or ports that cannot be, and nothing of its report counts', async () => {
    const many = Array.from({ length: 1_001 }, (_, at) => `g${at}`);
    const wrong: unknown[] = [
      { groups: 'internal' },
      { groups: [1] },
      { groups: [''] },
      { groups: ['x'.repeat(301)] },
      { groups: many },
      { httpsNames: 'shop.example' },
      { httpsNames: ['x'.repeat(301)] },
      { httpsNames: many },
      { servicePorts: { from: 1 } },
      { servicePorts: { from: 0, to: 65_536 } },
    ];
    for (const listens of wrong)
      expect([listens, (await report('bad', listens as Partial<ProxyListens>)).status]).toEqual([
        listens,
        422,
      ]);
    expect((await plane.send('GET', '/v3/proxies')).body).toMatchObject({ proxies: [] });
    expect((await report('ok', { groups: many.slice(1) })).status).toBe(200);
  });
});
