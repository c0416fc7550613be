// Probes against real sockets.
import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { HttpProbe } from '#libs/agent-core';
import { freePort } from '#libs/testkit';
import { httpProbe } from './http-probe.js';
import { tcpProbe } from './tcp-probe.js';

const servers: Server[] = [];
const sockets = new Set<Socket>();
const never = new AbortController().signal;

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket.on('error', () => socket.destroy())));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
const serving = (listener: RequestListener): Promise<number> => listening(createServer(listener));
const asked = (port: number, more: Partial<HttpProbe> = {}): ReturnType<typeof httpProbe> =>
  httpProbe(
    { scheme: 'http', host: '127.0.0.1', port, path: '/', timeoutMs: 5_000, ignoreHttp1xx: false, ...more },
    never,
  );

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((each) => new Promise((resolve) => each.close(resolve))));
});

describe('an HTTP probe', () => {
  it.each([200, 204, 302, 399])('takes %d as good and follows no redirect', async (status) => {
    let requests = 0;
    const port = await serving((_request, response) => {
      requests += 1;
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    expect(await asked(port)).toEqual({ kind: 'success' });
    expect(requests).toBe(1);
  });

  it.each([400, 404, 500, 503])('takes %d as bad, and says so', async (status) => {
    const port = await serving((_request, response) => response.writeHead(status).end('x'));
    expect(await asked(port)).toMatchObject({ kind: 'failure', cause: expect.stringMatching(`^${status} `) });
  });

  it('asks for the path as it is given', async () => {
    const seen: (string | undefined)[] = [];
    const port = await serving((request, response) => {
      seen.push(request.url);
      response.end();
    });
    await asked(port, { path: '/a%2Fb?c=d' });
    await asked(port, { path: '/ä b' });
    expect(seen).toEqual(['/a%2Fb?c=d', '/%c3%a4%20b']);
  });

  it('does not wait for the end of the body', async () => {
    const port = await serving((_request, response) => {
      response.writeHead(200);
      response.write('endless');
    });
    expect(await asked(port)).toEqual({ kind: 'success' });
  });

  it('gives up in time', async () => {
    const port = await serving(() => undefined);
    expect(await asked(port, { timeoutMs: 100 })).toMatchObject({
      cause: expect.stringContaining('no answer within 0.1 s'),
    });
  });

  it('tells a refused connection', async () => {
    expect(await asked(await freePort())).toMatchObject({
      cause: expect.stringContaining('connection refused'),
    });
  });

  it('takes what is not HTTP as bad', async () => {
    const port = await listening(createTcpServer((socket) => socket.end('SSH-2.0\r\n')));
    expect(await asked(port)).toMatchObject({ kind: 'failure' });
  });

  it('makes an 1xx answer neither good nor bad when asked to', async () => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.write('HTTP/1.1 103 Early Hints\r\n\r\n');
      }),
    );
    expect(await asked(port, { timeoutMs: 100, ignoreHttp1xx: true })).toEqual({ kind: 'none' });
    expect(await asked(port, { timeoutMs: 100 })).toMatchObject({ kind: 'failure' });
  });

  it.each([
    ['200 OK', 'success'],
    ['500 No', 'failure'],
  ])('takes the answer that follows an 1xx: %s', async (line, kind) => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.write(`HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 ${line}\r\ncontent-length: 0\r\n\r\n`);
      }),
    );
    expect(await asked(port, { ignoreHttp1xx: true })).toMatchObject({ kind });
  });

  it('ends at once when it is aborted', async () => {
    const port = await serving(() => undefined);
    const aborter = new AbortController();
    const outcome = httpProbe(
      { scheme: 'http', host: '127.0.0.1', port, path: '/', timeoutMs: 60_000, ignoreHttp1xx: false },
      aborter.signal,
    );
    aborter.abort();
    expect(await outcome).toMatchObject({ kind: 'failure' });
  });
});

describe('a TCP probe', () => {
  it('is good when it is connected', async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()));
    expect(await tcpProbe({ host: '127.0.0.1', port, timeoutMs: 1_000 }, never)).toEqual({ kind: 'success' });
  });

  it('is bad when it is refused', async () => {
    const port = await freePort();
    expect(await tcpProbe({ host: '127.0.0.1', port, timeoutMs: 1_000 }, never)).toMatchObject({
      cause: `connection refused (127.0.0.1:${port})`,
    });
  });
});
