import { describe, expect, it } from '@jest/globals';
import type { RoutePolicy, RouteService } from '#libs/routing';
import { aService } from '../fixtures/engine-bed.js';
import { rewriteLocation, targetUrlOf } from './target-url.js';

const at = (policy: RoutePolicy, url: string, more: Partial<RouteService> = {}, prefix?: string) =>
  targetUrlOf(aService({}, { path: '/api', ...more, policy }), url, prefix);

describe('what a task sees of the path', () => {
  it('is without the prefix that led to it, if it wants so', () => {
    expect(at({ stripPath: true }, '/api/x?y=/api')).toEqual({ url: '/x?y=/api', prefix: '/api' });
    expect(at({ stripPath: true }, '/api?y')).toEqual({ url: '/?y', prefix: '/api' });
    expect(at({ stripPath: true }, '/other')).toEqual({ url: '/other' });
    expect(at({ stripPath: true }, '/apix')).toEqual({ url: '/apix' });
    expect(at({}, '/api/x')).toEqual({ url: '/api/x' });
    expect(at({ stripPath: true }, '/api/x', {}, '/_app/web')).toEqual({
      url: '/x',
      prefix: '/_app/web/api',
    });
    expect(at({ stripPath: true }, '*')).toEqual({ url: '*' });
  });

  it('is without another prefix, and with one of its own', () => {
    expect(at({ stripPrefix: '/path/to' }, '/path/to/x')).toEqual({ url: '/x', prefix: '/path/to' });
    expect(at({ stripPrefix: '/path/to' }, '/path/tox')).toEqual({ url: '/path/tox' });
    expect(at({ proxyPass: '/app' }, '/x?y')).toEqual({ url: '/app/x?y' });
    expect(at({ stripPath: true, proxyPass: '/app' }, '/api')).toEqual({ url: '/app/', prefix: '/api' });
  });

  it('comes back in Location with what the client must ask', () => {
    const to = (value: string): string => rewriteLocation(value, '/my', 'shop.example:8000');
    expect(to('/x?y#z')).toBe('/my/x?y#z');
    expect(to('http://Shop.example/x')).toBe('http://Shop.example/my/x');
    expect(to('https://shop.example:8443')).toBe('https://shop.example:8443/my/');
    for (const same of [
      '/my',
      '/my/x',
      '/my?x',
      'x',
      '../x',
      '//other/x',
      'http://other.example/x',
      '?x',
      '',
    ])
      expect(to(same)).toBe(same);
    expect(rewriteLocation('http://shop.example/x', '/my', undefined)).toBe('http://shop.example/x');
  });
});
