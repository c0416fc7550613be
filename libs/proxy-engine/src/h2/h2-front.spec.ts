import { createServer, type RequestListener } from 'node:http';
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { createServer as createTcpServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import { until } from '#libs/testkit';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

interface Answered {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly informed: IncomingHttpHeaders[];
  readonly text: string;
  readonly code: number;
}

describe('HTTP/2 from clients', () => {
  let engine: ProxyEngine;
  let port: number;
  let client: ClientHttp2Session;
  let records: RequestRecord[];
  let servers: Server[];

  beforeEach(async () => {
    records = [];
    servers = [];
    ({ engine, port } = await startEngine({ observer: { ended: (record) => records.push(record) } }));
    client = connectHttp2(`http://127.0.0.1:${port}`);
    client.on('error', () => undefined);
  });
  afterEach(async () => {
    client.destroy();
    await engine.stop(0);
    for (const each of servers) {
      if ('closeAllConnections' in each) (each as ReturnType<typeof createServer>).closeAllConnections();
      each.close();
    }
  });

  const backend = async (listener: RequestListener): Promise<number> => {
    const server = createServer(listener);
    servers.push(server);
    return listen(server);
  };
  /** Resolves when the stream is closed, however. */
  const ask = (headers: OutgoingHttpHeaders, body?: string): Promise<Answered> =>
    new Promise((resolve) => {
      const stream = client.request(
        { ':authority': 'web.example', ...headers },
        { endStream: body === undefined },
      );
      const seen = { headers: {}, trailers: {}, informed: [] as IncomingHttpHeaders[], text: '' };
      stream.setEncoding('utf8');
      stream.on('response', (given) => (seen.headers = given));
      stream.on('headers', (given) => seen.informed.push(given));
      stream.on('trailers', (given) => (seen.trailers = given));
      stream.on('data', (chunk: string) => (seen.text += chunk));
      stream.on('error', () => undefined);
      stream.on('close', () => resolve({ ...seen, code: stream.rstCode }));
      if (body !== undefined) stream.end(body);
    });

  it('forwards requests to HTTP/1.1 targets over kept connections, and tells the task whom it serves', async () => {
    let connections = 0;
    const server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => res.end(JSON.stringify({ url: req.url, headers: req.headers, body })));
    });
    server.on('connection', () => (connections += 1));
    servers.push(server);
    await engine.swap(aTable(1, aService({ a: await listen(server) })));
    const answer = await ask(
      { ':path': '/a//b/%2e?x=1', ':method': 'PUT', cookie: ['a=1', 'b=2'], te: 'trailers' },
      'hello',
    );
    expect(answer.headers[':status']).toBe(200);
    const seen = JSON.parse(answer.text) as { url: string; body: string; headers: Record<string, string> };
    expect(seen).toMatchObject({ url: '/a//b/%2e?x=1', body: 'hello' });
    expect(seen.headers).toMatchObject({
      host: 'web.example',
      cookie: 'a=1; b=2',
      'transfer-encoding': 'chunked',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'web.example',
      'x-forwarded-port': String(port),
      forwarded: 'for=127.0.0.1;host=web.example;proto=http',
    });
    expect(seen.headers).not.toHaveProperty('te');
    for (let round = 0; round < 5; round += 1) await ask({ ':path': '/' });
    expect(connections).toBe(1);
    await until('six records', () => records.length === 6);
    expect(records[0]).toMatchObject({ path: 'h2', status: 200, method: 'PUT', urlPath: '/a//b/%2e' });
    expect(engine.inFlight().size).toBe(0);
  });

  it('carries trailers both ways, interim answers, and HEAD without a body', async () => {
    let requestTrailers: unknown;
    const target = await backend((req, res) => {
      req.resume();
      req.on('end', () => {
        requestTrailers = req.trailers;
        res.writeEarlyHints({ link: '</a.css>; rel=preload' });
        res.writeHead(200, req.method === 'HEAD' ? { 'content-length': '5' } : { trailer: 'x-sum' });
        if (req.method !== 'HEAD') {
          res.write('part');
          res.addTrailers({ 'x-sum': '42' });
        }
        res.end();
      });
    });
    await engine.swap(aTable(1, aService({ a: target })));
    const answer = await new Promise<Answered>((resolve) => {
      const stream = client.request(
        { ':path': '/', ':method': 'POST', ':authority': 'web.example' },
        { waitForTrailers: true },
      );
      const seen = { headers: {}, trailers: {}, informed: [] as IncomingHttpHeaders[], text: '', code: 0 };
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes', host: 'evil' }));
      stream.on('response', (given) => (seen.headers = given));
      stream.on('headers', (given) => seen.informed.push(given));
      stream.on('trailers', (given) => (seen.trailers = given));
      stream.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
      stream.on('close', () => resolve(seen));
      stream.end('body');
    });
    expect(requestTrailers).toEqual({ 'x-end': 'yes' });
    expect(answer).toMatchObject({ text: 'part', trailers: { 'x-sum': '42' } });
    expect(answer.informed).toMatchObject([{ ':status': 103, link: '</a.css>; rel=preload' }]);
    const head = await ask({ ':path': '/', ':method': 'HEAD' });
    expect(head.headers).toMatchObject({ ':status': 200, 'content-length': '5' });
    expect(head.text).toBe('');
  });

  it('streams large bodies both ways at the pace of the slower side', async () => {
    const bytes = 8 * 1024 * 1024;
    let received = 0;
    const target = await backend((req, res) => {
      req.on('data', (chunk: Buffer) => (received += chunk.length));
      req.on('end', () => res.end(Buffer.alloc(bytes)));
    });
    await engine.swap(aTable(1, aService({ a: target })));
    const stream = client.request({ ':path': '/', ':method': 'POST', ':authority': 'web.example' });
    let got = 0;
    stream.on('data', (chunk: Buffer) => (got += chunk.length));
    stream.end(Buffer.alloc(bytes));
    await until('the answer', () => got === bytes);
    expect(received).toBe(bytes);
  });

  it('does not read on from the task for a client that does not read', async () => {
    let written = 0;
    let open = true;
    const target = await backend((_req, res) => {
      const more = (): void => {
        while (open && res.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
      };
      res.on('drain', more).on('close', () => (open = false));
      more();
    });
    await engine.swap(aTable(1, aService({ a: target })));
    const stream = client.request({ ':path': '/', ':authority': 'web.example' });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('response', resolve));
    let before = -1;
    await until('the task to be held up', () => {
      const same = written === before;
      before = written;
      return same;
    });
    // what sockets, windows and streams hold
    expect(written).toBeLessThan(32 * 1024 * 1024);
    stream.close(constants.NGHTTP2_CANCEL);
    await until('the task to hear of it', () => !open);
    await until('the claim to be released', () => engine.inFlight().size === 0);
  });

  it('tears an answer that the task tore, and answers 502 when nothing had come', async () => {
    const target = await backend((req, res) => {
      if (req.url?.startsWith('/torn') === true) {
        res.writeHead(200, req.url === '/torn' ? { 'content-length': '10' } : {});
        res.write('half', () => res.destroy());
      } else res.destroy();
    });
    await engine.swap(aTable(1, aService({ a: target })));
    expect((await ask({ ':path': '/torn' })).code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect((await ask({ ':path': '/torn-chunked' })).code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect((await ask({ ':path': '/', ':method': 'POST' }, 'x')).headers[':status']).toBe(502);
  });

  it('routes, refuses and redirects as over HTTP/1.1', async () => {
    await engine.swap(aTable(1, aService({})));
    expect((await ask({ ':path': '/', ':authority': 'other.example' })).headers[':status']).toBe(404);
    const none = await ask({ ':path': '/' });
    expect(none.headers).toMatchObject({ ':status': 503, 'retry-after': '5' });
    expect(none.text).toContain('2 instances are starting');
    await engine.swap(aTable(2, aService({}, { redirectToHttps: true })));
    expect((await ask({ ':path': '/x?y' })).headers).toMatchObject({
      ':status': 301,
      location: 'https://web.example/x?y',
    });
  });

  it('goes on to another target when a connect is refused, also with a POST', async () => {
    const alive = await backend((req, res) => void req.pipe(res));
    const dead = createTcpServer();
    const deadPort = await listen(dead);
    dead.close();
    await engine.swap(aTable(1, aService({ dead: deadPort, alive })));
    for (let round = 0; round < 6; round += 1) {
      const answer = await ask({ ':path': '/', ':method': 'POST' }, `pay ${round}`);
      expect(answer).toMatchObject({ text: `pay ${round}` });
    }
  });

  it('ends an answer before the request has ended, and the claim with it', async () => {
    const target = await backend(
      (_req, res) => void res.writeHead(413, { connection: 'close' }).end('too much'),
    );
    await engine.swap(aTable(1, aService({ a: target })));
    const stream = client.request({ ':path': '/', ':method': 'POST', ':authority': 'web.example' });
    let text = '';
    let status: unknown;
    stream.on('response', (headers) => (status = headers[':status']));
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.on('error', () => undefined);
    stream.write('never ends');
    await until('the stream to be closed', () => stream.closed);
    expect([status, text]).toEqual([413, 'too much']);
    await until('the claim to be released', () => engine.inFlight().size === 0);
  });

  it('announces its end when the proxy stops: streams in flight are served, later ones go elsewhere', async () => {
    let finish = (): void => undefined;
    const target = await backend((req, res) => {
      finish = () => void res.end(`done ${req.url}`);
    });
    await engine.swap(aTable(1, aService({ a: target })));
    const slow = ask({ ':path': '/slow' });
    await until('it to be in flight', () => engine.inFlight().size === 1);
    const goaways: number[] = [];
    client.on('goaway', (code, last) => goaways.push(code, last ?? 0));
    const stopped = engine.stop(20_000);
    await until('the notice', () => goaways.length > 0);
    // the first word refuses nothing, for requests may be on their way; the second names the last one that was seen
    expect(goaways.slice(0, 2)).toEqual([constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1]);
    await until('the second word', () => goaways.length >= 4);
    expect(goaways.slice(2, 4)).toEqual([constants.NGHTTP2_NO_ERROR, 1]);
    expect(client.closed).toBe(true);
    finish();
    expect((await slow).text).toBe('done /slow');
    await stopped;
    await until('the session to be closed', () => client.destroyed);
  });

  it('calms a client that opens streams and cancels them (rapid reset)', async () => {
    const target = await backend(() => undefined);
    await engine.swap(aTable(1, aService({ a: target })));
    let goaway: number | undefined;
    client.on('goaway', (code) => (goaway = code));
    await new Promise((resolve) => client.once('connect', resolve));
    await until('the end of the session', () => {
      for (let each = 0; each < 50 && !client.destroyed && !client.closed; each += 1) {
        const stream = client.request({ ':path': '/', ':authority': 'web.example' });
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
      }
      return client.destroyed;
    });
    expect(goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await until('the claims to be released', () => engine.inFlight().size === 0);
  });

  it.each([
    ['PINGs', 500, (sent: ClientHttp2Session): void => void sent.ping(() => undefined)],
    ['SETTINGS', 50, (sent: ClientHttp2Session): void => void sent.settings({ initialWindowSize: 70_000 })],
  ] as const)('calms a client that sends %s without end, beyond %i of them', async (_name, bound, send) => {
    let goaway: number | undefined;
    let sent = 0;
    client.on('goaway', (code) => (goaway = code));
    await new Promise((resolve) => client.once('connect', resolve));
    await until('the end of the session', () => {
      // a client holds back what was not acknowledged: some at a time
      for (let each = 0; each < 8 && !client.destroyed && !client.closed; each += 1) {
        send(client);
        sent += 1;
      }
      return client.destroyed;
    });
    expect(goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(sent).toBeGreaterThan(bound);
  });

  it('declines a CONNECT with words', async () => {
    const answer = await new Promise<Answered>((resolve) => {
      const stream = client.request({ ':method': 'CONNECT', ':authority': 'web.example:80' });
      let status: IncomingHttpHeaders = {};
      let text = '';
      stream.on('response', (headers) => (status = headers));
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      stream.on('error', () => undefined);
      stream.on('close', () => resolve({ headers: status, trailers: {}, informed: [], text, code: 0 }));
      stream.end();
    });
    expect(answer.headers[':status']).toBe(501);
    expect(answer.text).toContain('reverse proxy');
  });
});
