import { describe, expect, it } from '@jest/globals';
import { match, type RoutePolicy, type RouteService } from '#libs/routing';
import { aService, aTable } from '../fixtures/engine-bed.js';
import { admit, type AdmittedRequest, type OwnAnswer, type Verdict } from './admit.js';
import { Gates } from './gates.js';
import { askedPath, type RequestFacts } from './request-facts.js';

interface Ask extends Partial<Omit<RequestFacts, 'header'>> {
  readonly headers?: Record<string, string>;
}
const factsOf = ({ headers = {}, ...more }: Ask): RequestFacts => ({
  method: 'GET',
  url: '/',
  host: 'web.example',
  header: (name) => headers[name],
  clientAddress: '192.0.2.1',
  secure: false,
  bodyBytes: 0,
  ...more,
});

function aDoor(policy: RoutePolicy | undefined, more: Partial<RouteService> = {}) {
  const clock = { time: 0, now: () => clock.time };
  const options = {
    matcher: match(aTable(1, aService({ a: 1 }, { ...(policy ? { policy } : {}), ...more }))),
    appPaths: true,
    gates: new Gates(clock),
  };
  const ask = (facts: Ask = {}): Verdict => admit(factsOf(facts), options);
  const answer = (facts: Ask = {}): OwnAnswer => {
    const verdict = ask(facts);
    if (verdict.kind !== 'answer') throw new Error('it was admitted');
    return verdict;
  };
  const admitted = (facts: Ask = {}): AdmittedRequest => {
    const verdict = ask(facts);
    if (verdict.kind !== 'admitted') throw new Error(`${verdict.status} ${verdict.message}`);
    return verdict;
  };
  return { ask, answer, admitted, clock };
}
const headerOf = ({ headers }: OwnAnswer, name: string): string | undefined =>
  headers.find(([each]) => each === name)?.[1];

describe('admission', () => {
  it('without labels is the same for all, and makes nothing but the verdict', () => {
    const { admitted } = aDoor(undefined);
    const [first, second] = [admitted(), admitted({ url: '/x' })];
    expect(first).toEqual({
      kind: 'admitted',
      service: expect.objectContaining({ appId: '/web' }),
      url: '/',
      asked: '/',
      wish: {},
      requestEdits: [],
      responseEdits: [],
    });
    expect(second.requestEdits).toBe(first.requestEdits);
    expect(second.wish).toBe(first.wish);
  });

  it('keeps what was asked, for the log: its path, without authority and query', () => {
    const { admitted } = aDoor({ stripPrefix: '/p', proxyPass: '/new' });
    expect(admitted({ url: '/p/x?secret=1' })).toMatchObject({
      url: '/new/x?secret=1',
      asked: '/p/x?secret=1',
    });
    expect(
      ['/p/x?secret=1', 'http://web.example/p/x?secret=1', 'http://web.example', '*', ''].map(askedPath),
    ).toEqual(['/p/x', '/p/x', '/', '*', '']);
  });

  it('allows addresses of the list, by the connection and not by what a client writes', () => {
    const { ask, answer } = aDoor({ allow: ['10.0.0.0/8', '2001:db8::/32'] });
    for (const clientAddress of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::7'])
      expect(ask({ clientAddress }).kind).toBe('admitted');
    for (const clientAddress of ['192.0.2.1', '::1', 'unknown', ''])
      expect(answer({ clientAddress, headers: { 'x-forwarded-for': '10.0.0.1' } }).status).toBe(403);
    expect(aDoor({ allow: [] }).answer().status).toBe(403);
  });

  it('limits the rate of a client, of a network of IPv6, or of all together', () => {
    const rate = { perSecond: 1, burst: 2, per: 'client' as const };
    const { ask, answer, clock } = aDoor({ limits: { rate } });
    const kinds = (...addresses: string[]): string[] =>
      addresses.map((clientAddress) => ask({ clientAddress }).kind);
    expect(kinds('192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2')).toEqual([
      'admitted',
      'admitted',
      'answer',
      'admitted',
    ]);
    expect(kinds('2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::')).toEqual([
      'admitted',
      'admitted',
      'answer',
      'admitted',
    ]);
    const own = answer();
    expect([own.status, headerOf(own, 'retry-after')]).toEqual([429, '1']);
    clock.time += 1_000;
    expect(ask().kind).toBe('admitted');
    const together = aDoor({ limits: { rate: { ...rate, per: 'service' } } });
    expect(['a', 'b', 'c'].map((each) => together.ask({ clientAddress: each }).kind)).toEqual([
      'admitted',
      'admitted',
      'answer',
    ]);
  });

  it('asks for a password', () => {
    const users = [{ name: 'ann', secret: 'secret', hashed: false }];
    const { ask, answer } = aDoor({ auth: { realm: 'the shop', users } });
    const own = answer();
    expect(own.status).toBe(401);
    expect(headerOf(own, 'www-authenticate')).toBe('Basic realm="the shop", charset="UTF-8"');
    expect(own.message).not.toContain('secret');
    const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
    expect(ask({ headers: { authorization } }).kind).toBe('admitted');
    // also at the service port and by id: a password that has a way round is none
    expect(answer({ url: '/_app/web/' }).status).toBe(401);
  });

  it('limits bodies by their length, and hands the limit on where it is not known', () => {
    const { admitted, answer } = aDoor({ limits: { bodyBytes: 10 } });
    expect(admitted({ bodyBytes: 10 })).not.toHaveProperty('bodyLimit');
    expect(answer({ bodyBytes: 11 })).toMatchObject({ status: 413 });
    expect(admitted({ bodyBytes: undefined })).toMatchObject({ bodyLimit: 10 });
  });

  it('answers preflights, before a password is asked for, and tells pages what they may read', () => {
    const cors = {
      origins: ['https://a.example'],
      methods: ['GET', 'PUT'],
      exposed: ['etag'],
      credentials: true,
      maxAgeSeconds: 60,
    };
    const { answer, admitted } = aDoor({ cors });
    const preflight = {
      method: 'OPTIONS',
      headers: {
        origin: 'https://a.example',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'x-a, b\r\nx: y',
      },
    };
    expect(answer(preflight)).toMatchObject({
      status: 200,
      headers: [
        ['access-control-allow-origin', 'https://a.example'],
        ['access-control-allow-credentials', 'true'],
        ['access-control-allow-methods', 'GET, PUT'],
        ['access-control-allow-headers', 'x-a'],
        ['access-control-max-age', '60'],
        ['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
      ],
    });
    expect(
      answer({ ...preflight, headers: { ...preflight.headers, origin: 'https://evil.example' } }).status,
    ).toBe(403);
    expect(admitted({ method: 'OPTIONS', headers: { origin: 'https://a.example' } }).kind).toBe('admitted');
    expect(admitted({ headers: { origin: 'https://a.example' } }).responseEdits).toEqual([
      { do: 'set', name: 'access-control-allow-origin', value: 'https://a.example' },
      { do: 'set', name: 'access-control-allow-credentials', value: 'true' },
      { do: 'set', name: 'access-control-expose-headers', value: 'etag' },
      { do: 'add', name: 'vary', value: 'Origin' },
    ]);
    expect(admitted({ headers: { origin: 'https://evil.example' } }).responseEdits).toContainEqual({
      do: 'remove',
      name: 'access-control-allow-origin',
    });
    // a 413, 503 or 504 that comes later
    const later = new Map(admitted({ headers: { origin: 'https://a.example' } }).ownHeaders);
    expect(later.get('access-control-allow-origin')).toBe('https://a.example');
    expect(new Map(admitted({ headers: { origin: 'https://evil.example' } }).ownHeaders)).toEqual(
      new Map([['vary', 'Origin']]),
    );
    const guarded = aDoor({ cors, auth: { realm: 'x', users: [] } });
    expect(guarded.answer(preflight).status).toBe(200);
    const refused = guarded.answer({ headers: { origin: 'https://a.example' } });
    expect([refused.status, headerOf(refused, 'access-control-allow-origin')]).toEqual([
      401,
      'https://a.example',
    ]);
  });

  it('sends to https at the port of the host, and promises it for later over TLS only', () => {
    const { answer, admitted } = aDoor(
      { hsts: { maxAgeSeconds: 60, includeSubDomains: true } },
      { redirectToHttps: true },
    );
    expect(headerOf(answer({ host: 'web.example:8000', url: '/x?y' }), 'location')).toBe(
      'https://web.example/x?y',
    );
    const hsts = { do: 'set', name: 'strict-transport-security', value: 'max-age=60; includeSubDomains' };
    expect(admitted({ secure: true }).responseEdits).toEqual([hsts]);
    expect(admitted({ headers: { 'x-forwarded-proto': 'https' } }).responseEdits).toEqual([hsts]);
    expect(aDoor({ hsts: { maxAgeSeconds: 60 } }).admitted().responseEdits).toEqual([]);
  });

  it('sends the root elsewhere, but not the root of an app that is asked by its id', () => {
    const { answer, admitted } = aDoor({ redirectRoot: '/my/content' });
    expect(answer({ url: '/?x' })).toMatchObject({ status: 301, headers: [['location', '/my/content']] });
    expect(answer({ method: 'POST' }).status).toBe(308);
    expect(admitted({ url: '/x' }).url).toBe('/x');
    expect(admitted({ url: '/_app/web/' }).url).toBe('/');
  });

  it('wishes for a target by what the service goes by', () => {
    const wish = (policy: RoutePolicy, facts: Ask): object => aDoor(policy).admitted(facts).wish;
    expect(wish({ balance: { by: 'source' } }, {})).toEqual({ hashKey: '192.0.2.1' });
    expect(wish({ balance: { by: 'uri' } }, { url: '/a?b' })).toEqual({ hashKey: '/a' });
    expect(wish({ balance: { by: 'query', name: 'u' } }, { url: '/a?x=1&u=7' })).toEqual({ hashKey: '7' });
    expect(wish({ balance: { by: 'header', name: 'x-u' } }, { headers: { 'x-u': '7' } })).toEqual({
      hashKey: '7',
    });
    expect(wish({ balance: { by: 'cookie', name: 'u' } }, { headers: { cookie: 'xu=1; u=7' } })).toEqual({
      hashKey: '7',
    });
    expect(wish({ balance: { by: 'cookie', name: 'u' } }, {})).toEqual({});
    const pins = [{ by: 'header' as const, name: 'X-Canary', value: 'yes', version: 'v2' }];
    const canary = aDoor(undefined, { traffic: { shares: [], pins } });
    expect(canary.admitted({ headers: { 'x-canary': 'yes' } }).wish).toEqual({ version: 'v2' });
    expect(canary.admitted({ headers: { 'x-canary': 'no' } }).wish).toEqual({});
  });

  it('edits heads by the rules of the service, and compresses for whom takes it', () => {
    const policy: RoutePolicy = {
      requestHeaders: [{ do: 'remove', name: 'cookie' }],
      responseHeaders: [{ do: 'remove', name: 'server' }],
      compress: true,
      locationPrefix: '/my',
    };
    const { admitted } = aDoor(policy);
    expect(admitted({ headers: { 'accept-encoding': 'gzip' } })).toMatchObject({
      requestEdits: policy.requestHeaders,
      responseEdits: policy.responseHeaders,
      compress: 'gzip',
      locationPrefix: '/my',
    });
    expect(admitted()).not.toHaveProperty('compress');
  });
});
