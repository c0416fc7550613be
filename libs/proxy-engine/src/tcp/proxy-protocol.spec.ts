import { createServer as createHttpServer, Agent, type IncomingMessage } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import type { HeaderFault } from '#libs/proxy-core';
import type { RoutePolicy, RouteService } from '#libs/routing';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, ask, listen, PATHS, startEngine, tcpServer } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';
import { readProxyHeader, writeProxyHeader, type Endpoints } from './proxy-header.js';

// generous: machines are shared
jest.setTimeout(60_000);

const CLIENT: Endpoints = {
  from: { address: '203.0.113.9', port: 4_711 },
  to: { address: '198.51.100.1', port: 443 },
};
const V1 = writeProxyHeader('v1', CLIENT);
const V2 = writeProxyHeader('v2', CLIENT);
const REQUEST = 'GET / HTTP/1.1\r\nhost: web.example\r\nconnection: close\r\n\r\n';

describe.each(PATHS)('the PROXY protocol, HTTP by the $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let servicePort: number;
  let close: (() => void)[];
  let refused: (readonly [string, HeaderFault])[];
  /** For a newer table, before anything of a connection is looked at. */
  let waiting: Promise<void> | undefined;

  beforeEach(async () => {
    close = [];
    [refused, waiting] = [[], undefined];
    servicePort = await freePort();
    ({ engine, port } = await startEngine({
      fastPath,
      freshen: () => waiting,
      observer: {
        ended: () => undefined,
        headerRefused: ({ appId }, fault) => refused.push([appId, fault]),
      },
    }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of close) each();
  });

  const serve = (target: number, policy: RoutePolicy, mode: RouteService['mode'] = 'auto'): Promise<void> =>
    engine.swap(aTable(1, aService({ a: target }, { servicePort, mode, policy })));
  const tcpBackend = async (onConnection: (socket: Socket) => void): Promise<number> => {
    const server = await tcpServer(onConnection);
    close.push(() => server.close());
    return server.port;
  };
  const httpBackend = async (say: (req: IncomingMessage) => string): Promise<number> => {
    const server = createHttpServer((req, res) => res.end(say(req)));
    close.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    return listen(server);
  };
  const open = (...bytes: (string | Buffer)[]): { text: string; closed: boolean; socket: Socket } => {
    const socket = connect({ port: servicePort, host: '127.0.0.1' });
    const seen = { text: '', closed: false, socket };
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => (seen.text += chunk.toString()));
    socket.on('close', () => (seen.closed = true));
    close.push(() => socket.destroy());
    for (const each of bytes) socket.write(each);
    return seen;
  };

  describe('from clients', () => {
    const accept = { proxyProtocol: { accept: true } } as const;

    it.each([
      ['v1', V1],
      ['v2', V2],
    ])('%s: HTTP has the address it names, and the port', async (_name, header) => {
      const target = await httpBackend(
        ({ headers }) => `${String(headers['x-forwarded-for'])} ${String(headers['x-forwarded-port'])}`,
      );
      await serve(target, accept);
      const whole = open(Buffer.concat([header, Buffer.from(REQUEST)]));
      await until('the answer', () => whole.closed);
      expect(whole.text).toContain('203.0.113.9 443');
      const pieces = open(header.subarray(0, 7));
      await until('the first piece to be sent', () => pieces.socket.bytesWritten === 7);
      pieces.socket.write(header.subarray(7));
      pieces.socket.write(REQUEST);
      await until('the answer', () => pieces.closed);
      expect(pieces.text).toContain('203.0.113.9 443');
    });

    it('allow lists and the choice by source go by it', async () => {
      const echo = await tcpBackend((socket) => socket.pipe(socket));
      await serve(echo, { ...accept, allow: ['203.0.113.0/24'], balance: { by: 'source' } }, 'tcp');
      const allowed = open(V1, 'hello');
      await until('the echo', () => allowed.text === 'hello');
      const other = { ...CLIENT, from: { address: '203.0.114.1', port: 1 } };
      const refused = open(writeProxyHeader('v1', other), 'hello');
      await until('the end', () => refused.closed);
      // who says nothing about a client is asked for its own address
      const local = open('PROXY UNKNOWN\r\n', 'hello');
      await until('the end', () => local.closed);
      expect([refused.text, local.text]).toEqual(['', '']);
      const http = await httpBackend(() => 'in');
      await serve(http, { ...accept, allow: ['203.0.113.0/24'] });
      const forbidden = open(writeProxyHeader('v2', other), REQUEST);
      await until('the answer', () => forbidden.closed);
      expect(forbidden.text).toContain('HTTP/1.1 403');
    });

    it('without a right header a connection is closed, in bounded time, and no target hears of it', async () => {
      let heard = 0;
      const target = await tcpBackend(() => (heard += 1));
      await serve(target, accept);
      const since = performance.now();
      // as a health check of a balancer does
      const checked = open();
      checked.socket.end();
      await until('the check to be closed', () => checked.closed);
      expect([engine.warnings(), refused]).toEqual([[], []]);
      const silent = open();
      const slow = open('PROXY TCP4 1.2');
      const none = open(REQUEST);
      const wrong = open('PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n', REQUEST);
      const endless = open(`PROXY UNKNOWN ${'x'.repeat(200)}`);
      await until('what is wrong to be closed', () => [none, wrong, endless].every(({ closed }) => closed));
      await until('the rest to be closed', () => [silent, slow].every(({ closed }) => closed));
      expect(performance.now() - since).toBeGreaterThan(2_500);
      expect([heard, none.text + wrong.text + endless.text + silent.text + slow.text]).toEqual([0, '']);
      const told = new RegExp(
        `^service port ${servicePort}: .*right PROXY header.*longrun\\.io/proxy-protocol`,
      );
      expect(engine.warnings()).toEqual([expect.stringMatching(told)]);
      open('PROXY').socket.end();
      await until('all of them to be told', () => refused.length === 6);
      expect(refused.map(([app, fault]) => `${app} ${fault}`).sort()).toEqual([
        ...['/web cut', '/web late', '/web late', '/web malformed', '/web malformed', '/web missing'],
      ]);
    });
  });

  it('who has come and gone before a table was there is not refused for a header', async () => {
    await serve(await tcpBackend(() => undefined), { proxyProtocol: { accept: true } });
    let isThere = (): void => undefined;
    waiting = new Promise((resolve) => (isThere = resolve));
    const [ended, reset] = [open(), open()];
    for (const { socket } of [ended, reset]) await until('it to be there', () => !socket.connecting);
    ended.socket.end();
    reset.socket.resetAndDestroy();
    await until('both to have gone', () => ended.socket.writableFinished && reset.closed);
    const silent = open();
    await until('one that stays', () => !silent.socket.connecting);
    isThere();
    await until('the silent one to be closed', () => silent.closed);
    expect(refused.map(([, fault]) => fault)).toEqual(['late']);
  });

  describe('to targets', () => {
    it.each(['v1', 'v2'] as const)(
      '%s comes before the first byte of TCP, also where the target speaks first',
      async (send) => {
        const seen: Buffer[] = [];
        const target = await tcpBackend((socket) => {
          socket.once('data', (bytes: Buffer) => {
            seen.push(bytes);
            socket.write('220 ready\r\n');
          });
        });
        await serve(target, { proxyProtocol: { send } });
        const client = open();
        await until('the greeting', () => client.text === '220 ready\r\n');
        const { localPort } = client.socket;
        expect(readProxyHeader(seen[0] ?? Buffer.alloc(0))).toMatchObject({
          kind: 'header',
          endpoints: {
            from: { address: '127.0.0.1', port: localPort },
            to: { address: '127.0.0.1', port: servicePort },
          },
        });
      },
    );

    it('what a client said of itself goes on', async () => {
      let seen = '';
      const target = await tcpBackend((socket) => socket.on('data', (bytes) => (seen += bytes.toString())));
      await serve(target, { proxyProtocol: { accept: true, send: 'v1' } }, 'tcp');
      open(V2, 'hello');
      await until('all of it', () => seen.endsWith('hello'));
      expect(seen).toBe(`${V1.toString()}hello`);
    });

    /** Takes the header off and serves the rest as HTTP. */
    const behindHeader = async (
      server: { emit: (name: 'connection', socket: Socket) => boolean },
      heads: number[],
    ): Promise<number> =>
      tcpBackend((socket) => {
        socket.once('readable', () => {
          const bytes = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
          const header = readProxyHeader(bytes);
          if (header.kind !== 'header') return socket.destroy();
          heads.push(header.endpoints?.from.port ?? 0);
          if (header.end < bytes.length) socket.unshift(bytes.subarray(header.end));
          return server.emit('connection', socket);
        });
      });

    it('no two clients of HTTP share a connection that names one of them', async () => {
      const heads: number[] = [];
      const ports: number[] = [];
      const http = createHttpServer((req, res) => {
        let body = '';
        req.on('data', (chunk: Buffer) => (body += chunk.toString()));
        req.on('end', () => {
          ports.push(req.socket.remotePort ?? 0);
          res.end(`got ${body}`);
        });
      });
      await serve(await behindHeader(http, heads), { proxyProtocol: { send: 'v2' } });
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const other = new Agent({ keepAlive: true, maxSockets: 1 });
      close.push(
        () => agent.destroy(),
        () => other.destroy(),
      );
      for (const each of [agent, other, agent, other])
        expect(await ask({ port, agent: each, method: 'POST', body: 'x' })).toMatchObject({
          status: 200,
          text: 'got x',
        });
      // each connection to the target carried the requests of the client that it names, and of no other
      expect(heads).toHaveLength(new Set(ports).size);
      expect(new Set(heads).size).toBe(2);
      expect(heads[0]).toBe(heads[2]);
      expect(heads[1]).toBe(heads[3]);
    });

    it('WebSockets and HTTP/2 have it, too', async () => {
      const heads: number[] = [];
      const http = createHttpServer();
      new WebSocketServer({ server: http }).on('connection', (socket) => socket.send('welcome'));
      await serve(await behindHeader(http, heads), { proxyProtocol: { send: 'v1' } });
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: 'web.example' } });
      let said = '';
      socket.on('error', () => undefined).on('message', (data: Buffer) => (said = data.toString()));
      await until('the welcome', () => said === 'welcome');
      socket.terminate();
      expect(heads).toHaveLength(1);

      const http2 = createHttp2Server((req, res) => res.end(`h2 ${req.url}`));
      await serve(await behindHeader(http2, heads), { protocol: 'h2c', proxyProtocol: { send: 'v2' } });
      expect(await ask({ port, path: '/a' })).toMatchObject({ status: 200, text: 'h2 /a' });
      expect(await ask({ port, path: '/b' })).toMatchObject({ status: 200, text: 'h2 /b' });
      expect(new Set(heads).size).toBe(3);
      await until('nothing in flight', () => engine.inFlight().size === 0);
    });
  });

  it('a TCP connection that is silent for longer than its service allows ends, one that is not goes on', async () => {
    const echo = await tcpBackend((socket) => socket.pipe(socket));
    await serve(echo, { timeouts: { tunnelMs: 600 } }, 'tcp');
    const idle = open('x');
    const busy = open('x');
    const talking = setInterval(() => busy.socket.write('y'), 100);
    await until('the idle one to end', () => idle.closed);
    expect([idle.text, busy.closed]).toEqual(['x', false]);
    expect([...engine.inFlight().values()]).toEqual([1]);
    clearInterval(talking);
    await until('the other one to end', () => busy.closed);
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });
});
