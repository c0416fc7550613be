import {
  connect as connectHttp2,
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import { until } from '#libs/testkit';
import { aService, aTable, ask, listen, startEngine, tcpServer } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe('targets that speak HTTP/2 (h2c)', () => {
  let engine: ProxyEngine;
  let port: number;
  let servers: Http2Server[];
  let sessions: ServerHttp2Session[];
  let records: RequestRecord[];

  beforeEach(async () => {
    servers = [];
    sessions = [];
    records = [];
    const told = records;
    ({ engine, port } = await startEngine({ observer: { ended: (record) => void told.push(record) } }));
  });
  afterEach(async () => {
    await engine.stop(0);
    sessions.forEach((each) => each.destroy());
    servers.forEach((each) => each.close());
  });

  const h2Backend = async (
    onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
    settings = {},
  ): Promise<number> => {
    const server = createServer({ settings, maxSendHeaderBlockLength: 2 ** 20 });
    server.on('session', (session) => sessions.push(session));
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onStream(stream, headers);
    });
    servers.push(server);
    return listen(server);
  };
  const route = (backends: Record<string, number>, number = 1): Promise<void> =>
    engine.swap(aTable(number, aService(backends, { policy: { protocol: 'h2c' } })));
  /** A gRPC frame: no compression, length, message. */
  const frame = (text: string): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(Buffer.byteLength(text), 1);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const call = (path: string, messages: Buffer[]) => {
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = client.request({
      ...{ ':method': 'POST', ':path': path, ':authority': 'web.example' },
      ...{ 'content-type': 'application/grpc', te: 'trailers' },
    });
    const seen = {
      headers: {} as IncomingHttpHeaders,
      ended: false,
      trailers: {} as IncomingHttpHeaders,
      body: Buffer.alloc(0),
    };
    stream.on('response', (headers, flags) => {
      seen.headers = headers;
      seen.ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    stream.on('trailers', (trailers) => (seen.trailers = trailers));
    stream.on('data', (chunk: Buffer) => (seen.body = Buffer.concat([seen.body, chunk])));
    stream.on('error', () => undefined);
    stream.on('close', () => client.close());
    for (const message of messages) stream.write(message);
    stream.end();
    return { seen, stream };
  };

  it('carries gRPC: unary, a stream of answers, an error without a body', async () => {
    const target = await h2Backend((stream, headers) => {
      if (headers[':path'] === '/pkg.S/Fails') {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' },
          { endStream: true },
        );
        return;
      }
      expect(headers).toMatchObject({
        te: 'trailers',
        ':authority': 'web.example',
        'x-forwarded-for': '127.0.0.1',
      });
      let body = Buffer.alloc(0);
      stream.on('data', (chunk: Buffer) => (body = Buffer.concat([body, chunk])));
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
        stream.write(body);
        if (headers[':path'] === '/pkg.S/Stream') for (const each of ['b', 'c']) stream.write(frame(each));
        stream.end();
      });
    });
    await route({ a: target });
    const unary = call('/pkg.S/Unary', [frame('ask')]);
    await until('the unary call', () => unary.stream.closed);
    expect(unary.seen).toMatchObject({ trailers: { 'grpc-status': '0', 'grpc-message': 'fine' } });
    expect(unary.seen.body).toEqual(frame('ask'));
    const streamed = call('/pkg.S/Stream', [frame('a')]);
    await until('the stream', () => streamed.stream.closed);
    expect(streamed.seen.body).toEqual(Buffer.concat([frame('a'), frame('b'), frame('c')]));
    expect(streamed.seen.trailers['grpc-status']).toBe('0');
    const failed = call('/pkg.S/Fails', []);
    await until('the error', () => failed.stream.closed);
    // clients of gRPC want the status at the head, with the end of the stream on it
    expect(failed.seen).toMatchObject({ ended: true, headers: { ':status': 200, 'grpc-status': '5' } });
    expect(sessions).toHaveLength(1);
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('translates for clients of HTTP/1.1: bodies, trailers, HEAD', async () => {
    const target = await h2Backend((stream, headers) => {
      let body = '';
      stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
      stream.on('end', () => {
        stream.respond({ ':status': 201, 'x-method': headers[':method'] ?? '' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
        stream.end(`got ${body}`);
      });
    });
    await route({ a: target });
    const [text, trailers] = await new Promise<[string, unknown]>((resolve, reject) => {
      const headers = { host: 'web.example', 'transfer-encoding': 'chunked' };
      const sent = request({ port, method: 'POST', path: '/x?y', headers }, (response) => {
        let body = `${response.statusCode} `;
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve([body, response.trailers]));
      });
      sent.on('error', reject);
      sent.write('one ');
      sent.end('two');
    });
    expect([text, trailers]).toEqual(['201 got one two', { 'x-sum': '42' }]);
    expect(await ask({ port, method: 'HEAD' })).toMatchObject({ status: 201, text: '' });
  });

  it('keeps within the streams that a target allows, by more sessions', async () => {
    const open: ServerHttp2Stream[] = [];
    const target = await h2Backend((stream) => void open.push(stream), { maxConcurrentStreams: 2 });
    await route({ a: target });
    const first = ask({ port });
    await until('its settings', () => open.length === 1);
    const others = [ask({ port }), ask({ port }), ask({ port })];
    await until('all of them', () => open.length === 4);
    expect(sessions.length).toBeGreaterThanOrEqual(2);
    for (const each of open) {
      each.respond({ ':status': 200 });
      each.end('ok');
    }
    for (const each of await Promise.all([first, ...others])) expect(each.text).toBe('ok');
  });

  it('honours a GOAWAY: what the target did not look at goes to another session, what it did goes on', async () => {
    let served = 0;
    const target = await h2Backend((stream) => {
      served += 1;
      stream.respond({ ':status': 200 });
      stream.end(`${sessions.length}`);
    });
    await route({ a: target });
    expect((await ask({ port })).text).toBe('1');
    sessions[0]?.goaway();
    await until('a session of its own', async () => (await ask({ port })).text === '2');
    expect(served).toBeGreaterThan(1);
  });

  it.each([0, 1])('lives on when targets say GOAWAY %i and go on to answer', async (code) => {
    const frameOf = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head[3] = type;
      head[4] = flags;
      head.writeUInt32BE(id, 5);
      return Buffer.concat([head, payload]);
    };
    const [DATA, HEADERS, SETTINGS, GOAWAY] = [0, 1, 4, 7];
    const target = await tcpServer((socket) => {
      socket.on('error', () => undefined).write(frameOf(SETTINGS, 0, 0, Buffer.alloc(0)));
      let heard = Buffer.alloc(0);
      let at = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length;
      socket.on('data', (bytes: Buffer) => {
        heard = Buffer.concat([heard, bytes]);
        while (heard.length >= at + 9 && heard[at + 3] !== HEADERS) at += 9 + heard.readUIntBE(at, 3);
        if (heard.length < at + 9) return;
        const last = Buffer.from([0, 0, 0, 1, 0, 0, 0, code]);
        socket.write(
          Buffer.concat([
            frameOf(GOAWAY, 0, 0, last),
            // `:status: 200`, by its place in HPACK's table
            frameOf(HEADERS, 4, 1, Buffer.from([0x88])),
            frameOf(DATA, 1, 1, Buffer.from('bye')),
          ]),
        );
      });
    });
    await route({ a: target.port });
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => ask({ port }).catch(() => undefined)),
      );
      if (code === 0) for (const each of answers) expect(each).toMatchObject({ status: 200, text: 'bye' });
    }
    await until('nothing in flight', () => engine.inFlight().size === 0);
    await target.close();
  });

  it('repeats a request that a target has refused unseen', async () => {
    let refusals = 0;
    const target = await h2Backend((stream) => {
      if ((refusals += 1) === 1) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      stream.respond({ ':status': 200 });
      stream.end('served');
    });
    await route({ a: target });
    expect(await ask({ port, method: 'POST', headers: { 'content-length': '0' } })).toMatchObject({
      text: 'served',
    });
  });

  it('goes on to another target when a connect is refused, and leaves a session whose target left the table', async () => {
    const gone = createServer();
    const dead = await listen(gone);
    gone.close();
    const alive = await h2Backend((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('alive');
    });
    await route({ dead, alive });
    for (let round = 0; round < 4; round += 1)
      expect(await ask({ port, method: 'POST', body: 'x' })).toMatchObject({ status: 200, text: 'alive' });
    await engine.swap(aTable(2));
    await until('the session to be closed', () => sessions.every((each) => each.destroyed || each.closed));
  });

  it.each<[string, (stream: ServerHttp2Stream, connection: Socket | undefined) => void]>([
    ['a stream with an error', (stream) => stream.destroy(new Error('crash'))],
    ['its session', (stream) => stream.session?.destroy()],
    ['its connection', (_stream, connection) => connection?.destroy()],
  ])('tears the answer of a target that ends %s, and says who did it', async (_what, end) => {
    let connection: Socket | undefined;
    let passed = '';
    const target = await h2Backend((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => {
        void until('it to go on', () => passed.includes('half')).then(() => end(stream, connection));
      });
    });
    // what dies with a process: its end of the connection, without a word of HTTP/2
    const relay = await tcpServer((socket) => {
      const onward = connect(target, '127.0.0.1');
      onward.on('error', () => undefined).on('data', (data) => (passed += data.toString('latin1')));
      socket.on('close', () => onward.destroy());
      socket.pipe(onward).pipe(socket);
      connection = socket;
    });
    await route({ a: relay.port });
    await expect(ask({ port })).rejects.toThrow();
    await until('the record', () => records.length > 0);
    expect(records).toMatchObject([{ status: 200, abortedBy: 'target', target: { taskId: 'a' } }]);
    expect(engine.inFlight().size).toBe(0);
    await relay.close();
  });

  it.each([
    ['as long as one of HTTP/1.1 may be', 30, 1_000, 200, /^ok$/],
    ['of as many lines', 250, 10, 200, /^ok$/],
    ['longer', 33, 1_000, 502, /the head is longer than 32768 bytes/],
    ['of more lines', 260, 10, 502, /more than 256 header lines/],
    ['that node does not hand over', 1_100, 1, 502, /the head is longer than 32768 bytes, or it refused/],
    ['of more frames than one may have', 200, 1_000, 502, /the head is longer than 32768 bytes/],
  ])('gets a head %s', async (_what, lines, bytes, status, text) => {
    const target = await h2Backend((stream, { ':path': path }) => {
      const head: Record<string, string> = { ':status': '200' };
      for (let line = 0; path !== '/short' && line < lines; line += 1) head[`x-${line}`] = 'v'.repeat(bytes);
      stream.respond(head);
      stream.end('ok');
    });
    await route({ a: target });
    // on a session of its own and on a kept one
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await ask({ port });
      expect({ status: answer.status, text: answer.text }).toMatchObject({
        status,
        text: expect.stringMatching(text),
      });
      expect((await ask({ port, path: '/short' })).text).toBe('ok');
    }
  });
});
