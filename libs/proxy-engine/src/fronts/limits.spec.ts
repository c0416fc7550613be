import { createServer as createHttpServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, ask, listen, PATHS, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine, ProxyEngineOptions } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe.each(PATHS)('limits of the $path path', ({ path, fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let servicePort: number;
  let close: (() => void)[];
  let later: (() => void)[];

  beforeEach(() => {
    close = [];
    later = [];
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of close) each();
  });

  const start = async (options: Partial<ProxyEngineOptions> = {}): Promise<void> => {
    ({ engine, port } = await startEngine({ fastPath, ...options }));
    servicePort = await freePort();
    const server = createHttpServer({ maxHeaderSize: 65_536 }, (req, res) => {
      if (req.url === '/later') later.push(() => void res.end('hello'));
      else res.end('hello');
    });
    close.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    await engine.swap(
      aTable(
        1,
        aService({ a: await listen(server) }, { servicePort, policy: { limits: { bodyBytes: 1_000 } } }),
      ),
    );
  };
  const open = (to = port, localAddress = '127.0.0.1'): { text: string; closed: boolean; socket: Socket } => {
    const socket = connect({ port: to, host: '127.0.0.1', localAddress });
    const seen = { text: '', closed: false, socket };
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => (seen.text += chunk.toString()));
    socket.on('close', () => (seen.closed = true));
    close.push(() => socket.destroy());
    return seen;
  };
  const busy = async (
    to = port,
    localAddress = '127.0.0.1',
  ): Promise<{ text: string; closed: boolean; socket: Socket }> => {
    const seen = open(to, localAddress);
    await once(seen.socket, 'connect');
    seen.socket.write('GET / HTTP/1.1\r\nhost: web.example\r\nx: ');
    return seen;
  };
  /** It was taken, and is not just about to be refused. */
  const isServed = async (seen: { text: string; socket: Socket }): Promise<void> => {
    seen.socket.write('1\r\n\r\n');
    await until('the answer', () => seen.text.includes('hello'));
  };

  it('one client has only so many connections, others are served', async () => {
    await start({ connectionsPerClient: 2 });
    const [first, second] = [await busy(), await busy()];
    const third = open();
    await until('the refusal', () => third.closed);
    expect(third.text).toContain('HTTP/1.1 429');
    const onServicePort = open(servicePort);
    await until('its end', () => onServicePort.closed);
    const other = await busy(port, '127.0.0.2');
    for (const each of [first, second, other]) await isServed(each);
    expect(engine.warnings()).toEqual([expect.stringContaining('--connections-per-client 2')]);
    first.socket.destroy();
    await until('its place to be free', async () => {
      const answer = await ask({ port }).catch(() => undefined);
      return answer?.status === 200;
    });
  });

  it('connections beyond what the system allows are refused with a warning, and idle ones make room', async () => {
    await start({ connectionsMax: 3 });
    // answers of a target that are still to come
    const all = [open(), open(), open()];
    for (const { socket } of all) socket.write('GET /later HTTP/1.1\r\nhost: web.example\r\n\r\n');
    await until('all three in flight', () => [...engine.inFlight().values()][0] === 3);
    const fourth = open();
    await until('the refusal', () => fourth.closed);
    expect(fourth.text).toContain('HTTP/1.1 503');
    expect(engine.warnings()).toEqual([expect.stringContaining('LimitNOFILE')]);
    for (const answerNow of later) answerNow();
    for (const each of all) await until('its answer', () => each.text.includes('hello'));
    if (path === 'full') return;
    // all three are idle now
    expect(await ask({ port })).toMatchObject({ status: 200 });
    await until('idle ones to be closed', () => all.some(({ closed }) => closed));
  });

  it('sessions of HTTP/2 that rest make room, those that rest longest first, and none with a stream', async () => {
    // with prior knowledge it begins on the fast path
    if (path === 'full') return;
    await start({ connectionsMax: 34 });
    const told = new Set<number>();
    const sessions = Array.from({ length: 34 }, (_, nth) => {
      const made = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => undefined);
      close.push(() => made.destroy());
      return made.on('goaway', (code) => code === 0 && told.add(nth));
    });
    const get = async (nth: number, url: string): Promise<void> => {
      const stream = sessions[nth]?.request({ ':path': url, ':authority': 'web.example' });
      stream?.resume();
      if (url === '/later') await until('it in flight', () => engine.inFlight().size > 0);
      else if (stream) await once(stream, 'close');
    };
    await get(0, '/later');
    for (let nth = 1; nth < sessions.length; nth += 1) await get(nth, '/');
    // it was the first one, and rests last now
    await get(1, '/');
    const late = await busy();
    await isServed(late);
    await until('the goodbyes', () => told.size === 32);
    expect([told.has(0), told.has(1)]).toEqual([false, false]);
    await get(1, '/');
    for (const answerNow of later) answerNow();
  });

  it('heads and targets that are too long are refused with the right words', async () => {
    await start();
    const long = (bytes: number): string => 'x'.repeat(bytes);
    expect(await ask({ port, path: `/${long(8_000)}` })).toMatchObject({ status: 200 });
    expect(await ask({ port, path: `/${long(8_192)}` })).toMatchObject({ status: 414 });
    expect(await ask({ port, headers: { a: long(20_000) } })).toMatchObject({ status: 200 });
    expect(await ask({ port, headers: { a: long(16_000), b: long(17_000) } })).toMatchObject({ status: 431 });
  });

  it('a body of unknown length may be no longer than its service allows', async () => {
    await start();
    const chunk = 'x'.repeat(600);
    const send = (chunks: number): { text: string } => {
      const seen = open();
      seen.socket.write(
        'POST / HTTP/1.1\r\nhost: web.example\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      for (let at = 0; at < chunks; at += 1) seen.socket.write(`258\r\n${chunk}\r\n`);
      seen.socket.write('0\r\n\r\n');
      return seen;
    };
    const [fits, tooLong] = [send(1), send(2)];
    await until('both answers', () => fits.text.includes('HTTP/1.1 ') && tooLong.text.includes('HTTP/1.1 '));
    expect(fits.text).toContain('HTTP/1.1 200');
    expect(tooLong.text).toContain('HTTP/1.1 413');
  });

  it('HTTP/2 keeps the same bounds', async () => {
    await start();
    if (path === 'full') return;
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    close.push(() => session.destroy());
    const status = (headers: Record<string, string>): Promise<string> =>
      new Promise((resolve) => {
        const stream = session.request({ ':authority': 'web.example', ...headers });
        stream.on('response', (response) => resolve(String(response[':status'])));
        stream.on('error', () => resolve('reset'));
        stream.on('close', () => resolve('closed'));
        stream.resume();
      });
    expect(await status({ ':path': `/${'x'.repeat(8_000)}` })).toBe('200');
    expect(await status({ ':path': `/${'x'.repeat(8_192)}` })).toBe('414');
    expect(await status({ a: 'x'.repeat(30_000), b: 'x'.repeat(8_000) })).not.toBe('200');
    expect(await status({ ':path': '/' })).toBe('200');
  });
});
