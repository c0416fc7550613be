// One control plane process with a real Postgres, spoken to over HTTP: what was answered with 2xx is there after kill -9, in a new
// process too; two processes have one leader; who may not call is refused.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { request } from 'node:http';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';

jest.setTimeout(120_000);

let folder: string;
let database: TempDatabase;
let running: ControlPlaneProcess[];

const start = async (options: Readonly<Record<string, string>> = {}): Promise<ControlPlaneProcess> => {
  const started = await ControlPlaneProcess.start(folder, database.url, options);
  running.push(started);
  return started;
};

/** fetch does not send a Host of one's choice. */
const rawStatus = (port: number, headers: Record<string, string>, method = 'GET'): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path: '/v2/apps', method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  running = [];
  database = await tempDatabase();
});
afterEach(async () => {
  await Promise.all(running.map((each) => each.end('SIGKILL')));
  await database.drop();
});

describe('the control plane process', () => {
  it('has lost nothing it acknowledged when it comes back after kill -9', async () => {
    const process = await start();
    const ids = Array.from({ length: 20 }, (_, at) => `/kept/app-${at}`);
    const answers = await Promise.all(
      ids.map((id) => process.send('POST', '/v2/apps', { id, cmd: 'sleep 1', instances: 1, cpus: 0.1 })),
    );
    await process.end('SIGKILL');
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 201));

    await process.start();
    const { apps } = (await process.send('GET', '/v2/apps')).body as { apps: { id: string }[] };
    expect(apps.map(({ id }) => id).sort()).toEqual([...ids].sort());
    await until('all of them to wait for an agent', async () => {
      const { queue } = (await process.send('GET', '/v2/queue')).body as { queue: unknown[] };
      return queue.length === ids.length;
    });
    const deployments = (await process.send('GET', '/v2/deployments')).body as unknown[];
    expect(deployments).toHaveLength(20);
  });

  it('shows a change to the first GET after its answer', async () => {
    const process = await start();
    await process.send('POST', '/v2/apps', { id: '/read', cmd: 'sleep 1', instances: 0 });
    for (let count = 1; count <= 20; count += 1) {
      const put = await process.send('PUT', '/v2/apps/read?force=true', { labels: { count: `${count}` } });
      expect(put.status).toBe(200);
      const { app } = (await process.send('GET', '/v2/apps/read')).body as {
        app: { labels: object; version: string };
      };
      expect(app.labels).toEqual({ count: `${count}` });
      expect(app.version).toBe((put.body as { version: string }).version);
    }
  });

  it.each(['127.0.0.1', '::1'])(
    'hands calls on to the leader, and leads itself once that is gone (%s)',
    async (bind) => {
      const leader = await start({ LONGRUN_BIND: bind });
      const standby = await start({ LONGRUN_BIND: bind });
      const created = await standby.send('POST', '/v2/apps', { id: '/via', cmd: 'sleep 1', instances: 0 });
      expect(created.status).toBe(201);
      expect(created.headers.get('x-marathon-via')).toBe(standby.address);
      expect((await standby.send('GET', '/v2/leader')).body).toEqual({ leader: leader.address });
      const events = await fetch(`${standby.url}/v2/events`, {
        redirect: 'manual',
        headers: { accept: 'text/event-stream' },
      });
      expect(events.headers.get('location')).toBe(`${leader.url}/v2/events`);

      expect(await leader.end('SIGTERM')).toBe(0);
      // given up at once, so within a renewal and not within a lease
      await until('the standby to lead', async () => {
        const { elected } = (await standby.send('GET', '/v2/info')).body as { elected: boolean };
        return elected;
      });
      expect((await standby.send('GET', '/v2/apps/via')).status).toBe(200);
    },
  );

  it('stays up without its database, and refuses writes with a time to come back', async () => {
    const process = await start();
    await process.send('POST', '/v2/apps', { id: '/outage', cmd: 'sleep 1', instances: 0 });
    await database.drop();
    const refused = await until('a refused write', async () => {
      const answer = await process.send('PUT', '/v2/apps/outage', { cpus: 0.2 });
      return answer.status === 503 && answer;
    });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await process.send('GET', '/ping')).body).toBe('pong');
    expect((await process.send('GET', '/v2/apps/outage')).status).toBe(200);
  });

  it('is closed to other hosts, other origins, forms, and agents without a token', async () => {
    const { port, url } = await start();
    expect(await rawStatus(port, { host: `evil.example:${port}` })).toBe(403);
    expect(await rawStatus(port, { host: `localhost:${port}` })).toBe(200);
    expect(await rawStatus(port, { origin: 'http://evil.example' }, 'POST')).toBe(403);
    expect(await rawStatus(port, { 'content-type': 'text/plain' }, 'POST')).toBe(415);
    expect((await fetch(`${url}/v3/routes`)).status).toBe(401);
    expect(
      (await fetch(`${url}/v3/routes`, { headers: { authorization: 'Bearer agent-token' } })).status,
    ).toBe(401);
  });

  it('streams the newest route table to a proxy and takes its reports', async () => {
    const process = await start();
    const authorization = 'Bearer proxy-token';
    const abort = new AbortController();
    const routes = await fetch(`${process.url}/v3/routes?epoch=0&after=-1`, {
      headers: { authorization },
      signal: abort.signal,
    });
    const reader = routes.body?.pipeThrough(new TextDecoderStream()).getReader();
    const { value = '' } = (await reader?.read()) ?? {};
    const [line = ''] = value.split('\n');
    const { type, table } = JSON.parse(line) as { type: string; table: { epoch: number; number: number } };
    abort.abort();
    expect(type).toBe('table');
    const report = {
      cluster: null,
      address: '127.0.0.1',
      epoch: table.epoch,
      confirmed: { epoch: table.epoch, number: table.number },
      inFlight: {},
      warnings: [],
      leaving: false,
    };
    const accepted = await process.send('POST', '/v3/proxies/p1', report, { authorization });
    expect(accepted).toMatchObject({ status: 200, body: { epoch: table.epoch, number: table.number } });
    const stale = { ...report, epoch: table.epoch + 1 };
    expect((await process.send('POST', '/v3/proxies/p1', stale, { authorization })).status).toBe(409);
  });
});
