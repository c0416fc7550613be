// Connections that are relayed: WebSockets over HTTP/1.1 and over a stream of HTTP/2 (RFC 8441), alike, and TCP. What goes through, what
// rules of labels do to the handshake, how they end, and what observers are told of them.
import { createServer, request, type Server } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocketServer } from 'ws';
import type { RequestRecord } from '#libs/proxy-core';
import type { RoutePolicy } from '#libs/routing';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

let engine: ProxyEngine;
let port: number;
let records: RequestRecord[];
let closing: (() => void)[];

beforeEach(async () => {
  closing = [];
  // of this test alone: what the one before left may end yet
  const mine: RequestRecord[] = (records = []);
  ({ engine, port } = await startEngine({ observer: { ended: (record) => mine.push(record) } }));
});
afterEach(async () => {
  await engine.stop(0);
  for (const each of closing) each();
});

const toldOnce = async (): Promise<RequestRecord> => {
  await until('the record', () => records.length > 0);
  await until('nothing in flight', () => engine.inFlight().size === 0);
  expect(records).toHaveLength(1);
  return records[0] as RequestRecord;
};

/** Upgraded and half-open connections are nobody's but the test's: each one left keeps jest from ending. */
const closeAll = (server: TcpServer): void => {
  server.on('connection', (socket: Socket) => closing.push(() => socket.destroy()));
  closing.push(() => server.close());
};

describe.each(['http1', 'h2'] as const)('WebSocket over %s', (way) => {
  interface Opened {
    readonly status: number;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly stream: Duplex;
    /** What came behind the handshake. */
    bytes: Buffer;
    closed: boolean;
  }
  let codes: number[];
  let seen: Record<string, unknown>[];

  const serve = async (policy?: RoutePolicy, more: { drainMs?: number } = {}): Promise<void> => {
    codes = [];
    seen = [];
    const server: Server = createServer((_req, res) => res.writeHead(403).end('no sockets here'));
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (req, socket, head) => {
      seen.push({ url: req.url, ...req.headers });
      if (req.url === '/silent') return;
      if (req.url === '/break') return void socket.destroy();
      if (req.url === '/plain')
        return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      if (req.url === '/wrong')
        return void socket.write(
          'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n',
        );
      sockets.handleUpgrade(req, socket, head, (client) => {
        client.on('message', (data) => client.send(String(data)));
        client.on('close', (code) => codes.push(code));
      });
    });
    closeAll(server);
    const made = aService({ a: await listen(server) }, policy ? { policy } : {});
    const targets = made.targets.map((each) => ({ ...each, ...more }));
    await engine.swap(aTable(1, { ...made, targets }));
  };
  const open = (path = '/', headers: Record<string, string> = {}): Promise<Opened> =>
    way === 'h2' ? openHttp2(path, headers) : openHttp1(path, headers);
  const watch = (stream: Duplex, status: number, given: Opened['headers']): Opened => {
    const opened: Opened = { status, headers: given, stream, bytes: Buffer.alloc(0), closed: false };
    stream.on('data', (chunk: Buffer) => (opened.bytes = Buffer.concat([opened.bytes, chunk])));
    stream.on('error', () => undefined).on('close', () => (opened.closed = true));
    closing.push(() => stream.destroy());
    return opened;
  };
  const openHttp1 = (path: string, headers: Record<string, string>): Promise<Opened> =>
    new Promise((resolve, reject) => {
      request({
        port,
        path,
        headers: {
          host: 'web.example',
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-version': '13',
          ...headers,
        },
      })
        .on('upgrade', (response, socket) => resolve(watch(socket, 101, response.headers)))
        .on('response', (response) =>
          resolve(watch(response as never, response.statusCode ?? 0, response.headers)),
        )
        .on('error', reject)
        .end();
    });
  const sessionOf = (): Promise<ClientHttp2Session> =>
    new Promise((resolve) => {
      const session = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => undefined);
      closing.push(() => session.destroy());
      session.once('remoteSettings', () => resolve(session));
    });
  const openHttp2 = async (path: string, headers: Record<string, string>): Promise<Opened> => {
    const session = await sessionOf();
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    return new Promise((resolve) => {
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':scheme': 'http',
        ':authority': 'web.example',
        ':path': path,
        'sec-websocket-version': '13',
        ...headers,
      });
      stream.once('response', (given) => resolve(watch(stream, Number(given[':status']), given)));
    });
  };
  /** Masked, as a client's have to be. */
  const frame = (text: string): Buffer =>
    Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
  const opens = way === 'h2' ? 200 : 101;

  it('relays both ways, edits heads of both, and is told of with its bytes', async () => {
    await serve({
      requestHeaders: [{ do: 'set', name: 'x-edited', value: 'yes' }],
      responseHeaders: [{ do: 'set', name: 'x-proxy', value: 'longrun' }],
    });
    const opened = await open('/chat?token=secret', { 'x-request-id': 'given-1' });
    expect(opened).toMatchObject({ status: opens, headers: { 'x-proxy': 'longrun' } });
    expect('sec-websocket-accept' in opened.headers).toBe(way === 'http1');
    expect(seen).toMatchObject([
      { url: '/chat?token=secret', 'x-edited': 'yes', host: 'web.example', 'x-forwarded-for': '127.0.0.1' },
    ]);
    expect(engine.inFlight().get('a' as never)).toBe(1);
    opened.stream.write(frame('hello'));
    await until('the echo', () => opened.bytes.toString().includes('hello'));
    expect(records).toEqual([]);
    opened.stream.destroy();
    const sent = { bytesIn: 11, bytesOut: 7 };
    expect(await toldOnce()).toMatchObject({
      ...{ path: 'websocket', status: 101, method: 'GET', host: 'web.example', urlPath: '/chat' },
      ...{ requestId: 'given-1', retries: 0, closedBy: 'client', ...sent },
      ...{ service: { appId: '/web' }, target: { taskId: 'a' }, clientAddress: '127.0.0.1' },
    });
  });

  it('gets a close frame 1001 on both sides shortly before its target would be stopped', async () => {
    await serve(undefined, { drainMs: 1_500 });
    const opened = await open();
    opened.stream.write(frame('one'));
    await until('the echo', () => opened.bytes.toString().endsWith('one'));
    await engine.swap(aTable(2));
    opened.stream.write(frame('two'));
    await until('the echo', () => opened.bytes.toString().endsWith('two'));
    await until(
      'both to be told',
      () => codes.length === 1 && opened.bytes.includes(Buffer.from([0x88, 2, 3, 0xe9])),
    );
    expect(codes).toEqual([1001]);
    await until('its end', () => opened.closed);
    expect(await toldOnce()).toMatchObject({ status: 101, closedBy: 'drain' });
  });

  it('ends after the silence that its service allows', async () => {
    await serve({ timeouts: { tunnelMs: 200 } });
    const opened = await open();
    await until('its end', () => opened.closed);
    expect(opened.bytes).toEqual(Buffer.from([0x88, 2, 3, 0xe9]));
    expect(await toldOnce()).toMatchObject({ closedBy: 'silence', bytesOut: 4, target: { taskId: 'a' } });
  });

  it.each([
    { path: '/plain', status: 403, closedBy: 'target', bytesOut: 2 },
    { path: '/break', status: 502, closedBy: 'target' },
    // a client of HTTP/1.1 judges the accept itself
    { path: '/wrong', status: 502, closedBy: 'target' },
    { path: '/silent', status: 504, closedBy: 'silence' },
  ])('a target that does not take it: $path', async ({ path, ...told }) => {
    await serve({ timeouts: { silenceMs: 300 } });
    const opened = await open(path);
    expect(opened.status).toBe(told.status);
    await until('its end', () => opened.closed);
    expect(await toldOnce()).toMatchObject({ path: 'websocket', target: { taskId: 'a' }, ...told });
  });

  it('is refused like any request: by rules of the service, and without a target', async () => {
    await serve({ limits: { rate: { perSecond: 0.001, burst: 1, per: 'client' } } });
    const first = await open();
    expect([first.status, (await open()).status]).toEqual([opens, 429]);
    await until('its record', () => records.length === 1);
    expect(records[0]).toMatchObject({ path: 'own', status: 429, service: { appId: '/web' } });
    await engine.swap(aTable(2, aService({})));
    expect((await open()).status).toBe(503);
    await until('its record', () => records.length === 2);
    expect(records[1]).toMatchObject({ path: 'own', status: 503, service: { appId: '/web' }, retries: 0 });
  });

  if (way === 'h2')
    it('of other protocols is declined with words', async () => {
      await serve();
      const session = await sessionOf();
      const stream = session.request({
        ...{ ':method': 'CONNECT', ':protocol': 'connect-udp', ':scheme': 'http' },
        ...{ ':authority': 'web.example', ':path': '/' },
      });
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const status = await new Promise((resolve) =>
        stream.once('response', (given) => resolve(given[':status'])),
      );
      await until('the words', () => text.includes('only websocket'));
      expect(status).toBe(501);
    });
});

describe('TCP', () => {
  let servicePort: number;
  let target: TcpServer;
  let atTarget: Socket[];

  const serve = async (policy: RoutePolicy = {}, to?: number): Promise<void> => {
    atTarget = [];
    servicePort = await freePort();
    target = createTcpServer({ allowHalfOpen: true }, (socket) => {
      atTarget.push(socket);
      socket.on('error', () => undefined).on('data', (chunk) => void socket.write(`got ${chunk.toString()}`));
    });
    closeAll(target);
    const one = to ?? (await listen(target));
    const made = aService({ a: one }, { servicePort, mode: 'tcp', policy });
    await engine.swap(
      aTable(1, { ...made, targets: made.targets.map((each) => ({ ...each, drainMs: 400 })) }),
    );
  };
  const open = (): { socket: Socket; text: string; closed: boolean } => {
    const socket = connect(servicePort, '127.0.0.1');
    const opened = { socket, text: '', closed: false };
    socket.on('data', (chunk) => (opened.text += chunk.toString()));
    socket.on('error', () => undefined).on('close', () => (opened.closed = true));
    closing.push(() => socket.destroy());
    return opened;
  };
  const greet = async (): Promise<ReturnType<typeof open>> => {
    const opened = open();
    opened.socket.write('hello');
    await until('the answer', () => opened.text === 'got hello');
    return opened;
  };
  const usual = { path: 'tcp', status: 0, method: '', urlPath: '', retries: 0, clientAddress: '127.0.0.1' };

  it.each(['client', 'target'] as const)(
    'is told of when it is closed, with its bytes: by the %s',
    async (closedBy) => {
      await serve({ proxyProtocol: { send: 'v1' } });
      const opened = open();
      opened.socket.write('hello');
      await until('the answer', () => opened.text.endsWith('hello'));
      expect(records).toEqual([]);
      const [first, second] =
        closedBy === 'client' ? [opened.socket, atTarget[0]] : [atTarget[0], opened.socket];
      first?.end();
      first?.resume();
      second?.end();
      // the header of the proxy protocol is none of the client's bytes, and is echoed as if it were
      expect(await toldOnce()).toMatchObject({
        ...usual,
        closedBy,
        ...{ bytesIn: 5, bytesOut: opened.text.length, target: { taskId: 'a' }, service: { appId: '/web' } },
      });
      expect(records[0]?.durationMs).toBeGreaterThan(0);
    },
  );

  it('is ended by the departure of its target, and by silence', async () => {
    await serve({ timeouts: { tunnelMs: 300 } });
    const silent = await greet();
    await until('its end', () => silent.closed);
    expect(await toldOnce()).toMatchObject({ ...usual, closedBy: 'silence', bytesIn: 5, bytesOut: 9 });
    records.length = 0;
    await serve();
    const left = await greet();
    await engine.swap(aTable(2));
    await until('its end', () => left.closed);
    expect(await toldOnce()).toMatchObject({ ...usual, closedBy: 'drain', bytesIn: 5, bytesOut: 9 });
  });

  it('is told of when nobody takes it, or it may not ask', async () => {
    await serve({}, await freePort());
    const refused = open();
    await until('its end', () => refused.closed);
    expect(await toldOnce()).toMatchObject({ ...usual, closedBy: 'no-target', service: { appId: '/web' } });
    expect(records[0]?.target).toBeUndefined();
    records.length = 0;
    await serve({ allow: ['192.0.2.0/24'] });
    const forbidden = open();
    await until('its end', () => forbidden.closed);
    expect(await toldOnce()).toMatchObject({ ...usual, closedBy: 'forbidden', bytesIn: 0, bytesOut: 0 });
  });
});
