// What labels ask for, seen from both ends of a real engine: rates, bodies, heads, compression, CORS.
import { createServer, request, type RequestListener, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { brotliDecompressSync, constants, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RoutePolicy } from '#libs/routing';
import { until } from '#libs/testkit';
import { aService, aTable, ask, listen, PATHS, startEngine, type Answered } from './fixtures/engine-bed.js';
import type { ProxyEngine } from './proxy-engine.js';

jest.setTimeout(60_000);

describe.each(PATHS)('policies on the $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let backends: Server[];
  let tables: number;

  beforeEach(async () => {
    backends = [];
    tables = 0;
    ({ engine, port } = await startEngine({ fastPath }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of backends) {
      each.closeAllConnections();
      each.close();
    }
  });

  const serve = async (policy: RoutePolicy, listener: RequestListener): Promise<void> => {
    const server = createServer(listener);
    backends.push(server);
    const target = await listen(server);
    await engine.swap(aTable((tables += 1), aService({ a: target }, { policy })));
  };
  /** The bytes as they came. */
  const getBytes = (headers: Record<string, string>): Promise<{ headers: object; body: Buffer }> =>
    new Promise((resolve, reject) => {
      request({ port, agent: false, headers: { host: 'web.example', ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      })
        .once('error', reject)
        .end();
    });
  /** A body of unknown length, in pieces, as far as the other side takes it. */
  const postChunks = (
    pieces: number,
    bytes: number,
    headers: Record<string, string> = {},
  ): Promise<Pick<Answered, 'status' | 'text' | 'headers'>> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          port,
          method: 'POST',
          agent: false,
          headers: { host: 'web.example', 'transfer-encoding': 'chunked', ...headers },
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.once('end', () =>
            resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
          );
          response.once('error', reject);
        },
      );
      let answered = false;
      sent.once('response', () => (answered = true));
      sent.once('error', (error) => (answered ? undefined : reject(error)));
      for (let piece = 0; piece < pieces; piece += 1) sent.write(Buffer.alloc(bytes, 'x'));
      sent.end();
    });

  it('limit the rate, and tell when to come again; a new table does not start anew', async () => {
    const rate = { perSecond: 0.01, burst: 3, per: 'client' as const };
    await serve({ limits: { rate } }, (_req, res) => res.end('ok'));
    const statuses = [];
    for (let round = 0; round < 5; round += 1) {
      if (round === 2) await serve({ limits: { rate } }, (_req, res) => res.end('ok'));
      statuses.push((await ask({ port })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const { headers } = await ask({ port });
    expect(Number(headers['retry-after'])).toBeGreaterThan(90);
  });

  it('promise TLS in what the proxy answers itself, too, where the request came by it', async () => {
    const hsts = { maxAgeSeconds: 60 };
    const auth = { realm: 'r', users: [] };
    const text = 'max-age=60';
    const asked = async (more: Record<string, string> = {}): Promise<readonly unknown[]> => {
      const { status, headers } = await ask({ port, headers: { 'x-forwarded-proto': 'https', ...more } });
      return [status, headers['strict-transport-security']];
    };
    await serve({ hsts, allow: [] }, (_req, res) => res.end());
    expect(await asked()).toEqual([403, text]);
    expect(await asked({ 'x-forwarded-proto': 'http' })).toEqual([403, undefined]);
    await serve({ hsts, auth }, (_req, res) => res.end());
    expect(await asked()).toEqual([401, text]);
    await serve({ hsts }, (_req, res) => res.destroy());
    expect(await asked()).toEqual([502, text]);
    await engine.swap(aTable((tables += 1), aService({}, { policy: { hsts } })));
    expect(await asked()).toEqual([503, text]);
    const webSocket = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    expect(await asked({ ...webSocket, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' })).toEqual([
      503,
      text,
    ]);
  });

  it('limit bodies: by their length before a target sees anything, else while they come', async () => {
    let taken = 0;
    await serve({ limits: { bodyBytes: 100_000 } }, (req, res) => {
      taken += 1;
      req.resume().once('end', () => res.end('ok'));
      req.once('error', () => undefined);
    });
    expect((await ask({ port, method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(200);
    const refused = await ask({ port, method: 'POST', body: 'x'.repeat(100_001) });
    expect([refused.status, taken]).toEqual([413, 1]);
    expect(refused.text).toContain('longrun.io/body-limit');
    expect((await postChunks(10, 10_000)).status).toBe(200);
    const { status, text } = await postChunks(11, 10_000);
    expect(status).toBe(413);
    expect(text).toContain('100000 bytes');
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('edit heads both ways', async () => {
    await serve(
      {
        requestHeaders: [
          { do: 'set', name: 'x-team', value: 'web' },
          { do: 'remove', name: 'cookie' },
          { do: 'add', name: 'x-list', value: 'two' },
        ],
        responseHeaders: [
          { do: 'remove', name: 'server' },
          { do: 'set', name: 'x-frame-options', value: 'DENY' },
        ],
      },
      (req, res) => {
        res.writeHead(200, { server: 'secret/1.0', 'x-frame-options': 'ALLOWALL' });
        res.end(JSON.stringify(req.headers));
      },
    );
    const answer = await ask({ port, headers: { cookie: 'a=b', 'x-team': 'evil', 'x-list': 'one' } });
    expect(JSON.parse(answer.text)).toMatchObject({ 'x-team': 'web', 'x-list': 'one, two' });
    expect(JSON.parse(answer.text)).not.toHaveProperty('cookie');
    expect(answer.headers).toMatchObject({ 'x-frame-options': 'DENY' });
    expect(answer.headers).not.toHaveProperty('server');
  });

  it('cut prefixes off and put one before', async () => {
    await serve({ stripPrefix: '/shop', proxyPass: '/app' }, (req, res) =>
      res.end(`${req.url} ${String(req.headers['x-forwarded-prefix'])}`),
    );
    expect((await ask({ port, path: '/shop/x?y=/shop' })).text).toBe('/app/x?y=/shop /shop');
    expect((await ask({ port, path: '/x' })).text).toBe('/app/x undefined');
  });

  it('compress for whom takes it, and what gains by it', async () => {
    const text = 'Long texts are shorter when they are compressed. '.repeat(100);
    await serve({ compress: true }, (req, res) => {
      res.setHeader('content-type', req.url === '/image' ? 'image/png' : 'text/plain');
      res.setHeader('etag', '"1"');
      res.end(text);
    });
    const [br, gzip, plain] = await Promise.all(
      ['gzip, br', 'gzip', 'identity'].map((each) => getBytes({ 'accept-encoding': each })),
    );
    expect(br?.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding', etag: 'W/"1"' });
    expect(br && brotliDecompressSync(br.body).toString()).toBe(text);
    expect(gzip?.headers).toMatchObject({ 'content-encoding': 'gzip' });
    expect(gzip && gunzipSync(gzip.body).toString()).toBe(text);
    expect(gzip?.body.length).toBeLessThan(text.length / 5);
    expect(plain?.headers).toMatchObject({ 'content-length': String(text.length), etag: '"1"' });
    const head = await ask({ port, method: 'HEAD', headers: { 'accept-encoding': 'gzip' } });
    expect(head).toMatchObject({ status: 200, text: '' });
  });

  it('hand compressed pieces on as they come', async () => {
    let end = (): void => undefined;
    await serve({ compress: true }, (_req, res) => {
      res.writeHead(200, { 'content-type': 'application/x-ndjson' });
      res.write('{"first":1}\n');
      end = () => res.end('{"last":1}\n');
    });
    const sent = request({ port, agent: false, headers: { host: 'web.example', 'accept-encoding': 'gzip' } });
    const pieces: Buffer[] = [];
    const ended = new Promise<void>((resolve) => {
      sent.once('response', (response) => {
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.once('end', resolve);
      });
    });
    sent.end();
    // the backend has not ended its answer by then
    const soFar = (): string =>
      pieces.length === 0
        ? ''
        : gunzipSync(Buffer.concat(pieces), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    await until('the first piece', () => soFar() === '{"first":1}\n');
    end();
    await ended;
    expect(gunzipSync(Buffer.concat(pieces)).toString()).toBe('{"first":1}\n{"last":1}\n');
  });

  it('answer preflights without a target, and let pages of known origins read', async () => {
    let asked = 0;
    await serve({ cors: { origins: ['https://a.example'] } }, (_req, res) => {
      asked += 1;
      res.writeHead(200, { 'access-control-allow-origin': '*' });
      res.end('ok');
    });
    const origin = { origin: 'https://a.example' };
    const preflight = await ask({
      port,
      method: 'OPTIONS',
      headers: { ...origin, 'access-control-request-method': 'PUT' },
    });
    expect([preflight.status, asked]).toEqual([200, 0]);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'PUT',
    });
    expect((await ask({ port, headers: origin })).headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
    });
    const other = await ask({ port, headers: { origin: 'https://evil.example' } });
    expect([other.status, other.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  });

  it("let pages of known origins read the proxy's own answers, also those that come after a target was looked for", async () => {
    const origin = { origin: 'https://a.example' };
    const cors = { origins: ['https://a.example'] };
    const told = ({ status, headers }: Pick<Answered, 'status' | 'headers'>): unknown[] => [
      status,
      headers['access-control-allow-origin'],
    ];
    const overHttp2 = (): Promise<unknown[]> =>
      new Promise((resolve, reject) => {
        const client = connectHttp2(`http://127.0.0.1:${port}`).once('error', reject);
        client.request({ ':authority': 'web.example', ...origin }).once('response', (head) => {
          resolve([head[':status'], head['access-control-allow-origin']]);
          client.destroy();
        });
      });
    const silent: RequestListener = (req) => void req.resume();
    await serve({ cors, timeouts: { silenceMs: 200 } }, silent);
    expect(told(await ask({ port, headers: origin }))).toEqual([504, origin.origin]);
    // without the fast path nobody looks for the preface of HTTP/2
    if (fastPath) expect(await overHttp2()).toEqual([504, origin.origin]);
    // nobody else's
    expect(told(await ask({ port, headers: { origin: 'https://evil.example' } }))).toEqual([504, undefined]);
    await serve({ cors, limits: { connectionsPerTarget: 1, queue: 0 } }, silent);
    // until its backend is closed
    ask({ port }).catch(() => undefined);
    await until('the first to be in flight', () => engine.inFlight().size === 1);
    expect(told(await ask({ port, headers: origin }))).toEqual([503, origin.origin]);
    if (fastPath) expect(await overHttp2()).toEqual([503, origin.origin]);
    await serve({ cors, limits: { bodyBytes: 10 } }, silent);
    expect(told(await ask({ port, method: 'POST', body: 'x'.repeat(11), headers: origin }))).toEqual([
      413,
      origin.origin,
    ]);
    expect(told(await postChunks(4, 10, origin))).toEqual([413, origin.origin]);
  });
});
