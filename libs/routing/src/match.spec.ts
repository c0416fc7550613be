import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf } from '#libs/model';
import { match } from './match.js';
import type { RouteService } from './route-table.js';

const service = (id: string, more: Partial<RouteService> = {}): RouteService => ({
  appId: asAppId(id),
  portIndex: 0,
  mode: 'auto',
  hosts: [],
  sticky: false,
  redirectToHttps: false,
  targets: [],
  emptyReason: '',
  ...more,
});
const matcher = (...services: RouteService[]) =>
  match({ cluster: 'c', epoch: 1, number: 1, madeAt: timestampOf(0), services });

describe('match', () => {
  it('finds a host whatever its case, port or trailing dot, and only that one', () => {
    const routes = matcher(service('/web', { hosts: ['shop.example'] }));
    for (const host of ['shop.example', 'SHOP.example:8000', 'shop.example.'])
      expect(routes.byHost(host, '/')?.appId).toBe('/web');
    for (const host of ['www.shop.example', '', undefined, '[::1]:80', ':', '__proto__'])
      expect(routes.byHost(host, '/')).toBeUndefined();
  });

  it('takes the longest path that ends on a segment border', () => {
    const hosts = ['shop.example'];
    const routes = matcher(
      service('/all', { hosts }),
      service('/api', { hosts, path: '/api' }),
      service('/v2', { hosts, path: '/api/v2' }),
    );
    const found = (path: string): string | undefined => routes.byHost('shop.example', path)?.appId;
    expect(found('/api')).toBe('/api');
    expect(found('/api/v1')).toBe('/api');
    expect(found('/api/v2/x')).toBe('/v2');
    expect(found('/api/v22')).toBe('/api');
    expect(found('/apix')).toBe('/all');
  });

  it('finds an app by id, the longest first, and cuts the prefix off', () => {
    const routes = matcher(service('/shop', { portIndex: 1 }), service('/shop'), service('/shop/web'));
    expect(routes.byAppPath('/_app/shop/web/x?y=/1')).toMatchObject({
      service: { appId: '/shop/web' },
      prefix: '/_app/shop/web',
      url: '/x?y=/1',
    });
    expect(routes.byAppPath('/_app/shop/other')).toMatchObject({
      service: { appId: '/shop', portIndex: 0 },
      url: '/other',
    });
    expect(routes.byAppPath('/_app/shop?q')).toMatchObject({ prefix: '/_app/shop', url: '/?q' });
    for (const url of ['/_app/', '/_app/shopping', '/_app//', '/shop', '/_app/?x=/shop'])
      expect(routes.byAppPath(url)).toBeUndefined();
  });

  it('finds a service port, and the same port of an app in another table', () => {
    const web = service('/web', { servicePort: 10_001 });
    expect(matcher(web).byServicePort(10_001)).toBe(web);
    expect(matcher(web).byServicePort(10_002)).toBeUndefined();
    expect(matcher(web).counterpartOf(service('/web', { hosts: ['x'] }))).toBe(web);
    expect(matcher(web).counterpartOf(service('/web', { portIndex: 1 }))).toBeUndefined();
  });
});
