import { describe, expect, it } from '@jest/globals';
import type { WayAnswer } from '#libs/api-client';
import { wayLines, type ProxyPlace } from './way-lines.js';

const place = (more: Partial<ProxyPlace> = {}): ProxyPlace => ({
  url: 'http://127.0.0.1:8000',
  appPaths: false,
  ...more,
});

const linesOf = (ways: readonly WayAnswer[], proxy: ProxyPlace) =>
  ways.flatMap((way) => wayLines(way, proxy));

describe('the ways to an app in words', () => {
  it('are URLs, and host and port for TCP', () => {
    const lines = linesOf(
      [
        { by: 'service-port', servicePort: 10_001, mode: 'auto' },
        { by: 'service-port', servicePort: 10_002, mode: 'tcp' },
        { by: 'app-id', path: '/_app/shop/web/' },
      ],
      place({ https: { port: 8443, certified: 'unknown' } }),
    );
    expect(lines).toEqual([
      'http://127.0.0.1:10001/',
      '127.0.0.1:10002 (TCP)',
      'http://127.0.0.1:8000/_app/shop/web/',
    ]);
  });

  it('by host are first on HTTPS where the proxy has a certificate for the name, and plain unless that is redirected', () => {
    const plain = { by: 'host', host: 'shop.example', path: '/api' } as const;
    const redirected = { by: 'host', host: 'pay.example', redirectToHttps: true } as const;
    const lines = (proxy: ProxyPlace) => [plain, redirected].map((way) => wayLines(way, proxy));
    const at = (certified: 'yes' | 'no' | 'unknown', port = 8443) => ({ https: { port, certified } });
    const [secure, insecure] = ['https://shop.example:8443/api', 'http://shop.example:8000/api'];
    expect(lines(place(at('yes')))).toEqual([[secure, insecure], ['https://pay.example:8443/']]);
    expect(lines(place(at('unknown')))).toEqual([[insecure, secure], ['https://pay.example:8443/']]);
    expect(lines(place(at('no')))).toEqual([
      [insecure],
      ['https://pay.example:8443/ (the proxy has no valid certificate for this name: --proxy-certs)'],
    ]);
    expect(lines(place())).toEqual([
      [insecure],
      [expect.stringMatching(/^https:\/\/pay\.example\/ \(from what ends TLS before the proxy/)],
    ]);
    expect(lines(place({ url: 'https://lb.internal', ...at('no') }))).toEqual([
      ['https://shop.example/api'],
      ['https://pay.example/'],
    ]);
    expect(lines(place({ url: 'http://lb.internal', ...at('yes', 443) }))[0]).toEqual([
      'https://shop.example/api',
      'http://shop.example/api',
    ]);
  });

  it('tell of an own address and of the PROXY header', () => {
    const port = { by: 'service-port', servicePort: 10_001, mode: 'tcp' } as const;
    const lines = linesOf(
      [
        { ...port, bind: '192.0.2.1' },
        { ...port, mode: 'http', bind: '2001:db8::1' },
        { ...port, bind: '0.0.0.0', proxyHeader: true },
      ],
      place({ url: 'http://edge.internal:8000' }),
    );
    expect(lines).toEqual([
      '192.0.2.1:10001 (TCP)',
      'http://[2001:db8::1]:10001/',
      'edge.internal:10001 (TCP) (behind a balancer that sends a PROXY header)',
    ]);
  });

  it('by id are for the host of the proxy, unless it lets others ask', () => {
    const way = { by: 'app-id', path: '/_app/web/' } as const;
    const url = 'http://edge.internal:8000';
    expect(wayLines(way, place({ url }))[0]).toMatch(/_app\/web\/ \(from the host of the proxy/);
    expect(wayLines(way, place({ url, appPaths: true }))).toEqual([`${url}/_app/web/`]);
  });

  it('say when no live proxy serves them, and nothing when a server does not tell', () => {
    const way = { by: 'service-port', servicePort: 10_001, mode: 'tcp' } as const;
    expect(wayLines({ ...way, proxies: [] }, place())).toEqual([
      '127.0.0.1:10001 (TCP) (no live proxy serves it: --groups, --service-ports)',
    ]);
    for (const served of [way, { ...way, proxies: ['p1'] }])
      expect(wayLines(served, place())).toEqual(['127.0.0.1:10001 (TCP)']);
  });
});
