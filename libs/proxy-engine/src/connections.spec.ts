import { createServer as createHttpServer, request, type IncomingMessage } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { freePort, until } from '#libs/testkit';
import { asTaskId } from '#libs/model';
import { aService, aTable, ask, listen, PATHS, startEngine, tcpServer } from './fixtures/engine-bed.js';
import type { ProxyEngine } from './proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

describe.each(PATHS)('connections through the engine, HTTP by the $path path', ({ fastPath }) => {
  let engine: ProxyEngine;
  let port: number;
  let servicePort: number;
  let close: (() => void)[];

  beforeEach(async () => {
    close = [];
    servicePort = await freePort();
    ({ engine, port } = await startEngine({ fastPath }));
  });
  afterEach(async () => {
    await engine.stop(0);
    for (const each of close) each();
  });

  const tcpBackend = async (onConnection: (socket: Socket) => void): Promise<number> => {
    const server = await tcpServer(onConnection);
    close.push(() => server.close());
    return server.port;
  };
  const dial = (): Socket => {
    const socket = connect({ port: servicePort, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => socket.destroy());
    close.push(() => socket.destroy());
    return socket;
  };
  const collect = (socket: Socket): { text: string; ended: boolean } => {
    const seen = { text: '', ended: false };
    socket.on('data', (chunk) => (seen.text += chunk.toString()));
    socket.on('end', () => (seen.ended = true));
    return seen;
  };

  it('relays bytes both ways and an end one way at a time', async () => {
    const target = await tcpBackend((socket) => {
      const got = collect(socket);
      socket.on('end', () => socket.end(`got ${got.text}`));
    });
    await engine.swap(aTable(1, aService({ a: target }, { servicePort, mode: 'tcp' })));
    const client = dial();
    const seen = collect(client);
    client.end('GET it');
    await until('the answer after the end', () => seen.ended);
    expect(seen.text).toBe('got GET it');
    await until('the claim to be released', () => engine.inFlight().size === 0);
  });

  it('counts a connection until it is closed, also after its target left the table', async () => {
    const target = await tcpBackend((socket) => socket.pipe(socket));
    await engine.swap(aTable(1, aService({ a: target }, { servicePort, mode: 'tcp' })));
    const client = dial();
    const seen = collect(client);
    client.write('one');
    await until('the echo', () => seen.text === 'one');
    await engine.swap(aTable(2));
    client.write(' two');
    await until('the echo', () => seen.text === 'one two');
    expect(engine.inFlight().get(asTaskId('a'))).toBe(1);
    client.destroy();
    await until('the claim to be released', () => engine.inFlight().size === 0);
    await expect(once(dial(), 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  it('passes over every target that refuses at once', async () => {
    const alive = await tcpBackend((socket) => socket.pipe(socket));
    for (let round = 1; round <= 8; round += 1) {
      const dead = await Promise.all(
        Array.from({ length: 9 }, async (_, at) => [`dead-${round}-${at}`, await freePort()]),
      );
      const ports = { ...(Object.fromEntries(dead) as Record<string, number>), alive };
      await engine.swap(aTable(round, aService(ports, { servicePort, mode: 'tcp' })));
      const client = dial();
      const seen = collect(client);
      client.write('hello');
      await until('the echo or the end', () => seen.text === 'hello' || seen.ended);
      expect(seen.text).toBe('hello');
      client.destroy();
    }
  });

  it('ends the connection to the task when a client that had said its last word breaks off', async () => {
    let closed = false;
    let received = '';
    const target = await tcpBackend((socket) => {
      socket.on('data', (chunk) => {
        received += chunk.toString();
        // a break is only noticed by who writes
        const working = setInterval(() => socket.write('working'), 20);
        socket.once('close', () => clearInterval(working));
      });
      socket.on('close', () => (closed = true));
    });
    await engine.swap(aTable(1, aService({ a: target }, { servicePort, mode: 'tcp' })));
    const client = dial();
    const seen = collect(client);
    client.end('work');
    await until('the first answer', () => received === 'work' && seen.text !== '');
    client.resetAndDestroy();
    await until('the task to be told', () => closed);
    await until('the claim to be released', () => engine.inFlight().size === 0);
  });

  it('finds out the protocol: bytes that are no HTTP, a server that speaks first, HTTP in pieces', async () => {
    const echo = await tcpBackend((socket) => {
      socket.write('220 ready\r\n');
      socket.pipe(socket);
    });
    await engine.swap(aTable(1, aService({ a: echo }, { servicePort })));
    const binary = dial();
    const fromBinary = collect(binary);
    binary.write('\x16\x03\x01');
    await until('the relayed bytes', () => fromBinary.text === '220 ready\r\n\x16\x03\x01');
    const silent = collect(dial());
    await until('the greeting', () => silent.text === '220 ready\r\n');

    const http = createHttpServer((req, res) => res.end(`hello ${String(req.headers['x-forwarded-for'])}`));
    close.push(() => http.close());
    await engine.swap(aTable(2, aService({ h: await listen(http) }, { servicePort })));
    const pieces = dial();
    const answer = collect(pieces);
    pieces.write('GE');
    await until('the first piece to be sent', () => pieces.bytesWritten === 2);
    pieces.write('T / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await until('the answer', () => answer.text.includes('hello 127.0.0.1'));
  });

  it('takes a connection that was opened in advance for HTTP when it turns out to be', async () => {
    let connections = 0;
    const http = createHttpServer((req, res) => res.end(`hello ${String(req.headers['x-forwarded-for'])}`));
    http.on('connection', () => (connections += 1));
    close.push(
      () => http.close(),
      () => http.closeAllConnections(),
    );
    await engine.swap(aTable(1, aService({ h: await listen(http) }, { servicePort })));
    const early = dial();
    const answer = collect(early);
    // the wait is over when the engine has dialled for a server that might speak first
    await until('the wait to be over', () => connections === 1);
    early.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await until('the answer', () => answer.text.includes('hello 127.0.0.1'));
    early.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await until('the second answer', () => answer.ended);
    await until('nothing in flight', () => engine.inFlight().size === 0);
  });

  it('closes a TCP connection when no target accepts', async () => {
    await engine.swap(aTable(1, aService({ a: await freePort() }, { servicePort, mode: 'tcp' })));
    const client = collect(dial());
    await until('the end', () => client.ended);
    expect(engine.inFlight().size).toBe(0);
  });

  it('retries a taken port, says so meanwhile, and routes everything else', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(servicePort, '127.0.0.1', resolve));
    const http = createHttpServer((_req, res) => res.end('ok'));
    close.push(
      () => http.close(),
      () => http.closeAllConnections(),
    );
    await engine.swap(aTable(1, aService({ a: await listen(http) }, { servicePort })));
    expect(engine.warnings()).toEqual([
      expect.stringContaining(`service port ${servicePort} cannot be opened`),
    ]);
    expect(await ask({ port })).toMatchObject({ status: 200 });
    squatter.close();
    await until('the port to be opened', () => engine.warnings().length === 0);
    expect(await ask({ port: servicePort })).toMatchObject({ status: 200 });
  });

  describe('WebSocket', () => {
    const echoServer = async (): Promise<number> => {
      const http = createHttpServer((_req, res) => res.writeHead(426, { 'content-length': 4 }).end('http'));
      const server = new WebSocketServer({
        server: http,
        verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== '/refused',
      });
      server.on('connection', (socket, req) => {
        socket.send(`${req.url} ${String(req.headers['x-forwarded-prefix'])}`);
        socket.on('message', (data: Buffer) => socket.send(data.toString()));
      });
      close.push(
        () => server.clients.forEach((each) => each.terminate()),
        () => http.closeAllConnections(),
        () => http.close(),
      );
      return listen(http);
    };

    it('is relayed and counted until it is closed', async () => {
      await engine.swap(aTable(1, aService({ dead: await freePort(), a: await echoServer() })));
      const socket = new WebSocket(`ws://127.0.0.1:${port}/_app/web/chat`);
      const seen: string[] = [];
      socket.on('message', (data: Buffer) => seen.push(data.toString()));
      await once(socket, 'open');
      socket.send('hello');
      await until('the echo', () => seen.length === 2);
      expect(seen).toEqual(['/chat /_app/web', 'hello']);
      expect(engine.inFlight().get(asTaskId('a'))).toBe(1);
      socket.close();
      await until('the claim to be released', () => engine.inFlight().size === 0);
    });

    it('passes a refusal on, and says why when there is no target', async () => {
      await engine.swap(aTable(1, aService({ a: await echoServer() })));
      const refused = new WebSocket(`ws://127.0.0.1:${port}/_app/web/refused`);
      const [error] = (await once(refused, 'error')) as [Error];
      expect(error.message).toContain('401');
      await engine.swap(aTable(2, aService({})));
      const empty = new WebSocket(`ws://127.0.0.1:${port}/_app/web/`);
      const [why] = (await once(empty, 'error')) as [Error];
      expect(why.message).toContain('503');
      expect(engine.inFlight().size).toBe(0);
    });

    it('answers other upgrades as if they had not been asked for', async () => {
      const http = createHttpServer((req, res) => res.end(`plain ${String(req.headers.upgrade)}`));
      close.push(
        () => http.close(),
        () => http.closeAllConnections(),
      );
      await engine.swap(aTable(1, aService({ a: await listen(http) })));
      const sent = request({
        port,
        headers: {
          host: 'web.example',
          connection: 'Upgrade, HTTP2-Settings',
          upgrade: 'h2c',
          'http2-settings': 'AAMAAABk',
        },
      }).end();
      const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
      let text = '';
      for await (const chunk of response) text += String(chunk);
      expect(text).toBe('plain undefined');
    });
  });
});
