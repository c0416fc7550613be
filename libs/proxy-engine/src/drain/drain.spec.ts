import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';
import { FrameBorder } from './frame-border.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe('what is in flight to a target that left', () => {
  let engine: ProxyEngine;
  let port: number;
  let close: (() => void)[];

  beforeEach(async () => {
    close = [];
    ({ engine, port } = await startEngine());
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of close) each();
  });

  const service = (target: number, drainMs: number, more = {}): ReturnType<typeof aService> => {
    const made = aService({ a: target }, more);
    return { ...made, targets: made.targets.map((each) => ({ ...each, drainMs })) };
  };
  const webSocketBackend = async (): Promise<{ port: number; codes: number[] }> => {
    const server = createServer();
    const codes: number[] = [];
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (data) => socket.send(String(data)));
      socket.on('close', (code) => codes.push(code));
    });
    close.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    return { port: await listen(server), codes };
  };
  const openWebSocket = async (): Promise<{ socket: WebSocket; codes: number[]; got: string[] }> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: 'web.example' } });
    const codes: number[] = [];
    const got: string[] = [];
    socket.on('close', (code) => codes.push(code));
    socket.on('message', (data) => got.push(String(data)));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return { socket, codes, got };
  };
  /** A request whose answer never ends by itself. */
  const openStream = (): Promise<{ response: IncomingMessage; ends: string[] }> =>
    new Promise((resolve, reject) => {
      const ends: string[] = [];
      request({ port, headers: { host: 'web.example' } }, (response) => {
        response.on('data', () => undefined);
        response.on('end', () => ends.push('end'));
        response.on('error', () => ends.push('torn'));
        resolve({ response, ends });
      })
        .on('error', reject)
        .end();
    });

  it('WebSockets go on for the drain time, then both sides get a close frame 1001', async () => {
    const backend = await webSocketBackend();
    await engine.swap(aTable(1, service(backend.port, 1_500)));
    const { socket, codes, got } = await openWebSocket();
    const since = performance.now();
    await engine.swap(aTable(2));
    socket.send('still there');
    await until('the echo', () => got.length === 1);
    expect(codes).toEqual([]);
    await until('both to be told', () => codes.length === 1 && backend.codes.length === 1);
    expect([codes, backend.codes]).toEqual([[1001], [1001]]);
    // before the control plane would stop the task
    expect(performance.now() - since).toBeLessThan(1_500);
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('a target that comes back in time keeps them', async () => {
    const backend = await webSocketBackend();
    const first = service(backend.port, 400);
    await engine.swap(aTable(1, first));
    const { socket, codes, got } = await openWebSocket();
    await engine.swap(aTable(2));
    await engine.swap(aTable(3, first));
    const since = performance.now();
    await until('the drain time to pass', () => performance.now() - since > 600);
    socket.send('here');
    await until('the echo', () => got.length === 1);
    expect(codes).toEqual([]);
    socket.terminate();
  });

  it('a stop of the proxy tells them, too', async () => {
    const backend = await webSocketBackend();
    await engine.swap(aTable(1, service(backend.port, 60_000)));
    const { codes } = await openWebSocket();
    await engine.stop(1_000);
    await until('both to be told', () => codes.length === 1 && backend.codes.length === 1);
    expect([codes, backend.codes]).toEqual([[1001], [1001]]);
  });

  it('while the proxy stops, a target that leaves earlier still ends them before its own drain time', async () => {
    const backend = await webSocketBackend();
    await engine.swap(aTable(1, service(backend.port, 1_000)));
    const [first, second] = [await openWebSocket(), await openWebSocket()];
    const since = performance.now();
    await engine.swap(aTable(2));
    const stopped = engine.stop(60_000);
    await until('both to be told', () => first.codes.length === 1 && second.codes.length === 1);
    expect([first.codes, second.codes]).toEqual([[1001], [1001]]);
    expect(performance.now() - since).toBeLessThan(20_000);
    await stopped;
  });

  it('a kept connection in use is closed with its next answer when the proxy stops, an unused one soon', async () => {
    const server = createServer((_req, res) => res.end('here'));
    close.push(() => server.close());
    await engine.swap(aTable(1, service(await listen(server), 1_000)));
    const open = async (): Promise<Socket> => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      socket.write('GET / HTTP/1.1\r\nHost: web.example\r\n\r\n');
      await once(socket, 'data');
      return socket;
    };
    const [used, unused] = [await open(), await open()];
    let text = '';
    used.on('data', (chunk: Buffer) => (text += chunk.toString()));
    unused.resume();
    const stopped = engine.stop(60_000);
    used.write('GET / HTTP/1.1\r\nHost: web.example\r\n\r\n');
    await Promise.all([once(used, 'close'), once(unused, 'close'), stopped]);
    expect(text).toMatch(/^HTTP\/1.1 200 [^]*connection: close\r\n[^]*here$/i);
  });

  it.each([
    ['an event stream ends in order', 'text/event-stream', 'end'],
    ['another answer is torn, for it is not whole', 'application/octet-stream', 'torn'],
  ])('%s', async (_name, type, how) => {
    const server = createServer((_req, res) => {
      res.writeHead(200, { 'content-type': type });
      res.write('data: 1\n\n');
    });
    close.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    await engine.swap(aTable(1, service(await listen(server), 400)));
    const { ends } = await openStream();
    await engine.swap(aTable(2));
    await until('its end', () => ends.length > 0);
    expect(ends).toEqual([how]);
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('TCP connections end', async () => {
    const server: Server = createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket));
    close.push(() => server.close());
    const servicePort = await freePort();
    await engine.swap(aTable(1, service(await listen(server), 400, { servicePort, mode: 'tcp' })));
    const client = connect({ port: servicePort, host: '127.0.0.1' });
    let ended = false;
    client
      .on('end', () => (ended = true))
      .on('error', () => undefined)
      .resume();
    client.write('x');
    await until('it to be in flight', () => engine.inFlight().size === 1);
    await engine.swap(aTable(2));
    await until('its end', () => ended);
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });
});

describe('a close frame between frames', () => {
  const frames = Buffer.concat([
    Buffer.from([0x82, 3, 1, 2, 3]),
    Buffer.from([0x82, 126, 0x01, 0x00]),
    Buffer.alloc(256, 7),
    Buffer.from([0x81, 0x82, 9, 9, 9, 9, 5, 5]),
    Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    Buffer.alloc(65_536, 8),
  ]);
  /** Ends of frames in `frames`; 0 counts, too. */
  const borders = [0, 5, 5 + 260, 5 + 260 + 8, frames.length];
  const close = Buffer.from([0x88, 2, 0x03, 0xe9]);

  it('stands at the next border, wherever the bytes are cut, and nothing follows it', async () => {
    for (const at of [0, 1, 4, 5, 6, 8, 100, 264, 265, 266, 270, 272, 273, 275, 283, 40_000]) {
      const border = new FrameBorder(false);
      const out: Buffer[] = [];
      border.on('data', (chunk: Buffer) => out.push(chunk));
      for (let from = 0; from < at; from += 3) border.write(frames.subarray(from, Math.min(at, from + 3)));
      border.goAway();
      border.end(frames.subarray(at));
      await until('the end', () => border.readableEnded);
      const expected = borders.find((each) => each >= at) ?? frames.length;
      const got = Buffer.concat(out);
      expect([at, got.length]).toEqual([at, expected + close.length]);
      expect(got.subarray(0, expected).equals(frames.subarray(0, expected))).toBe(true);
      expect(got.subarray(expected)).toEqual(close);
    }
  });
});
