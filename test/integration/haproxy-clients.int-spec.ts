// Connections of clients with a real HAProxy: how many there may be, of all and of each, and what is told of those that come to nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectSecurely } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HaproxyEngine, type HaproxyEngineOptions } from '#libs/haproxy-engine';
import { aService, aTable, freePort, listen, selfSigned, until } from '#libs/testkit';
import { SystemClock } from '#libs/time';

const describeHere = spawnSync('haproxy', ['-v']).status === 0 ? describe : describe.skip;

interface Seen {
  text: string;
  closed: boolean;
  readonly socket: Socket;
}

describeHere('connections of clients with HAProxy', () => {
  let folder: string;
  let port: number;
  let servicePort: number;
  let engine: HaproxyEngine;
  let backend: Server;
  let target: number;
  let held: ServerResponse[];
  let sockets: Socket[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
    [port, servicePort] = [await freePort(), await freePort()];
    [held, sockets] = [[], []];
    backend = createServer((request, response) => {
      if (request.url === '/later') held.push(response);
      else response.end('hello');
    });
    target = await listen(backend);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await engine.stop(0);
    backend.closeAllConnections();
    backend.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (more: Partial<HaproxyEngineOptions>): Promise<void> => {
    engine = new HaproxyEngine({
      ...{ clock: new SystemClock(), bind: '0.0.0.0', port, appPaths: false, folder, threads: 2 },
      ...more,
    });
    await engine.start();
  };
  const watched = (socket: Socket): Seen => {
    const seen: Seen = { text: '', closed: false, socket };
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
    socket.on('close', () => (seen.closed = true));
    return seen;
  };
  const open = async (to = port, localAddress = '127.0.0.1'): Promise<Seen> => {
    const seen = watched(connect({ port: to, host: '127.0.0.1', localAddress }));
    // one that is refused may be gone before it was there
    await until('the connection', () => !seen.socket.connecting || seen.closed);
    return seen;
  };
  const asks = (seen: Seen, path = '/'): void => {
    seen.text = '';
    seen.socket.write(`GET ${path} HTTP/1.1\r\nhost: web.example\r\n\r\n`);
  };
  const isServed = async (seen: Seen): Promise<void> => {
    asks(seen);
    await until('the answer', () => seen.text.includes('hello'));
  };

  it('one client has only so many, on all ports; others are served, and it is once one of them has ended', async () => {
    const tls = { port: await freePort(), certificates: [join(folder, 'web.pem')] };
    writeFileSync(join(folder, 'web.pem'), selfSigned(['web.example']).pem);
    await start({ connectionsPerClient: 2, tls });
    const [service, header] = [aService([{ task: 'a', port: target }], { servicePort }), await freePort()];
    const withHeader = {
      portIndex: 1,
      hosts: [],
      servicePort: header,
      policy: { proxyProtocol: { accept: true } },
    };
    await engine.swap(aTable(1, service, { ...service, ...withHeader }));
    const [first, second] = [await open(), await open(servicePort)];
    for (const each of [first, second]) await isServed(each);
    const third = await open();
    asks(third);
    await until('the refusal', () => third.closed);
    expect(third.text).toMatch(/^HTTP\/1.1 429 .*this address has more than the 2 connections/s);
    const onServicePort = await open(servicePort);
    await until('its end', () => onServicePort.closed);
    const secure = watched(connectSecurely({ port: tls.port, host: '127.0.0.1', rejectUnauthorized: false }));
    await until('its end before a handshake', () => secure.closed);
    // by the address that the header tells
    const [told, other] = [await open(header), await open(header)];
    told.socket.write('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n');
    other.socket.write('PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n');
    await until('its end', () => told.closed);
    for (const each of [first, second, other, await open(port, '127.0.0.2')]) await isServed(each);
    await until('a warning', () =>
      /--connections-per-client 2 .*4 connections were/.test(engine.warnings().join()),
    );
    first.socket.destroy();
    await until('its place to be free', async () => {
      const again = await open();
      asks(again);
      await until('an answer', () => again.text.includes('\r\n\r\n'));
      if (again.text.includes('200')) return true;
      again.socket.destroy();
      return false;
    });
  }, 60_000);

  it('all clients have only so many: others wait for room, which those who rest make, and it is told', async () => {
    await start({ maxConnections: 10 });
    await engine.swap(aTable(1, aService([{ task: 'a', port: target }])));
    const busy: Seen[] = [];
    for (let nth = 0; nth < 9; nth += 1) busy.push(await open());
    for (const each of busy) asks(each, '/later');
    await until('nine in flight', () => held.length === 9);
    const resting = await open();
    await isServed(resting);
    // it is the tenth of ten
    await until('the one that rests to be closed', () => resting.closed);
    const [tenth, eleventh] = [await open(), await open()];
    asks(tenth, '/later');
    asks(eleventh);
    await until('ten in flight', () => held.length === 10);
    await until('a warning', () => /all 10 connections .*--max-connections/.test(engine.warnings().join()));
    expect(eleventh.text).toBe('');
    for (const response of held) response.end('hello');
    for (const each of [...busy, tenth, eleventh])
      await until('its answer', () => each.text.includes('hello'));
  }, 60_000);

  it('tells of service ports whose connections do not begin with the PROXY header that they ask for', async () => {
    await start({});
    const policy = { proxyProtocol: { accept: true } };
    await engine.swap(aTable(1, aService([{ task: 'a', port: target }], { servicePort, policy })));
    const right = await open(servicePort);
    right.socket.write('PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\n');
    await isServed(right);
    expect(engine.warnings()).toEqual([]);
    const wrong = await open(servicePort);
    asks(wrong);
    await until('its end', () => wrong.closed);
    const text = `service port ${servicePort}: connections that do not begin with a right PROXY header are closed`;
    await until('a warning', () => engine.warnings().some((each) => each.startsWith(text)));
    expect(engine.warnings()).toHaveLength(1);
  }, 60_000);
});
