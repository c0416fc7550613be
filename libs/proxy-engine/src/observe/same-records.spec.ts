// What observers are told of a request does not depend on the way that it took: one table of requests, each over HTTP/1.1 on the fast
// path, over HTTP/1.1 on the full path, and over HTTP/2.
import {
  createServer,
  request as requestHttp1,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AbortedBy, RequestRecord } from '#libs/proxy-core';
import type { RoutePolicy, RouteService, RouteTarget } from '#libs/routing';
import { freePort, until } from '#libs/testkit';
import { get, ok, RawClient, rawTask, type RawTask } from '../fast/wire-bed.js';
import { aService, aTable, listen, PATHS, startEngine, type Backends } from '../fixtures/engine-bed.js';
import { faultOfParser } from '../full/strict-screen.js';
import type { ProxyEngine } from '../proxy-engine.js';
import { versionOf } from './version-of.js';

jest.setTimeout(60_000);

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Its length is not told in advance. */
  readonly body: string | undefined;
  /** Goes away once the target has the request, or once some of the answer has come. */
  readonly leaves: 'before' | 'within' | undefined;
  /** Takes nothing of the answer's body. */
  readonly isStuck: boolean;
}
/** Of both clients. */
const USUALLY: Asked = {
  method: 'GET',
  path: '/',
  host: 'web.example',
  headers: {},
  body: undefined,
  leaves: undefined,
  isStuck: false,
};
interface Case {
  readonly name: string;
  readonly policy?: RoutePolicy;
  readonly service?: Partial<RouteService>;
  /** Default: one that answers as it is asked to. `refusing` in front of it, or nobody. */
  readonly targets?: 'one' | 'none' | 'two' | 'refusing' | 'refusing and one';
  readonly ask?: Partial<Asked>;
  /** By the target. */
  readonly heard?: string;
  /** How often; of the last one is spoken. */
  readonly times?: number;
  readonly told: Partial<Told>;
}
interface Told {
  readonly app: string | undefined;
  readonly version: string | undefined;
  readonly task: string | undefined;
  readonly own: boolean;
  readonly method: string;
  readonly host: string | undefined;
  readonly urlPath: string;
  readonly status: number;
  readonly retries: number;
  readonly abortedBy: AbortedBy | undefined;
}

const GIVEN = { 'x-request-id': 'given-1' };
const V1 = '2026-01-01T00:00:00.000Z';
const usual: Told = {
  app: '/web',
  version: V1,
  task: 'a',
  own: false,
  method: 'GET',
  host: 'web.example',
  urlPath: '/',
  status: 200,
  retries: 0,
  abortedBy: undefined,
};
const own = { own: true, task: undefined };
const limited: RoutePolicy = { limits: { bodyBytes: 10 } };
const CASES: readonly Case[] = [
  { name: 'a body with a length', ask: { path: '/length?secret=1' }, told: { urlPath: '/length' } },
  { name: 'a body in chunks', ask: { path: '/chunks' }, told: { urlPath: '/chunks' } },
  ...(
    [
      ['a path that is cut off', { stripPrefix: '/p' }, '/p/length', '/length'],
      ['a path that is put before', { proxyPass: '/new' }, '/x', '/new/x'],
    ] as const
  ).map(([name, policy, path, heard]): Case => ({
    ...{ name, policy, ask: { path: `${path}?secret=1` }, heard: `${heard}?secret=1` },
    told: { urlPath: path },
  })),
  {
    name: 'a path of an app id',
    ask: { path: '/_app/web/length?secret=1', host: 'localhost' },
    heard: '/length?secret=1',
    told: { urlPath: '/_app/web/length', host: 'localhost' },
  },
  { name: 'an answer without a body', ask: { path: '/304' }, told: { urlPath: '/304', status: 304 } },
  { name: 'HEAD', ask: { method: 'HEAD', path: '/length' }, told: { method: 'HEAD', urlPath: '/length' } },
  { name: 'a body of the client', ask: { method: 'POST', body: 'hello' }, told: { method: 'POST' } },
  { name: 'a failure of the target', ask: { path: '/500' }, told: { urlPath: '/500', status: 500 } },
  {
    name: 'a break before the answer',
    ask: { method: 'POST', path: '/break' },
    told: { method: 'POST', urlPath: '/break', status: 502 },
  },
  { name: 'a break on the way, twice', ask: { path: '/break' }, told: { urlPath: '/break', status: 502 } },
  {
    name: 'silence',
    policy: { timeouts: { silenceMs: 200 } },
    ask: { path: '/silent' },
    told: { urlPath: '/silent', status: 504 },
  },
  {
    name: 'a client that goes away',
    ask: { path: '/silent', leaves: 'before' },
    told: { urlPath: '/silent', status: 0, abortedBy: 'client' },
  },
  {
    name: 'a client that goes away in the middle of the answer',
    ask: { path: '/begins', leaves: 'within' },
    told: { urlPath: '/begins', abortedBy: 'client' },
  },
  {
    name: 'a client that takes nothing of the answer',
    policy: { timeouts: { silenceMs: 500 } },
    ask: { path: '/flood', isStuck: true },
    told: { urlPath: '/flood', abortedBy: 'client' },
  },
  ...['/torn-length', '/torn-chunks', '/reset', '/bad-chunk'].map((path): Case => ({
    name: `an answer that is torn: ${path}`,
    ask: { path },
    told: { urlPath: path, abortedBy: 'target' },
  })),
  {
    name: 'a failure of the target that is torn',
    ask: { path: '/torn-500' },
    told: { urlPath: '/torn-500', status: 500, abortedBy: 'target' },
  },
  {
    name: 'silence in the middle of the answer',
    policy: { timeouts: { silenceMs: 200 } },
    ask: { path: '/begins' },
    told: { urlPath: '/begins', abortedBy: 'silence' },
  },
  { name: 'a target that does not accept', targets: 'refusing', told: { task: 'r', status: 503 } },
  {
    name: 'another target',
    targets: 'refusing and one',
    told: { retries: 1 },
  },
  {
    name: 'a body beyond its bound, as it says',
    policy: limited,
    ask: { method: 'POST', headers: { 'content-length': '11' } },
    told: { ...own, method: 'POST', status: 413 },
  },
  {
    name: 'a body beyond its bound',
    policy: limited,
    ask: { method: 'POST', path: '/late', body: 'x'.repeat(11) },
    told: { method: 'POST', urlPath: '/late', status: 413 },
  },
  {
    name: 'a rate',
    policy: { limits: { rate: { perSecond: 0.001, burst: 1, per: 'client' } } },
    times: 2,
    told: { ...own, status: 429 },
  },
  { name: 'an address', policy: { allow: ['192.0.2.0/24'] }, told: { ...own, status: 403 } },
  {
    name: 'no password',
    policy: { auth: { realm: 'r', users: [] } },
    ask: { path: '/x?y=z' },
    told: { ...own, urlPath: '/x', status: 401 },
  },
  {
    name: 'HEAD without a password',
    policy: { auth: { realm: 'r', users: [] } },
    ask: { method: 'HEAD' },
    told: { ...own, method: 'HEAD', status: 401 },
  },
  {
    name: 'a preflight',
    policy: { cors: { origins: ['*'] } },
    ask: { method: 'OPTIONS', headers: { origin: 'http://a', 'access-control-request-method': 'PUT' } },
    told: { ...own, method: 'OPTIONS', status: 200 },
  },
  { name: 'the root sent elsewhere', policy: { redirectRoot: '/start' }, told: { ...own, status: 301 } },
  {
    name: 'to HTTPS',
    service: { redirectToHttps: true },
    ask: { path: '/a' },
    told: { ...own, urlPath: '/a', status: 301 },
  },
  { name: 'no target', targets: 'none', told: { ...own, version: undefined, status: 503 } },
  {
    name: 'a host of nobody',
    ask: { host: 'nobody.example', path: '/b' },
    told: { ...own, app: undefined, version: undefined, host: 'nobody.example', urlPath: '/b', status: 404 },
  },
  {
    name: 'CONNECT',
    ask: { method: 'CONNECT' },
    told: {
      ...own,
      app: undefined,
      version: undefined,
      method: '',
      host: undefined,
      urlPath: '',
      status: 501,
    },
  },
  {
    name: 'two hosts',
    ask: { headers: { 'x-second-host': 'other.example' } },
    told: {
      ...own,
      app: undefined,
      version: undefined,
      method: '',
      host: undefined,
      urlPath: '',
      status: 400,
    },
  },
];

const EVENTS = { 'content-type': 'text/event-stream' };
/** For departures; nothing waits for it but these. */
const DRAIN_MS = 200;

/** Answers that their target ends too early, as they go over the wire, piece by piece. */
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n';
const TORN: Readonly<Record<string, readonly string[]>> = {
  '/torn-length': ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
  '/torn-chunks': [CHUNKED],
  '/torn-500': ['HTTP/1.1 500 Sick\r\nContent-Length: 10\r\n\r\nhalf'],
  '/reset': [CHUNKED],
  '/bad-chunk': [CHUNKED, 'no length\r\n'],
};
/** A piece once something of the one before has arrived at the client: a reset takes along what waits. */
async function tear(socket: Socket, path: string, hasArrived: () => boolean): Promise<void> {
  for (const piece of TORN[path] ?? []) {
    socket.write(piece);
    await until('the piece to arrive', hasArrived);
  }
  if (path === '/reset') socket.resetAndDestroy();
  else socket.destroy();
}

/** Without an end, as fast as it is taken. */
function flood(res: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024);
  const pour = (): void => {
    while (!res.destroyed && res.write(piece));
  };
  res.on('drain', pour);
  pour();
}

describe.each(['fast', 'full', 'h2'] as const)('what is told of a request on the %s path', (way) => {
  let engine: ProxyEngine;
  let port: number;
  let records: RequestRecord[];
  let servers: Server[];
  let heard: string[];
  let leftOut: string[];
  let begun: number;
  /** Bytes of bodies that clients got, of the last request. */
  let arrived: number;

  beforeEach(async () => {
    // what comes too late belongs to none of the next ones
    const told: RequestRecord[] = [];
    records = told;
    servers = [];
    heard = [];
    leftOut = [];
    begun = 0;
    arrived = 0;
    const observer = {
      ended: (record: RequestRecord): void => void told.push(record),
      leftOut: (_service: RouteService, { taskId }: RouteTarget): void => void leftOut.push(taskId),
    };
    ({ engine, port } = await startEngine({ observer, fastPath: way !== 'full' }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of servers) {
      each.closeAllConnections();
      each.close();
    }
  });

  const target: RequestListener = (req, res) => {
    heard.push(req.url ?? '');
    const [path] = (req.url ?? '').split('?');
    if (path === '/break') return void req.socket.destroy();
    if (path === '/silent') return;
    if (path === '/begins') return void res.write('some', () => (begun += 1));
    if (path === '/events') return void res.writeHead(200, EVENTS).write('data: 1\n\n', () => (begun += 1));
    if (path === '/flood') return flood(res);
    if (path !== undefined && path in TORN) return void tear(req.socket, path, () => arrived > 0);
    if (path === '/304') return void res.writeHead(304).end();
    if (path === '/500') return void res.writeHead(500, { 'content-length': '4' }).end('sick');
    if (path === '/chunks') {
      res.write('one,', () => res.end('two'));
      return;
    }
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => res.end(`got ${body}`));
  };
  const serve = async ({ targets = 'one', policy, service }: Case): Promise<void> => {
    const server = createServer(target);
    servers.push(server);
    const port = await listen(server);
    const one = { a: port };
    const refusing = { r: await freePort() };
    const backends = {
      none: {},
      one,
      two: { ...one, b: port },
      refusing,
      'refusing and one': { ...refusing, ...one },
    } satisfies Record<string, Backends>;
    const made = aService(backends[targets], { ...service, ...(policy ? { policy } : {}) });
    const versioned = made.targets.map((each) => ({
      ...each,
      version: V1 as never,
      drainMs: DRAIN_MS,
      // asked when the one that refuses has refused
      ...(targets === 'refusing and one' && each.taskId === 'a' ? { weight: 0 } : {}),
    }));
    await engine.swap(aTable(1, { ...made, targets: versioned }));
  };
  /** Bytes of the body, whatever became of it. */
  const ask = async (asked: Partial<Asked>): Promise<number> => {
    arrived = 0;
    await (way === 'h2' ? askHttp2 : askHttp1)({ ...USUALLY, ...asked });
    return arrived;
  };
  /** Once the client is to go away. */
  const toLeave = (leaves: Asked['leaves']): Promise<unknown> =>
    until('the moment to leave', () => (leaves === 'before' ? heard.length > 0 : arrived > 0));
  const askHttp1 = ({ method, path, host, headers, body, leaves, isStuck }: Asked): Promise<void> =>
    new Promise((resolve) => {
      const { 'x-second-host': second, ...kept } = headers;
      if (method === 'CONNECT' || second !== undefined) {
        const first = method === 'CONNECT' ? 'CONNECT a.example:1' : 'GET /';
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('close', () => {
          arrived = text.split('\r\n\r\n')[1]?.length ?? 0;
          resolve();
        });
        socket.write(
          `${first} HTTP/1.1\r\nHost: a.example\r\n${second === undefined ? '' : `Host: ${second}\r\n`}\r\n`,
        );
        return;
      }
      const sent = requestHttp1({
        port,
        method,
        path,
        agent: false,
        headers: {
          host,
          ...GIVEN,
          ...kept,
          ...(body === undefined ? {} : { 'transfer-encoding': 'chunked' }),
        },
      });
      sent.on('response', (response) => {
        response.on('error', () => undefined).on('close', () => resolve());
        // a connection that is not read does not see its end
        if (isStuck) void until('the end', () => records.length > 0).then(() => response.destroy());
        else response.on('data', (chunk: Buffer) => (arrived += chunk.length));
      });
      sent.on('error', () => resolve());
      if (kept['content-length'] === undefined) sent.end(body);
      else sent.flushHeaders();
      if (leaves) void toLeave(leaves).then(() => sent.destroy());
    });
  const askHttp2 = ({ method, path, host, headers, body, leaves, isStuck }: Asked): Promise<void> =>
    new Promise((resolve) => {
      const { 'x-second-host': second, ...kept } = headers;
      const session = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => undefined);
      const ends = body === undefined && kept['content-length'] === undefined;
      const stream = session.request(
        method === 'CONNECT'
          ? { ':method': 'CONNECT', ':authority': 'a.example:1' }
          : {
              ':method': method,
              ':path': path,
              ':authority': host,
              ...GIVEN,
              ...kept,
              ...(second === undefined ? {} : { host: second }),
            },
        { endStream: ends },
      );
      if (isStuck) void until('the end', () => records.length > 0).then(() => stream.destroy());
      else stream.on('data', (chunk: Buffer) => (arrived += chunk.length));
      stream
        .on('error', () => undefined)
        .on('close', () => {
          session.destroy();
          resolve();
        });
      if (body !== undefined) stream.end(body);
      if (leaves) void toLeave(leaves).then(() => stream.close(8));
    });

  it.each(CASES)('$name', async (each) => {
    const { ask: asked = {}, times = 1, told } = each;
    await serve(each);
    let bytes = 0;
    for (let time = 0; time < times; time += 1) bytes = await ask(asked);
    await until('the records', () => records.length >= times);
    expect(records).toHaveLength(times);
    const last = records.at(-1) as RequestRecord;
    expect({
      app: last.service?.appId,
      version: versionOf(last),
      task: last.target?.taskId,
      own: last.path === 'own',
      method: last.method,
      host: last.host,
      urlPath: last.urlPath,
      status: last.status,
      retries: last.retries,
      abortedBy: last.abortedBy,
    }).toEqual({ ...usual, ...told });
    if (each.heard !== undefined) expect(heard).toEqual([each.heard]);
    expect(last.clientAddress).toBe('127.0.0.1');
    // of an answer that did not arrive whole some may have been lost on the way
    if (told.abortedBy === undefined) expect(last.bytesOut).toBe(bytes);
    else expect(last.bytesOut).toBeGreaterThanOrEqual(bytes);
    expect(last.requestId).toMatch(told.method === '' ? /^\w+-\w+$/ : /^given-1$/);
    expect(last.durationMs).toBeGreaterThan(0);
    expect(last.durationMs).toBeLessThan(60_000);
  });

  it('a stop of the proxy in the middle of the answer', async () => {
    await serve({ name: '', told: {} });
    const first = ask({ path: '/begins' });
    await until('the request', () => heard.length === 1);
    // its answer, too
    await until('the answer', () => begun === 1);
    await engine.stop(0);
    await first;
    await until('the record', () => records.length > 0);
    expect(records).toMatchObject([{ status: 200, abortedBy: 'drain' }]);
  });

  it.each([
    ['an answer is torn', '/begins', 'drain'],
    ['an event stream ends as if it were whole', '/events', undefined],
  ] as const)('at the end of a drain %s', async (_what, path, abortedBy) => {
    await serve({ name: '', told: {} });
    const first = ask({ path });
    await until('the answer', () => begun === 1 && arrived > 0);
    await engine.swap(aTable(2));
    await first;
    await until('the record', () => records.length > 0);
    expect(records).toMatchObject([{ status: 200, abortedBy, target: { taskId: 'a' } }]);
  });

  it('answers that a target tears put it out, those that clients leave do not', async () => {
    const policy = { ejection: { failures: 3 }, balance: { by: 'round-robin' } } as const;
    await serve({ name: '', targets: 'two', policy, told: {} });
    for (let time = 0; time < 6; time += 1) await ask({ path: '/begins', leaves: 'within' });
    await until('the records', () => records.length === 6);
    expect(leftOut).toEqual([]);
    for (let time = 0; time < 6 && leftOut.length === 0; time += 1) await ask({ path: '/torn-length' });
    expect(leftOut).toHaveLength(1);
  });

  it('a full queue', async () => {
    const limits = { connectionsPerTarget: 1, queue: 0 };
    await serve({ name: '', policy: { limits }, told: {} });
    const first = ask({ path: '/silent' });
    await until('the first', () => heard.length === 1);
    const bytes = await ask({});
    await until('the record', () => records.length === 1);
    expect(records[0]).toMatchObject({
      path: 'own',
      status: 503,
      bytesOut: bytes,
      service: { appId: '/web' },
    });
    expect(versionOf(records[0] as RequestRecord)).toBe(V1);
    await engine.stop(0);
    await first;
  });
});

describe.each(PATHS)('what is told of a request that cannot be read on the $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let records: RequestRecord[];
  let task: RawTask;

  beforeEach(async () => {
    const told: RequestRecord[] = [];
    records = told;
    ({ engine, port } = await startEngine({ fastPath, observer: { ended: (each) => void told.push(each) } }));
    task = await rawTask((socket, heard) => {
      if (heard.endsWith('\r\n\r\n') && heard.startsWith('GET')) socket.write(ok());
    });
    await engine.swap(aTable(1, aService({ a: task.port })));
  });
  afterEach(async () => {
    await engine.stop(0);
    task.close();
  });

  const heardOn = async (text: string): Promise<string> => {
    const client = new RawClient(port).send(text);
    return client.isClosed();
  };

  it.each([
    ['a line that is none', get('/', 'no line\r\n'), 400],
    ['a method that is none', 'GE T / HTTP/1.1\r\nHost: web.example\r\n\r\n', 400],
    ['a head that is too long', get('/', `X-Long: ${'x'.repeat(40_000)}\r\n`), 431],
  ])('%s', async (_what, text, status) => {
    expect(await heardOn(text)).toMatch(
      new RegExp(`^HTTP/1.1 ${status} [^]*connection: close[^]*"the request is not served: `, 'i'),
    );
    expect(records).toMatchObject([{ path: 'own', status, service: undefined, clientAddress: '127.0.0.1' }]);
    expect(records[0]?.bytesOut).toBeGreaterThan(0);
  });

  it('a second one on the same connection, after the answer to the first', async () => {
    expect(await heardOn(`${get()}${get('/', 'no line\r\n')}`)).toMatch(
      /^HTTP\/1.1 200 OK[^]*\r\n\r\nok(HTTP\/1.1 400 [^]*)?$/,
    );
    await until('the records', () => records.length === 2);
    expect(records).toMatchObject([
      { status: 200, target: { taskId: 'a' } },
      { path: 'own', status: 400 },
    ]);
  });

  it('a body that turns out to be none', async () => {
    const text = 'POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n';
    const client = new RawClient(port).send(text);
    await until('the target to hear', () => task.heard[0]?.includes('abc') === true);
    expect(await client.send('no length\r\n').isClosed()).toMatch(
      /^HTTP\/1.1 400 [^]*"the request is not valid HTTP: /,
    );
    await until('the record', () => records.length === 1);
    expect(records).toMatchObject([{ status: 400, target: { taskId: 'a' }, abortedBy: undefined }]);
  });

  it('clients that leave in the middle of a head, or say nothing, are not told of', async () => {
    const half = new RawClient(port).send('GET / HTTP/1.1\r\nHo');
    half.socket.end();
    await half.isClosed();
    const mute = new RawClient(port);
    mute.socket.end();
    await mute.isClosed();
    const broken = new RawClient(port).send('GET / HT');
    await until('it to be sent', () => broken.socket.bytesWritten > 0 && broken.socket.writableLength === 0);
    broken.socket.resetAndDestroy();
    expect(await new RawClient(port).send(get()).hears('ok')).toMatch(/200 OK/);
    expect(records).toMatchObject([{ status: 200 }]);
  });
});

it('a head that comes too slowly is told as such, whichever reads it', () => {
  const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
  expect(faultOfParser(late)).toEqual({ status: 408, why: 'the head of the request came too slowly' });
});

it('a connection that finds no room is told of, too', async () => {
  const records: RequestRecord[] = [];
  const { engine, port } = await startEngine({
    connectionsPerClient: 0,
    observer: { ended: (each) => records.push(each) },
  });
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.resume().once('close', resolve));
  expect(records).toMatchObject([
    { path: 'own', status: 429, service: undefined, clientAddress: '127.0.0.1' },
  ]);
  await engine.stop(0);
});
