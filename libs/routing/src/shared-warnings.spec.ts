import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf, type App, type AppSpec } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { routeWarnings, type RoutedApp } from './build-route-table.js';

function anApp(id: string, labels: Record<string, string>, more: Partial<App & AppSpec> = {}): RoutedApp {
  const { traffic, ...spec } = more;
  const current = aVersion(
    anAppSpec({ id: asAppId(id), portDefinitions: [aPortDefinition()], labels, ...spec }),
  );
  const app = { id: current.spec.id, current, removing: false, revision: 1, ...(traffic ? { traffic } : {}) };
  return { app, instances: [], versionOf: () => current };
}
const warnings = (...apps: RoutedApp[]): string[] =>
  routeWarnings({ apps, servicePortRange: { from: 10_000, to: 20_000 } })
    .filter(({ text }) => !text.includes('service port'))
    .map(({ appId, text }) => `${appId}: ${text}`);

describe('a host and path that another service has', () => {
  it('is named at the one that does not get it, with who has it', () => {
    const host = { HAPROXY_0_VHOST: 'x.example, y.example' };
    expect(warnings(anApp('/a', { HAPROXY_0_VHOST: 'x.example' }), anApp('/b', host))).toEqual([
      expect.stringMatching(
        /^\/b: no request by x\.example comes to port 0: port 0 of \/a has that host and path; /,
      ),
    ]);
  });

  it('is one of another weight, or of all paths with a greater one, too', () => {
    const path = { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_PATH: '/api' };
    expect(
      warnings(
        anApp('/a', { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_BACKEND_WEIGHT: '9' }),
        anApp('/b', path),
      ),
    ).toEqual([
      expect.stringMatching(/^\/a: HAPROXY_0_BACKEND_WEIGHT 9 lets port 0 take x\.example\/api/),
      expect.stringMatching(/^\/b: no request by x\.example\/api .* of \/a/),
    ]);
  });

  it('that a greater match-weight takes is said at both, with the label as it is written', () => {
    const serving = anApp('/a', { HAPROXY_0_VHOST: 'x.example', 'longrun.io/0/path': '/api, /old' });
    const taker = { 'longrun.io/host': 'x.example', 'longrun.io/match-weight': '9' };
    expect(warnings(serving, anApp('/plain', { HAPROXY_0_VHOST: 'x.example' }), anApp('/b', taker))).toEqual([
      expect.stringMatching(
        /^\/a: no request by x\.example\/api, x\.example\/old comes to port 0: port 0 of \/b takes that host and path by its label longrun\.io\/match-weight 9, for the weight here is 1; /,
      ),
      expect.stringMatching(
        /^\/b: longrun\.io\/match-weight 9 lets port 0 take x\.example\/api, x\.example\/old, x\.example from port 0 of \/a, port 0 of \/plain: .* remove the label/,
      ),
      expect.stringMatching(
        /^\/plain: .* by its label longrun\.io\/match-weight 9, for the weight here is 0; /,
      ),
    ]);
    const theirs = { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_BACKEND_WEIGHT: '2' };
    expect(warnings(serving, anApp('/b', theirs))[1]).toMatch(
      /^\/b: HAPROXY_0_BACKEND_WEIGHT 2 lets port 0 take/,
    );
  });

  it('that nobody takes by a label is said at the one alone: equal weights, a smaller one here, ports of one app', () => {
    const host = { HAPROXY_0_VHOST: 'x.example' };
    const same = { ...host, 'longrun.io/match-weight': '0' };
    expect(warnings(anApp('/a', same), anApp('/b', host))).toEqual([
      expect.stringMatching(/^\/b: .* \/a has that host/),
    ]);
    expect(warnings(anApp('/a', host), anApp('/b', { ...host, 'longrun.io/match-weight': '-1' }))).toEqual([
      expect.stringMatching(/^\/b: .* \/a has that host/),
    ]);
    const ports = [aPortDefinition(), aPortDefinition()];
    const own = { HAPROXY_VHOST: 'x.example', 'longrun.io/1/match-weight': '3' };
    expect(warnings(anApp('/a', own, { portDefinitions: ports }))).toEqual([
      expect.stringMatching(
        /^\/a: no request .* comes to port 0: .* by its label longrun\.io\/1\/match-weight 3/,
      ),
    ]);
  });

  it('that a deployment group takes is said at each of its members', () => {
    const group = {
      HAPROXY_DEPLOYMENT_GROUP: 'g',
      HAPROXY_0_VHOST: 'x.example',
      'longrun.io/match-weight': '4',
    };
    const found = warnings(
      anApp('/a', { HAPROXY_0_VHOST: 'x.example' }),
      anApp('/blue', group),
      anApp('/green', group),
    );
    expect(found.filter((each) => each.includes('match-weight 4 lets port 0 take x.example'))).toEqual([
      expect.stringMatching(/^\/blue: /),
      expect.stringMatching(/^\/green: /),
    ]);
  });

  it('may be that of a port of the same app', () => {
    const ports = [aPortDefinition(), aPortDefinition()];
    expect(warnings(anApp('/a', { HAPROXY_VHOST: 'x.example' }, { portDefinitions: ports }))).toEqual([
      expect.stringMatching(/comes to port 1: port 0 of \/a/),
    ]);
  });

  it('is not that of another path, of a wildcard, of the own group, or of what is switched off', () => {
    const group = { HAPROXY_DEPLOYMENT_GROUP: 'g', HAPROXY_0_VHOST: 'g.example' };
    expect(
      warnings(
        anApp('/a', { HAPROXY_0_VHOST: 'x.example' }),
        anApp('/b', { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_PATH: '/api' }),
        anApp('/c', { HAPROXY_0_VHOST: '*.example' }),
        anApp('/d', { HAPROXY_0_VHOST: 'x.example', HAPROXY_0_ENABLED: 'false' }),
        anApp('/blue', group),
        anApp('/green', group),
      ),
    ).toEqual([]);
  });
});

describe('deployment groups', () => {
  it('labels of them do nothing without one, nor do values that cannot be read', () => {
    expect(warnings(anApp('/a', { HAPROXY_DEPLOYMENT_NEW_INSTANCES: '1' }))).toEqual([
      '/a: HAPROXY_DEPLOYMENT_NEW_INSTANCES: no effect without HAPROXY_DEPLOYMENT_GROUP',
    ]);
    const labels = {
      HAPROXY_DEPLOYMENT_GROUP: 'g',
      HAPROXY_DEPLOYMENT_TARGET_INSTANCES: 'many',
      HAPROXY_DEPLOYMENT_STARTED_AT: 'now',
    };
    expect(warnings(anApp('/a', labels))).toEqual([
      expect.stringMatching(/^\/a: HAPROXY_DEPLOYMENT_TARGET_INSTANCES is not used/),
      expect.stringMatching(/^\/a: HAPROXY_DEPLOYMENT_STARTED_AT is not used/),
    ]);
  });

  it('shares by version count outside of them only', () => {
    const version = timestampOf(0);
    const traffic = { shares: [{ version, weight: 1 }], since: 0 } as unknown as NonNullable<App['traffic']>;
    expect(warnings(anApp('/a', { HAPROXY_DEPLOYMENT_GROUP: 'g' }, { traffic }))).toEqual([
      expect.stringMatching(/^\/a: the shares of traffic by version count at \/_app\/a\/ only, .* group \/g/),
    ]);
    expect(warnings(anApp('/a', {}, { traffic }))).toEqual([]);
  });

  it('labels of the app at a port are named', () => {
    const port = aPortDefinition({
      labels: { HAPROXY_DEPLOYMENT_GROUP: 'g', 'longrun.io/drain-seconds': '5' },
    });
    expect(warnings(anApp('/a', {}, { portDefinitions: [port] }))).toEqual([
      '/a: HAPROXY_DEPLOYMENT_GROUP, longrun.io/drain-seconds: no effect at a port; put it among the labels of the app',
    ]);
  });
});
