// Updates of many apps at once (api.md 3.7): what is read how, and that nothing changes when one is refused.
import { beforeEach, expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';
import type { StartedDeployment } from './start-deployment.js';

const app = (id: string, more: object = {}): object => ({ id, cmd: 'serve', instances: 0, ...more });
let cluster: ScriptedCluster;
beforeEach(async () => {
  cluster = await ScriptedCluster.started();
  await put([app('/a', { labels: { n: '1' } }), app('/b', { labels: { n: '1' } })]);
});

async function put(body: unknown, more: object = {}): Promise<StartedDeployment> {
  const options = { force: false, partial: true, mayCreate: true, ...more };
  const started = await cluster.core.apps.updateMany(body, options);
  await cluster.settle();
  return started;
}
const current = (id: string) => cluster.core.state.apps.get(asAppId(id))?.current;

it('gives all changed apps one version and creates unknown ones', async () => {
  const { version } = await put([{ id: 'a', cpus: 2 }, app('new')]);
  expect([current('/a')?.version, current('/new')?.version]).toEqual([version, version]);
  expect(current('/b')?.version).not.toBe(version);
});

it('rolls single ones back', async () => {
  const first = current('/a')?.version;
  await put([{ id: '/a', labels: { n: '2' } }]);
  await put([
    { id: '/a', version: first },
    { id: '/b', cpus: 3 },
  ]);
  expect(current('/a')?.spec.labels).toEqual({ n: '1' });
  expect(current('/a')?.version).not.toBe(first);
  expect(current('/b')?.spec.cpus).toBe(3);
});

it.each([
  [
    422,
    'a version with other members',
    [
      { id: '/b', cpus: 3 },
      { id: '/a', version: '2020-01-01T00:00:00Z', cpus: 1 },
    ],
  ],
  [422, 'a version that is no time', [{ id: '/a', version: 'yesterday' }]],
  [
    404,
    'a version that is not stored',
    [
      { id: '/b', cpus: 3 },
      { id: '/a', version: '2020-01-01T00:00:00Z' },
    ],
  ],
  [422, 'a missing id', [{ cpus: 3 }]],
  [
    422,
    'a violation',
    [
      { id: '/b', cpus: 3 },
      { id: '/a', instances: -1 },
    ],
  ],
])('answers %s for %s, and changes nothing', async (status, _, body) => {
  await expect(put(body)).rejects.toMatchObject({ status });
  expect(current('/b')?.spec.cpus).toBe(1);
});

it('names the place in the list', async () => {
  await expect(put([{ id: '/b' }, { id: '/a', instances: -1 }])).rejects.toMatchObject({
    details: [{ path: '(1)/instances' }],
  });
  const version = { id: '/a', version: '2020-01-01T00:00:00Z', cpus: 1 };
  await expect(put([{ id: '/b' }, version])).rejects.toMatchObject({ details: [{ path: '(1)' }] });
});

it('without mayCreate refuses unknown ones', async () => {
  const patch = put([{ id: '/b', cpus: 3 }, app('/new')], { mayCreate: false });
  await expect(patch).rejects.toMatchObject({ status: 404, message: "App '/new' does not exist" });
});
