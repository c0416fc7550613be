import { describe, expect, it } from '@jest/globals';
import { portsOf, type PortDefinition } from '#libs/model';
import { anAppSpec, aPortDefinition } from '#libs/testkit';
import { readPortLabels, type PortRouting } from './port-labels.js';
import type { RoutePolicy } from './route-policy.js';

type Labels = Record<string, string>;

function read(labels: Labels, port: Partial<PortDefinition> = {}): PortRouting {
  const spec = anAppSpec({ labels, portDefinitions: [aPortDefinition(port)] });
  const [first] = portsOf(spec);
  if (!first) throw new Error('no port');
  return readPortLabels(spec, first);
}
const policyOf = (labels: Labels): RoutePolicy | undefined => read(labels).routing.policy;
const own = (name: string, text: string): Labels => ({ [`longrun.io/${name}`]: text });
const theirs = (name: string, text: string): Labels => ({ [`HAPROXY_0_${name}`]: text });

/** A hash of "secret", as openssl passwd -6 makes it. */
const HASH =
  '$6$saltsalt$8zGU8zl6Oe.Z0oPVZb/6NUPKNYGhpn9HaHkqLeVqHb0sBE9tLR4Jc3hBLJHXsqWkL8a9NUgV4Tk4pPnNHDxC0.';

describe('labels of a port', () => {
  it('without any all is default, and no policy is in the table', () => {
    expect(read({ team: 'x' })).toEqual({
      routing: { mode: 'auto', hosts: [], sticky: false, redirectToHttps: false },
      enabled: true,
      servicePort: 10_000,
      warnings: [],
    });
  });

  it.each<[string, string, RoutePolicy]>([
    ['balance', 'least-of-two', { balance: { by: 'least-of-two' } }],
    ['balance', 'header:X-User', { balance: { by: 'header', name: 'x-user' } }],
    ['balance', 'cookie:Session', { balance: { by: 'cookie', name: 'Session' } }],
    ['balance', 'query:user', { balance: { by: 'query', name: 'user' } }],
    ['slow-start', '30s', { slowStartMs: 30_000 }],
    ['prefer-zone', 'true', { preferZone: true }],
    ['connect-timeout', '500ms', { timeouts: { connectMs: 500 } }],
    ['silence-timeout', '10m', { timeouts: { silenceMs: 600_000 } }],
    ['tunnel-timeout', '1h', { timeouts: { tunnelMs: 3_600_000 } }],
    ['retry-attempts', '2', { retries: { attempts: 2 } }],
    ['retry-on', '502, 503', { retries: { on: [502, 503] } }],
    ['retry-budget', '10', { retries: { budgetPercent: 10 } }],
    ['rate-limit', '600/m', { limits: { rate: { perSecond: 10, burst: 10, per: 'client' } } }],
    ['rate-limit', '0.5', { limits: { rate: { perSecond: 0.5, burst: 1, per: 'client' } } }],
    ['body-limit', '10MiB', { limits: { bodyBytes: 10_485_760 } }],
    ['body-min-rate', '0', { limits: { bodyMinRate: 0 } }],
    ['max-connections', '50', { limits: { connectionsPerTarget: 50 } }],
    ['queue', '10', { limits: { queue: 10 } }],
    ['queue-timeout', '1s', { limits: { queueMs: 1_000 } }],
    ['eject-failures', '0', { ejection: { failures: 0 } }],
    ['eject-time', '5s', { ejection: { ms: 5_000 } }],
    ['allow', '10.0.0.0/8, ::1', { allow: ['10.0.0.0/8', '::1'] }],
    [
      'auth-users',
      `ann:${HASH}`,
      { auth: { realm: '/web', users: [{ name: 'ann', secret: HASH, hashed: true }] } },
    ],
    ['strip-path', 'yes', { stripPath: true }],
    ['strip-prefix', '/x/', { stripPrefix: '/x' }],
    ['add-prefix', '/app', { proxyPass: '/app' }],
    ['location-prefix', '/my', { locationPrefix: '/my' }],
    ['redirect-root', '/home', { redirectRoot: '/home' }],
    ['hsts', 'true', { hsts: { maxAgeSeconds: 15_768_000 } }],
    ['hsts', '60 include-subdomains', { hsts: { maxAgeSeconds: 60, includeSubDomains: true } }],
    ['compress', 'true', { compress: true }],
    ['protocol', 'h2c', { protocol: 'h2c' }],
    ['proxy-protocol', 'accept, send-v2', { proxyProtocol: { accept: true, send: 'v2' } }],
    ['bind', '192.0.2.7', { bind: '192.0.2.7' }],
    ['cors-origins', 'https://a.example', { cors: { origins: ['https://a.example'] } }],
    [
      'request-headers',
      'set X-Team: web; x\nremove Cookie\n\nadd via: longrun',
      {
        requestHeaders: [
          { do: 'set', name: 'x-team', value: 'web; x' },
          { do: 'remove', name: 'cookie' },
          { do: 'add', name: 'via', value: 'longrun' },
        ],
      },
    ],
    ['response-headers', 'remove Server', { responseHeaders: [{ do: 'remove', name: 'server' }] }],
  ])('longrun.io/%s = %j', (name, text, policy) => {
    // the others say that they do nothing alone
    if (!['queue', 'queue-timeout', 'strip-path'].includes(name))
      expect(read(own(name, text))).toMatchObject({ warnings: [] });
    expect(policyOf(own(name, text))).toEqual(policy);
  });

  it.each<[string, string, RoutePolicy]>([
    ['BALANCE', 'roundrobin', { balance: { by: 'round-robin' } }],
    ['BALANCE', 'leastconn', { balance: { by: 'least' } }],
    ['BALANCE', 'source', { balance: { by: 'source' } }],
    ['BALANCE', 'uri depth 2', { balance: { by: 'uri' } }],
    ['BALANCE', 'hdr(X-User)', { balance: { by: 'header', name: 'x-user' } }],
    ['BALANCE', 'url_param user', { balance: { by: 'query', name: 'user' } }],
    ['BALANCE', 'random(2)', { balance: { by: 'least-of-two' } }],
    [
      'AUTH',
      `realm:ann:${HASH}`,
      { auth: { realm: 'realm', users: [{ name: 'ann', secret: HASH, hashed: true }] } },
    ],
    ['BACKEND_NETWORK_ALLOWED_ACL', '10.1.40.0/24 10.1.55.43', { allow: ['10.1.40.0/24', '10.1.55.43'] }],
    ['HTTP_BACKEND_PROXYPASS_PATH', '/path/to/redirect', { stripPrefix: '/path/to/redirect' }],
    ['HTTP_BACKEND_REVPROXY_PATH', '/my/content', { locationPrefix: '/my/content' }],
    ['HTTP_BACKEND_REDIR', '/my/content', { redirectRoot: '/my/content' }],
    ['USE_HSTS', 'true', { hsts: { maxAgeSeconds: 15_768_000 } }],
    ['BIND_ADDR', '10.0.0.42', { bind: '10.0.0.42' }],
    ['BIND_OPTIONS', 'accept-proxy', { proxyProtocol: { accept: true } }],
  ])('HAPROXY_0_%s = %j', (name, text, policy) => {
    expect(read(theirs(name, text))).toMatchObject({ warnings: [] });
    expect(policyOf(theirs(name, text))).toEqual(policy);
  });

  it('says where a port is found', () => {
    expect(
      read({
        'longrun.io/host': 'Shop.example *.shop.example *',
        'longrun.io/path': '/api /v*',
        'longrun.io/match-weight': '5',
        'longrun.io/sticky': 'true',
        'longrun.io/redirect-to-https': 'true',
        'longrun.io/mode': 'http',
        'longrun.io/groups': 'external,internal',
      }).routing,
    ).toEqual({
      mode: 'http',
      hosts: ['shop.example', '*.shop.example', '*'],
      path: '/api',
      paths: ['/api', '/v*'],
      sticky: true,
      redirectToHttps: true,
      matchWeight: 5,
      groups: ['external', 'internal'],
    });
    const path = (text: string): object => read({ HAPROXY_0_VHOST: 'x', HAPROXY_0_PATH: text }).routing;
    expect(path('-i /multiple /Paths')).toMatchObject({
      paths: ['/multiple', '/paths'],
      pathIgnoreCase: true,
    });
    expect(path('/')).toEqual({ mode: 'auto', hosts: ['x'], sticky: false, redirectToHttps: false });
    expect(read(theirs('ENABLED', 'false')).enabled).toBe(false);
    expect(read(theirs('PORT', '10005'))).toMatchObject({ servicePort: 10_005, warnings: [] });
  });

  it('the most particular one counts, and Longrun`s before marathon-lb`s', () => {
    const labels = {
      'longrun.io/silence-timeout': '1s',
      'longrun.io/0/silence-timeout': '2s',
      'longrun.io/1/silence-timeout': '9s',
      HAPROXY_0_BALANCE: 'source',
      'longrun.io/balance': 'round-robin',
    };
    expect(policyOf(labels)).toEqual({ timeouts: { silenceMs: 2_000 }, balance: { by: 'round-robin' } });
    const ofPort = (portLabels: Labels): RoutePolicy | undefined =>
      read(labels, { labels: portLabels }).routing.policy;
    expect(ofPort(own('silence-timeout', '3s'))).toMatchObject({ timeouts: { silenceMs: 3_000 } });
    expect(ofPort({ ...own('silence-timeout', '3s'), ...own('0/silence-timeout', '4s') })).toMatchObject({
      timeouts: { silenceMs: 4_000 },
    });
    const group = { HAPROXY_GROUP: 'internal', HAPROXY_0_GROUP: 'external' };
    expect(read(group).routing.groups).toEqual(['external']);
    expect(read(group, {}).warnings).toEqual([]);
  });

  it.each([
    ['balance', 'fastest', 'it must be least-of-two'],
    ['rate-limit', 'many', 'such as 100/s'],
    ['body-limit', 'big', 'such as 65536'],
    ['connect-timeout', '1d', 'a time from 10ms to 1m'],
    ['retry-attempts', '11', 'a whole number from 1 to 10'],
    ['retry-on', '200', 'statuses from 400 to 599'],
    ['strip-path', 'maybe', 'true or false'],
    ['add-prefix', 'x', 'a path that must begin with a slash'],
    ['redirect-root', '//evil.example', 'a path that begins with a slash'],
    ['protocol', 'h3', 'http1 or h2c'],
    ['proxy-protocol', 'send-v1 send-v2', 'accept, send-v1, send-v2'],
    ['bind', 'eth0', 'an IP address'],
    ['bind', 'fe80::1%eth0', 'without a zone'],
    ['hsts', 'forever', 'true, false, or a number of seconds'],
    ['cors-origins', 'shop.example', 'a list of origins'],
    ['request-headers', 'replace X: y', 'set NAME: VALUE'],
    ['request-headers', 'set Content-Length: 5', 'content-length is left alone'],
    ['request-headers', 'remove Transfer-Encoding', 'transfer-encoding is left alone'],
    ['response-headers', 'set X: \u20ac', 'characters that no header may have'],
  ])('longrun.io/%s = %j is left out with a warning', (name, text, words) => {
    const { routing, warnings } = read(own(name, text));
    expect(routing.policy).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^longrun\\.io/${name}`))]);
    expect(warnings[0]).toContain(words);
  });

  it('options of a bind line that are the proxy`s own are named', () => {
    const { routing, warnings } = read(
      theirs(
        'BIND_OPTIONS',
        'accept-proxy ciphers AES128+EECDH:AES128+EDH force-tlsv12 no-sslv3 transparent',
      ),
    );
    expect(routing.policy).toEqual({ proxyProtocol: { accept: true } });
    expect(warnings).toEqual([
      expect.stringMatching(/"ciphers force-tlsv12 no-sslv3" is not used.*--proxy-certs/),
      expect.stringMatching(/"transparent" is not used: only accept-proxy/),
    ]);
  });

  describe('that say who may ask keep out what they cannot read', () => {
    it('networks', () => {
      const { routing, warnings } = read(own('allow', 'office, 10.0.0.1'));
      expect(routing.policy?.allow).toEqual(['10.0.0.1']);
      expect(warnings).toEqual([expect.stringMatching(/"office" lets nobody in/)]);
      expect(policyOf(own('allow', 'office'))).toEqual({ allow: [] });
    });

    it('texts that are empty, as a template leaves them whose variable was not set', () => {
      const allow = read(own('allow', ' '));
      expect(allow.routing.policy).toEqual({ allow: [] });
      expect(allow.warnings).toEqual([
        'longrun.io/allow is empty, so nobody is let in; to let everybody in leave the label away, or write 0.0.0.0/0 ::/0',
      ]);
      const users = read(own('auth-users', ''));
      expect(users.routing).toMatchObject({ mode: 'http', policy: { auth: { users: [] } } });
      expect(users.warnings).toEqual([
        'longrun.io/auth-users is empty, so nobody is let in; to ask for no password leave the label away',
      ]);
      expect(policyOf(own('allow', '0.0.0.0/0 ::/0'))).toEqual({ allow: ['0.0.0.0/0', '::/0'] });
      // there an empty one is none
      expect(policyOf(theirs('AUTH', ''))).toBeUndefined();
      expect(policyOf(theirs('BACKEND_NETWORK_ALLOWED_ACL', ''))).toBeUndefined();
    });

    it('also where the label of marathon-lb is there, which does not count beside an empty one', () => {
      const { routing, warnings } = read({
        ...{ ...own('allow', ''), ...theirs('BACKEND_NETWORK_ALLOWED_ACL', '10.0.0.1') },
        ...{ ...own('auth-users', ''), ...theirs('AUTH', `realm:ann:${HASH}`) },
      });
      expect(routing.policy).toMatchObject({ allow: [], auth: { users: [] } });
      for (const label of ['HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL', 'HAPROXY_0_AUTH'])
        expect(warnings).toContainEqual(expect.stringMatching(`^${label} has no effect: longrun.io/`));
    });

    it('passwords, which no warning shows', () => {
      for (const text of [
        'realm',
        'realm:ann',
        'realm:ann:$2y$10$abcdefghijklmnopqrstuv',
        'realm:ann:ab01FAX.bQRSU',
      ]) {
        const { routing, warnings } = read(theirs('AUTH', text));
        expect(routing.policy?.auth?.users).toEqual([]);
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(/^HAPROXY_0_AUTH.*(?:lets nobody in|is not let in)/);
        expect(warnings[0]).not.toMatch(/ab01FAX|abcdefgh/);
      }
      const slow = `$6$rounds=999999999$${HASH.slice(3)}`;
      expect(policyOf(own('auth-users', `ann:${slow}`))?.auth?.users).toEqual([]);
      const plain = read(own('auth-users', 'ann:hunter2 bob'));
      expect(plain.routing.policy?.auth?.users).toEqual([{ name: 'ann', secret: 'hunter2', hashed: false }]);
      expect(plain.warnings.join('\n')).not.toContain('hunter2');
      expect(plain.warnings).toHaveLength(2);
    });

    it('and are asked on every connection: such a port speaks HTTP and nothing else', () => {
      for (const labels of [
        theirs('AUTH', `realm:ann:${HASH}`),
        own('rate-limit', '5'),
        own('body-limit', '5k'),
        own('response-headers', 'remove server'),
      ])
        expect(read(labels).routing.mode).toBe('http');
      expect(read(own('allow', '10.0.0.1')).routing.mode).toBe('auto');
      const { routing, warnings } = read({ ...own('rate-limit', '5'), ...own('mode', 'tcp') });
      expect(routing.mode).toBe('tcp');
      expect(warnings).toEqual([expect.stringMatching(/mode tcp.*longrun\.io\/rate-limit$/)]);
    });
  });

  it('CORS needs origins, and no credentials for all', () => {
    const labels = {
      'longrun.io/cors-origins': '*',
      'longrun.io/cors-methods': 'get, PUT',
      'longrun.io/cors-headers': 'x-a x-b',
      'longrun.io/cors-exposed-headers': 'etag',
      'longrun.io/cors-credentials': 'true',
      'longrun.io/cors-max-age': '10m',
    };
    expect(policyOf(labels)).toEqual({
      cors: {
        origins: ['*'],
        methods: ['GET', 'PUT'],
        headers: ['x-a', 'x-b'],
        exposed: ['etag'],
        maxAgeSeconds: 600,
      },
    });
    expect(read(labels).warnings).toEqual([expect.stringMatching(/cors-credentials/)]);
    expect(policyOf({ ...labels, 'longrun.io/cors-origins': 'https://a.example' })?.cors).toMatchObject({
      credentials: true,
    });
  });
});
