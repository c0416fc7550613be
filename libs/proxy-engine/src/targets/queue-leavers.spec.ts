// Clients of WebSockets and of TCP that leave while they wait for a target with room: their places are free at once, for those who still wait.
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: web.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
const QUEUE = 3;

let engine: ProxyEngine;
let port: number;
let servicePort: number;
let records: RequestRecord[];
/** Connections that the target has ever had. */
let atTarget: Socket[];
let closing: (() => void)[];

beforeEach(async () => {
  [atTarget, closing] = [[], []];
  const told: RequestRecord[] = (records = []);
  servicePort = await freePort();
  ({ engine, port } = await startEngine({ observer: { ended: (record) => void told.push(record) } }));
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    atTarget.push(socket);
    socket.on('error', () => socket.destroy());
    let text = '';
    // of those who say that they have asked all
    socket.on('data', (data) => (text += data.toString())).on('end', () => socket.end(`got ${text}`));
  });
  closing.push(
    () => server.close(),
    () => atTarget.forEach((each) => each.destroy()),
  );
  // nobody is sent away because of the time that a test takes
  const limits = { connectionsPerTarget: 1, queue: QUEUE, queueMs: 60_000 };
  const a = await listen(server);
  const tcp = aService(
    { a },
    { appId: '/tcp' as never, hosts: [], servicePort, mode: 'tcp', policy: { limits } },
  );
  await engine.swap(aTable(1, aService({ a }, { policy: { limits } }), tcp));
});
afterEach(async () => {
  for (const each of closing) each();
  await engine.stop(0);
});

const waiting = (): number => engine.standings().reduce((sum, each) => sum + each.waiting, 0);
const opened = (to: number): Socket => {
  const socket = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  closing.push(() => socket.destroy());
  return socket;
};

/** Comes, and returns how it leaves. */
type Come = () => () => void;
const CLIENTS: readonly (readonly [what: string, come: Come])[] = [
  [
    'a WebSocket whose connection is closed',
    () => {
      const socket = opened(port);
      socket.write(HANDSHAKE);
      return () => void socket.destroy();
    },
  ],
  [
    'a WebSocket whose connection is reset',
    () => {
      const socket = opened(port);
      socket.write(HANDSHAKE);
      return () => void socket.resetAndDestroy();
    },
  ],
  [
    'a WebSocket over HTTP/2 whose stream is reset',
    () => {
      const session = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => undefined);
      closing.push(() => session.destroy());
      const asked = new Promise<() => void>((resolve) => {
        session.once('remoteSettings', () => {
          const stream = session.request({
            ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/' },
            ...{ ':authority': 'web.example', 'sec-websocket-version': '13' },
          });
          stream.on('error', () => undefined);
          resolve(() => stream.close(8));
        });
      });
      return () => void asked.then((leave) => leave());
    },
  ],
  [
    'TCP that is closed',
    () => {
      const socket = opened(servicePort);
      return () => void socket.destroy();
    },
  ],
  [
    'TCP that is reset behind its first words',
    () => {
      const socket = opened(servicePort);
      socket.write('hello');
      return () => void socket.resetAndDestroy();
    },
  ],
];

it.each(CLIENTS)('%s leaves the queue', async (_what, come) => {
  const holder = come();
  await until('the holder at the target', () => atTarget.length === 1);
  const leave = Array.from({ length: QUEUE }, come);
  await until('all to wait', () => waiting() === QUEUE);
  for (const each of leave) each();
  await until('nobody to wait', () => waiting() === 0);
  await until('the records', () => records.length === QUEUE);
  expect(records).toMatchObject(leave.map(() => ({ status: 0, closedBy: 'client' })));
  // there is room again, and the next one is served
  const next = come();
  await until('the next one to wait', () => waiting() === 1);
  expect(records).toHaveLength(QUEUE);
  holder();
  await until('the next one at the target', () => atTarget.length === 2);
  next();
});

describe('TCP that has said all and listens', () => {
  it('waits, and is answered', async () => {
    const holder = opened(servicePort);
    await until('the holder at the target', () => atTarget.length === 1);
    const client = opened(servicePort);
    let text = '';
    client.on('data', (data) => (text += data.toString()));
    client.end('one word');
    await until('it to wait', () => waiting() === 1);
    // others come and go meanwhile
    const other = opened(servicePort);
    await until('both to wait', () => waiting() === 2);
    other.destroy();
    await until('the other one to be gone', () => waiting() === 1);
    holder.destroy();
    await until('the answer', () => text === 'got one word');
  });
});
