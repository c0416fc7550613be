// Who gets a request when some targets should or cannot: those that refuse, those of another zone, those of a pinned version.
import { Agent } from 'node:http';
import { expect, it } from '@jest/globals';
import { asAppId, timestampOf } from '#libs/model';
import { until } from '#libs/testkit';
import { aService, aTarget, OWN_ZONE, type Backend, type EngineBench } from './engine-bench.js';

export function choiceCases(bench: EngineBench, timeoutMs: number): void {
  const backends = (names: readonly string[]): Promise<Backend[]> =>
    Promise.all(names.map((name) => bench.backend(name)));
  const stopAll = (some: readonly Backend[]): Promise<unknown> =>
    Promise.all(some.map((each) => each.stop()));

  it(
    'passes over targets that refuse, however many died together, whatever the method and the balance',
    async () => {
      const [sound, dead] = [
        await backends(['a', 'b']),
        await backends(Array.from({ length: 12 }, (_, at) => `dead-${at}`)),
      ];
      const balances = [undefined, 'round-robin', 'least', 'source', 'least-of-two'] as const;
      // a request that comes first finds them all
      await bench.route(
        ...balances.map((by, at) =>
          aService([...dead, ...sound], {
            appId: asAppId(`/app-${at}`),
            hosts: [`h${at}.example`],
            ...(by === undefined ? {} : { policy: { balance: { by } } }),
          }),
        ),
      );
      await stopAll(dead);
      for (const at of balances.keys()) {
        const headers = { host: `h${at}.example` };
        // who is busy looks worse than who refuses
        const held = Array.from({ length: 6 }, () => bench.ask({ headers, path: '/hold' }));
        await until(
          'those that answer to be busy',
          () => sound.reduce((sum, each) => sum + each.held(), 0) === 6,
        );
        const posts = await bench.tally(5, { headers, method: 'POST', body: 'x' });
        const gets = await bench.tally(5, { headers });
        for (const each of sound) each.release();
        const answers = [
          ...Object.keys({ ...posts, ...gets }),
          ...(await Promise.all(held)).map(({ text }) => text),
        ];
        expect(answers.filter((who) => who !== 'a' && who !== 'b')).toEqual([]);
      }
    },
    timeoutMs,
  );

  it(
    'gives a request that kills its targets to no more of them than its attempts',
    async () => {
      const all = await backends(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
      const retries = (attempts?: number) =>
        attempts === undefined ? {} : { policy: { retries: { attempts } } };
      for (const [attempts, most] of [
        [undefined, 3],
        [2, 2],
        [1, 1],
      ] as const) {
        await bench.route(aService(all, retries(attempts)));
        for (let turn = 0; turn < 5; turn += 1) {
          const before = all.flatMap(({ seen }) => seen).length;
          const { status, text } = await bench.ask({ path: '/cut' });
          expect([502, 503]).toContain(status);
          expect(JSON.parse(text)).toEqual({ message: expect.stringMatching(/^app \/web /) });
          const seen = all.flatMap((each) => each.seen).length - before;
          expect(seen).toBeGreaterThanOrEqual(1);
          expect(seen).toBeLessThanOrEqual(most);
        }
      }
    },
    timeoutMs,
  );

  it(
    'says that a target broke a request off, also on a kept connection and whatever the method, and never asks another one for a POST',
    async () => {
      const all = await backends(['a', 'b', 'c']);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      await bench.route(aService(all));
      for (let turn = 0; turn < 3; turn += 1) {
        expect((await bench.ask({ agent, method: 'POST', body: 'x' })).status).toBe(200);
        const cut = await bench.ask({ agent, method: 'POST', body: 'x', path: '/cut' });
        expect(cut).toMatchObject({
          status: 502,
          text: expect.stringMatching(/^\{"message":"app \/web closed /),
        });
        expect((await bench.ask({ agent, path: '/echo' })).status).toBe(200);
      }
      expect(all.flatMap(({ seen }) => seen.filter(({ url }) => url === '/cut'))).toHaveLength(3);
      agent.destroy();
    },
    timeoutMs,
  );

  it(
    'asks targets of its own zone while one of them answers, if a service prefers that',
    async () => {
      const [near, other, far] = [
        await bench.backend('near'),
        await bench.backend('other'),
        await bench.backend('far'),
      ];
      const here = { zone: OWN_ZONE };
      const targets = [
        aTarget('near', near.port, here),
        aTarget('other', other.port, here),
        aTarget('far', far.port, { zone: 'elsewhere' }),
      ];
      const [nearest, second, third] = targets as [
        (typeof targets)[number],
        (typeof targets)[number],
        (typeof targets)[number],
      ];
      const policy = { preferZone: true };
      const route = (...some: typeof targets): Promise<unknown> =>
        bench.route(aService([], { targets: some, policy, emptyReason: '' }));
      await route(nearest, second, third);
      const both = await bench.tally(20);
      expect([both['far'], (both['near'] ?? 0) + (both['other'] ?? 0)]).toEqual([undefined, 20]);
      // without a newer table
      await Promise.all([near.stop(), other.stop()]);
      // a POST may meet a kept connection in the moment of its end, and is not repeated then: first what is (RFC 9110 9.2.2)
      expect(await bench.tally(10)).toEqual({ far: 10 });
      expect(await bench.tally(10, { method: 'POST', body: 'x' })).toEqual({ far: 10 });
      await route(third);
      expect(await bench.tally(3)).toEqual({ far: 3 });
      const back = await bench.backend('back');
      await route(third, aTarget('back', back.port, here));
      expect(await bench.tally(10)).toEqual({ back: 10 });
      await bench.route(aService([back, far]));
      expect(Object.keys(await bench.tally(40)).sort()).toEqual(['back', 'far']);
    },
    timeoutMs,
  );

  it(
    'shares by version whatever the zones, and prefers the own zone within each version',
    async () => {
      const [far, oldNear, oldFar] = [
        await bench.backend('new-far'),
        await bench.backend('old-near'),
        await bench.backend('old-far'),
      ];
      const [before, after] = [timestampOf(1), timestampOf(2)];
      await bench.route(
        aService([], {
          targets: [
            aTarget('new-far', far.port, { zone: 'elsewhere', version: after }),
            aTarget('old-near', oldNear.port, { zone: OWN_ZONE, version: before }),
            aTarget('old-far', oldFar.port, { zone: 'elsewhere', version: before }),
          ],
          policy: { preferZone: true },
          traffic: {
            shares: [
              { version: before, weight: 1 },
              { version: after, weight: 1 },
            ],
          },
          emptyReason: '',
        }),
      );
      const answers = await bench.tally(60);
      expect(Object.keys(answers).sort()).toEqual(['new-far', 'old-near']);
      expect(answers['new-far']).toBeGreaterThan(10);
      expect(answers['old-near']).toBeGreaterThan(10);
    },
    timeoutMs,
  );

  it(
    'sends requests with a pinned header or cookie to its version while that answers, else by the shares',
    async () => {
      const [old, canary] = [await bench.backend('old'), await bench.backend('canary')];
      const [one, two] = [timestampOf(1), timestampOf(2)];
      const targets = [
        aTarget('old', old.port, { version: one }),
        aTarget('canary', canary.port, { version: two }),
      ];
      const servicePort = await bench.freePort();
      const shares = (first: number, second: number) => [
        { version: one, weight: first },
        { version: two, weight: second },
      ];
      const pins = [
        { by: 'header', name: 'X-Canary', value: 'yes it "is"', version: two },
        { by: 'cookie', name: 'canary', value: '1', version: two },
        { by: 'header', name: 'X-Canary', value: 'no', version: one },
      ] as const;
      const route = (first: number, second: number, some = targets): Promise<unknown> =>
        bench.route(
          aService([], {
            targets: some,
            traffic: { shares: shares(first, second), pins },
            servicePort,
            emptyReason: '',
          }),
        );
      await route(1, 0);
      const canaryHeader = { 'x-canary': 'yes it "is"' };
      expect(await bench.tally(10)).toEqual({ old: 10 });
      expect(await bench.tally(10, { headers: canaryHeader })).toEqual({ canary: 10 });
      expect(await bench.tally(5, { headers: { cookie: 'a=b; canary=1; c=d' } })).toEqual({ canary: 5 });
      expect(await bench.tally(5, { headers: canaryHeader, port: servicePort })).toEqual({ canary: 5 });
      expect(await bench.tally(5, { headers: { 'x-canary': 'Yes it "is"', cookie: 'canary=2' } })).toEqual({
        old: 5,
      });
      // the first that fits
      expect(await bench.tally(5, { headers: { 'x-canary': 'no', cookie: 'canary=1' } })).toEqual({
        canary: 5,
      });
      await route(0, 1);
      expect(await bench.tally(10)).toEqual({ canary: 10 });
      expect(await bench.tally(10, { headers: { 'x-canary': 'no' } })).toEqual({ old: 10 });
      await route(1, 0, targets.slice(0, 1));
      expect(await bench.tally(5, { headers: canaryHeader })).toEqual({ old: 5 });
      await route(1, 0);
      expect(await bench.tally(5, { headers: canaryHeader })).toEqual({ canary: 5 });
      await canary.stop();
      await until('the usual way', async () => (await bench.ask({ headers: canaryHeader })).text === 'old');
      expect(await bench.tally(5, { headers: canaryHeader })).toEqual({ old: 5 });
    },
    timeoutMs,
  );
}
