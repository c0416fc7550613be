// What labels ask for, where every engine can do it.
import { expect, it } from '@jest/globals';
import { asAppId, timestampOf } from '#libs/model';
import type { RouteService } from '#libs/routing';
import { until, type Answered } from '#libs/testkit';
import { aService, aTarget, type Ask, type EngineBench } from './engine-bench.js';

export function policyCases(bench: EngineBench, timeoutMs: number): void {
  it(
    'divides by weight, by shares of versions, and by nothing at all',
    async () => {
      const [a, b] = [await bench.backend('a'), await bench.backend('b')];
      const [one, two] = [timestampOf(1), timestampOf(2)];
      const policy = { balance: { by: 'round-robin' } } as const;
      const targets = [
        aTarget('a', a.port, { weight: 3, version: one }),
        aTarget('b', b.port, { version: two }),
      ];
      await bench.route(aService([], { targets, policy, emptyReason: '' }));
      expect(await bench.tally(40)).toEqual({ a: 30, b: 10 });
      const traffic = {
        shares: [
          { version: one, weight: 1 },
          { version: two, weight: 4 },
        ],
      };
      await bench.route(aService([], { targets, policy, traffic, emptyReason: '' }));
      const shared = await bench.tally(100);
      expect(shared['b']).toBeGreaterThan(60);
      expect(shared['a']).toBeGreaterThan(5);
      await bench.route(
        aService([], {
          targets: [aTarget('a', a.port, { weight: 0 }), aTarget('b', b.port)],
          policy,
          emptyReason: '',
        }),
      );
      expect(await bench.tally(10)).toEqual({ b: 10 });
    },
    timeoutMs,
  );

  it(
    'keeps a client at its instance by cookie, as long as that one is there',
    async () => {
      const [a, b] = [await bench.backend('a'), await bench.backend('b')];
      await bench.route(aService([a, b], { sticky: true }));
      const first = await bench.ask();
      const cookie = first.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
      expect(cookie).toMatch(/^longrun-/);
      // only over TLS is it said that it goes over TLS only: a terminator in front tells
      expect(first.headers['set-cookie']?.[0]).not.toMatch(/Secure/);
      const behind = await bench.ask({ headers: { 'x-forwarded-proto': 'https' } });
      expect(behind.headers['set-cookie']?.[0]).toMatch(/^longrun-[^;]+;.*; Secure$/);
      expect(await bench.tally(10, { headers: { cookie } })).toEqual({ [first.text]: 10 });
      const other = first.text === 'a' ? b : a;
      await bench.route(aService([other], { sticky: true }));
      const moved = await bench.ask({ headers: { cookie } });
      expect(moved.text).toBe(other.task);
    },
    timeoutMs,
  );

  it(
    'lets in by address and password, edits heads, cuts paths, redirects',
    async () => {
      const [a, b, c] = [await bench.backend('a'), await bench.backend('b'), await bench.backend('c')];
      await bench.route(
        aService([a], { policy: { allow: ['10.0.0.0/8'] } }),
        aService([b], {
          appId: asAppId('/b'),
          hosts: ['b.example'],
          path: '/b',
          policy: {
            allow: ['127.0.0.0/8'],
            auth: { realm: 'the shop', users: [{ name: 'ann', secret: "it's % {secret}", hashed: false }] },
            stripPath: true,
            requestHeaders: [
              { do: 'set', name: 'x-from', value: '50 % of \'it\' "all"' },
              { do: 'remove', name: 'x-gone' },
            ],
            responseHeaders: [{ do: 'set', name: 'x-served', value: 'by us' }],
          },
        }),
        aService([c], { appId: asAppId('/c'), hosts: ['c.example'], redirectToHttps: true }),
      );
      expect(await bench.ask()).toMatchObject({ status: 403 });
      const asB = { path: '/b/x?q=1', headers: { host: 'b.example', 'x-gone': 'no' } };
      expect(await bench.ask(asB)).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': expect.stringContaining('the shop') },
      });
      const authorization = `Basic ${Buffer.from("ann:it's % {secret}").toString('base64')}`;
      const answer = await bench.ask({ ...asB, headers: { ...asB.headers, authorization } });
      expect(answer).toMatchObject({ status: 200, headers: { 'x-served': 'by us' } });
      expect(b.seen).toHaveLength(1);
      expect(b.seen[0]).toMatchObject({ url: '/x?q=1', headers: { 'x-from': '50 % of \'it\' "all"' } });
      expect(b.seen[0]?.headers['x-gone']).toBeUndefined();
      const away = await bench.ask({ path: '/p?q', headers: { host: 'c.example' } });
      expect(away.status).toBe(301);
      expect(away.headers.location).toMatch(/^https:\/\/c\.example(:\d+)?\/p\?q$/);
      expect(a.seen.length + c.seen.length).toBe(0);
      // there is no TLS at a service port and below /_app/
      expect(await bench.ask({ path: '/_app/c/x' })).toMatchObject({ status: 200, text: c.task });
    },
    timeoutMs,
  );

  it(
    'answers a preflight with what it asks for when the labels name no methods and headers, and with theirs when they do',
    async () => {
      const a = await bench.backend('a');
      const preflight = (more: Record<string, string> = {}): Ask => ({
        method: 'OPTIONS',
        headers: {
          host: 'shop.example',
          origin: 'https://a.example',
          'access-control-request-method': 'PUT',
          ...more,
        },
      });
      const cors = { origins: ['https://a.example'], credentials: false };
      const service = (more: object): RouteService =>
        aService([a], { hosts: ['shop.example'], policy: { cors: { ...cors, ...more } } });
      await bench.route(service({}));
      const bare = await bench.ask(preflight());
      expect(bare.headers).toMatchObject({
        'access-control-allow-origin': 'https://a.example',
        'access-control-allow-methods': 'PUT',
      });
      expect(bare.headers['access-control-allow-headers']).toBeUndefined();
      const asked = await bench.ask(preflight({ 'access-control-request-headers': 'x-one, x-two' }));
      expect(asked.headers['access-control-allow-headers']).toMatch(/^x-one, ?x-two$/);
      await bench.route(service({ methods: ['GET'], headers: ['x-one'] }));
      expect((await bench.ask(preflight())).headers).toMatchObject({
        'access-control-allow-methods': 'GET',
        'access-control-allow-headers': 'x-one',
      });
      expect(a.seen).toHaveLength(0);
    },
    timeoutMs,
  );

  it(
    'says why in JSON when it answers itself: 401, 403, 502, 503, 504',
    async () => {
      const [a, torn, dead] = [
        await bench.backend('a'),
        await bench.backend('torn'),
        await bench.backend('dead'),
      ];
      await dead.stop();
      const auth = { realm: 'the "shop"', users: [{ name: 'ann', secret: 'secret', hashed: false }] };
      const timeouts = { silenceMs: 1_500 };
      const named = (name: string, of: typeof a, policy?: RouteService['policy']): RouteService =>
        aService([of], {
          appId: asAppId(`/${name}`),
          hosts: [`${name}.example`],
          ...(policy ? { policy } : {}),
        });
      await bench.route(
        named('locked', a, { auth }),
        named('far', a, { allow: ['10.0.0.0/8'] }),
        named('torn', torn),
        named('dead', dead),
        named('slow', a, { timeouts }),
      );
      const said = async (name: string, more: Ask = {}): Promise<unknown> => {
        const { status, headers, text } = await bench.ask({ headers: { host: `${name}.example` }, ...more });
        expect(headers).toMatchObject({
          'content-type': expect.stringMatching(/^application\/json/),
          'cache-control': 'no-store',
        });
        return [status, (JSON.parse(text) as { message: string }).message];
      };
      expect(await said('locked')).toEqual([401, 'this app asks for a name and a password']);
      expect(await said('far')).toEqual([403, 'this app is not served to clients of this address']);
      expect(await said('torn', { method: 'POST', path: '/cut' })).toEqual([
        502,
        expect.stringMatching(
          /^app \/torn closed the connection before it answered.*; the request may have had an effect$/,
        ),
      ]);
      expect(await said('dead')).toEqual([
        503,
        expect.stringMatching(/^app \/dead cannot answer now: .*accept/),
      ]);
      expect(await said('slow', { path: '/hold' })).toEqual([504, 'app /slow did not answer within 1.5 s']);
    },
    timeoutMs,
  );

  it(
    'limits bodies and rates, each with its status and words',
    async () => {
      const a = await bench.backend('a');
      const limits = { bodyBytes: 10, rate: { perSecond: 5, burst: 5, per: 'client' } } as const;
      await bench.route(aService([a], { policy: { limits } }));
      expect(await bench.ask({ method: 'POST', body: 'x'.repeat(11) })).toMatchObject({
        status: 413,
        text: expect.stringContaining('10'),
      });
      const statuses = await Promise.all(
        Array.from({ length: 40 }, () => bench.ask().then(({ status }) => status)),
      );
      expect(statuses).toContain(200);
      expect(statuses).toContain(429);
    },
    timeoutMs,
  );

  it(
    'lets no more wait for a target than the queue takes',
    async () => {
      const a = await bench.backend('a');
      const limits = { connectionsPerTarget: 1, queue: 1, queueMs: 60_000 };
      await bench.route(aService([a], { policy: { limits } }));
      const answers: Answered[] = [];
      const ask = (path: string): Promise<void> =>
        bench.ask({ path }).then((answer) => void answers.push(answer));
      const held = ask('/hold');
      await until('the one that may be in flight', () => a.held() === 1);
      const asked = [held];
      // one after the other: of several threads that look at the same time each may find the last place
      for (let left = 5; left > 0; left -= 1) {
        const next = ask('/');
        asked.push(next);
        await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 300))]);
      }
      await until('who finds the queue full', () => answers.length === 4);
      for (const { status, headers, text } of answers) {
        expect([status, text]).toEqual([503, expect.stringContaining('the one request in flight')]);
        expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      }
      a.release();
      await Promise.all(asked);
      expect(answers.slice(4).map(({ status }) => status)).toEqual([200, 200]);
    },
    timeoutMs,
  );
}
