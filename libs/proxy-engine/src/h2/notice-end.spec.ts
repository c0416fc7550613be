import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ask, selfSigned, until } from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import { FRAME, frame, PREFACE } from '../fixtures/h2-frame.js';
import type { ProxyEngine } from '../proxy-engine.js';

const { DATA, HEADERS, SETTINGS, PING, GOAWAY } = FRAME;
/** POST http / by HPACK's table, and an authority. */
const HEAD = Buffer.concat([Buffer.from([0x83, 0x86, 0x84, 0x41, 11]), Buffer.from('web.example')]);
/** Of a size that ends the connection (RFC 9113 6.7). */
const BAD_PING = frame(PING, 0, 0, Buffer.alloc(7));

// generous: machines are shared
jest.setTimeout(60_000);

describe('a connection of HTTP/2 that ends after what breaks the protocol', () => {
  let folder: string;
  let clock: ManualClock;
  let engine: ProxyEngine;
  let port: number;
  let target: Server | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-notice-'));
    writeFileSync(join(folder, 'web.pem'), selfSigned(['web.example']).pem);
    clock = new ManualClock();
    ({ engine, port } = await startEngine({ clock, tls: { port: 0, certificates: [folder] } }));
  });
  afterEach(async () => {
    await engine.stop(0);
    target?.closeAllConnections();
    target?.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['plain', 'over TLS'])('by a client, %s, leaves nothing in flight', async (kind) => {
    let [asked, left] = [0, 0];
    target = createHttpServer((req) => {
      asked += 1;
      req.once('close', () => (left += 1));
    });
    await engine.swap(aTable(1, aService({ a: await listen(target) })));
    const client: Socket =
      kind === 'plain'
        ? connect(port, '127.0.0.1')
        : connectTls({ port: engine.httpsPort ?? 0, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    client.on('error', () => undefined);
    const told: Buffer[] = [];
    client.on('data', (chunk: Buffer) => told.push(chunk));
    client.write(
      Buffer.concat([
        PREFACE,
        frame(SETTINGS, 0, 0),
        frame(HEADERS, 4, 1, HEAD),
        frame(DATA, 0, 1, Buffer.from('some of it')),
      ]),
    );
    await until('it to be at the target', () => asked === 1);
    client.write(BAD_PING);
    await until('GOAWAY', () => typesOf(Buffer.concat(told)).includes(GOAWAY));
    expect(engine.inFlight().get('a' as never)).toBe(1);
    client.end();
    await until('nothing in flight', () => {
      clock.advance(1_000);
      return engine.inFlight().size === 0;
    });
    await until('its end at the target', () => left === 1);
  });

  it('by a target is an error for who waits', async () => {
    let hasEnded = false;
    const server = createServer((socket) => {
      socket.once('finish', () => (hasEnded = true));
      socket.on('error', () => undefined);
      socket.write(Buffer.concat([frame(SETTINGS, 0, 0), BAD_PING]));
      let told = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        told = Buffer.concat([told, chunk]);
        if (typesOf(told.subarray(PREFACE.length)).includes(GOAWAY)) socket.end();
      });
    });
    await engine.swap(aTable(1, aService({ a: await listen(server) }, { policy: { protocol: 'h2c' } })));
    let status: number | undefined;
    ask({ port, headers: { host: 'web.example' } }).then(
      (answer) => (status = answer.status),
      () => undefined,
    );
    await until('the end of the target', () => hasEnded);
    await until('an answer', () => {
      clock.advance(1_000);
      return status !== undefined;
    });
    expect(status).toBe(502);
    server.close();
  });
});

function typesOf(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    types.push(bytes.readUInt8(at + 3));
  return types;
}
