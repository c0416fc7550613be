// Which service a request reaches, and what the target sees of it.
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { until } from '#libs/testkit';
import { aService, aTarget, type EngineBench } from './engine-bench.js';

export function routingCases(bench: EngineBench, timeoutMs: number): void {
  it(
    'routes by host and longest path on segment borders, and says how to reach apps',
    async () => {
      const [web, api, wild] = [
        await bench.backend('web'),
        await bench.backend('api'),
        await bench.backend('wild'),
      ];
      await bench.route(
        aService([web]),
        aService([api], { appId: asAppId('/api'), path: '/api' }),
        aService([wild], { appId: asAppId('/wild'), hosts: ['*.example'] }),
      );
      const who = async (path: string, host: string): Promise<string> => {
        const { status, text } = await bench.ask({ path, headers: { host } });
        return status === 200 ? text : `${status} ${text}`;
      };
      expect(await who('/', 'web.example')).toBe('web');
      expect(await who('/', 'WEB.example:8000')).toBe('web');
      expect(await who('/api', 'web.example')).toBe('api');
      expect(await who('/api/x?y=/z', 'web.example')).toBe('api');
      expect(await who('/apix', 'web.example')).toBe('web');
      expect(await who('/', 'other.example')).toBe('wild');
      expect(await who('/', 'deep.other.example')).toBe('wild');
      expect(await who('/', 'nobody.invalid')).toMatch(
        /^404 \{"message":"no app is routed for this host and path\./,
      );
    },
    timeoutMs,
  );

  it(
    'gives a host and path to the one that has asked for it the longest, whatever the order of the table',
    async () => {
      const [first, second, third] = [
        await bench.backend('first'),
        await bench.backend('second'),
        await bench.backend('third'),
      ];
      const outrankedBy = (by: number) => ({ outranked: [{ host: 'web.example', path: '/api', by }] });
      const paths = { path: '/api', paths: ['/api', '/v1'] };
      const services = [
        aService([third], { appId: asAppId('/a'), ...paths, ...outrankedBy(2) }),
        aService([second], { appId: asAppId('/b'), path: '/api', ...outrankedBy(1) }),
        aService([first], { appId: asAppId('/c'), path: '/api' }),
      ] as const;
      const who = async (path: string) => (await bench.ask({ path, headers: { host: 'web.example' } })).text;
      await bench.route(...services);
      expect([await who('/api'), await who('/v1')]).toEqual(['first', 'third']);
      await bench.route(services[0], services[1]);
      expect(await who('/api')).toBe('second');
    },
    timeoutMs,
  );

  it(
    'routes by app id and cuts it off, the longest id first',
    async () => {
      const [shop, web] = [await bench.backend('shop'), await bench.backend('web')];
      await bench.route(
        aService([shop], { appId: asAppId('/shop'), hosts: [] }),
        aService([web], { appId: asAppId('/shop/web'), hosts: [] }),
      );
      expect((await bench.ask({ path: '/_app/shop/web/a/b?c=d' })).text).toBe('web');
      expect((await bench.ask({ path: '/_app/shop/webby' })).text).toBe('shop');
      expect((await bench.ask({ path: '/_app/shop' })).text).toBe('shop');
      expect(web.seen[0]).toMatchObject({
        url: '/a/b?c=d',
        headers: { 'x-forwarded-prefix': '/_app/shop/web' },
      });
      expect(shop.seen.map(({ url }) => url)).toEqual(['/webby', '/']);
      expect(await bench.ask({ path: '/_app/nobody/' })).toMatchObject({ status: 404 });
    },
    timeoutMs,
  );

  it(
    'opens service ports for HTTP, TCP and both, closes them again, and tells who asked',
    async () => {
      const web = await bench.backend('web');
      const tcp = await bench.tcpBackend('hello');
      const [http, auto, raw] = [await bench.freePort(), await bench.freePort(), await bench.freePort()];
      const services = [
        aService([web], { servicePort: http }),
        aService([web], { appId: asAppId('/auto'), servicePort: auto, mode: 'auto', hosts: [] }),
        aService([{ task: 'tcp', port: tcp.port }], {
          appId: asAppId('/tcp'),
          servicePort: raw,
          mode: 'tcp',
          hosts: [],
        }),
      ] as const;
      await bench.route(...services);
      for (const port of [http, auto])
        expect((await bench.ask({ port, method: 'POST', body: 'x' })).text).toBe('web');
      expect(web.seen[0]).toMatchObject({
        body: 'x',
        headers: {
          host: 'web.example',
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-proto': 'http',
          'x-forwarded-port': String(http),
          'x-forwarded-host': 'web.example',
        },
      });
      expect(web.seen[0]?.headers['x-request-id']).toMatch(/^[\w-]{10,}$/);
      expect(await converse(raw, 'ping')).toBe('helloping');
      await bench.route(services[0]);
      await until('the port to be closed', () =>
        converse(raw, 'x').then(
          () => false,
          () => true,
        ),
      );
      expect((await bench.ask({ port: http })).text).toBe('web');
    },
    timeoutMs,
  );

  it(
    'tells the task the same in both families of headers about who asks, whatever the client has sent',
    async () => {
      const web = await bench.backend('web');
      await bench.route(aService([web]));
      const asked = async (headers: Record<string, string>): Promise<Record<string, unknown>> => {
        web.seen.length = 0;
        await bench.ask({ headers });
        const seen = web.seen[0]?.headers ?? {};
        const forwarded = String(seen['forwarded']).replaceAll('host="web.example"', 'host=web.example');
        const { 'x-forwarded-for': by, 'x-forwarded-proto': proto, 'x-forwarded-host': host } = seen;
        return { forwarded, by, proto, host };
      };
      const plain = {
        forwarded: 'for=127.0.0.1;host=web.example;proto=http',
        ...{ by: '127.0.0.1', proto: 'http', host: 'web.example' },
      };
      expect(await asked({})).toEqual(plain);
      // no balancer in front writes this one, so it is the client's own
      expect(await asked({ forwarded: 'for=192.0.2.9;host=lie.example;proto=https' })).toEqual(plain);
      // nor is this what the header is for
      expect(
        await asked({ 'x-forwarded-proto': 'https;host=lie.example', 'x-forwarded-host': 'a"b;c' }),
      ).toEqual(plain);
      expect(await asked({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' })).toEqual({
        forwarded: 'for=192.0.2.1;host=web.example;proto=https, for=127.0.0.1',
        ...{ by: '192.0.2.1, 127.0.0.1', proto: 'https', host: 'web.example' },
      });
      expect(
        await asked({
          'x-forwarded-proto': 'https, http',
          'x-forwarded-for': '2001:db8::1, 192.0.2.2',
          'x-forwarded-host': 'shop.example',
        }),
      ).toEqual({
        forwarded: expect.stringMatching(
          /^for="\[2001:db8::1\]";host="?shop\.example"?;proto=https, for=192\.0\.2\.2, for=127\.0\.0\.1$/,
        ),
        ...{ by: '2001:db8::1, 192.0.2.2, 127.0.0.1', proto: 'https', host: 'shop.example' },
      });
      expect((await asked({ 'x-forwarded-for': '192.0.2.1;proto=https' }))['forwarded']).toBe(
        'for=unknown;host=web.example;proto=http, for=127.0.0.1',
      );
    },
    timeoutMs,
  );

  it(
    'says why nobody can answer, in words that change with the table',
    async () => {
      await bench.route(aService([]));
      expect(await bench.ask()).toMatchObject({
        status: 503,
        headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
        text: JSON.stringify({ message: 'app /web cannot answer now: 2 instances are starting; "quoted"' }),
      });
      await bench.route(aService([], { emptyReason: 'the app is scaled to 0 instances; 50 % less' }));
      expect((await bench.ask()).text).toContain('the app is scaled to 0 instances; 50 % less');
      const web = await bench.backend('web');
      await bench.route(aService([web]));
      expect((await bench.ask()).text).toBe('web');
    },
    timeoutMs,
  );

  it(
    'uses targets on lost agents only when there is no other',
    async () => {
      const [sound, lost] = [await bench.backend('sound'), await bench.backend('lost')];
      const suspect = aTarget('lost', lost.port, { suspect: true });
      await bench.route(aService([], { targets: [aTarget('sound', sound.port), suspect], emptyReason: '' }));
      expect(await bench.tally(20)).toEqual({ sound: 20 });
      await bench.route(aService([], { targets: [suspect], emptyReason: '' }));
      expect(await bench.tally(5)).toEqual({ lost: 5 });
    },
    timeoutMs,
  );

  it(
    'goes on to the next target when one refuses the connection, whatever the method',
    async () => {
      const [web, dead] = [await bench.backend('web'), await bench.backend('dead')];
      await dead.stop();
      await bench.route(aService([web, dead]));
      expect(await bench.tally(20, { method: 'POST', body: 'x', path: '/' })).toEqual({ web: 20 });
    },
    timeoutMs,
  );

  it(
    'passes WebSockets on, both ways',
    async () => {
      const web = await bench.backend('web');
      await bench.route(aService([web]));
      const said = await converse(
        bench.port,
        'GET / HTTP/1.1\r\nhost: web.example\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n',
        'ping-over-the-tunnel',
      );
      expect(said).toMatch(/^HTTP\/1\.1 101 /);
      expect(said).toMatch(/ping-over-the-tunnel$/);
    },
    timeoutMs,
  );
}

/** Sends, waits for an answer after each part, and gives back all that came once the last part came back. */
function converse(port: number, first: string, then?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let said = '';
    let rest = then;
    const last = then ?? first;
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed after: ${said}`)));
    socket.once('connect', () => socket.write(first));
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      if (said.endsWith(last)) {
        resolve(said);
        socket.destroy();
      } else if (rest !== undefined && said.includes('\r\n\r\n')) {
        socket.write(rest);
        rest = undefined;
      }
    });
  });
}
