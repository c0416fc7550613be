import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf } from '#libs/model';
import { match, matchedPrefix } from './match.js';
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

  it('finds names below a wildcard: the name itself first, then the longest rest, then every name', () => {
    const routes = matcher(
      service('/all', { hosts: ['*'] }),
      service('/below', { hosts: ['*.example'] }),
      service('/nearer', { hosts: ['*.shop.example'] }),
      service('/itself', { hosts: ['api.shop.example'], path: '/v1' }),
    );
    const found = (host: string, path = '/'): string | undefined => routes.byHost(host, path)?.appId;
    expect(found('api.shop.example', '/v1/x')).toBe('/itself');
    expect(found('api.shop.example', '/v2')).toBe('/nearer');
    expect(found('A.B.Shop.Example:8000')).toBe('/nearer');
    expect(found('shop.example')).toBe('/below');
    expect(found('example')).toBe('/all');
    expect(found('192.0.2.1')).toBe('/all');
    expect(found(`${'a.'.repeat(200)}example`)).toBeUndefined();
    expect(found('')).toBeUndefined();
  });

  it('takes several paths, such as need no border, and such whose case makes no difference', () => {
    const hosts = ['x'];
    const routes = matcher(
      service('/two', { hosts, path: '/a', paths: ['/a', '/b/c'] }),
      service('/open', { hosts, path: '/v*' }),
      service('/any-case', { hosts, path: '/docs', pathIgnoreCase: true }),
    );
    const found = (path: string): string | undefined => routes.byHost('x', path)?.appId;
    for (const path of ['/a', '/a/x', '/b/c']) expect(found(path)).toBe('/two');
    for (const path of ['/v1', '/v', '/v/x']) expect(found(path)).toBe('/open');
    expect(found('/DOCS/x')).toBe('/any-case');
    for (const path of ['/', '/b', '/ab', '/A', '/docsx']) expect(found(path)).toBeUndefined();
  });

  it('asks in order of weight, then of length', () => {
    const hosts = ['x'];
    const routes = matcher(
      service('/a', { hosts, path: '/api' }),
      service('/heavy', { hosts, matchWeight: 2 }),
      service('/light', { hosts, path: '/api/deep', matchWeight: 0 }),
    );
    expect(routes.byHost('x', '/api')?.appId).toBe('/heavy');
    const plain = matcher(
      service('/light', { hosts, path: '/api/deep', matchWeight: 0 }),
      service('/a', { hosts, path: '/api' }),
      service('/rest', { hosts }),
    );
    expect(plain.byHost('x', '/api/deep')?.appId).toBe('/a');
    expect(plain.byHost('x', '/other')?.appId).toBe('/rest');
  });

  it('says which prefix led to a service, in the letters of the client', () => {
    const one = service('/a', { path: '/api', paths: ['/api', '/api/v2', '/x*'] });
    expect(matchedPrefix(one, '/api/v2/y')).toBe('/api/v2');
    expect(matchedPrefix(one, '/api/v22')).toBe('/api');
    expect(matchedPrefix(one, '/xyz')).toBe('/x');
    expect(matchedPrefix(one, '/apix')).toBe('');
    expect(matchedPrefix(service('/b', { path: '/docs', pathIgnoreCase: true }), '/Docs/x')).toBe('/Docs');
    expect(matchedPrefix(service('/c'), '/x')).toBe('');
  });

  it('costs no more with a thousand services on one host, nor with a path of thousands of segments', () => {
    const many = Array.from({ length: 1_000 }, (_, n) =>
      service(`/app-${n}`, { hosts: ['x'], path: `/path-${n}` }),
    );
    const routes = matcher(...many);
    let calls = 0;
    const path = new Proxy(new String('/path-999/x'), {
      get: (text, name) => {
        if (name === 'slice') calls += 1;
        const member: unknown = Reflect.get(text, name);
        return typeof member === 'function' ? (member.bind(text) as unknown) : member;
      },
    }) as unknown as string;
    expect(routes.byHost('x', path)?.appId).toBe('/app-999');
    // one for each length that a prefix has: /path-0, /path-10, /path-100
    expect(calls).toBeLessThanOrEqual(3);
    expect(routes.byAppPath(`/_app/app-7${'/'.repeat(30_000)}`)?.service.appId).toBe('/app-7');
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
