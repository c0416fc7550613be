import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf, type App, type AppSpec } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { buildRouteTable, type RoutedApp } from './build-route-table.js';
import { waysThrough, type ServingProxy, type WayThrough } from './ways-through.js';

function anApp(id: string, port: number, labels: Record<string, string> = {}): RoutedApp {
  const spec: Partial<AppSpec> = { id: asAppId(id), portDefinitions: [aPortDefinition({ port })], labels };
  const current = aVersion(anAppSpec(spec));
  const app: App = { id: current.spec.id, current, removing: false, revision: 1 };
  return { app, instances: [], versionOf: () => current };
}

function ways(apps: RoutedApp[], ...proxies: ServingProxy[]): Record<string, readonly WayThrough[]> {
  const table = buildRouteTable({
    ...{ cluster: 'c', epoch: 1, number: 1, madeAt: timestampOf(0), apps, agentOf: () => undefined },
    servicePortRange: { from: 10_000, to: 20_000 },
  });
  return Object.fromEntries(waysThrough(table, apps, proxies));
}
const byId = (id: string, ...proxies: string[]) => ({
  ...{ by: 'app-id', portIndex: 0, path: `/_app${id}/`, proxies },
});
const byPort = (servicePort: number, ...proxies: string[]) => ({
  ...{ by: 'service-port', portIndex: 0, servicePort, mode: 'auto', proxies },
});
const byHost = (host: string, ...proxies: string[]) => ({
  by: 'host',
  portIndex: 0,
  host,
  proxies,
  https: [],
});

describe('the proxies that a way leads through', () => {
  const plain = anApp('/plain', 10_001);
  const inside = anApp('/inside', 10_002, { HAPROXY_GROUP: 'internal' });
  const both = anApp('/both', 10_003, { HAPROXY_GROUP: 'internal,external' });

  it('are all when they serve all, by their ids', () => {
    const all: ServingProxy[] = [{ id: 'p2' }, { id: 'p1', groups: ['*'] }, { id: 'p3', groups: [] }];
    expect(ways([plain, inside], ...all)).toEqual({
      '/plain': [byPort(10_001, 'p1', 'p2', 'p3'), byId('/plain', 'p1', 'p2', 'p3')],
      '/inside': [byPort(10_002, 'p1', 'p2', 'p3'), byId('/inside', 'p1', 'p2', 'p3')],
    });
  });

  it('are those of which one group is among the groups of the app', () => {
    const found = ways(
      [plain, inside, both],
      { id: 'all' },
      { id: 'in', groups: ['internal'] },
      { id: 'out', groups: ['external', 'other'] },
    );
    expect(found).toEqual({
      '/plain': [byPort(10_001, 'all'), byId('/plain', 'all')],
      '/inside': [byPort(10_002, 'all', 'in'), byId('/inside', 'all', 'in')],
      '/both': [byPort(10_003, 'all', 'in', 'out'), byId('/both', 'all', 'in', 'out')],
    });
  });

  it('are none where there is no proxy, or none that serves it', () => {
    expect(ways([plain])).toEqual({ '/plain': [byPort(10_001), byId('/plain')] });
    expect(ways([plain], { id: 'in', groups: ['internal'] })['/plain']).toEqual([
      byPort(10_001),
      byId('/plain'),
    ]);
  });

  it('are those that open the service port, and all for the rest', () => {
    const found = ways(
      [plain],
      { id: 'p1', servicePorts: { from: 10_002, to: 10_003 } },
      { id: 'p2', servicePorts: { from: 10_001, to: 10_001 } },
    );
    expect(found['/plain']).toEqual([byPort(10_001, 'p2'), byId('/plain', 'p1', 'p2')]);
  });

  it('differ for a host that apps of several groups ask for: each proxy gives it to one that it serves', () => {
    const host = { HAPROXY_0_VHOST: 'x.example' };
    const found = ways(
      [
        anApp('/a', 10_001, { ...host, HAPROXY_GROUP: 'internal' }),
        anApp('/b', 10_002, { ...host, HAPROXY_GROUP: 'external' }),
      ],
      { id: 'all' },
      { id: 'in', groups: ['internal'] },
      { id: 'out', groups: ['external'] },
    );
    expect(found['/a']?.[0]).toEqual(byHost('x.example', 'all', 'in'));
    expect(found['/b']?.[0]).toEqual(byHost('x.example', 'out'));
    expect(found['/b']?.[2]).toEqual(byId('/b', 'all', 'out'));
  });
});

describe('the proxies with a certificate for a host', () => {
  it('are those that name it, or the names one label below what follows its first dot', () => {
    const hosts = ['shop.example', 'a.shop.example', 'b.a.shop.example', '*.shop.example', 'example'];
    const app = anApp('/web', 10_001, { HAPROXY_0_VHOST: hosts.join() });
    const found = ways(
      [app],
      { id: 'exact', httpsNames: ['shop.example', 'example'] },
      { id: 'wild', httpsNames: ['*.shop.example'] },
      { id: 'above', httpsNames: ['*.example', '*'] },
      { id: 'none', httpsNames: [] },
      { id: 'old' },
    )['/web'];
    const https = new Map(found?.flatMap((way) => (way.by === 'host' ? [[way.host, way.https]] : [])));
    expect(Object.fromEntries(https)).toEqual({
      'shop.example': ['above', 'exact'],
      'a.shop.example': ['wild'],
      'b.a.shop.example': [],
      '*.shop.example': ['wild'],
      example: ['exact'],
    });
    expect(found?.filter(({ by }) => by !== 'host').every((way) => !('https' in way))).toBe(true);
  });

  it('are among those that serve it', () => {
    const inside = anApp('/inside', 10_001, { HAPROXY_GROUP: 'internal', HAPROXY_0_VHOST: 'x.example' });
    const httpsNames = ['x.example'];
    const found = ways(
      [inside],
      { id: 'in', groups: ['internal'], httpsNames },
      { id: 'out', groups: ['external'], httpsNames },
    )['/inside'];
    expect(found?.[0]).toEqual({ ...byHost('x.example', 'in'), https: ['in'] });
  });
});
