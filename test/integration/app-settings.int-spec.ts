// Beside the definition of an app, over HTTP and on real Postgres: its settings, `PUT /v3/apps/ID` that supersedes what is under way,
// and the dry runs of every change below `/v3/apps`.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Agent } from '#libs/agent-core';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(120_000);

const SETTINGS = '/v3/apps/set/web/settings';
const DAY_SECONDS = 86_400;
const LABELS = { 'longrun.io/min-ready-seconds': '0', 'longrun.io/progress-deadline-seconds': '600' };
/** Cores, more than there are: such a change never ends by itself. */
const HUGE = 1_000;

let folder: string;
let database: TempDatabase;
let server: ControlPlaneProcess;
let agent: Agent;

beforeAll(async () => {
  folder = compileControlPlane();
  database = await tempDatabase();
  server = await ControlPlaneProcess.start(folder, database.url);
  agent = await startFakeRuntimeAgent(server.url, 'agent-token', {
    hostname: 'host-1',
    resources: { cpus: 8, mem: 8_000, disk: 8_000, ports: [{ from: 30_000, to: 30_200 }] },
  });
});
afterAll(async () => {
  await agent?.close();
  await server?.end('SIGKILL');
  await database?.drop();
  removeFolder(folder);
});

type Answer = Awaited<ReturnType<ControlPlaneProcess['send']>>;
const send = (method: string, path: string, body?: unknown): Promise<Answer> =>
  server.send(method, path, body);

interface Started {
  readonly deploymentId: string;
}
interface Story {
  readonly status: string;
  readonly reason?: string;
}
interface Shown {
  readonly app: {
    readonly version: string;
    readonly cmd: string;
    readonly tasksRunning: number;
    readonly instances: number;
    readonly deployments: readonly { readonly id: string }[];
  };
}

const anApp = (id: string, more: object = {}): object => ({
  ...{ id, cmd: 'serve', cpus: 0.1, mem: 16, instances: 2, labels: LABELS },
  ...more,
});
const storyOf = async (id: string): Promise<Story> =>
  (await send('GET', `/v3/deployments/${id}`)).body as Story;
const shown = async (id: string): Promise<Shown['app']> =>
  ((await send('GET', `/v2/apps${id}`)).body as Shown).app;
const ended = (id: string): Promise<Story> =>
  until(`deployment ${id} to end`, async () => {
    const story = await storyOf(id);
    return story.status !== 'running' && story;
  });

async function deployed(...apps: readonly object[]): Promise<void> {
  const { body } = await send('PUT', '/v2/apps?partialUpdate=false&force=true', apps);
  expect(await ended((body as Started).deploymentId)).toMatchObject({ status: 'succeeded' });
}
const deploymentOf = ({ body }: Answer): string => (body as Started).deploymentId;
/** All that a dry run must leave as it is. */
const everything = async (): Promise<unknown> =>
  Promise.all(
    ['/v2/apps', '/v2/deployments', SETTINGS, '/v3/deployments?limit=1'].map(
      async (path) => (await send('GET', path)).body,
    ),
  );

describe('the settings of an app', () => {
  beforeEach(async () => {
    await deployed(anApp('/set/web'));
    await send('DELETE', SETTINGS);
  });

  it('are none at first, what was put afterwards, and none when they were deleted', async () => {
    expect(await send('GET', SETTINGS)).toMatchObject({
      status: 200,
      body: { appId: '/set/web', settings: {} },
    });
    const settings = { progressDeadlineSeconds: 120, minReadySeconds: 30 };
    expect(await send('PUT', SETTINGS, settings)).toMatchObject({
      status: 200,
      body: { appId: '/set/web', settings },
    });
    expect((await send('GET', SETTINGS)).body).toEqual({ appId: '/set/web', settings });
    const deleted = await send('DELETE', SETTINGS);
    expect([deleted.status, deleted.body]).toEqual([204, '']);
    expect((await send('GET', SETTINGS)).body).toEqual({ appId: '/set/web', settings: {} });
    // nothing is set any more: the same answer again
    expect((await send('DELETE', SETTINGS)).status).toBe(204);
  });

  it('are the whole of the body: what it lacks is not set any more', async () => {
    await send('PUT', SETTINGS, { progressDeadlineSeconds: 120, minReadySeconds: 30 });
    await send('PUT', SETTINGS, { minReadySeconds: 0 });
    expect((await send('GET', SETTINGS)).body).toEqual({
      appId: '/set/web',
      settings: { minReadySeconds: 0 },
    });
    await send('PUT', SETTINGS, {});
    expect((await send('GET', SETTINGS)).body).toEqual({ appId: '/set/web', settings: {} });
  });

  it.each([
    ['progressDeadlineSeconds', 10],
    ['progressDeadlineSeconds', DAY_SECONDS],
    ['minReadySeconds', 0],
    ['minReadySeconds', DAY_SECONDS],
  ])('take the ends of the range: %s %i', async (name, value) => {
    expect((await send('PUT', SETTINGS, { [name]: value })).body).toEqual({
      appId: '/set/web',
      settings: { [name]: value },
    });
  });

  it.each([
    ['progressDeadlineSeconds', 9],
    ['progressDeadlineSeconds', DAY_SECONDS + 1],
    ['progressDeadlineSeconds', 60.5],
    ['progressDeadlineSeconds', '60'],
    ['progressDeadlineSeconds', null],
    ['minReadySeconds', -1],
    ['minReadySeconds', DAY_SECONDS + 1],
    ['minReadySeconds', true],
    ['minReadySeconds', [10]],
    ['minReadySecond', 10],
    ['__proto__', 10],
    ['constructor', 10],
  ])('refuse %s %j by its name, and stay what they were', async (name, value) => {
    await send('PUT', SETTINGS, { minReadySeconds: 5 });
    const refused = await send(
      'PUT',
      SETTINGS,
      JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`),
    );
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({ message: 'Object is not valid', details: [{ path: `/${name}` }] });
    expect((await send('GET', SETTINGS)).body).toMatchObject({ settings: { minReadySeconds: 5 } });
  });

  it.each([[[]], ['text'], [7], [null]])('refuse the body %j, which is no object', async (body) => {
    expect(await send('PUT', SETTINGS, body)).toMatchObject({
      status: 422,
      body: { details: [{ path: '/' }] },
    });
  });

  it('refuse a body that is no JSON, and none', async () => {
    const text = await fetch(server.url + SETTINGS, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"minReadySeconds":',
    });
    expect([text.status, await text.json()]).toMatchObject([400, { message: 'Invalid JSON' }]);
    expect((await send('PUT', SETTINGS)).status).toBe(400);
  });

  it.each(['PUT', 'DELETE'])(
    'make no plan: %s with dryRun=true is refused, and nothing is done',
    async (method) => {
      await send('PUT', SETTINGS, { minReadySeconds: 5 });
      const body = method === 'PUT' ? { minReadySeconds: 6 } : undefined;
      const refused = await send(method, `${SETTINGS}?dryRun=true`, body);
      expect(refused).toMatchObject({
        status: 422,
        body: { message: expect.stringContaining('Nothing was done') },
      });
      expect((await send('GET', SETTINGS)).body).toMatchObject({ settings: { minReadySeconds: 5 } });
    },
  );

  it.each(['GET', 'PUT', 'DELETE'])('of an app that is not there: %s answers 404', async (method) => {
    const answer = await send(method, '/v3/apps/none/settings', method === 'PUT' ? {} : undefined);
    expect(answer).toMatchObject({ status: 404, body: { message: "App '/none' does not exist" } });
  });

  it('make no version and no deployment, and are there after kill -9 and after a change of the definition', async () => {
    const { version } = await shown('/set/web');
    await send('PUT', SETTINGS, { progressDeadlineSeconds: 77 });
    expect(await shown('/set/web')).toMatchObject({ version, deployments: [] });
    await server.end('SIGKILL');
    await server.start();
    await until('the settings after the restart', async () => (await send('GET', SETTINGS)).status === 200);
    expect((await send('GET', SETTINGS)).body).toEqual({
      appId: '/set/web',
      settings: { progressDeadlineSeconds: 77 },
    });
    await deployed(anApp('/set/web', { cmd: 'serve --other' }));
    expect((await send('GET', SETTINGS)).body).toMatchObject({ settings: { progressDeadlineSeconds: 77 } });
  });

  it('are obeyed by a deployment that runs, and go with the app', async () => {
    const stuck = await send('PUT', '/v3/apps/set/web', { cpus: HUGE });
    await send('PUT', SETTINGS, { progressDeadlineSeconds: 10 });
    const story = await ended(deploymentOf(stuck));
    expect(story).toMatchObject({ status: 'failed', reason: expect.stringContaining('/set/web') });
    await until('the rollback to end', async () => !(await shown('/set/web')).deployments.length);
    const gone = await send('DELETE', '/v2/apps/set/web');
    await ended(deploymentOf(gone));
    expect((await send('GET', SETTINGS)).status).toBe(404);
    await deployed(anApp('/set/web'));
    expect((await send('GET', SETTINGS)).body).toMatchObject({ settings: {} });
  });
});

it('GET /v3/apps/ID says where an app is read', async () => {
  expect(await send('GET', '/v3/apps/set/web')).toMatchObject({
    status: 404,
    body: { message: expect.stringContaining('GET /v2/apps/ID reads an app') },
  });
});

describe('PUT /v3/apps/ID', () => {
  const [A, B, C] = ['/group/a', '/group/b', '/group/c'] as const;

  beforeEach(async () => {
    await deployed(...[A, B, C].map((id) => anApp(id)));
  });

  it('creates an app that is not there, with 201', async () => {
    const created = await send('PUT', '/v3/apps/new/app', anApp('/new/app'));
    expect(created.status).toBe(201);
    expect(created.headers.get('marathon-deployment-id')).toBe(deploymentOf(created));
    expect(await ended(deploymentOf(created))).toMatchObject({ status: 'succeeded' });
    expect((await send('PUT', '/v3/apps/new/app', { instances: 1 })).status).toBe(200);
    await ended(deploymentOf(await send('DELETE', '/v2/apps/new/app?force=true')));
  });

  it('ends what is under way for the app as superseded, where PUT /v2/apps/ID answers 409', async () => {
    const stuck = await send('PUT', `/v2/apps${A}`, { cpus: HUGE });
    expect((await send('PUT', `/v2/apps${A}`, { cmd: 'serve 2' })).status).toBe(409);
    const next = await send('PUT', `/v3/apps${A}`, { cpus: 0.1, cmd: 'serve 2' });
    expect(next.status).toBe(200);
    expect(await storyOf(deploymentOf(stuck))).toMatchObject({
      status: 'cancelled',
      reason: `superseded by deployment ${deploymentOf(next)}`,
    });
    expect(await ended(deploymentOf(next))).toMatchObject({ status: 'succeeded' });
    expect(await shown(A)).toMatchObject({ cmd: 'serve 2', tasksRunning: 2 });
  });

  it('ends a deployment of several apps for all of them: the others keep their new definition and come to it', async () => {
    const stuck = await send(
      'PUT',
      '/v2/apps',
      [A, B, C].map((id) => ({ id, cmd: 'serve 3', ...(id === A ? { cpus: HUGE } : {}) })),
    );
    const next = await send('PUT', `/v3/apps${A}`, { cmd: 'serve 4', cpus: 0.1 });
    expect(await storyOf(deploymentOf(stuck))).toMatchObject({
      status: 'cancelled',
      reason: `superseded by deployment ${deploymentOf(next)}`,
    });
    expect(await ended(deploymentOf(next))).toMatchObject({ status: 'succeeded' });
    for (const [id, cmd] of [
      [A, 'serve 4'],
      [B, 'serve 3'],
      [C, 'serve 3'],
    ] as const) {
      await until(`${id} to be whole`, async () => (await shown(id)).tasksRunning === 2);
      expect(await shown(id)).toMatchObject({ cmd, tasksRunning: 2, instances: 2, deployments: [] });
    }
  });

  it('leaves a deployment of other apps alone', async () => {
    const stuck = await send(
      'PUT',
      '/v2/apps',
      [B, C].map((id) => ({ id, cpus: HUGE })),
    );
    const next = await send('PUT', `/v3/apps${A}`, { cmd: 'serve 5' });
    expect(await ended(deploymentOf(next))).toMatchObject({ status: 'succeeded' });
    expect(await storyOf(deploymentOf(stuck))).toMatchObject({ status: 'running' });
    await ended(deploymentOf(await send('DELETE', `/v2/deployments/${deploymentOf(stuck)}`)));
  });

  it('takes the place of a rollback, too', async () => {
    const stuck = await send('PUT', `/v2/apps${A}`, { cmd: 'serve 6', cpus: HUGE });
    const back = await send('POST', `/v3/apps${A}/rollback`);
    const next = await send('PUT', `/v3/apps${A}`, { cmd: 'serve 7' });
    expect(await storyOf(deploymentOf(stuck))).toMatchObject({
      status: 'cancelled',
      reason: `rolled back by deployment ${deploymentOf(back)}`,
    });
    expect(await ended(deploymentOf(next))).toMatchObject({ status: 'succeeded' });
    // the one that is superseded has ended before or was ended by this one
    const { status, reason } = await storyOf(deploymentOf(back));
    expect([status, reason]).toEqual(
      status === 'succeeded'
        ? ['succeeded', undefined]
        : ['cancelled', `superseded by deployment ${deploymentOf(next)}`],
    );
    await until(`${A} to be whole`, async () => (await shown(A)).tasksRunning === 2);
    expect(await shown(A)).toMatchObject({ cmd: 'serve 7' });
  });
});

describe('a dry run below /v3/apps', () => {
  beforeEach(async () => {
    await deployed(anApp('/set/web'));
    await deployed(anApp('/set/web', { cmd: 'serve 2' }));
  });

  it.each([
    ['PUT', '/v3/apps/set/web', { cmd: 'serve 3' }, 'replaced'],
    ['PUT', '/v3/apps/set/web', { instances: 3 }, 'scaled'],
    ['PUT', '/v3/apps/set/other', anApp('/set/other'), 'created'],
    ['POST', '/v3/apps/set/web/rollback', undefined, 'replaced'],
  ] as const)('of %s %s tells its plan and changes nothing (%j)', async (method, path, body, effect) => {
    const before = await everything();
    const answer = await send(method, `${path}?dryRun=true`, body);
    expect(answer).toMatchObject({
      status: 200,
      body: { plan: { fits: true, outcome: { kind: 'succeeds' }, diff: { apps: [{ effect }] } } },
    });
    expect(answer.headers.get('marathon-deployment-id')).toBeNull();
    expect(await everything()).toEqual(before);
  });

  it('supersedes nothing', async () => {
    const stuck = await send('PUT', '/v2/apps/set/web', { cpus: HUGE });
    const answer = await send('PUT', '/v3/apps/set/web?dryRun=true', { cpus: 0.1 });
    expect(answer.status).toBe(200);
    expect(await storyOf(deploymentOf(stuck))).toMatchObject({ status: 'running' });
    const back = await send('POST', '/v3/apps/set/web/rollback?dryRun=true');
    expect(back).toMatchObject({ status: 200, body: { rollback: { takesBack: deploymentOf(stuck) } } });
    expect(await storyOf(deploymentOf(stuck))).toMatchObject({ status: 'running' });
    await ended(deploymentOf(await send('DELETE', `/v2/deployments/${deploymentOf(stuck)}`)));
  });

  it.each([
    ['PUT', '/v3/apps/set/web', { cpus: 'many' }, 422],
    ['PUT', '/v3/apps/set/web', { version: '2020-01-01T00:00:00.000Z' }, 404],
    ['POST', '/v3/apps/none/rollback', undefined, 404],
  ] as const)('of %s %s %j is refused as the change would be', async (method, path, body, status) => {
    expect((await send(method, `${path}?dryRun=true`, body)).status).toBe(status);
    expect((await send(method, path, body)).status).toBe(status);
  });
});
