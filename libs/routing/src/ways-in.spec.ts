import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf, type App, type AppSpec } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { buildRouteTable, type RoutedApp } from './build-route-table.js';
import { waysIn, type WayIn } from './ways-in.js';

const port = (number: number) => aPortDefinition({ port: number });

function anApp(id: string, spec: Partial<AppSpec>, more: Partial<App> = {}): RoutedApp {
  const current = aVersion(anAppSpec({ id: asAppId(id), ...spec }));
  const app: App = { id: current.spec.id, current, removing: false, revision: 1, ...more };
  return { app, instances: [], versionOf: () => current };
}

function ways(...apps: RoutedApp[]): Record<string, readonly WayIn[]> {
  const table = buildRouteTable({
    ...{ cluster: 'c', epoch: 1, number: 1, madeAt: timestampOf(0), apps, agentOf: () => undefined },
    servicePortRange: { from: 10_000, to: 20_000 },
  });
  return Object.fromEntries(waysIn(table, apps));
}
const byId = (id: string, portIndex = 0) => ({ by: 'app-id', portIndex, path: `/_app${id}/` });
const byPort = (servicePort: number, portIndex = 0, mode = 'auto') => ({
  ...{ by: 'service-port', portIndex, servicePort, mode },
});

describe('the ways to an app', () => {
  it('without labels are its service ports and its id', () => {
    expect(ways(anApp('/web', { portDefinitions: [port(10_001), port(10_002)] }))['/web']).toEqual([
      byPort(10_001),
      byPort(10_002, 1),
      byId('/web'),
    ]);
    expect(ways(anApp('/job', { portDefinitions: [] }))['/job']).toEqual([]);
  });

  it('are not those that it does not get: outside of the range, of another app, switched off, UDP', () => {
    const since = { servicePortsSince: { 10_001: timestampOf(0) } };
    const found = ways(
      anApp('/far', { portDefinitions: [port(80)] }),
      anApp('/first', { portDefinitions: [port(10_001)] }, since),
      anApp('/second', { portDefinitions: [port(10_001)] }),
      anApp('/off', { portDefinitions: [port(10_003)], labels: { HAPROXY_0_ENABLED: 'false' } }),
      anApp('/udp', { portDefinitions: [aPortDefinition({ port: 10_004, protocol: 'udp' })] }),
      anApp('/gone', { portDefinitions: [port(10_005)] }, { removing: true }),
    );
    expect(found).toEqual({
      '/far': [byId('/far')],
      '/first': [byPort(10_001), byId('/first')],
      '/second': [byId('/second')],
      ...{ '/off': [], '/udp': [], '/gone': [] },
    });
  });

  it('in mode tcp are host and port alone, also when another port speaks HTTP', () => {
    const labels = { HAPROXY_0_MODE: 'tcp' };
    expect(ways(anApp('/db', { portDefinitions: [port(10_001)], labels }))['/db']).toEqual([
      byPort(10_001, 0, 'tcp'),
    ]);
    expect(ways(anApp('/db', { portDefinitions: [port(10_001), port(10_002)], labels }))['/db']).toEqual([
      byPort(10_001, 0, 'tcp'),
      byPort(10_002, 1),
    ]);
  });

  it('are the service port that a label names, its address and its PROXY header', () => {
    const labels = {
      HAPROXY_0_PORT: '10100',
      HAPROXY_0_BIND_ADDR: '192.0.2.1',
      'longrun.io/proxy-protocol': 'accept',
    };
    expect(ways(anApp('/web', { portDefinitions: [port(10_001)], labels }))['/web']).toEqual([
      { ...byPort(10_100), bind: '192.0.2.1', proxyHeader: true },
      byId('/web'),
    ]);
  });

  it('by host are each with each path, as far as no other app has them', () => {
    const found = ways(
      anApp('/a', { labels: { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_PATH: '/api /v*' } }),
      anApp('/b', {
        labels: { 'longrun.io/host': 'x.example *.x.example', 'longrun.io/redirect-to-https': 'true' },
      }),
      anApp('/c', { labels: { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_PATH: '/api' } }),
      anApp('/d', { labels: { HAPROXY_0_VHOST: 'x.example' } }),
    );
    const hosts = (id: string) => found[id]?.filter(({ by }) => by === 'host');
    const host = { by: 'host', portIndex: 0, host: 'x.example' };
    expect(hosts('/a')).toEqual([
      { ...host, path: '/api' },
      { ...host, path: '/v*' },
    ]);
    expect(hosts('/b')).toEqual([
      { ...host, redirectToHttps: true },
      { ...host, host: '*.x.example', redirectToHttps: true },
    ]);
    expect(hosts('/c')).toEqual([]);
    expect(hosts('/d')).toEqual([]);
  });

  it('of a deployment group are those of the group for each of its apps, and the own id', () => {
    const labels = { HAPROXY_DEPLOYMENT_GROUP: 'shop', HAPROXY_0_VHOST: 'x.example' };
    const found = ways(
      anApp('/blue', { portDefinitions: [port(10_001)], labels }),
      anApp('/green', { portDefinitions: [port(10_001)], labels }),
    );
    const ofGroup = [{ by: 'host', portIndex: 0, host: 'x.example' }, byPort(10_001)];
    expect(found['/blue']).toEqual([...ofGroup, byId('/blue'), byId('/shop')]);
    expect(found['/green']).toEqual([...ofGroup, byId('/green'), byId('/shop')]);
  });
});
