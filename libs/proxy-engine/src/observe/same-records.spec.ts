// What observers are told of a request does not depend on the way that it took: one table of requests, each over HTTP/1.1 on the fast
// path, over HTTP/1.1 on the full path, and over HTTP/2.
import { createServer, request as requestHttp1, type RequestListener, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RoutePolicy, RouteService } from '#libs/routing';
import { freePort, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine, type Backends } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';
import type { RequestRecord } from './request-record.js';
import { versionOf } from './version-of.js';

jest.setTimeout(60_000);

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Record<string, string>;
  /** Its length is not told in advance. */
  readonly body?: string;
  /** Goes away once the target has the request. */
  readonly leaves?: boolean;
}
interface Case {
  readonly name: string;
  readonly policy?: RoutePolicy;
  readonly service?: Partial<RouteService>;
  /** Default: one that answers as it is asked to. `refusing` in front of it, or nobody. */
  readonly targets?: 'one' | 'none' | 'refusing' | 'refusing and one';
  readonly ask?: Asked;
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
};
const own = { own: true, task: undefined };
const limited: RoutePolicy = { limits: { bodyBytes: 10 } };
const CASES: readonly Case[] = [
  { name: 'a body with a length', ask: { path: '/length?secret=1' }, told: { urlPath: '/length' } },
  { name: 'a body in chunks', ask: { path: '/chunks' }, told: { urlPath: '/chunks' } },
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
    ask: { path: '/silent', leaves: true },
    told: { urlPath: '/silent', status: 0 },
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

describe.each(['fast', 'full', 'h2'] as const)('what is told of a request on the %s path', (way) => {
  let engine: ProxyEngine;
  let port: number;
  let records: RequestRecord[];
  let servers: Server[];
  let heard: string[];

  beforeEach(async () => {
    records = [];
    servers = [];
    heard = [];
    const observer = { ended: (record: RequestRecord): void => void records.push(record) };
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
    const one = { a: await listen(server) };
    const refusing = { r: await freePort() };
    const backends: Backends =
      targets === 'one'
        ? one
        : targets === 'none'
          ? {}
          : targets === 'refusing'
            ? refusing
            : { ...refusing, ...one };
    const made = aService(backends, { ...service, ...(policy ? { policy } : {}) });
    const versioned = made.targets.map((each) => ({
      ...each,
      version: V1 as never,
      // asked when the one that refuses has refused
      ...(targets === 'refusing and one' && each.taskId === 'a' ? { weight: 0 } : {}),
    }));
    await engine.swap(aTable(1, { ...made, targets: versioned }));
  };
  const ask = (asked: Asked): Promise<number> => (way === 'h2' ? askHttp2(asked) : askHttp1(asked));
  /** Bytes of the body, whatever became of it. */
  const askHttp1 = ({
    method = 'GET',
    path = '/',
    host = 'web.example',
    headers = {},
    body,
    leaves,
  }: Asked) =>
    new Promise<number>((resolve) => {
      const { 'x-second-host': second, ...kept } = headers;
      if (method === 'CONNECT' || second !== undefined) {
        const first = method === 'CONNECT' ? 'CONNECT a.example:1' : 'GET /';
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('close', () => resolve(text.split('\r\n\r\n')[1]?.length ?? 0));
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
      let bytes = 0;
      sent.on('response', (response) => {
        response.on('data', (chunk: Buffer) => (bytes += chunk.length));
        response.on('error', () => undefined).on('close', () => resolve(bytes));
      });
      sent.on('error', () => resolve(bytes));
      if (kept['content-length'] === undefined) sent.end(body);
      else sent.flushHeaders();
      if (leaves) void until('the request to arrive', () => heard.length > 0).then(() => sent.destroy());
    });
  const askHttp2 = ({
    method = 'GET',
    path = '/',
    host = 'web.example',
    headers = {},
    body,
    leaves,
  }: Asked) =>
    new Promise<number>((resolve) => {
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
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
      stream
        .on('error', () => undefined)
        .on('close', () => {
          session.destroy();
          resolve(bytes);
        });
      if (body !== undefined) stream.end(body);
      if (leaves) void until('the request to arrive', () => heard.length > 0).then(() => stream.close(8));
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
    }).toEqual({ ...usual, ...told });
    expect(last).toMatchObject({ bytesOut: bytes, clientAddress: '127.0.0.1' });
    expect(last.requestId).toMatch(told.method === '' ? /^\w+-\w+$/ : /^given-1$/);
    expect(last.durationMs).toBeGreaterThan(0);
    expect(last.durationMs).toBeLessThan(60_000);
  });

  it('a full queue', async () => {
    const limits = { connectionsPerTarget: 1, queue: 0 };
    await serve({ name: '', policy: { limits }, told: {} });
    const first = ask({ path: '/silent', leaves: false });
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
