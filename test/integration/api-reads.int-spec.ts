// Reads over HTTP from a real process with a real Postgres: a tag that never outlives its answer, whatever row changes; pages that
// lose and double nothing; the history of an app; what a server tells about itself; web pages of other origins; too many calls.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { request } from 'node:http';
import pg from 'pg';
import { WebSocket } from 'ws';
import { PROTOCOL_VERSION, type ToAgent } from '#libs/agent-protocol';
import type { ExplainAnswer } from '#libs/api-contract';
import { asAgentId } from '#libs/model';
import { anAgentInfo, aStatus, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';

jest.setTimeout(240_000);

let folder: string;
let database: TempDatabase;
let running: ControlPlaneProcess[];
let sockets: WebSocket[];

const start = async (options: Record<string, string> = {}): Promise<ControlPlaneProcess> => {
  const started = await ControlPlaneProcess.start(folder, database.url, options);
  running.push(started);
  return started;
};

/** An agent that runs whatever it is told to: every task it hears of is reported as running, at once. */
async function joinAgent({ url }: ControlPlaneProcess, agent = anAgentInfo()): Promise<WebSocket> {
  const headers = { authorization: 'Bearer agent-token' };
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v3/agents/session`, { headers });
  sockets.push(socket);
  await once(socket, 'open');
  let sequence = 0;
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as ToAgent;
    if (frame.type !== 'assignments') return;
    socket.send(JSON.stringify({ type: 'assignments-ack', number: frame.number }));
    const items = frame.items.map(({ instanceId, appId, taskId, incarnation, goal }) =>
      aStatus({
        ...{ instanceId, appId, taskId, incarnation, sequence: (sequence += 1), accepting: true },
        ...(goal === 'stop'
          ? { phase: 'ended', exit: { requested: true, outOfMemory: false, message: 'stopped' } }
          : { startedAt: Date.now() }),
      }),
    );
    if (items.length) socket.send(JSON.stringify({ type: 'statuses', items }));
  });
  const hello = { type: 'hello', protocol: PROTOCOL_VERSION, cluster: null, run: 1, epoch: 0 };
  socket.send(JSON.stringify({ ...hello, agent }));
  return socket;
}

const app = (id: string, more: object = {}) => ({
  id,
  cmd: 'sleep 1',
  cpus: 0.01,
  mem: 1,
  instances: 1,
  ...more,
});

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  [running, sockets] = [[], []];
  database = await tempDatabase();
});
afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  await Promise.all(running.map((each) => each.end('SIGKILL')));
  await database.drop();
});

describe('entity tags', () => {
  const URLS = [
    '/v2/apps',
    '/v2/apps?embed=apps.tasks',
    '/v2/apps/shop/*',
    '/v2/tasks',
    '/v2/groups',
    '/v2/groups?embed=group.apps&embed=group.apps.tasks&embed=group.groups',
    '/v2/deployments',
    '/v3/deployments',
    '/v3/agents',
    '/v3/instances',
    '/v3/apps/shop/web/history',
  ];

  it('never stay when the answer changes, whatever kind of row did it', async () => {
    const process = await start();
    const agent = await joinAgent(process);
    await process.send('POST', '/v2/apps', app('/shop/web'));
    const bodies = new Map<string, string>();
    const tags = new Map<string, string>();
    /** Asks every URL; of an answer with a known tag the body must be the known one. Gives the URLs with another body than last time. */
    const look = async (): Promise<string[]> => {
      const changed: string[] = [];
      for (const url of URLS) {
        const { headers, body, status } = await process.send('GET', url);
        expect([url, status]).toEqual([url, 200]);
        const tag = headers.get('etag') ?? '';
        expect(tag).toMatch(/^W\/"[\w-]+"$/);
        const text = JSON.stringify(body);
        const name = `${url} ${tag}`;
        expect([name, bodies.get(name) ?? text]).toEqual([name, text]);
        bodies.set(name, text);
        const last = tags.get(url);
        if (last !== undefined && bodies.get(`${url} ${last}`) !== text) {
          changed.push(url);
          const asked = await process.send('GET', url, undefined, { 'if-none-match': last });
          expect([url, asked.status]).toEqual([url, 200]);
        }
        tags.set(url, tag);
      }
      return changed;
    };
    const changesIn = (wanted: readonly string[]) =>
      until(`changes of ${wanted.join(' ')}`, async () => {
        for (const url of await look()) seen.add(url);
        return wanted.every((url) => seen.has(url));
      });
    const seen = new Set<string>();
    const after = async (wanted: readonly string[], change: () => Promise<unknown>) => {
      await look();
      seen.clear();
      const answer = (await change()) as { status?: number; body?: unknown } | undefined;
      expect([answer?.body, (answer?.status ?? 200) < 300]).toEqual([answer?.body, true]);
      await changesIn(wanted);
    };
    const tasks = ['/v2/tasks', '/v2/apps?embed=apps.tasks', '/v3/instances'];
    // version, deployment, instance, status
    await after(['/v2/apps', '/v3/deployments', '/v3/apps/shop/web/history', ...tasks], () =>
      process.send('PUT', '/v2/apps/shop/web?force=true', { instances: 3 }),
    );
    // app and group
    await after(['/v2/groups', '/v2/apps/shop/*'], () =>
      process.send('POST', '/v2/apps', app('/shop/new/one')),
    );
    await after(['/v2/groups'], () => process.send('PUT', '/v2/groups/empty', { apps: [] }));
    // agent
    const info = anAgentInfo({ attributes: { rack: 'r9' } });
    await after(['/v3/agents'], async () =>
      agent.send(JSON.stringify({ type: 'agent-update', agent: info, diskLow: false })),
    );
    await after(tasks, () => process.send('DELETE', '/v2/apps/shop/web/tasks'));
    await after(['/v2/deployments'], () =>
      process.send('POST', '/v2/apps', app('/shop/never', { constraints: [['hostname', 'LIKE', 'none']] })),
    );
    await after(['/v2/deployments', '/v3/deployments'], async () => {
      const [found] = (await process.send('GET', '/v2/deployments')).body as { id: string }[];
      return process.send('DELETE', `/v2/deployments/${found?.id}?force=true`);
    });
    // rows that somebody else changed: the next change of ours finds out and loads everything anew
    await after(['/v2/apps'], async () => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      const labels = `jsonb_set(document::jsonb, '{current,spec,labels}', '{"by":"hand"}')`;
      await client.query(
        `update apps set revision = revision + 1,
           document = jsonb_set(${labels}, '{revision}', to_jsonb(revision + 1))::json where id = '/shop/web'`,
      );
      await client.end();
      return process.send('PUT', '/v2/apps/shop/web?force=true', { cpus: 0.02 });
    });
    await after(['/v2/apps', '/v2/apps/shop/*'], () => process.send('DELETE', '/v2/apps/shop/new/one'));
    // another process with the same rows
    await look();
    await process.end('SIGKILL');
    await process.start();
    await look();
    // lost agent
    await after(['/v3/agents', '/v3/instances'], () => process.send('DELETE', '/v3/agents/agent-1'));
  });

  it('spare the body while nothing changes, with the headers of every answer', async () => {
    const process = await start();
    await process.send('POST', '/v2/apps', app('/quiet', { instances: 0 }));
    const answer = await until('a quiet server', async () => {
      const first = await process.send('GET', '/v2/apps');
      const tag = first.headers.get('etag') ?? '';
      const second = await process.send('GET', '/v2/apps', undefined, { 'if-none-match': `"other", ${tag}` });
      return second.status === 304 && { tag, second };
    });
    expect(answer.second.body).toBe('');
    expect(answer.second.headers.get('etag')).toBe(answer.tag);
    expect(answer.second.headers.get('cache-control')).toMatch(/no-store/);
    expect(answer.second.headers.get('x-marathon-leader')).toBe(process.url);
    expect((await process.send('GET', '/v2/apps?label=((')).headers.get('etag')).toBeNull();
  });
});

describe('pages', () => {
  it('show what stays once, while other apps come and go', async () => {
    const process = await start();
    const ids = Array.from({ length: 25 }, (_, at) => `/stays/app-${at}`);
    await process.send(
      'PUT',
      '/v2/apps',
      ids.map((id) => app(id, { instances: 0 })),
    );
    const seen: string[] = [];
    let path: string | undefined = '/v2/apps?limit=4&embed=apps.counts';
    for (let round = 0; path !== undefined; round += 1) {
      const { body, headers } = await process.send('GET', path);
      seen.push(...(body as { apps: { id: string }[] }).apps.map(({ id }) => id));
      path = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
      await process.send('POST', '/v2/apps', app(`/passing/app-${round}`, { instances: 0 }));
      await process.send('POST', '/v2/apps', app(`/stays/app-1${round}-late`, { instances: 0 }));
      await process.send('DELETE', `/v2/apps/passing/app-${round - 1}`);
    }
    expect(seen.filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'cursor=x']) {
      const refused = await process.send('GET', `/v2/tasks?${query}`);
      const [name] = query.split('=');
      expect([query, refused.status, String((refused.body as { message: string }).message)]).toEqual([
        query,
        422,
        expect.stringContaining(`'${name}'`),
      ]);
    }
    const stories = await process.send('GET', '/v3/deployments?limit=3');
    expect((stories.body as { deployments: object[] }).deployments).toHaveLength(3);
    expect(stories.headers.get('link')).toMatch(/rel="next"/);
  });

  it('show the history of an app, newest first, with what each version changed', async () => {
    const process = await start();
    await process.send('POST', '/v2/apps', app('/told', { instances: 0, env: { A: '1' } }));
    await process.send('PUT', '/v2/apps/told?force=true', { env: { A: '2' } });
    await process.send('POST', '/v2/apps/told/restart?force=true');
    const { body } = await process.send('GET', '/v3/apps/told/history');
    const { versions } = body as { versions: { kind: string; changes: object[] }[] };
    expect(versions.map(({ kind }) => kind)).toEqual(['restarted', 'changed', 'created']);
    expect(versions[1]?.changes).toEqual([{ path: '/env/A', before: '1', after: '2' }]);
    const page = await process.send('GET', '/v3/apps/told/history?limit=2');
    const next = /^<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? '';
    expect((await process.send('GET', next)).body).toMatchObject({ versions: [{ kind: 'created' }] });
    expect((await process.send('GET', '/v3/apps/nobody/history')).status).toBe(404);
  });

  it('explain where an app can run, agent by agent, in pages and by whether it fits', async () => {
    const process = await start();
    const explain = async (query = '') => {
      const { status, body, headers } = await process.send('GET', `/v3/apps/told/explain${query}`);
      return { status, link: headers.get('link'), ...(body as ExplainAnswer) };
    };
    await joinAgent(
      process,
      anAgentInfo({ id: asAgentId('agent-2'), hostname: 'host-2', address: '10.0.0.2' }),
    );
    await joinAgent(process);
    await process.send(
      'POST',
      '/v2/apps',
      app('/told', { instances: 3, constraints: [['hostname', 'UNIQUE']] }),
    );
    await until('two that run', async () => (await explain()).standing.available === 2);
    const whole = await explain();
    expect(whole).toMatchObject({
      holds: [{ kind: 'no-place', instances: 1 }],
      next: { text: 'the instance that waits', fitNow: 0, agentsThatFit: 0 },
    });
    expect(whole.agents.map(({ agentId, fits }) => [agentId, fits])).toEqual([
      ['agent-1', false],
      ['agent-2', false],
    ]);
    const [change] = whole.changes;
    expect(change?.steps).toEqual([
      { kind: 'relax-constraint', index: 0, to: { field: 'hostname', operator: 'MAX_PER', value: '2' } },
    ]);
    expect((await explain('?fits=true')).agents).toEqual([]);
    const page = await explain('?fits=false&limit=1');
    expect(page.agents.map(({ agentId }) => agentId)).toEqual(['agent-1']);
    const next = /^<([^>]+)>/.exec(page.link ?? '')?.[1] ?? '';
    expect((await process.send('GET', next)).body).toMatchObject({ agents: [{ agentId: 'agent-2' }] });
    expect((await explain('?limit=0')).status).toBe(422);
    expect((await process.send('GET', '/v3/apps/nobody/explain')).status).toBe(404);
  });
});

describe('the server about itself', () => {
  it('has pages for browsers, its configuration without secrets, and a log level to turn', async () => {
    const process = await start();
    const root = await fetch(process.url, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/ui/']);
    const page = await fetch(`${process.url}/ui/`, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await page.text()).toContain('Longrun');
    const config = (await process.send('GET', '/config')).body as Record<string, string>;
    expect(config).toMatchObject({
      'agent-token': '***',
      bind: '127.0.0.1',
      'api-port': String(process.port),
    });
    expect(Object.values(config)).not.toContain('proxy-token');
    expect((await process.send('GET', '/logging')).body).toEqual({ ROOT: 'INFO' });
    const change = { level: 'debug', logger: 'ROOT', durationSeconds: 1 };
    expect(await process.send('POST', '/logging', change)).toMatchObject({ status: 200, body: change });
    expect((await process.send('GET', '/logging')).body).toEqual({ ROOT: 'DEBUG' });
    await until('the level from before', async () => {
      const { ROOT } = (await process.send('GET', '/logging')).body as { ROOT: string };
      return ROOT === 'INFO';
    });
    for (const [body, path] of [
      [{ level: 'loud', logger: 'ROOT' }, '/level'],
      [{ level: 'info' }, '/logger'],
      [{ level: 'info', logger: 'ROOT', durationSeconds: 0 }, '/durationSeconds'],
    ] as const) {
      const refused = await process.send('POST', '/logging', body);
      expect(refused).toMatchObject({ status: 422, body: { details: [{ path }] } });
    }
  });

  it('steps down when told, and leads again with a new epoch', async () => {
    const process = await start();
    for (const query of ['backup=file:///x', 'restore=file:///x']) {
      expect((await process.send('DELETE', `/v2/leader?${query}`)).status).toBe(422);
    }
    const epochOf = async () => (await process.send('GET', '/v2/apps')).headers.get('etag')?.split('-')[0];
    const before = await epochOf();
    const { status, body } = await process.send('DELETE', '/v2/leader');
    expect([status, body]).toEqual([200, { message: 'Leadership abdicated' }]);
    await until(
      'a time without leader',
      async () => (await process.send('GET', '/v2/leader')).status === 404,
    );
    expect((await process.send('DELETE', '/v2/leader')).status).toBe(404);
    await until('a new leader', async () => (await process.send('GET', '/v2/leader')).status === 200);
    expect(await epochOf()).not.toBe(before);
  });

  it('lets pages of configured origins read, and nothing more', async () => {
    const origin = 'https://ui.example.com';
    const process = await start({
      LONGRUN_ACCESS_CONTROL_ALLOW_ORIGIN: `https://old.example.com, ${origin}`,
    });
    const read = await process.send('GET', '/v2/info', undefined, { origin });
    expect(read.headers.get('access-control-allow-origin')).toBe(origin);
    expect(read.body).toMatchObject({
      marathon_config: { access_control_allow_origin: ['https://old.example.com', origin] },
    });
    const preflight = await process.send('OPTIONS', '/v2/apps', undefined, {
      ...{ origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'X-A' },
    });
    expect(preflight.status).toBe(200);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'X-A',
      'access-control-max-age': '86400',
    });
    expect((await process.send('POST', '/v2/apps', app('/x'), { origin })).status).toBe(403);
    expect(
      (await process.send('GET', '/v2/apps', undefined, { origin: 'https://evil.example' })).status,
    ).toBe(403);
  });

  it('turns calls away above its limit, and takes them again afterwards', async () => {
    const process = await start({ LONGRUN_HTTP_MAX_CONCURRENT_REQUESTS: '1' });
    // a call that is under way as long as its body is
    const held = request({ port: process.port, host: '127.0.0.1', method: 'POST', path: '/v2/apps' });
    held.on('error', () => undefined);
    held
      .setHeader('content-type', 'application/json')
      .setHeader('transfer-encoding', 'chunked')
      .flushHeaders();
    held.write('{');
    const refused = await until('a refusal', async () => {
      const answer = await process.send('GET', '/v2/apps');
      return answer.status === 503 && answer;
    });
    expect(refused.body).toEqual({ message: 'Too many concurrent requests! Allowed: 1.' });
    expect((await process.send('GET', '/ping')).body).toBe('pong');
    held.destroy();
    await until('room again', async () => (await process.send('GET', '/v2/apps')).status === 200);
  });
});
