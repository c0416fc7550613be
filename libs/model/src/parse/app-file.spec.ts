import { describe, expect, it } from '@jest/globals';
import { parseAppId, resolveId } from './app-id.js';
import { asAppId } from '../ids.js';
import { parseAppFile } from './app-file.js';
import { parseTimestamp } from './timestamp.js';

describe('parseAppFile', () => {
  it('reads one app, and a list of apps', () => {
    expect(parseAppFile({ id: 'web', cmd: 'x' })).toEqual({
      kind: 'ok',
      apps: [{ id: '/web', body: { id: '/web', cmd: 'x' } }],
    });
    const two = parseAppFile([
      { id: '/a', dependencies: ['b', '/c'] },
      { id: 'b', dependencies: null },
    ]);
    expect(two).toMatchObject({
      kind: 'ok',
      apps: [{ id: '/a', body: { dependencies: ['/b', '/c'] } }, { id: '/b' }],
    });
  });

  it('reads groups with relative ids, and hands their dependencies down', () => {
    const group = {
      id: 'shop',
      dependencies: ['../base'],
      apps: [{ id: 'web', dependencies: ['../db', 'cache'] }],
      groups: [
        { id: 'data', apps: [{ id: 'db' }], groups: [] },
        { id: '/shop/front', dependencies: ['../data'], apps: [{ id: '/shop/front/ui' }] },
      ],
    };
    const read = parseAppFile(group);
    expect(read.kind === 'ok' && read.apps.map(({ id, body }) => [id, body.dependencies])).toEqual([
      ['/shop/web', ['/db', '/shop/cache', '/base']],
      ['/shop/data/db', ['/base']],
      ['/shop/front/ui', ['/base', '/shop/data']],
    ]);
  });

  it('reads what GET /v2/apps and GET /v2/groups answer', () => {
    expect(parseAppFile({ apps: [{ id: '/a' }, { id: '/shop/web' }] })).toMatchObject({
      apps: [{ id: '/a' }, { id: '/shop/web' }],
    });
    expect(
      parseAppFile({ id: '/', apps: [], groups: [{ id: '/g', apps: [{ id: '/g/a' }], pods: [] }] }),
    ).toMatchObject({ apps: [{ id: '/g/a' }] });
  });

  it.each([
    [7, '/', 'must be an app'],
    [{}, '/id', "'id' is missing"],
    [{ id: 7 }, '/id', 'must be a text'],
    [{ id: '/A' }, '/id', "'/A' is no id"],
    [[], '/', 'holds no app'],
    [{ id: 'g', groups: [] }, '/', 'holds no app'],
    [[{ id: 'a' }, { id: '/a/' }], '/', "holds the app '/a' twice"],
    [[{ id: 'a' }, 'x'], '(1)', 'must be an app'],
    [{ id: 'p', containers: [] }, '/', "Pod 'p': pods are not supported yet"],
    [{ id: 'g', apps: [{ id: 'a' }], pods: [{ id: 'p' }] }, '/pods(0)', "Pod 'p'"],
    [{ id: 'g', apps: [{ id: '/other/a' }] }, '/apps(0)/id', "Identifier is not child of '/g'"],
    [{ id: 'g', apps: [{ id: 'x/a' }] }, '/apps(0)/id', 'Identifier is not child'],
    [{ id: 'g', groups: [{ apps: [{ id: 'a' }] }] }, '/groups(0)/id', "'id' is missing"],
    [{ groups: [{ id: 'g', apps: [{ id: '/a' }] }] }, '/groups(0)/apps(0)/id', 'Identifier is not child'],
    [{ id: 'g', groups: ['x'] }, '/groups(0)', 'must be a group'],
    [{ id: 'g', apps: 'x' }, '/apps', 'must be a list'],
    [{ id: 'g', scaleBy: 2, apps: [{ id: 'a' }] }, '/scaleBy', 'order to the API'],
    [{ id: 'tasks', cmd: 'x' }, '/id', 'reserved'],
  ])('%j is refused at %s: %s', (value, path, text) => {
    const read = parseAppFile(value);
    const found = read.kind === 'ok' ? undefined : read.problems.find((each) => each.path === path);
    expect(found?.errors.join()).toContain(text);
  });
});

describe('parseAppId', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['//a//b/', '/a/b'],
    ['a/../b', '/b'],
    ['', null],
    ['/A', null],
    ['/a/tasks', null],
    ['../../etc/passwd', '/etc/passwd'],
    [`/${'a'.repeat(60_000)}`, null],
  ])('%s is %s', (text, id) => expect(parseAppId(text)).toBe(id));

  it('never climbs above the root', () => expect(resolveId('../../x', asAppId('/a'))).toBe('/x'));
});

describe('parseTimestamp', () => {
  it.each([
    ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00.000Z'],
    ['2020-01-01T02:00:00.1234+02:00', '2020-01-01T00:00:00.123Z'],
    ['2020-13-01T00:00:00Z', null],
    ['2020-01-01', null],
    ['yesterday', null],
  ])('%s is %s', (text, timestamp) => expect(parseTimestamp(text)).toBe(timestamp));
});
