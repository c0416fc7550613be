import { describe, expect, it } from '@jest/globals';
import { KnownRoutes } from './known-routes.js';

describe('known routes', () => {
  const routes = new KnownRoutes();
  routes.note(['GET', 'HEAD'], '/v2/apps');
  routes.note('POST', '/v2/apps');
  routes.note('GET', '/v2/apps/*');
  routes.note('GET', '/v2/apps/*');
  routes.note('DELETE', '/v2/queue/:id/delay');

  it.each([
    ['/v2/apps', ['GET', 'HEAD', 'POST']],
    ['/v2/apps/shop/web', ['GET']],
    ['/v2/queue/x/delay', ['DELETE']],
    ['/v2/nothing', []],
  ])('know the methods of %s', (path, methods) => expect(routes.methodsOf(path)).toEqual(methods));

  it('tell a wrong method from an unknown path', () => {
    expect(routes.hasOtherMethod('PUT', '/v2/apps')).toBe(true);
    expect(routes.hasOtherMethod('DELETE', '/v2/queue/x/delay')).toBe(false);
    expect(routes.hasOtherMethod('PUT', '/v2/nothing')).toBe(false);
  });
});
