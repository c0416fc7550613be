// Clients of HTTP/2 whose connection ends in an orderly way while something is under way: what the system sends for a process that was
// killed. HTTP/2 has no half connection, so nothing of them stays in flight.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import { selfSigned, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe.each(['plain', 'over TLS'] as const)('a client of HTTP/2, %s, that ends its connection', (kind) => {
  let folder: string;
  let engine: ProxyEngine;
  let ports: { readonly http: number; readonly https: number };
  let target: Server;
  let records: RequestRecord[];
  /** At the target. */
  let asked: number;
  let left: number;
  let socket: Socket;
  let isClosed: boolean;
  let session: ClientHttp2Session;

  beforeEach(async () => {
    const told: RequestRecord[] = (records = []);
    [asked, left, isClosed] = [0, 0, false];
    folder = mkdtempSync(join(tmpdir(), 'longrun-gone-'));
    writeFileSync(join(folder, 'web.pem'), selfSigned(['web.example']).pem);
    const started = await startEngine({
      tls: { port: 0, certificates: [folder] },
      observer: { ended: (record) => void told.push(record) },
    });
    engine = started.engine;
    ports = { http: started.port, https: engine.httpsPort ?? 0 };
    // begins some answers and ends none
    target = createServer((req, res) => {
      asked += 1;
      res.on('close', () => (left += 1));
      if (req.url === '/begins') res.write('half');
    });
    const limits = { connectionsPerTarget: 2 };
    await engine.swap(aTable(1, aService({ a: await listen(target) }, { policy: { limits } })));
    socket = await opened();
    socket.on('error', () => undefined).on('close', () => (isClosed = true));
    session = connectHttp2('http://web.example', { createConnection: () => socket });
    session.on('error', () => undefined);
  });
  afterEach(async () => {
    session.destroy();
    socket.destroy();
    await engine.stop(0);
    target.closeAllConnections();
    target.close();
    rmSync(folder, { recursive: true });
  });

  /** Says nothing more by itself when the other side ends. */
  const opened = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const options = { port: kind === 'plain' ? ports.http : ports.https, allowHalfOpen: true };
      const made =
        kind === 'plain'
          ? connect(options, () => resolve(made))
          : connectTls({ ...options, ALPNProtocols: ['h2'], rejectUnauthorized: false }, () => resolve(made));
      made.once('error', reject);
    });
  const ask = (path: string, method = 'GET'): ClientHttp2Stream => {
    const stream = session.request(
      { ':authority': 'web.example', ':path': path, ':method': method },
      { endStream: method === 'GET' },
    );
    stream.on('error', () => undefined);
    if (method !== 'GET') stream.write('some of it');
    return stream;
  };

  it.each([
    ['before it was answered', '/silent', 'GET', 0],
    ['in the middle of the answer', '/begins', 'GET', 200],
    ['in the middle of its body', '/silent', 'POST', 0],
  ])('%s leaves nothing in flight', async (_when, path, method, status) => {
    const streams = [ask(path, method), ask(path, method)];
    if (status > 0) {
      let begun = 0;
      for (const stream of streams) stream.once('data', () => (begun += 1));
      await until('both answers', () => begun === 2);
    } else await until('both at the target', () => asked === 2);
    expect(engine.inFlight().get('a' as never)).toBe(2);
    socket.end();
    await until('nothing in flight', () => engine.inFlight().size === 0);
    await until('both to end at the target', () => left === 2);
    await until('the connection to be closed', () => isClosed);
    expect(records).toMatchObject([1, 2].map(() => ({ status, abortedBy: 'client', path: 'h2' })));
  });

  it('makes room for those that wait', async () => {
    ask('/silent');
    ask('/silent');
    await until('both at the target', () => asked === 2);
    const other = connectHttp2(`http://127.0.0.1:${ports.http}`);
    other.on('error', () => undefined);
    const waiting = other.request({ ':authority': 'web.example', ':path': '/begins' });
    const answer = new Promise((resolve) => waiting.once('response', resolve));
    await until('it to wait', () => engine.standings().some((each) => each.waiting === 1));
    socket.end();
    expect(await answer).toMatchObject({ ':status': 200 });
    other.destroy();
  });
});
