// Groups, dry runs and answers to what was shown, over HTTP against one control plane on a real, migrated Postgres.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryAppBody, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';

jest.setTimeout(180_000);

interface Answer {
  readonly status: number;
  readonly body: never;
  readonly headers: Headers;
}
interface Plan {
  readonly steps: readonly {
    readonly actions: readonly { readonly action: string; readonly app: string }[];
  }[];
}
interface ShownApp extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly version: string;
}
interface ShownGroup {
  readonly id: string;
  readonly version: string;
  readonly apps: readonly ShownApp[];
  readonly groups: readonly ShownGroup[];
  readonly dependencies: readonly string[];
}

let folder: string;
let database: TempDatabase;
let server: ControlPlaneProcess;

beforeAll(async () => {
  folder = compileControlPlane();
  database = await tempDatabase();
  server = await ControlPlaneProcess.start(folder, database.url);
});
afterAll(async () => {
  await server.end('SIGKILL');
  await database.drop();
  removeFolder(folder);
});
afterEach(async () => {
  await done('DELETE', '/v2/groups?force=true');
  await idle();
});

const send = async (method: string, path: string, body?: unknown): Promise<Answer> =>
  (await server.send(method, path, body)) as Answer;
async function done<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await send(method, path, body);
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
/** No deployment runs. */
const idle = (): Promise<unknown> =>
  until('all deployments to end', async () => {
    return (await done<readonly unknown[]>('GET', '/v2/deployments')).length === 0;
  });
const actionsIn = ({ steps }: Plan): string[][] =>
  steps.map(({ actions }) => actions.map(({ action, app }) => `${action} ${app}`).sort());
const app = (id: string, more: object = {}): object => ({ id, cmd: 'sleep 100', instances: 0, ...more });

describe('groups over HTTP', () => {
  it('keep their rows, versions and way back over kill -9', async () => {
    const created = await send('POST', '/v2/groups', {
      id: '/shop',
      apps: [app('web', { dependencies: ['back/db'] })],
      groups: [{ id: 'back', dependencies: ['/base'], apps: [app('db')] }, { id: 'empty' }],
    });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/v2/groups/shop');
    expect(created.headers.get('marathon-deployment-id')).toMatch(/^[0-9a-f-]{36}$/);
    const { version } = await done<ShownGroup>('GET', '/v2/groups/shop');
    await idle();
    await done('PUT', '/v2/groups/shop', { apps: [], groups: [{ id: 'other' }] });
    await server.end('SIGKILL');
    await server.start();

    const now = await done<ShownGroup>('GET', '/v2/groups/shop');
    expect([now.apps, now.groups.map(({ id }) => id)]).toEqual([[], ['/shop/other']]);
    expect(await done('GET', '/v2/groups/shop/versions')).toEqual([now.version, version]);
    expect(await done('GET', '/v2/groups/versions')).toEqual([now.version, version]);
    const old = await done<ShownGroup>('GET', `/v2/groups/shop/versions/${version}`);
    expect(old).toMatchObject({
      id: '/shop',
      version,
      apps: [{ id: '/shop/web', dependencies: ['/shop/back/db'] }],
      groups: [
        { id: '/shop/back', dependencies: ['/base'], apps: [{ id: '/shop/back/db' }] },
        { id: '/shop/empty', apps: [], groups: [] },
      ],
    });
    await idle();
    await done('PUT', '/v2/groups/shop', { version });
    const back = await done<ShownGroup>('GET', '/v2/groups/shop');
    expect(back.groups.map(({ id }) => id)).toEqual(['/shop/back', '/shop/empty']);
    expect((await send('GET', '/v2/apps/shop/back/db')).status).toBe(200);
    await idle();
    await done('DELETE', '/v2/groups');
    expect(await done('GET', '/v2/groups')).toMatchObject({ id: '/', apps: [], groups: [] });
    expect((await send('GET', '/v2/groups/shop')).status).toBe(404);
  });

  it.each([
    ['PUT', '/v2/groups/Bad', {}, 422, '/id'],
    ['POST', '/v2/groups/Bad', { id: 'x' }, 422, '/id'],
    ['PATCH', '/v2/groups/a/b', { enforceRole: true }, 422, '/'],
    ['PATCH', '/v2/groups', { enforceRole: true }, 422, '/'],
    ['PATCH', '/v2/groups/none', { enforceRole: true }, 404, undefined],
    ['PATCH', '/v2/groups/none', { enforceRole: 1 }, 422, '/enforceRole'],
    ['DELETE', '/v2/groups/none', undefined, 404, undefined],
    ['DELETE', '/v2/groups/none?dryRun=true', undefined, 404, undefined],
    ['GET', '/v2/groups/none/versions', undefined, 404, undefined],
    ['GET', '/v2/groups/none/versions/2020-01-01T00:00:00.000Z', undefined, 404, undefined],
    ['GET', '/v2/groups/none/versions/now', undefined, 422, undefined],
    ['POST', '/v2/groups', [1, 2], 409, undefined],
    ['PUT', '/v2/groups/g', { pods: [{}] }, 422, '/pods'],
  ])('%s %s %j is %s at %s', async (method, path, body, status, place) => {
    const answer = await send(method, path, body);
    expect(answer.status).toBe(status);
    const { details } = answer.body as { details?: readonly { path: string }[] };
    expect(details?.map((each) => each.path)).toEqual(place === undefined ? undefined : [place]);
  });
});

describe('dryRun=true', () => {
  it('answers every change with its plan and leaves all as it was', async () => {
    await done('PUT', '/v2/groups/g', { apps: [app('idle')] });
    await idle();
    await done('PUT', '/v2/groups/g', { apps: [app('idle'), app('stuck', { instances: 1, cpus: 9_000 })] });
    const stuck = await until('the last step', async () => {
      const [found] = await done<readonly { id: string; currentStep: number }[]>('GET', '/v2/deployments');
      return found?.currentStep === 2 ? found : undefined;
    });
    const seen = async (): Promise<unknown> => [
      await done('GET', '/v2/groups?embed=group.groups&embed=group.apps'),
      await done('GET', '/v2/deployments'),
      await done('GET', '/v3/deployments'),
    ];
    const before = await seen();
    const start = ['StartApplication /g/new'];
    const scale = ['ScaleApplication /g/new'];
    const calls: readonly (readonly [string, string, unknown, readonly (readonly string[])[]])[] = [
      ['POST', '/v2/apps', app('/g/new'), [start, scale]],
      ['PUT', '/v2/apps/g/new', app('ignored'), [start, scale]],
      ['PUT', '/v2/apps/g/idle', { labels: { a: 'b' } }, [['ScaleApplication /g/idle']]],
      ['PATCH', '/v2/apps/g/idle', { cmd: 'sleep 2', instances: 3 }, [['RestartApplication /g/idle']]],
      [
        'PUT',
        '/v2/apps',
        [app('/g/new'), { id: '/g/idle', cpus: 2 }],
        [start, ['ScaleApplication /g/idle', ...scale]],
      ],
      ['PATCH', '/v2/apps', [{ id: '/g/idle', cpus: 2 }], [['ScaleApplication /g/idle']]],
      ['POST', '/v2/apps/g/idle/restart', undefined, [['ScaleApplication /g/idle']]],
      ['DELETE', '/v2/apps/g/idle', undefined, [['StopApplication /g/idle']]],
      [
        'POST',
        '/v2/groups',
        { id: '/h', apps: [app('x')] },
        [['StartApplication /h/x'], ['ScaleApplication /h/x']],
      ],
      ['PUT', '/v2/groups/g?force=true', { scaleBy: 2 }, [['ScaleApplication /g/stuck']]],
      ['PATCH', '/v2/groups/g', { enforceRole: true }, []],
      [
        'DELETE',
        '/v2/groups/g?force=true',
        undefined,
        [['StopApplication /g/idle', 'StopApplication /g/stuck']],
      ],
      ['DELETE', '/v2/apps/g/idle/tasks/g_idle.x?scale=true', undefined, []],
      ['POST', '/v2/tasks/delete?scale=true', { ids: [] }, []],
      ['DELETE', `/v2/deployments/${stuck.id}`, undefined, [['StopApplication /g/stuck']]],
      ['DELETE', `/v2/deployments/${stuck.id}?force=true`, undefined, []],
    ];
    for (const [method, path, body, plan] of calls) {
      const answer = await send(method, `${path}${path.includes('?') ? '&' : '?'}dryRun=true`, body);
      expect([path, answer.status, answer.headers.get('marathon-deployment-id')]).toEqual([path, 200, null]);
      expect([path, actionsIn(answer.body)]).toEqual([path, plan]);
    }
    expect(await seen()).toEqual(before);
  });

  it('names the tasks that would be killed, and refuses as the real call would', async () => {
    await done('PUT', '/v2/groups/g', { apps: [app('stuck', { instances: 1, cpus: 9_000 })] });
    expect(await done('DELETE', '/v2/apps/g/stuck/tasks?dryRun=true')).toEqual({ tasks: [] });
    expect(await done('POST', '/v2/tasks/delete?dryRun=true', { ids: [] })).toEqual({ tasks: [] });
    const refused: readonly (readonly [string, string, unknown, number])[] = [
      ['POST', '/v2/apps', app('/g/stuck'), 409],
      ['POST', '/v2/apps', app('/g'), 422],
      ['PUT', '/v2/apps/g/stuck', { instances: 2 }, 409],
      ['PATCH', '/v2/apps/g/none', app('none'), 404],
      ['DELETE', '/v2/groups/g', undefined, 409],
      ['POST', '/v2/apps/g/stuck/restart', undefined, 409],
      ['DELETE', '/v2/deployments/00000000-0000-4000-8000-000000000000', undefined, 404],
      ['DELETE', '/v2/apps/g/stuck/tasks/g_stuck.none', undefined, 404],
      ['PATCH', '/v2/groups/none', { enforceRole: true }, 404],
      ['DELETE', '/v2/queue/g/stuck/delay', undefined, 422],
    ];
    for (const [method, path, body, status] of refused) {
      expect([path, (await send(method, `${path}?dryRun=true`, body)).status]).toEqual([path, status]);
    }
  });
});

describe('what GET returned', () => {
  it('changes nothing when it is sent back, whatever the definition and however it is sent', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryAppBody, async (body) => {
        const { instances } = body;
        const few = typeof instances === 'number' ? { instances: instances % 3 } : {};
        await done('POST', '/v2/apps?force=true', { ...body, ...few, id: '/rt/app' });
        const shown = (await done<{ app: ShownApp }>('GET', '/v2/apps/rt/app')).app;
        const group = await done<ShownGroup>('GET', '/v2/groups/rt');
        const ways: readonly (readonly [string, string, unknown])[] = [
          ['PUT', '/v2/apps/rt/app', shown],
          ['PATCH', '/v2/apps/rt/app', shown],
          ['PUT', '/v2/apps/rt/app?partialUpdate=false', shown],
          ['PUT', '/v2/apps', [shown]],
          ['PATCH', '/v2/apps', [shown]],
          ['PUT', '/v2/apps?partialUpdate=false', [shown]],
          [
            'PUT',
            '/v2/groups/rt',
            { id: group.id, apps: group.apps, groups: group.groups, dependencies: [] },
          ],
        ];
        for (const [method, path, what] of ways) {
          const result = await done<{ deploymentId: string }>(method, path, what);
          const plan = await done<Plan>('GET', `/v3/deployments/${result.deploymentId}`);
          expect([method, path, actionsIn(plan)]).toEqual([method, path, []]);
          const { app: again } = await done<{ app: ShownApp }>('GET', '/v2/apps/rt/app');
          // a deployment of the app's creation may end meanwhile
          expect({ ...again, deployments: shown.deployments }).toEqual(shown);
        }
        const versions = await done<{ versions: string[] }>('GET', '/v2/apps/rt/app/versions');
        expect(versions.versions).toEqual([shown.version]);
        await done('DELETE', '/v2/apps/rt/app');
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
