// How a WebSocket ends when one of its sides has: WebSocket has no half-close, so the other side is ended, too, and nothing of it stays in
// flight, whichever way the client came and left, and whether or not the target closes its own half.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import { selfSigned, until } from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';
import { relayWebSocket } from './websocket-relay.js';

// generous: machines are shared
jest.setTimeout(60_000);

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: web.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
const CLOSE_OF_CLIENT = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]);
const CLOSE_OF_TARGET = Buffer.from([0x88, 2, 3, 0xe8]);
/** 64 KB in one frame: more than the proxy takes at once. */
const LAST_WORDS = Buffer.concat([
  Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
  Buffer.alloc(65_536, 'w'),
]);

/** As a task has it that never ends its own half. */
interface AtTarget {
  readonly socket: Duplex;
  bytes: Buffer;
  ended: boolean;
  closed: boolean;
}

let engine: ProxyEngine;
let ports: { readonly http: number; readonly https: number };
let folder: string;
let records: RequestRecord[];
let atTarget: AtTarget[];
let asked: number;
let closing: (() => void)[];

beforeEach(async () => {
  closing = [];
  atTarget = [];
  asked = 0;
  const mine: RequestRecord[] = (records = []);
  folder = mkdtempSync(join(tmpdir(), 'ends-'));
  writeFileSync(join(folder, 'web.pem'), selfSigned(['web.example']).pem);
  const started = await startEngine({
    tls: { port: 0, certificates: [folder] },
    observer: { ended: (record) => mine.push(record) },
  });
  engine = started.engine;
  ports = { http: started.port, https: engine.httpsPort ?? 0 };
});
afterEach(async () => {
  await engine.stop(0);
  for (const each of closing) each();
  rmSync(folder, { recursive: true });
});

const serve = async (isSilent = false): Promise<void> => {
  const server = createServer();
  server.on('upgrade', (req, socket: Duplex) => {
    asked += 1;
    closing.push(() => socket.destroy());
    socket.on('error', () => undefined);
    if (isSilent) return;
    const one: AtTarget = { socket, bytes: Buffer.alloc(0), ended: false, closed: false };
    atTarget.push(one);
    socket.on('data', (chunk: Buffer) => (one.bytes = Buffer.concat([one.bytes, chunk])));
    socket.on('end', () => (one.ended = true)).on('close', () => (one.closed = true));
    const accept = createHash('sha1')
      .update(`${req.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  closing.push(() => server.close());
  await engine.swap(aTable(1, aService({ a: await listen(server) })));
};
const inFlight = (): number => engine.inFlight().get('a' as never) ?? 0;
const nothingStays = async (): Promise<void> => {
  await until('nothing in flight', () => inFlight() === 0);
  await until('the record', () => records.length > 0);
  expect(records).toMatchObject([{ path: 'websocket' }]);
};

interface Client {
  /** What frames go through. */
  readonly stream: Duplex;
  /** The connection below it. */
  readonly socket: Socket;
  readonly session?: ClientHttp2Session;
  bytes: Buffer;
  ended: boolean;
}
const watch = (made: Pick<Client, 'stream' | 'socket' | 'session'>): Client => {
  const client: Client = { ...made, bytes: Buffer.alloc(0), ended: false };
  closing.push(() => client.socket.destroy());
  client.stream.on('error', () => undefined).on('end', () => (client.ended = true));
  client.stream.on('data', (chunk: Buffer) => (client.bytes = Buffer.concat([client.bytes, chunk])));
  return client;
};
const toTls = (alpn: string): Socket => {
  const options = { port: ports.https, servername: 'web.example', ALPNProtocols: [alpn] };
  // node takes it, its types do not
  const halfOpen = { allowHalfOpen: true };
  return connectTls({ ...options, rejectUnauthorized: false, ...halfOpen });
};
const toPlain = (): Socket => connect({ port: ports.http, host: '127.0.0.1', allowHalfOpen: true });
const ask = (way: Way): Client => {
  const socket = way === 'TLS' ? toTls('http/1.1') : way === 'HTTP/2 over TLS' ? toTls('h2') : toPlain();
  socket.on('error', () => undefined);
  if (!way.startsWith('HTTP/2')) {
    socket.write(HANDSHAKE);
    return watch({ stream: socket, socket });
  }
  const session = connectHttp2('http://web.example', { createConnection: () => socket });
  session.on('error', () => undefined);
  const stream: ClientHttp2Stream = session.request({
    ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/' },
    ...{ ':authority': 'web.example', 'sec-websocket-version': '13' },
  });
  return watch({ stream, socket, session });
};
/** Relayed both ways, and nothing but frames is to come. */
const open = async (way: Way): Promise<[client: Client, target: AtTarget]> => {
  const client = ask(way);
  await until('the target to be asked', () => atTarget.length === 1);
  const target = atTarget[0] as AtTarget;
  target.socket.write(Buffer.from([0x81, 2, 0x68, 0x69]));
  await until('a frame', () => client.bytes.toString('latin1').endsWith('hi'));
  client.bytes = Buffer.alloc(0);
  expect(inFlight()).toBe(1);
  return [client, target];
};

const WAYS = ['HTTP/1.1', 'TLS', 'HTTP/2', 'HTTP/2 over TLS'] as const;
type Way = (typeof WAYS)[number];
type Leave = readonly [how: string, leave: (client: Client) => void, ways: readonly Way[]];
const HTTP2: readonly Way[] = ['HTTP/2', 'HTTP/2 over TLS'];
const LEAVES: readonly Leave[] = [
  ['ends', ({ stream }) => void stream.end(), WAYS],
  ['breaks its connection', ({ socket }) => void socket.resetAndDestroy(), ['HTTP/1.1', 'HTTP/2']],
  ['closes its connection', ({ socket }) => void socket.destroy(), WAYS],
  ['ends its connection', ({ socket }) => void socket.end(), ['HTTP/1.1', 'TLS', 'HTTP/2']],
  ['resets the stream', ({ stream }) => (stream as ClientHttp2Stream).close(8), HTTP2],
  [
    'ends the stream, then the connection',
    ({ stream, socket }) => void stream.end(() => socket.end()),
    HTTP2,
  ],
  ['destroys its session', ({ session }) => session?.destroy(), HTTP2],
  ['closes its session and ends', ({ session, stream }) => (session?.close(), void stream.end()), HTTP2],
];

describe.each(WAYS)('a client over %s', (way) => {
  it.each(LEAVES.filter(([, , ways]) => ways.includes(way)))(
    'that %s ends its target, which keeps its half open, too',
    async (_how, leave) => {
      await serve();
      const [client, target] = await open(way);
      leave(client);
      await until('its end at the target', () => target.ended);
      await nothingStays();
      expect(records).toMatchObject([{ closedBy: 'client', status: 101 }]);
    },
  );

  it('gets what its target said last, then the end, though it keeps its half open itself', async () => {
    await serve();
    const [client, target] = await open(way);
    target.socket.end(LAST_WORDS);
    await until('the end', () => client.ended);
    expect(client.bytes.equals(LAST_WORDS)).toBe(true);
    await nothingStays();
    expect(records).toMatchObject([{ closedBy: 'target' }]);
  });

  it('has its last frame passed on to a target that has ended already', async () => {
    await serve();
    const [client, target] = await open(way);
    target.socket.end(CLOSE_OF_TARGET);
    await until('the end', () => client.ended);
    client.stream.end(CLOSE_OF_CLIENT);
    await until('its last frame', () => target.bytes.equals(CLOSE_OF_CLIENT));
    await nothingStays();
  });

  it('gets the answer to its close frame', async () => {
    await serve();
    const [client, target] = await open(way);
    client.stream.end(CLOSE_OF_CLIENT);
    await until('both at the target', () => target.ended);
    expect(target.bytes.equals(CLOSE_OF_CLIENT)).toBe(true);
    target.socket.end(CLOSE_OF_TARGET);
    await until('the end', () => client.ended);
    expect(client.bytes.equals(CLOSE_OF_TARGET)).toBe(true);
    await nothingStays();
  });

  it('that leaves while its target is silent about the handshake', async () => {
    await serve(true);
    const client = ask(way);
    await until('it in flight', () => asked === 1);
    client.socket.destroy();
    await nothingStays();
    expect(records).toMatchObject([{ status: 0, closedBy: 'client' }]);
  });
});

it('a client whose process is killed', async () => {
  await serve();
  const program = `const s = require('net').connect(${ports.http}, '127.0.0.1'); s.write(${JSON.stringify(HANDSHAKE)}); s.resume();`;
  const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
  closing.push(() => child.kill('SIGKILL'));
  await until('the target to be asked', () => atTarget.length === 1);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await until('its end at the target', () => atTarget[0]?.ended === true);
  await nothingStays();
});

it('a side that takes nothing is cut some time after the other one has ended', async () => {
  const clock = new ManualClock();
  const upstream = new PassThrough();
  // as a socket whose peer does not read
  const client = new Duplex({ read: () => undefined, write: () => undefined });
  let closed = '';
  relayWebSocket({ client, upstream, clock }, (first) => (closed = first));
  upstream.end('the last bytes');
  await until('the end to be read', () => upstream.readableEnded);
  clock.advance(9_000);
  expect(client.destroyed).toBe(false);
  clock.advance(1_000);
  await until('both to be closed', () => closed === 'target');
  expect(client.destroyed).toBe(true);
});

it('a target that leaves when its client has ended already', async () => {
  await serve();
  const [client, target] = await open('HTTP/1.1');
  client.stream.end();
  await until('its end at the target', () => target.ended);
  // a close frame behind the end would be an error that nobody hears
  await engine.stop(0);
  await nothingStays();
});

// the timer of a connection that stands: 2 is that of its probes (proc(5), tcp_diag)
it.each(['HTTP/1.1', 'TLS', 'HTTP/2', 'HTTP/2 over TLS'] as const)(
  'a client over %s that vanishes without a word is found out by probes',
  async (way) => {
    await serve();
    const [client] = await open(way);
    const [ours, its] = [client.socket.remotePort ?? 0, client.socket.localPort ?? 0].map((port) =>
      port.toString(16).toUpperCase().padStart(4, '0'),
    );
    const line = new RegExp(` \\w+:${ours} \\w+:${its} 01 \\S+ 02:`);
    await until('the timer of the probes', () => line.test(readFileSync('/proc/net/tcp', 'utf8')));
  },
);
