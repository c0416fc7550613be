// Who has a virtual host and path that several apps ask for: the one that has asked for it the longer, whatever else of it was changed.
import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf, type App, type AppSpec, type AppVersion } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { buildRouteTable, routeWarnings, type RoutedApp } from './build-route-table.js';
import { servedBy } from './groups.js';
import { hostAges, REMEMBERED_HOSTS_MAX } from './host-owners.js';
import { siblingsAmong } from './labels/deployment-groups.js';
import { match } from './match.js';
import type { RouteTable } from './route-table.js';

const HOST = { HAPROXY_0_VHOST: 'x.example' };
const RANGE = { from: 10_000, to: 20_000 };

type Labels = Record<string, string>;

const versionOf = (id: string, labels: Labels, at: number, more: Partial<AppSpec> = {}): AppVersion =>
  aVersion(anAppSpec({ id: asAppId(id), portDefinitions: [aPortDefinition()], labels, ...more }), at);

interface Change {
  readonly others?: readonly App[];
  readonly isTakenBack?: boolean;
}

function changed(before: App | undefined, current: AppVersion, change: Change = {}): App {
  const { others = [], isTakenBack = false } = change;
  const ages = hostAges(before, current, { siblings: siblingsAmong(others)(current.spec), isTakenBack });
  return { ...{ id: current.spec.id, current, removing: false, revision: 1 }, ...ages };
}
const created = (id: string, labels: Labels, at: number, change?: Change): App =>
  changed(undefined, versionOf(id, labels, at), change);

const routed = (app: App): RoutedApp => ({ app, instances: [], versionOf: () => app.current });

const tableOf = (...apps: readonly App[]): RouteTable =>
  buildRouteTable({
    ...{ cluster: 'c', epoch: 1, number: 1, madeAt: timestampOf(0), agentOf: () => undefined },
    ...{ servicePortRange: RANGE, apps: apps.map(routed) },
  });
const ownerOf = (apps: readonly App[], path = '/'): string | undefined =>
  match(tableOf(...apps)).byHost('x.example', path)?.appId;

describe('a virtual host', () => {
  const web = created('/web', HOST, 10);

  it('stays with the app that asked for it first, whatever its id and whatever else of it is changed', () => {
    const far = created('/far', HOST, 20);
    const renewed = changed(web, versionOf('/web', HOST, 30, { cmd: 'new' }));
    expect(renewed.hostsSince).toEqual({ 'x.example * 0': timestampOf(10) });
    for (const apps of [
      [far, web],
      [far, renewed],
    ])
      expect(ownerOf(apps)).toBe('/web');
    expect(ownerOf([created('/far', HOST, 10), web])).toBe('/far');
  });

  it('stays also when a newcomer asks for it with the path that all others begin with', () => {
    for (const path of ['/', '/*']) {
      const root = created('/root', { ...HOST, HAPROXY_0_PATH: path }, 20);
      expect(ownerOf([root, web])).toBe('/web');
      expect(ownerOf([root, { ...web, removing: true }])).toBe('/root');
    }
  });

  it('goes to the next one when the owner is removed or asks no more, and not back when it asks again', () => {
    const far = created('/far', HOST, 20);
    const other = created('/another', HOST, 25);
    const without = changed(web, versionOf('/web', {}, 30));
    const again = changed(without, versionOf('/web', HOST, 40));
    expect(ownerOf([other, far, { ...web, removing: true }])).toBe('/far');
    expect(ownerOf([other, far, without])).toBe('/far');
    expect(ownerOf([other, far, again])).toBe('/far');
  });

  it('comes back with a change that is taken back', () => {
    const far = created('/far', HOST, 20);
    const without = changed(web, versionOf('/web', {}, 30));
    const back = changed(without, versionOf('/web', HOST, 40), { isTakenBack: true });
    expect(without.hostsLeft).toEqual({ 'x.example * 0': timestampOf(10) });
    expect(ownerOf([far, back])).toBe('/web');
    expect(back.hostsLeft).toBeUndefined();
  });

  it('of rows of earlier releases has been asked for since the last change of the config', () => {
    const { hostsSince: _, ...stored } = web;
    expect(ownerOf([created('/far', HOST, 20), stored])).toBe('/web');
    expect(changed(stored, versionOf('/web', HOST, 30, { cmd: 'new' })).hostsSince).toEqual(web.hostsSince);
  });

  it('is each path, weight and kind by itself', () => {
    const api = { ...HOST, HAPROXY_0_PATH: '/api' };
    const far = created('/far', { ...HOST, HAPROXY_0_PATH: '/api /v2' }, 20);
    const apps = [far, created('/web', api, 10)];
    expect([ownerOf(apps, '/api'), ownerOf(apps, '/v2')]).toEqual(['/web', '/far']);
    const [first, second] = tableOf(...apps).services;
    expect(first).toMatchObject({ appId: '/far', outranked: [{ host: 'x.example', path: '/api', by: 1 }] });
    expect(second).not.toHaveProperty('outranked');
    expect(ownerOf([created('/far', { ...HOST, HAPROXY_0_BACKEND_WEIGHT: '9' }, 20), web])).toBe('/far');
    // what names the case is the stricter one, whoever is older
    const anyCase = created('/any', { ...HOST, HAPROXY_0_PATH: '-i /api' }, 5);
    expect([ownerOf([anyCase, apps[1] ?? web], '/api'), ownerOf([anyCase, web], '/API')]).toEqual([
      '/web',
      '/any',
    ]);
  });

  it('is decided among those that a proxy serves', () => {
    const apps = [
      created('/a', { ...HOST, HAPROXY_GROUP: 'in' }, 30),
      created('/b', { ...HOST, HAPROXY_GROUP: 'in' }, 20),
      created('/web', { ...HOST, HAPROXY_GROUP: 'out' }, 10),
    ];
    const ownerAt = (group: string) =>
      match(servedBy(tableOf(...apps), [group])).byHost('x.example', '/')?.appId;
    expect([ownerAt('in'), ownerAt('out'), ownerAt('*')]).toEqual(['/b', '/web', '/web']);
  });

  it('of more than are remembered counts from the last change of the config', () => {
    const many = (count: number): Labels => ({
      'longrun.io/host': Array.from({ length: 60 }, (_, at) => `h${at}.example`).join(' '),
      'longrun.io/path': Array.from({ length: count }, (_, at) => `/p${at}`).join(' '),
    });
    const app = created('/many', many(60), 10);
    expect(Object.keys(app.hostsSince ?? {})).toHaveLength(REMEMBERED_HOSTS_MAX);
    const found = match(tableOf(created('/a', many(60), 20), app)).byHost('h59.example', '/p59');
    expect(found?.appId).toBe('/many');
  });

  it('that is asked for in vain is a warning that names the owner and the remedy', () => {
    const apps = [created('/far', HOST, 20), web].map(routed);
    expect(
      routeWarnings({ apps, servicePortRange: RANGE }).filter(({ text }) => !text.includes('service port')),
    ).toEqual([
      {
        appId: '/far',
        text:
          'no request by x.example comes to port 0: port 0 of /web has that host and path; ' +
          'remove it there, or give one of them another host or path, or another longrun.io/match-weight',
      },
    ]);
  });
});

describe('a virtual host of a deployment group', () => {
  const group = { ...HOST, HAPROXY_DEPLOYMENT_GROUP: 'g' };
  const blue = created('/z-blue', group, 10);
  const other = created('/a', HOST, 30);

  it('is as old as with its oldest member, and stays so with those that joined when that one goes', () => {
    const green = created('/z-green', group, 50, { others: [blue, other] });
    expect(ownerOf([blue, green, other])).toBe('/g');
    expect(ownerOf([{ ...blue, removing: true }, green, other])).toBe('/g');
  });

  it('is not shared with an app of another group, or one that is being removed', () => {
    const others = [
      other,
      { ...blue, removing: true },
      created('/h', { ...group, HAPROXY_DEPLOYMENT_GROUP: 'h' }, 5),
    ];
    expect(ownerOf([created('/z-green', group, 50, { others }), other])).toBe('/a');
  });
});
