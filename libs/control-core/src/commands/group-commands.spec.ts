// Groups through a whole control plane on the memory store: what each mode of an update does to rows, versions and running tasks.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, resolveId, type GroupId, type Timestamp } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';
import type { SubmittedGroup } from './group-commands.js';

const FORCE = { force: true };
const PLAIN = { force: false };
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const app = (id: string, more: object = {}): object => ({ id, cmd: 'serve', instances: 0, ...more });

let cluster: ScriptedCluster;
beforeEach(async () => {
  cluster = await ScriptedCluster.started();
});

const core = (): ScriptedCluster['core'] => cluster.core;
/** Deployments of apps without instances end before this does. */
async function settled<T>(change: Promise<T>): Promise<T> {
  const result = await change;
  await cluster.settle();
  return result;
}
const create = (base: string, body: object): Promise<SubmittedGroup> =>
  settled(core().groups.create(resolveId(base), body, PLAIN, core().state));
const update = (base: string, body: object, options: object = PLAIN): Promise<SubmittedGroup> =>
  settled(core().groups.update(resolveId(base), body, { ...PLAIN, ...options }, core().state));
const groups = (): string[] => [...core().state.groups.keys()].sort();
const apps = (): string[] =>
  [...core().state.apps.values()]
    .filter(({ removing }) => !removing)
    .map(({ id }) => id)
    .sort();
const instancesOf = (id: string): number | undefined =>
  core().state.apps.get(asAppId(id))?.current.spec.instances;
const group = (id: string): unknown => core().state.groups.get(asAppId(id));
const versionOf = (id: string): Timestamp => {
  const found = core().state.groups.get(asAppId(id))?.version;
  if (found === undefined) throw new Error(`there is no group ${id}`);
  return found;
};
const versions = (id: string): Promise<readonly Timestamp[]> =>
  core().groups.history.versions(resolveId(id), core().state);
const ids = (keys: Iterable<GroupId>): string[] => [...keys].sort();

describe('creating', () => {
  it('makes the group, those above it and all it holds, with one version', async () => {
    const { version, groupId } = await create('/', {
      id: '/a/b',
      apps: [app('web')],
      groups: [{ id: 'c', dependencies: ['../web'] }],
    });
    expect(groupId).toBe('/a/b');
    expect(groups()).toEqual(['/', '/a', '/a/b', '/a/b/c']);
    expect(apps()).toEqual(['/a/b/web']);
    expect(groups().map(versionOf)).toEqual(groups().map(() => version));
    expect(group('/a/b/c')).toMatchObject({ dependencies: ['/a/b/web'], enforceRole: false });
    const change = cluster.events.find(({ type }) => type === 'group_change_success');
    expect(change?.payload).toEqual({ groupId: '/a/b', version });
  });

  it('refuses what is there, and tells it', async () => {
    await create('/', { id: '/a', apps: [app('web')] });
    await expect(create('/', { id: 'a' })).rejects.toMatchObject({
      status: 409,
      message: 'Group /a is already created. Use PUT to change this group.',
    });
    await expect(create('/', {})).rejects.toMatchObject({ status: 409 });
    await expect(create('/a', { id: 'web' })).rejects.toMatchObject({
      status: 409,
      message: 'An app with the path /a/web already exists.',
    });
    expect(cluster.types().filter((type) => type === 'group_change_failed')).toHaveLength(3);
  });

  it('tells every change that the state does not allow, with what is wrong', async () => {
    await create('/', { id: '/a', apps: [app('web')] });
    const cycle = {
      id: '/b',
      apps: [app('one', { dependencies: ['two'] }), app('two', { dependencies: ['one'] })],
    };
    await expect(create('/', cycle)).rejects.toMatchObject({ status: 422 });
    await expect(core().groups.remove(asAppId('/nothing'), PLAIN)).rejects.toMatchObject({ status: 404 });
    const told = cluster.events.filter(({ type }) => type === 'group_change_failed');
    expect(told.map(({ payload }) => payload['reason'])).toEqual([
      expect.stringContaining('dependencies form a cycle'),
      "Group '/nothing' does not exist",
    ]);
  });

  it.each([
    ['below an app', { id: '/a/web/inner' }, '/a/web is an app and cannot hold /a/web/inner'],
    [
      'in the place of an app',
      { id: '/a', groups: [{ id: 'web' }] },
      '/a/web is an app and cannot be a group',
    ],
    ['as an app and a group', { id: '/n', apps: [app('x')], groups: [{ id: 'x' }] }, '/n/x is named as'],
    ['as a group for an app', { id: '/', apps: [app('a')] }, '/a is a group, for it holds the app /a/web'],
  ])('refuses one %s', async (_, body, text) => {
    await update('/a', { apps: [app('web')] });
    await expect(update('/', body)).rejects.toMatchObject({
      status: 422,
      details: [{ path: '/', errors: [expect.stringContaining(text)] }],
    });
  });

  it('lets an app take the place of an empty group, and of no other', async () => {
    await create('/', { id: '/a', groups: [{ id: 'hollow' }, { id: 'full', groups: [{ id: 'inner' }] }] });
    await core().apps.create(app('/a/hollow'), false, CALL);
    expect(groups()).toEqual(['/', '/a', '/a/full', '/a/full/inner']);
    await expect(core().apps.create(app('/a/full'), false, CALL)).rejects.toMatchObject({ status: 422 });
    await expect(core().apps.create(app('/a/hollow/x'), false, CALL)).rejects.toMatchObject({ status: 422 });
  });

  it('keeps groups when their apps go', async () => {
    await create('/', { id: '/a/b', apps: [app('web')] });
    await core().apps.remove(asAppId('/a/b/web'), true);
    await cluster.advance(1_000);
    expect([apps(), groups()]).toEqual([[], ['/', '/a', '/a/b']]);
  });
});

describe('updating', () => {
  const body = { apps: [app('a'), app('b')], groups: [{ id: 's', apps: [app('x')] }] };

  it('replaces lists that are there and keeps what is absent', async () => {
    await update('/g', body);
    await update('/g', { dependencies: ['/base'] });
    expect(apps()).toEqual(['/g/a', '/g/b', '/g/s/x']);
    await update('/g', { apps: [app('b'), app('c')] });
    expect(apps()).toEqual(['/g/b', '/g/c', '/g/s/x']);
    expect(group('/g')).toMatchObject({ dependencies: ['/base'] });
    await update('/g', { groups: [{ id: 't' }] });
    expect([apps(), groups()]).toEqual([
      ['/g/b', '/g/c'],
      ['/', '/g', '/g/t'],
    ]);
  });

  it('changes nothing when nothing differs, and leaves other groups their version', async () => {
    await update('/g', body);
    const first = versionOf('/g');
    await update('/other', { apps: [app('z')] });
    const again = await update('/g', body);
    expect(again.steps).toEqual([]);
    expect([versionOf('/g'), versionOf('/g/s')]).toEqual([first, first]);
    expect(versionOf('/') > first).toBe(true);
    expect(await versions('/g')).toEqual([first]);
  });

  it('keeps service ports that were given out', async () => {
    await update('/g', { apps: [app('a', { portDefinitions: [{ port: 0 }] })] });
    const port = (): unknown =>
      core().state.apps.get(asAppId('/g/a'))?.current.spec.portDefinitions?.[0]?.port;
    const given = port();
    expect(given).toBe(10_000);
    await update('/g', { apps: [app('a', { portDefinitions: [{ port: 0 }] }), app('b', { ports: [0] })] });
    expect(port()).toBe(given);
  });

  it('scales everything below, exactly and rounded up', async () => {
    await update('/g', {
      ...body,
      apps: [app('a', { instances: 30 }), app('b')],
      groups: [{ id: 's', apps: [app('x', { instances: 2 })] }],
    });
    await update('/g', { scaleBy: 0.1 }, FORCE);
    expect(['/g/a', '/g/b', '/g/s/x'].map(instancesOf)).toEqual([3, 0, 1]);
    await expect(update('/g', { scaleBy: 1e9 }, FORCE)).rejects.toMatchObject({
      status: 422,
      details: [{ path: '/scaleBy', errors: [expect.stringContaining('/g/a')] }],
    });
    await expect(update('/none', { scaleBy: 2 })).rejects.toMatchObject({ status: 422 });
  });

  it('refuses cycles over groups', async () => {
    await update('/g', body);
    const cycle = { apps: [app('z')], dependencies: ['/g'] };
    await update('/h', cycle);
    await expect(update('/g', { dependencies: ['/h'] })).rejects.toMatchObject({
      status: 422,
      details: [{ path: '/', errors: [expect.stringContaining('cycle')] }],
    });
    expect(group('/g')).toMatchObject({ dependencies: [] });
  });

  it('is locked by a deployment of one of its apps, unless forced', async () => {
    await update('/g', { apps: [app('a', { instances: 1, cpus: 9_000 }), app('b')] });
    await expect(update('/g', { scaleBy: 2 })).rejects.toMatchObject({ status: 409 });
    await expect(core().groups.remove(asAppId('/g'), PLAIN)).rejects.toMatchObject({ status: 409 });
    await core().groups.remove(asAppId('/g'), FORCE);
    await cluster.advance(1_000);
    expect([apps(), groups()]).toEqual([[], ['/']]);
  });
});

describe('versions', () => {
  it('lists those that changed something at or below, newest first, without those of others', async () => {
    const one = (await update('/g', { apps: [app('a')] })).version;
    const two = (await update('/g', { groups: [{ id: 's' }] })).version;
    const other = (await update('/h', {})).version;
    const three = (await update('/g/s', { dependencies: ['/h'] })).version;
    expect(await versions('/g')).toEqual([three, two, one]);
    expect(await versions('/g/s')).toEqual([three, two]);
    expect(await versions('/')).toEqual([three, other, two, one]);
    expect(await versions('/none')).toEqual([]);
  });

  it('does not list those at which the group was not there, and holds 50', async () => {
    await update('/g', {});
    await core().groups.remove(asAppId('/g'), PLAIN);
    const back = (await update('/g', {})).version;
    expect((await versions('/g'))[0]).toBe(back);
    expect(await versions('/g')).toHaveLength(2);
    for (let count = 0; count < 60; count += 1) await update('/g', { dependencies: [`/x${count}`] });
    const kept = await versions('/g');
    expect(kept).toHaveLength(50);
    expect(kept).toEqual([...kept].sort().reverse());
  });

  it('shows the tree as it was, and puts it back as a new version', async () => {
    const first = await update('/g', {
      apps: [app('a', { env: { N: '1' } }), app('gone')],
      groups: [{ id: 's', dependencies: ['/x'] }],
    });
    await update('/g', { apps: [app('a', { env: { N: '2' } }), app('new')], groups: [{ id: 't' }] });
    await update('/h', { apps: [app('z')] });

    const past = await core().groups.history.at(first.version, asAppId('/g'), core().state);
    expect(ids(past?.groups.keys() ?? [])).toEqual(['/', '/g', '/g/s']);
    expect(past?.groups.get(asAppId('/g'))?.version).toBe(first.version);
    expect(ids(past?.apps.keys() ?? [])).toEqual(['/g/a', '/g/gone']);
    expect(past?.apps.get(asAppId('/g/a'))?.spec.env).toEqual({ N: '1' });

    await update('/g', { version: first.version });
    expect([apps(), groups()]).toEqual([
      ['/g/a', '/g/gone', '/h/z'],
      ['/', '/g', '/g/s', '/h'],
    ]);
    expect(core().state.apps.get(asAppId('/g/a'))?.current.spec.env).toEqual({ N: '1' });
    expect(group('/g/s')).toMatchObject({ dependencies: ['/x'] });
    expect(versionOf('/g') > first.version).toBe(true);
  });

  it('reaches back over deployments that still run, and over a new leader', async () => {
    const first = (await update('/g', { apps: [app('a')] })).version;
    await update('/g', { apps: [app('a', { instances: 1, cpus: 9_000 })] });
    for (let count = 0; count < 30; count += 1) await update('/h', { dependencies: [`/x${count}`] });
    await core().stop();
    await cluster.boot();
    const past = await core().groups.history.at(first, asAppId('/g'), core().state);
    expect(past?.apps.get(asAppId('/g/a'))?.spec.instances).toBe(0);
    expect(await versions('/g')).toHaveLength(2);
  });

  it('refuses a version that was never stored, or at which the group was not there', async () => {
    const { version } = await update('/h', {});
    await update('/g', {});
    for (const each of ['2001-01-01T00:00:00.000Z', version]) {
      await expect(update('/g', { version: each })).rejects.toMatchObject({
        status: 422,
        message: `Group '/g' does not exist in version ${each}`,
      });
    }
  });
});

describe('a dry run', () => {
  it('answers with the plan and the refusals of the real call, and changes and tells nothing', async () => {
    await update('/g', { apps: [app('old')] });
    await cluster.settle();
    const before = [cluster.events.length, groups(), apps()];
    const planned = await update('/g', { apps: [app('new', { instances: 1 })] }, { dryRun: true });
    expect(planned.steps.map(({ actions }) => actions.map((each) => `${each.action} ${each.app}`))).toEqual([
      ['StopApplication /g/old'],
      ['StartApplication /g/new'],
      ['ScaleApplication /g/new'],
    ]);
    const options = { force: false, dryRun: true };
    await core().groups.create(resolveId('/'), { id: '/n' }, options, core().state);
    expect((await core().groups.remove(asAppId('/g'), options)).steps).toHaveLength(1);
    await core().apps.create(app('/g/x'), false, CALL, true);
    await core().apps.updateMany([app('/g/y')], { ...options, partial: true, mayCreate: true });
    await core().apps.restart(asAppId('/g/old'), false, true);
    await core().apps.remove(asAppId('/g/old'), false, true);
    const taken = core().groups.create(resolveId('/'), { id: '/g' }, options, core().state);
    await expect(taken).rejects.toMatchObject({ status: 409 });
    await cluster.settle();
    expect([cluster.events.length, groups(), apps()]).toEqual(before);
  });
});

describe('the role rule', () => {
  it('makes no deployment, and gives new apps below their role', async () => {
    await update('/dev', { apps: [app('old')] });
    const version = versionOf('/dev');
    await core().groups.setEnforceRole(asAppId('/dev'), { enforceRole: true });
    expect(group('/dev')).toMatchObject({ enforceRole: true, version });
    const role = (id: string): unknown => core().state.apps.get(asAppId(id))?.current.spec.role;
    await core().apps.create(app('/dev/new'), false, CALL);
    await update('/dev', { groups: [{ id: 'sub', apps: [app('deep')] }] });
    await core().apps.updateMany([app('/dev/bulk')], { ...PLAIN, partial: true, mayCreate: true });
    expect(['/dev/old', '/dev/new', '/dev/sub/deep', '/dev/bulk'].map(role)).toEqual([
      '*',
      'dev',
      'dev',
      'dev',
    ]);
    expect(group('/dev')).toMatchObject({ enforceRole: true });
  });

  it('is for top-level groups, looked at before whether they are there', async () => {
    const set = (id: string): Promise<void> => core().groups.setEnforceRole(asAppId(id), {});
    for (const id of ['/', '/no/such']) await expect(set(id)).rejects.toMatchObject({ status: 422 });
    await expect(set('/none')).rejects.toMatchObject({ status: 404 });
  });

  it('cannot change together with apps, but alone and with a new group', async () => {
    await update('/dev', { enforceRole: true, apps: [app('a')] });
    await expect(update('/dev', { enforceRole: false, apps: [app('b')] })).rejects.toMatchObject({
      status: 422,
      details: [{ path: '/enforceRole' }],
    });
    await expect(
      update('/', { groups: [{ id: 'dev', enforceRole: false, apps: [] }] }),
    ).rejects.toMatchObject({ details: [{ path: '/groups(0)/enforceRole' }] });
    await update('/dev', { enforceRole: false });
    expect(group('/dev')).toMatchObject({ enforceRole: false });
  });
});

describe('taking a deployment back', () => {
  const stuck = app('stuck', { instances: 1, cpus: 9_000 });

  it('removes groups that it added, and keeps what others put there', async () => {
    const { deploymentId } = await update('/g', { apps: [stuck], groups: [{ id: 's' }, { id: 't' }] });
    await core().apps.create(app('/g/t/theirs'), false, CALL);
    await core().deployments.rollBack(deploymentId);
    await cluster.advance(1_000);
    expect([apps(), groups()]).toEqual([['/g/t/theirs'], ['/', '/g', '/g/t']]);
  });

  it('makes groups again that it removed, with their dependencies and apps', async () => {
    await update('/g', { groups: [{ id: 's', dependencies: ['/x'], apps: [app('a')] }] });
    const { deploymentId } = await update('/g', { groups: [], apps: [stuck], dependencies: ['/mine'] });
    await update('/g', { dependencies: ['/mine', '/theirs'] });
    await core().deployments.rollBack(deploymentId);
    await cluster.advance(1_000);
    expect([apps(), groups()]).toEqual([['/g/s/a'], ['/', '/g', '/g/s']]);
    expect(group('/g/s')).toMatchObject({ dependencies: ['/x'] });
    expect(group('/g')).toMatchObject({ dependencies: ['/theirs'] });
  });

  it('only plans it with dryRun', async () => {
    const { deploymentId } = await update('/g', { apps: [stuck] });
    const { steps } = await core().deployments.rollBack(deploymentId, true);
    expect(steps.flatMap(({ actions }) => actions)).toEqual([{ action: 'StopApplication', app: '/g/stuck' }]);
    await core().deployments.cancel(deploymentId, true);
    expect([...core().state.deployments.keys()]).toEqual([deploymentId]);
  });

  it('undoes groups too when a deployment fails by itself', async () => {
    await cluster.agent.connect();
    await update('/g', { apps: [app('a')] });
    await update('/g', { apps: [app('a', { instances: 1, cpus: 9_000 })], groups: [{ id: 'new' }] });
    expect(groups()).toContain('/g/new');
    await cluster.advance(700_000);
    expect(instancesOf('/g/a')).toBe(0);
    expect(groups()).toEqual(['/', '/g']);
  });
});
