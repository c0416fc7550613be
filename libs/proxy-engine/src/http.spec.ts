import { Agent, createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { freePort, until } from '#libs/testkit';
import { asTaskId } from '#libs/model';
import { aService, aTable, ask, listen, PATHS, startEngine } from './fixtures/engine-bed.js';
import type { ProxyEngine } from './proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe.each(PATHS)('HTTP through the engine, $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let backends: TcpServer[];

  beforeEach(async () => {
    backends = [];
    ({ engine, port } = await startEngine({ fastPath }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of backends) {
      if ('closeAllConnections' in each) (each as Server).closeAllConnections();
      each.close();
    }
  });

  const backend = async (listener: RequestListener): Promise<{ server: Server; port: number }> => {
    const server = createServer(listener);
    backends.push(server);
    return { server, port: await listen(server) };
  };
  /** Speaks raw bytes. */
  const rawBackend = async (onConnection: (socket: Socket, nth: number) => void): Promise<number> => {
    let connections = 0;
    const server = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy());
      onConnection(socket, (connections += 1));
    });
    backends.push(server);
    return listen(server);
  };

  it('tells the task whom it serves, and leaves path, query and body as they are', async () => {
    const { port: target } = await backend((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => res.end(JSON.stringify({ url: req.url, headers: req.headers, body })));
    });
    await engine.swap(aTable(1, aService({ a: target })));
    const answer = await ask({
      port,
      path: '/a//b/%2e?x=//1',
      method: 'PUT',
      body: 'hello',
      headers: {
        'x-forwarded-for': '192.0.2.1',
        te: 'trailers',
        connection: 'close, x-secret',
        'x-secret': '1',
      },
    });
    const seen = JSON.parse(answer.text) as { url: string; body: string; headers: Record<string, string> };
    expect(seen).toMatchObject({ url: '/a//b/%2e?x=//1', body: 'hello' });
    expect(seen.headers).toMatchObject({
      host: 'web.example',
      connection: 'keep-alive',
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'web.example',
      'x-forwarded-port': String(port),
    });
    expect(seen.headers).not.toHaveProperty('te');
    expect(seen.headers).not.toHaveProperty('x-secret');
  });

  it('reaches an app under /_app/ with the prefix cut off, and on its service port', async () => {
    const { port: target } = await backend((req, res) =>
      res.end(`${req.url} ${String(req.headers['x-forwarded-prefix'])}`),
    );
    const servicePort = await freePort();
    await engine.swap(aTable(1, aService({ a: target }, { servicePort })));
    expect((await ask({ port, path: '/_app/web/x/y?z=1' })).text).toBe('/x/y?z=1 /_app/web');
    expect((await ask({ port, path: '/_app/web' })).text).toBe('/ /_app/web');
    expect((await ask({ port: servicePort, path: '/deep' })).text).toBe('/deep undefined');
  });

  it('keeps the connection to the task when the client closes its own', async () => {
    const { server, port: target } = await backend((_req, res) => res.end('ok'));
    let connections = 0;
    server.on('connection', () => (connections += 1));
    await engine.swap(aTable(1, aService({ a: target })));
    for (let round = 0; round < 5; round += 1) await ask({ port, headers: { connection: 'close' } });
    expect(connections).toBe(1);
  });

  it('drops an idle connection a second before the backend would', async () => {
    let closed = 0;
    const target = await rawBackend((socket) => {
      socket.on('close', () => (closed += 1));
      socket.on('data', () =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nkeep-alive: timeout=2\r\n\r\nok'),
      );
    });
    await engine.swap(aTable(1, aService({ a: target })));
    await ask({ port });
    const since = performance.now();
    await until('the idle connection to be closed', () => closed === 1);
    expect(performance.now() - since).toBeLessThan(1_900);
  });

  describe('when a kept connection is reset', () => {
    /** Answers once per connection, and resets it on the next request. */
    const oneAnswerEach = (): Promise<number> =>
      rawBackend((socket, nth) => {
        let requests = 0;
        socket.on('data', () => {
          requests += 1;
          if (requests > 1) socket.resetAndDestroy();
          else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${nth}`);
        });
      });

    it('sends an idempotent request without body once more', async () => {
      await engine.swap(aTable(1, aService({ a: await oneAnswerEach() })));
      expect((await ask({ port })).text).toBe('1');
      expect(await ask({ port })).toMatchObject({ status: 200, text: '2' });
    });

    it('does not repeat a POST', async () => {
      await engine.swap(aTable(1, aService({ a: await oneAnswerEach() })));
      await ask({ port });
      const answer = await ask({ port, method: 'POST', body: 'pay' });
      expect(answer.status).toBe(502);
      expect(answer.text).toContain('may have had an effect');
    });
  });

  describe('when something accepts for a dead task and closes at once, as a port proxy does', () => {
    const closesAtOnce = (): Promise<number> =>
      rawBackend((socket) => socket.on('data', () => socket.resetAndDestroy()));

    it('asks another target if the request is idempotent and without body', async () => {
      const { port: alive } = await backend((_req, res) => void res.end('alive'));
      // it would be left out soon, and the POSTs would not meet it
      const policy = { ejection: { failures: 0 } };
      await engine.swap(aTable(1, aService({ dead: await closesAtOnce(), alive }, { policy })));
      for (let round = 0; round < 10; round += 1) {
        expect(await ask({ port })).toMatchObject({ status: 200, text: 'alive' });
      }
      const posts = await Promise.all(
        Array.from({ length: 10 }, () => ask({ port, method: 'POST', body: 'pay' })),
      );
      expect(new Set(posts.map(({ status }) => status))).toEqual(new Set([200, 502]));
    });

    it('asks one other target only', async () => {
      const [a, b, c] = await Promise.all([closesAtOnce(), closesAtOnce(), closesAtOnce()]);
      await engine.swap(aTable(1, aService({ a, b, c })));
      expect(await ask({ port })).toMatchObject({ status: 502 });
    });
  });

  it('goes on to another target when a connect is refused, also with a POST, and leaves that one out for a while', async () => {
    const { port: alive } = await backend((req, res) => void req.pipe(res));
    const dead = await freePort();
    await engine.swap(aTable(1, aService({ dead, alive })));
    for (let round = 0; round < 6; round += 1) {
      const answer = await ask({ port, method: 'POST', body: `pay ${round}` });
      expect(answer).toMatchObject({ status: 200, text: `pay ${round}` });
    }
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('passes over every target that refuses at once, so that tasks that died together do not hide one that serves', async () => {
    const { port: alive } = await backend((req, res) => void req.pipe(res));
    for (let round = 1; round <= 8; round += 1) {
      const dead = await Promise.all(
        Array.from({ length: 9 }, async (_, at) => [`dead-${round}-${at}`, await freePort()]),
      );
      await engine.swap(
        aTable(round, aService({ ...(Object.fromEntries(dead) as Record<string, number>), alive })),
      );
      const answer = await ask({ port, method: 'POST', body: `pay ${round}` });
      expect(answer).toMatchObject({ status: 200, text: `pay ${round}` });
    }
  });

  it('says why nobody can answer', async () => {
    await engine.swap(aTable(1, aService({})));
    const answer = await ask({ port });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(JSON.parse(answer.text)).toEqual({
      message: 'app /web cannot answer now: 2 instances are starting; "quoted"',
    });
    await engine.swap(aTable(2, aService({ dead: await freePort() })));
    expect((await ask({ port })).text).toContain('none accepted a connection');
    expect(await ask({ port, headers: { host: 'other.example' } })).toMatchObject({ status: 404 });
    expect(await ask({ port, path: '/_app/nobody/' })).toMatchObject({ status: 404 });
  });

  it('takes 32 KiB of head from a task, and names the limit when there is more', async () => {
    const { server, port: target } = await backend((req, res) => {
      res.writeHead(200, { 'x-long': 'x'.repeat(Number(req.url?.slice(1))) }).end('whole');
    });
    server.on('upgrade', (req, socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(Number(req.url?.slice(1)))}\r\n\r\nwhole`);
    });
    await engine.swap(aTable(1, aService({ a: target })));
    const answer = (bytes: number, more = ''): Promise<string> =>
      new Promise((resolve, reject) => {
        // node's own client would stop at 16 KiB
        const client = connect(port, '127.0.0.1', () =>
          client.write(
            `GET /${bytes} HTTP/1.1\r\nHost: web.example\r\n${more || 'Connection: close\r\n'}\r\n`,
          ),
        );
        let text = '';
        client.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
        client.once('error', reject).once('close', () => resolve(text));
      });
    const webSocket = [
      ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ].join('\r\n');
    for (const more of ['', webSocket]) {
      const taken = await answer(31_000, more);
      expect(taken).toMatch(/^HTTP\/1.1 200 /);
      expect(taken.slice(taken.indexOf('x'.repeat(31_000)))).toContain('whole');
      const refused = await answer(34_000, more);
      expect(refused).toMatch(/^HTTP\/1.1 502 /);
      expect(refused).toContain(
        'app /web gave an answer that is not valid HTTP (the head is longer than 32768 bytes)',
      );
    }
  });

  it('answers 502 when a task dies before it answers, and cuts the client off when it dies in the middle', async () => {
    const target = await rawBackend((socket) =>
      socket.on('data', (data) => {
        if (data.toString().includes('/switched')) socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
        else if (data.toString().includes('/torn'))
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => socket.destroy());
        else socket.destroy();
      }),
    );
    await engine.swap(aTable(1, aService({ a: target })));
    expect(await ask({ port })).toMatchObject({ status: 502 });
    expect(await ask({ port, path: '/switched' })).toMatchObject({ status: 502 });
    await expect(ask({ port, path: '/torn' })).rejects.toThrow();
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('gives a silent task up', async () => {
    const quick = await startEngine({ fastPath, silenceMs: 200 });
    const { port: target } = await backend(() => undefined);
    await quick.engine.swap(aTable(1, aService({ a: target })));
    expect(await ask({ port: quick.port })).toMatchObject({ status: 504 });
    await quick.engine.stop(0);
  });

  it('counts what is in flight, tells when it ends, and ends it at the task when the client goes', async () => {
    const idle: string[] = [];
    const own = await startEngine({ fastPath, onIdle: (task) => idle.push(task) });
    const answers = new Map<string, ServerResponse>();
    const { port: target } = await backend((req, res) => void answers.set(req.url ?? '', res));
    await own.engine.swap(aTable(1, aService({ a: target })));
    const staying = ask({ port: own.port, path: '/staying' });
    const leaving = new AbortController();
    const left = ask({ port: own.port, path: '/leaving', signal: leaving.signal });
    left.catch(() => undefined);
    await until('both to be in flight', () => answers.size === 2);
    // the target leaves the table: what is in flight stays and is still counted
    await own.engine.swap(aTable(2, aService({})));
    expect(own.engine.inFlight().get(asTaskId('a'))).toBe(2);
    leaving.abort();
    await expect(left).rejects.toThrow();
    await until('the task to notice', () => answers.get('/leaving')?.destroyed === true);
    expect(own.engine.inFlight().get(asTaskId('a'))).toBe(1);
    expect(idle).toEqual([]);
    answers.get('/staying')?.end('done');
    expect((await staying).text).toBe('done');
    await until('the end to be told', () => idle.length === 1);
    await own.engine.stop(0);
  });

  it('loses no request while targets come and go under load', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    let stop = false;
    const failures: string[] = [];
    let done = 0;
    const load = async (): Promise<void> => {
      while (!stop) {
        try {
          const { status, text } = await ask({ port, agent, method: done % 3 === 0 ? 'POST' : 'GET' });
          if (status !== 200) failures.push(`${status} ${text}`);
        } catch (error) {
          failures.push(String(error));
        }
        done += 1;
      }
    };
    const answerLater: RequestListener = (_req, res) => setImmediate(() => res.end('ok'));
    let current = await backend(answerLater);
    let task = 0;
    await engine.swap(aTable(1, aService({ [`t${task}`]: current.port })));
    const clients = Array.from({ length: 16 }, load);
    for (let round = 2; round < 22; round += 1) {
      const next = await backend(answerLater);
      const gone = asTaskId(`t${task}`);
      task += 1;
      await engine.swap(aTable(round, aService({ [`t${task}`]: next.port })));
      const mark = done;
      await until('the old task to be idle', () => !engine.inFlight().has(gone), { everyMs: 1 });
      current.server.closeAllConnections();
      current.server.close();
      await until('some more requests', () => done > mark + 50, { everyMs: 1 });
      current = next;
    }
    stop = true;
    await Promise.all(clients);
    agent.destroy();
    expect(failures).toEqual([]);
    expect(done).toBeGreaterThan(1_000);
  });

  it('spreads requests and keeps a sticky client at its instance', async () => {
    const a = await backend((_req, res) => res.end('a'));
    const b = await backend((_req, res) => res.end('b'));
    await engine.swap(aTable(1, aService({ a: a.port, b: b.port })));
    const seen = new Set<string>();
    for (let round = 0; round < 40; round += 1) seen.add((await ask({ port })).text);
    expect(seen).toEqual(new Set(['a', 'b']));

    await engine.swap(aTable(2, aService({ a: a.port, b: b.port }, { sticky: true })));
    const first = await ask({ port });
    const cookie = first.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    for (let round = 0; round < 4; round += 1) {
      const again = await ask({ port, headers: { cookie } });
      expect(again.text).toBe(first.text);
      expect(again.headers['set-cookie']).toBeUndefined();
    }
  });

  it('redirects to HTTPS where asked to, unless a terminator in front has done it', async () => {
    const { port: target } = await backend((_req, res) => res.end('ok'));
    await engine.swap(aTable(1, aService({ a: target }, { redirectToHttps: true })));
    expect(await ask({ port, path: '/x?y' })).toMatchObject({
      status: 301,
      headers: { location: 'https://web.example/x?y' },
    });
    expect(await ask({ port, headers: { 'x-forwarded-proto': 'https' } })).toMatchObject({ status: 200 });
  });

  describe('against smuggling', () => {
    const raw = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        let answer = '';
        socket.on('data', (chunk) => (answer += chunk.toString()));
        socket.on('error', () => resolve(answer));
        socket.on('close', () => resolve(answer));
      });

    it('refuses a request with a length and a transfer encoding', async () => {
      const both = 'content-length: 4\r\ntransfer-encoding: chunked\r\n';
      expect(await raw(`POST / HTTP/1.1\r\nhost: web.example\r\n${both}\r\n0\r\n\r\n`)).toMatch(
        /^HTTP\/1.1 400/,
      );
    });

    it('refuses encodings other than chunked', async () => {
      const head = 'POST / HTTP/1.1\r\nhost: web.example\r\nconnection: close\r\n';
      expect(await raw(`${head}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 501/);
    });

    it('keeps the framing of a DELETE with a chunked body', async () => {
      const { port: target } = await backend((req, res) => void req.pipe(res));
      await engine.swap(aTable(1, aService({ a: target })));
      const answer = await ask({
        port,
        method: 'DELETE',
        headers: { 'transfer-encoding': 'chunked' },
        body: 'GET /admin HTTP/1.1\r\n\r\n',
      });
      expect(answer).toMatchObject({ status: 200, text: 'GET /admin HTTP/1.1\r\n\r\n' });
    });
  });
});
