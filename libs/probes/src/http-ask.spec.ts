// What a task answers, over real sockets: the status at once, of a body no more than is wanted, and whether anybody listened.
import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { HttpQuestion } from '#libs/agent-core';
import { freePort } from '#libs/testkit';
import { httpAsk } from './http-ask.js';

const servers: Server[] = [];
const sockets = new Set<Socket>();

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket.on('error', () => socket.destroy())));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
const serving = (listener: RequestListener): Promise<number> => listening(createServer(listener));
const asked = (
  port: number,
  more: Partial<HttpQuestion> = {},
  signal = new AbortController().signal,
): ReturnType<typeof httpAsk> =>
  httpAsk(
    { scheme: 'http', host: '127.0.0.1', port, path: '/', timeoutMs: 5_000, bodyBytesMax: 100, ...more },
    signal,
  );

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((each) => new Promise((resolve) => each.close(resolve))));
});

describe('an HTTP question', () => {
  it.each([200, 204, 302, 503])('takes %d as it is', async (status) => {
    const port = await serving((_request, response) =>
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end('{"a":1}'),
    );
    const body = status === 204 ? '' : '{"a":1}';
    const contentType = 'application/json; charset=utf-8';
    expect(await asked(port)).toEqual({ kind: 'answer', status, contentType, body });
  });

  it('cuts a body that is long or endless, between characters', async () => {
    const port = await serving((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('ä'.repeat(5_000));
    });
    expect(await asked(port, { bodyBytesMax: 101 })).toMatchObject({ body: 'ä'.repeat(50) });
  });

  it('decides on the head when no body is wanted, and on time when it does not end', async () => {
    const port = await serving((_request, response) => {
      response.writeHead(503);
      response.write('part');
    });
    expect(await asked(port, { bodyBytesMax: 0 })).toMatchObject({ status: 503, body: '' });
    expect(await asked(port, { timeoutMs: 200 })).toMatchObject({ status: 503, body: 'part' });
  });

  it.each([
    ['image/png', {}],
    ['text/plain', { 'content-encoding': 'gzip' }],
  ])('keeps no body that is no text: %s %j', async (type, headers) => {
    const port = await serving((_request, response) =>
      response.writeHead(200, { 'content-type': type, ...headers }).end(Buffer.from([1, 2, 0, 255])),
    );
    expect(await asked(port)).toEqual({ kind: 'answer', status: 200, contentType: type, body: '' });
  });

  it('takes bytes that are no text for what they are', async () => {
    const port = await serving((_request, response) => response.end(Buffer.from([65, 0, 66, 255])));
    expect(await asked(port)).toMatchObject({ contentType: '', body: 'A\uFFFDB\uFFFD' });
  });

  it('knows whether anybody listens', async () => {
    expect(await asked(await freePort())).toMatchObject({
      ...{ kind: 'none', connected: false, cause: expect.stringContaining('connection refused') },
    });
    const silent = await serving(() => undefined);
    expect(await asked(silent, { timeoutMs: 100 })).toMatchObject({
      ...{ kind: 'none', connected: true, cause: expect.stringContaining('no answer within 0.1 s') },
    });
    const other = await listening(createTcpServer((socket) => socket.end('SSH-2.0\r\n')));
    expect(await asked(other)).toMatchObject({ kind: 'none', connected: true });
  });

  it('ends at once when it is aborted', async () => {
    const port = await serving(() => undefined);
    const aborter = new AbortController();
    const answer = asked(port, { timeoutMs: 60_000 }, aborter.signal);
    aborter.abort();
    expect(await answer).toMatchObject({ kind: 'none', cause: 'aborted' });
  });
});
