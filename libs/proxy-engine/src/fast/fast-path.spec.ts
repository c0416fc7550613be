import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { asTaskId } from '#libs/model';
import type { RequestRecord } from '#libs/proxy-core';
import { freePort, until } from '#libs/testkit';
import { ManualClock, SystemClock } from '#libs/time';
import { Departures } from '../drain/departures.js';
import { aService, aTable, ask, listen, startEngine, type Backends } from '../fixtures/engine-bed.js';
import { nobodyWatches } from '../observe/observer.js';
import type { ProxyEngine, ProxyEngineOptions } from '../proxy-engine.js';
import { LiveRoutes } from '../targets/live-routes.js';
import { TargetClaims } from '../targets/target-claims.js';
import { BODY_PACE } from './body-pace.js';
import { FastPath } from './fast-path.js';
import { get, ok, post, RawClient, rawTask, type RawTask } from './wire-bed.js';

// generous: machines are shared
jest.setTimeout(120_000);

const close: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of close.splice(0).reverse()) await each();
});

async function engineFor(
  backends: Backends,
  options: Partial<ProxyEngineOptions> = {},
): Promise<{ engine: ProxyEngine; port: number }> {
  const started = await startEngine(options);
  close.push(() => started.engine.stop(0));
  await started.engine.swap(aTable(1, aService(backends)));
  return started;
}

async function task(onData?: Parameters<typeof rawTask>[0]): Promise<RawTask> {
  const made = await rawTask(onData);
  close.push(() => made.close());
  return made;
}

/** Answers each whole request without a body. */
const answering = (answer: string): Promise<RawTask> =>
  task((socket, heard) => {
    if (heard.endsWith('\r\n\r\n')) socket.write(answer, 'latin1');
  });

async function nodeTask(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  close.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: await listen(server) };
}

function client(port: number): RawClient {
  const made = new RawClient(port);
  close.push(() => made.socket.destroy());
  return made;
}

const idle = (engine: ProxyEngine): Promise<unknown> =>
  until('nothing in flight', () => engine.inFlight().size === 0);

describe('the fast path: heads', () => {
  it('rewrites the head of a request once and leaves its body alone', async () => {
    const to = await task((socket, heard) => {
      if (heard.endsWith('body')) socket.write(ok());
    });
    const { port } = await engineFor({ a: to.port });
    const from = client(port).send(
      post(
        'body',
        'X-Mixed-Case: Stays\r\nTE: trailers\r\nKeep-Alive: timeout=1\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n' +
          'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /lie\r\n' +
          'Forwarded: for=192.0.2.9;host=lie.example\r\nX-Request-Id: given-1\r\n',
      ),
    );
    await from.hears('ok');
    expect(to.heard[0]).toBe(
      'POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: 4\r\nX-Mixed-Case: Stays\r\n' +
        `x-forwarded-for: 192.0.2.1, 192.0.2.2, 127.0.0.1\r\nx-forwarded-proto: https\r\nx-forwarded-port: ${port}\r\nx-forwarded-host: web.example\r\n` +
        'forwarded: for=192.0.2.1;host=web.example;proto=https, for=192.0.2.2, for=127.0.0.1\r\n' +
        'x-request-id: given-1\r\nconnection: keep-alive\r\n\r\nbody',
    );
    await from.isClosed();
    expect(from.text).toMatch(/connection: close\r\n/);
  });

  it('gives each request an id of its own, also in place of one that is unusable', async () => {
    const to = await answering(ok());
    const { port } = await engineFor({ a: to.port });
    const from = client(port).send(get('/1'));
    await from.hears('ok');
    from.send(get('/2', `X-Request-Id: ${'x'.repeat(129)}\r\n`));
    await until('the second', () => (to.heard[0]?.match(/x-request-id/g) ?? []).length === 2);
    const ids = [...(to.heard[0] ?? '').matchAll(/x-request-id: (\S+)\r\n/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
  });

  it('drops what belongs to the connection from answers, and adds a date', async () => {
    const to = await answering(
      'HTTP/1.1 200 Fine\r\nX-A: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok',
    );
    const { port } = await engineFor({ a: to.port });
    const text = await client(port).send(get()).hears('ok');
    expect(text.replace(/date: [^\r]+/, 'date: D')).toBe(
      'HTTP/1.1 200 Fine\r\nX-A: 1\r\nContent-Length: 2\r\ndate: D\r\nconnection: keep-alive\r\nkeep-alive: timeout=75\r\n\r\nok',
    );
  });

  it('carries out the edits of a route, on requests and answers', async () => {
    const { editHead } = await import('./request-rewrite.js');
    const head = 'HTTP/1.1 200 OK\r\nServer: x\r\nX-A: 1\r\nx-a: 2\r\n';
    expect(
      editHead(head, [
        { do: 'remove', name: 'server' },
        { do: 'set', name: 'x-a', value: '3' },
        { do: 'add', name: 'x-b', value: '4' },
      ]),
    ).toBe('HTTP/1.1 200 OK\r\nx-a: 3\r\nx-b: 4\r\n');
  });

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', /Content-Length: 100/],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', /204 No Content/],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n', /Content-Length: 100/],
  ])('knows that an answer to %s like %j has no body', async (method, answer, kept) => {
    const to = await answering(answer);
    const { engine, port } = await engineFor({ a: to.port });
    const from = client(port);
    for (let round = 1; round <= 3; round += 1) {
      from.send(get().replace('GET', method));
      await until('the answer', () => from.text.split('\r\n\r\n').length === round + 1);
    }
    expect(from.text).toMatch(kept);
    await idle(engine);
    expect(to.sockets).toHaveLength(1);
  });

  it('passes interim answers on, and does not take them for the answer', async () => {
    const to = await answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n${ok()}`);
    const { port } = await engineFor({ a: to.port });
    const text = await client(port).send(get()).hears('ok');
    expect(text).toMatch(/^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 200 OK\r\n/);
  });

  it('refuses what is malformed, closes, and forwards nothing of it', async () => {
    const to = await answering(ok());
    const { port } = await engineFor({ a: to.port });
    for (const bad of [
      'GET / HTTP/1.1\r\nHost : web.example\r\n\r\n',
      'GET / HTTP/1.1\nHost: web.example\n\n',
      'POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: +1\r\n\r\nx',
      'POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
    ])
      expect(await client(port).send(bad).isClosed()).toMatch(/^HTTP\/1.1 400 /);
    expect(to.sockets).toHaveLength(0);
  });

  it('refuses a body whose chunks turn bad in the middle, and tells the task by a break', async () => {
    const to = await task();
    const { engine, port } = await engineFor({ a: to.port });
    const from = client(port).send(
      'POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n',
    );
    await until('the task to hear', () => to.heard[0]?.endsWith('1\r\nx\r\n') === true);
    expect(await from.send('zz\r\n').isClosed()).toMatch(/^HTTP\/1.1 400 /);
    await until('the task to see the break', () => to.sockets[0]?.destroyed === true);
    expect(to.heard[0]).not.toContain('zz');
    await idle(engine);
  });

  it('answers 502 to an answer that is no HTTP', async () => {
    const to = await answering('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx');
    const { port } = await engineFor({ a: to.port });
    expect(await client(port).send(get()).hears('not valid HTTP')).toMatch(/^HTTP\/1.1 502 /);
  });
});

describe('the fast path: handing over', () => {
  it.each([
    ['HTTP/1.0', 'GET /x HTTP/1.0\r\nHost: web.example\r\n\r\n', 'seen /x'],
    ['Expect', post('', 'Expect: 100-continue\r\n'), 'seen /'],
    ['an Upgrade that is declined', get('/up', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'), 'seen /up'],
    ['Trailer', get('/t', 'Trailer: x\r\n'), 'seen /t'],
  ])(
    'gives %s to the full path, with the bytes already read, also after plain requests',
    async (_name, text, seen) => {
      const { port: to } = await nodeTask((req, res) => res.end(`seen ${req.url}`));
      const { port } = await engineFor({ a: to });
      await client(port).send(text).hears(seen);
      const from = client(port).send(get('/1') + get('/2') + text);
      await from.hears('seen /2');
      await from.hears(seen);
    },
  );

  it('takes HTTP over that a sniffed service port turned out to speak', async () => {
    const records: RequestRecord[] = [];
    const { port: to } = await nodeTask((_req, res) => res.end('ok'));
    const { engine } = await engineFor({}, { observer: { ended: (record) => records.push(record) } });
    const free = await freePort();
    await engine.swap(aTable(2, aService({ a: to }, { servicePort: free })));
    expect((await ask({ port: free })).text).toBe('ok');
    expect(records.map(({ path, status }) => ({ path, status }))).toEqual([{ path: 'fast', status: 200 }]);
  });
});

describe('the fast path: bodies', () => {
  const echo = (): Promise<{ port: number }> =>
    nodeTask((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => res.end(body));
    });

  it('forwards bodies that come byte by byte, chunks cut anywhere', async () => {
    const { port: to } = await echo();
    const { engine, port } = await engineFor({ a: to });
    const chunked =
      'POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n';
    for (const text of [post('hello world'), chunked]) {
      const from = client(port);
      for (const byte of text) {
        from.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await from.hears('hello world');
    }
    await idle(engine);
  });

  it('cuts trailers off, on both ways, and goes on with the connection', async () => {
    const to = await task((socket, heard) => {
      if (heard.endsWith('0\r\n\r\n'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n');
    });
    const { port } = await engineFor({ a: to.port });
    const from = client(port);
    const head = 'POST / HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n';
    for (let round = 0; round < 2; round += 1) {
      from.send(`${head}1\r\nx\r\n0\r\n`);
      await until('the first part', () => to.heard[0]?.endsWith('1\r\nx\r\n0\r\n') === true);
      from.send('X-Late: 1\r').send('\n\r\n');
      await until('the answer', () => from.text.split('0\r\n\r\n').length === round + 2);
    }
    expect(to.heard[0]).not.toContain('X-Late');
    expect(from.text).not.toContain('X-T');
    expect(to.sockets).toHaveLength(1);
  });

  it('answers 50 pipelined requests in order, whatever they are', async () => {
    const { port: to } = await nodeTask((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      // the earlier ones take longer
      req.on('end', () => setImmediate(() => setImmediate(() => res.end(`[${req.url} ${body}]`))));
    });
    const { engine, port } = await engineFor({ a: to });
    let text = '';
    const wanted: string[] = [];
    for (let nth = 0; nth < 50; nth += 1) {
      if (nth % 3 === 0) text += get(`/${nth}`);
      else if (nth % 3 === 1) text += post(`b${nth}`).replace('POST /', `POST /${nth}`);
      else text += get(`/${nth}`).replace('web.example', 'nobody.example');
      wanted.push(nth % 3 === 2 ? '404' : `[/${nth} ${nth % 3 === 1 ? `b${nth}` : ''}]`);
    }
    const from = client(port).send(text + get('/last', 'Connection: close\r\n'));
    await from.isClosed();
    const seen = from.text.match(/\[[^\]]*\]|404(?= Not Found)/g);
    expect(seen).toEqual([...wanted, '[/last ]']);
    await idle(engine);
  });

  it('frames an answer without length, so that its end and its break can be told apart', async () => {
    const to = await task((socket, heard) => {
      if (!heard.endsWith('\r\n\r\n')) return;
      socket.write('HTTP/1.1 200 OK\r\n\r\nsome');
      if (heard.includes('/whole')) socket.end(' bytes');
    });
    const { engine, port } = await engineFor({ a: to.port });
    const whole = client(port).send(get('/whole') + get('/whole'));
    await until('both', () => whole.text.split('0\r\n\r\n').length === 3);
    expect(whole.text).toMatch(
      /transfer-encoding: chunked\r\n.*\r\n\r\n(a\r\nsome|4\r\nsome\r\n6\r\n) bytes\r\n0\r\n\r\n/s,
    );
    const torn = client(port).send(get('/torn'));
    await torn.hears('some');
    to.sockets.at(-1)?.resetAndDestroy();
    expect(await torn.isClosed()).toMatch(/4\r\nsome\r\n$/);
    await idle(engine);
  });

  it.each(['Content-Length: 10', 'Transfer-Encoding: chunked'])(
    'tears a client off whose answer with %s breaks',
    async (framing) => {
      const to = await task((socket, heard) => {
        if (heard.endsWith('\r\n\r\n')) socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n3\r\nabc`);
      });
      const { engine, port } = await engineFor({ a: to.port });
      const from = client(port).send(get());
      await from.hears('abc');
      to.sockets[0]?.end();
      await from.isClosed();
      await idle(engine);
    },
  );

  it('frees the task when the client goes in the middle of its body', async () => {
    const to = await task();
    const { engine, port } = await engineFor({ a: to.port });
    const from = client(port).send('POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: 10\r\n\r\nhalf');
    await until('the task to hear', () => to.heard[0]?.endsWith('half') === true);
    expect(engine.inFlight().get(asTaskId('a'))).toBe(1);
    from.socket.destroy();
    await until('the task to be told', () => to.sockets[0]?.destroyed === true);
    await idle(engine);
  });

  it('brings an early answer back, with a close when the task does not want the rest', async () => {
    const to = await task((socket, heard) => {
      if (heard.startsWith('POST'))
        socket.end('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig');
    });
    const { engine, port } = await engineFor({ a: to.port });
    const from = client(port).send(
      'POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: 10000000\r\n\r\n',
    );
    from.socket.write(Buffer.alloc(1_000_000));
    const text = await from.hears('big');
    expect(text).toMatch(/^HTTP\/1.1 413 .*connection: close/s);
    await until('the end', () => from.ended);
    await idle(engine);
  });

  it('goes on with the connection when the task answers early but reads on', async () => {
    const to = await task((socket, heard) => {
      if (heard.endsWith('\r\n\r\n')) socket.write(ok());
    });
    const { engine, port } = await engineFor({ a: to.port });
    const from = client(port).send('POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: 4\r\n\r\n');
    await from.hears('ok');
    expect(engine.inFlight().size).toBe(1);
    from.send('body');
    await until('the body', () => to.heard[0]?.endsWith('body') === true);
    await idle(engine);
    from.send(get('/next'));
    await until('the next answer', () => from.text.split('200 OK').length === 3);
    expect(to.sockets).toHaveLength(1);
  });

  it('holds the task back when the client reads slowly, and brings every byte', async () => {
    const total = 100 * 1024 * 1024;
    const piece = Buffer.alloc(64 * 1024, 7);
    let sent = 0;
    const to = await task((socket, heard) => {
      if (!heard.endsWith('\r\n\r\n')) return;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      const more = (): void => {
        while (sent < total) {
          sent += piece.length;
          if (!socket.write(piece)) return;
        }
      };
      socket.on('drain', more);
      more();
    });
    const { engine, port } = await engineFor({ a: to.port });
    const from = client(port);
    from.socket.removeAllListeners('data').pause();
    from.send(get());
    let before = -1;
    await until(
      'the task to be held back',
      () => {
        const still = sent > 0 && sent === before;
        before = sent;
        return still;
      },
      { everyMs: 500 },
    );
    // what systems and one buffer hold
    expect(sent).toBeLessThan(total / 4);
    let got = 0;
    from.socket.on('data', (data) => (got += data.length));
    from.socket.resume();
    await until('all of it', () => got >= total, { withinMs: 60_000 });
    await idle(engine);
  });

  it('holds the client back when the task reads slowly, and brings every byte', async () => {
    const total = 100 * 1024 * 1024;
    let got = 0;
    let held: Socket | undefined;
    const { port: to } = await nodeTask((req, res) => {
      held = req.socket;
      req.pause();
      release.then(
        () => {
          req.on('data', (data: Buffer) => (got += data.length));
          req.on('end', () => res.end('thanks'));
          req.resume();
        },
        () => undefined,
      );
    });
    let go: () => void = () => undefined;
    const release = new Promise<void>((resolve) => (go = resolve));
    const { engine, port } = await engineFor({ a: to });
    const from = client(port).send(
      `POST / HTTP/1.1\r\nHost: web.example\r\nContent-Length: ${total}\r\n\r\n`,
    );
    const piece = Buffer.alloc(64 * 1024, 7);
    let sent = 0;
    const more = (): void => {
      while (sent < total) {
        sent += piece.length;
        if (!from.socket.write(piece)) return;
      }
    };
    from.socket.on('drain', more);
    more();
    let before = -1;
    await until(
      'the client to be held back',
      () => {
        const still = held !== undefined && sent === before;
        before = sent;
        return still;
      },
      { everyMs: 500 },
    );
    expect(sent).toBeLessThan(total / 4);
    go();
    await until('the answer', () => from.text.includes('thanks'), { withinMs: 60_000 });
    expect(got).toBe(total);
    await idle(engine);
  });

  it('does not take in more and more from a client that asks and never reads', async () => {
    const to = await answering(ok());
    const { port } = await engineFor({ a: to.port });
    const from = client(port);
    from.socket.removeAllListeners('data').pause();
    const request = get('/', '').replace('web.example', 'nobody.example').repeat(1000);
    let sent = 0;
    const more = (): void => {
      while (sent < 500 * request.length) {
        sent += request.length;
        if (!from.socket.write(request)) return;
      }
    };
    from.socket.on('drain', more);
    more();
    let before = -1;
    await until(
      'the client to be held back',
      () => {
        const still = sent === before;
        before = sent;
        return still;
      },
      { everyMs: 500 },
    );
    expect(sent).toBeLessThan(250 * request.length);
  });
});

describe('the fast path: cuts', () => {
  /** Not a socket: pieces arrive exactly as they are cut. */
  const inPieces = (): { far: Duplex; said: () => string } => {
    let said = '';
    const far = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer | string, _encoding, done) => {
        said += typeof chunk === 'string' ? chunk : chunk.toString('latin1');
        done();
      },
      decodeStrings: false,
    });
    return { far, said: () => said };
  };

  it('reads 1000 streams alike, wherever they are cut', async () => {
    const { port: to } = await nodeTask((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        res.sendDate = false;
        res.end(`${req.method} ${req.url} ${body}`);
      });
    });
    const claims = new TargetClaims(new SystemClock(), () => undefined);
    const routes = new LiveRoutes(claims);
    routes.swap(aTable(1, aService({ a: to })));
    const fast = new FastPath({
      clock: new SystemClock(),
      routes,
      departures: new Departures(new SystemClock()),
      observer: nobodyWatches,
      connectTimeoutMs: 3_000,
      silenceMs: 60_000,
      bodyPace: BODY_PACE,
      isStopping: () => false,
      findOptions: () => ({ matcher: routes.matcher, appPaths: false }),
      freshen: () => undefined,
      handOver: (socket) => void socket.destroy(),
    });
    close.push(() => fast.close());
    const chunked = (body: string): string =>
      `PUT /c HTTP/1.1\r\nHost: web.example\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
    const stream = Buffer.from(
      get('/1') +
        post('hello\r\n\r\nGET /not HTTP/1.1\r\n\r\n') +
        `\r\n${get('/2')}` +
        chunked('5;x="\\""\r\nhello\r\n1\r\n!\r\n0\r\n\r\n') +
        get('/3').replace('web.example', 'nobody.example') +
        chunked('0\r\nX-T: cut off\r\n\r\n') +
        get('/last', 'Connection: close\r\n'),
      'latin1',
    );
    const play = async (cuts: readonly number[]): Promise<string> => {
      const { far, said } = inPieces();
      const over = once(far, 'close');
      fast.take(far, { clientAddress: '192.0.2.1', localPort: 80, secure: false });
      let from = 0;
      for (const cut of [...cuts, stream.length]) {
        far.push(stream.subarray(from, cut));
        from = cut;
        if (from % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await over;
      return said().replaceAll(/date: [^\r]+/g, 'date: D');
    };
    const wanted = await play([]);
    // seven answers, one of which quotes a request
    expect(wanted.match(/(GET|PUT|POST) \/|404 Not Found/g)).toHaveLength(8);
    let seed = 12_345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let round = 0; round < 1000; round += 1) {
      const cuts = Array.from({ length: 1 + random(40) }, () => random(stream.length)).sort((a, b) => a - b);
      const text = await play(cuts);
      if (text !== wanted) throw new Error(`cut at ${cuts.join()}: ${text}`);
    }
    expect(claims.counts().size).toBe(0);
  });
});

describe('the fast path: connections to tasks', () => {
  it('uses the connection again that was used last', async () => {
    const to = await answering(ok());
    const { port } = await engineFor({ a: to.port });
    const first = client(port).send(get());
    await first.hears('ok');
    const second = client(port).send(get());
    await second.hears('ok');
    expect(to.sockets).toHaveLength(1);
  });

  it('closes idle connections to a target that left in the turn of the swap, and those in use after their answer', async () => {
    let hold: Socket | undefined;
    const to = await task((socket, heard) => {
      if (heard.includes('/hold')) hold = socket;
      else if (heard.endsWith('\r\n\r\n')) socket.write(ok());
    });
    // no time passes: nothing is closed because it has been idle for long
    const { engine, port } = await engineFor({ a: to.port }, { clock: new ManualClock() });
    const holding = client(port).send(get('/hold'));
    await until('the task to hold', () => hold !== undefined);
    await client(port).send(get()).hears('ok');
    expect(to.sockets).toHaveLength(2);
    const [inUse, unused] = to.sockets;
    await engine.swap(aTable(2, aService({})));
    await until('the idle one to be closed', () => unused?.destroyed === true);
    expect(inUse?.destroyed).toBe(false);
    hold?.write(ok('late'));
    await holding.hears('late');
    await until('the other one to be closed', () => inUse?.destroyed === true);
    await idle(engine);
  });

  it('does not use a connection again on which more came than the answer', async () => {
    const to = await answering(`${ok()}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
    const { port } = await engineFor({ a: to.port });
    const from = client(port).send(get());
    await from.hears('ok');
    from.send(get());
    await until('the second', () => from.text.split('200 OK').length === 3);
    expect(from.text).not.toContain('poison');
    expect(to.sockets).toHaveLength(2);
  });

  it('asks another target for an answer of a status that the policy names', async () => {
    const bad = await task((socket) => socket.write('HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n'));
    const good = await task((socket) => socket.write(ok('good')));
    const { engine, port } = await engineFor({});
    await engine.swap(
      aTable(2, aService({ bad: bad.port, good: good.port }, { policy: { retries: { on: [503] } } })),
    );
    for (let round = 0; round < 20; round += 1) expect((await ask({ port })).text).toBe('good');
    expect(bad.sockets.length).toBeGreaterThan(0);
    const posts = await Promise.all(
      Array.from({ length: 2 }, () => ask({ port, method: 'POST', body: 'x' })),
    );
    expect(posts.every(({ status }) => status === 503 || status === 200)).toBe(true);
    await idle(engine);
  });
});

describe('the fast path: time', () => {
  it('ends heads that come too slowly, idle clients, connects, and silent tasks', async () => {
    const clock = new ManualClock();
    const to = await task((socket, heard) => {
      if (heard.includes('/quick')) socket.write(ok());
    });
    const { engine, port } = await engineFor({ a: to.port }, { clock });
    const half = client(port).send('GET / HTTP/1.1\r\nHo');
    const quiet = client(port);
    const served = client(port).send(get('/quick'));
    await served.hears('ok');
    const waiting = client(port).send(get('/silent'));
    await until('the silent task to hear', () => to.heard.some((each) => each.includes('/silent')));
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 250) clock.advance(250);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await until('both connections', () => quiet.socket.readyState === 'open');
    await pass(14_000);
    expect([half.closed, quiet.closed]).toEqual([false, false]);
    await pass(2_000);
    expect(await half.isClosed()).toMatch(/^HTTP\/1.1 408 /);
    expect(await quiet.isClosed()).toBe('');
    expect(served.closed).toBe(false);
    await pass(60_000);
    await served.isClosed();
    expect(waiting.text).toBe('');
    await pass(230_000);
    expect(await waiting.hears('did not answer within 300 s')).toMatch(/^HTTP\/1.1 504 /);
    await idle(engine);
  });

  it('counts no time in which this process stood still: what came meanwhile is not read yet', async () => {
    const clock = new ManualClock();
    const task1 = await task((socket, heard) => {
      if (heard.includes('/quick')) socket.write(ok());
    });
    const { engine, port } = await engineFor({ a: task1.port }, { clock });
    const kept = client(port).send(get('/quick'));
    await kept.hears('ok');
    const half = client(port).send('GET /quick HTTP/1.1\r\nHo');
    await until('the half head', () => half.socket.bytesWritten > 0);
    clock.spend(100_000);
    // read before any timer fires
    const [fresh, asking] = [client(port), client(port).send(get('/silent'))];
    await until('the task to hear', () => task1.heard.some((each) => each.includes('/silent')));
    await until('the fresh one', () => fresh.socket.readyState === 'open');
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
    for (const each of [kept, fresh]) await each.send(get('/quick')).hears('ok');
    await half.send('st: a.test\r\n\r\n').hears('HTTP/1.1 ');
    expect([kept, fresh, half, asking].map(({ closed }) => closed)).toEqual([false, false, false, false]);
    // and from then on it does
    for (let passed = 0; passed < 80_000; passed += 250) clock.advance(250);
    for (const each of [kept, fresh]) await each.isClosed();
    expect(asking.text).toBe('');
    asking.socket.destroy();
    await idle(engine);
  });

  it('waits for a fresh table before it routes', async () => {
    const to = await answering(ok());
    let fresh: () => void = () => undefined;
    let wait: Promise<void> | undefined = new Promise((resolve) => (fresh = resolve));
    let asked = 0;
    const { port } = await engineFor(
      { a: to.port },
      {
        freshen: () => {
          asked += 1;
          return wait;
        },
      },
    );
    const from = client(port).send(get() + get());
    await until('the question', () => asked > 0);
    client(port).send(get());
    await until('the question of another', () => asked > 1);
    expect(to.sockets).toHaveLength(0);
    wait = undefined;
    fresh();
    await until('both answers', () => from.text.split('200 OK').length === 3);
  });

  it('ends what still runs to a target that left, after its drain time', async () => {
    const clock = new ManualClock();
    const to = await task((socket, heard) => {
      if (heard.includes('/events'))
        socket.write(
          'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
        );
    });
    const { engine, port } = await engineFor({ a: to.port }, { clock });
    const events = client(port).send(get('/events'));
    await events.hears('abc');
    const silent = client(port).send(get('/silent'));
    await until('the other one', () => to.sockets.length === 2);
    await engine.swap(aTable(2, aService({})));
    clock.advance(20_000);
    expect(engine.inFlight().get(asTaskId('a'))).toBe(2);
    clock.advance(10_000);
    expect(await events.isClosed()).toMatch(/3\r\nabc\r\n0\r\n\r\n$/);
    expect(await silent.hears('after its drain time')).toMatch(/^HTTP\/1.1 503 /);
    await idle(engine);
  });
});

describe('the fast path: the end', () => {
  it('stops with Connection: close for what is in flight, and at once for idle clients', async () => {
    let held: Socket | undefined;
    const to = await task((socket, heard) => {
      if (heard.includes('/hold')) held = socket;
      else socket.write(ok());
    });
    const started = await startEngine();
    await started.engine.swap(aTable(1, aService({ a: to.port })));
    const resting = client(started.port).send(get());
    await resting.hears('ok');
    const holding = client(started.port).send(get('/hold'));
    await until('the task to hold', () => held !== undefined);
    const stopped = started.engine.stop(30_000);
    await resting.isClosed();
    held?.write(ok('late'));
    await holding.isClosed();
    expect(holding.text).toMatch(/connection: close\r\n.*late$/s);
    await stopped;
  });

  it('tells of each request once, whatever became of it', async () => {
    const records: RequestRecord[] = [];
    const to = await task((socket, heard) => {
      if (heard.includes('/torn')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      else if (heard.includes('/broken')) socket.destroy();
      else if (!heard.includes('/gone')) socket.write(ok());
    });
    const { engine, port } = await engineFor(
      { a: to.port },
      { observer: { ended: (each) => records.push(each) } },
    );
    const answered = client(port).send(get('/x?secret=1'));
    await answered.hears('ok');
    await client(port).send(get('/torn')).isClosed();
    await client(port).send(get('/broken')).hears('502');
    const nobody = client(port).send(get('/none').replace('web.', 'no.'));
    await nobody.hears('404');
    const gone = client(port).send('POST /gone HTTP/1.1\r\nHost: web.example\r\nContent-Length: 9\r\n\r\n');
    await until('the request', () => to.heard.some((each) => each.includes('/gone')));
    gone.socket.destroy();
    await until('five records', () => records.length >= 5);
    await idle(engine);
    expect(records.map(({ path, urlPath, status }) => `${path} ${urlPath} ${status}`).sort()).toEqual([
      'fast /broken 502',
      'fast /gone 0',
      'fast /torn 200',
      'fast /x 200',
      'own /none 404',
    ]);
    const first = records.find(({ urlPath }) => urlPath === '/x');
    expect(first).toMatchObject({
      method: 'GET',
      host: 'web.example',
      clientAddress: '127.0.0.1',
      retries: 0,
    });
    expect(first?.bytesOut).toBe('ok'.length);
    expect(answered.text).toMatch(/\r\n\r\nok$/);
  });

  it('keeps many connections at once apart', async () => {
    const { port: to } = await nodeTask((req, res) => void req.pipe(res));
    const { engine, port } = await engineFor({ a: to });
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, nth) => {
        const from = client(port);
        await once(from.socket, 'connect');
        from.send(post(`<${nth}>`)).send(post(`<${nth}b>`));
        return from.hears(`<${nth}b>`);
      }),
    );
    answers.forEach((text, nth) => expect(text.match(/<\w+>/g)).toEqual([`<${nth}>`, `<${nth}b>`]));
    await idle(engine);
  });
});
