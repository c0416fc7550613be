import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { selfSigned, until } from '#libs/testkit';
import { aService, aTable, listen, startEngine } from '../fixtures/engine-bed.js';
import type { ProxyEngine } from '../proxy-engine.js';
import { ReadBuffers } from './read-buffers.js';

// generous: machines are shared
jest.setTimeout(60_000);

/** After so many turns of the event loop. */
function turns(count: number, then: () => void): void {
  setImmediate(() => (count > 1 ? turns(count - 1, then) : then()));
}

/** No two pieces of it, or of two letters, are alike. */
function bodyOf(letter: string, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = at * 256 + letter.charCodeAt(0);
  return Buffer.from(words.buffer, 0, bytes);
}

describe('the buffers of reads', () => {
  it('come back with their write, but not after one that failed, and not more than are worth keeping', () => {
    const buffers = new ReadBuffers();
    const first = buffers.take();
    expect(buffers.take()).not.toBe(first);
    first.comeBack();
    expect(buffers.take()).toBe(first);
    first.comeBack(new Error('EPIPE'));
    expect(buffers.take()).not.toBe(first);
    const many = Array.from({ length: 200 }, () => buffers.take());
    for (const each of many) each.comeBack();
    const again = new Set(many.map(() => buffers.take()));
    expect(many.filter((each) => again.has(each))).toHaveLength(128);
  });
});

describe('answers over TLS', () => {
  let folder: string;
  let engine: ProxyEngine;
  let backend: Server;
  /** Pieces that the backend got rid of. */
  let given = 0;
  const sockets: TLSSocket[] = [];

  const client = (): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: engine.httpsPort ?? 0, rejectUnauthorized: false });
      sockets.push(socket);
      socket.once('secureConnect', () => resolve(socket)).once('error', reject);
    });
  /** The body of the answer; with `late` nothing is read before all on the way is full. */
  const read = async (socket: TLSSocket, path: string, bytes: number, late = false): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    let size = 0;
    socket.write(`GET ${path} HTTP/1.1\r\nHost: web.example\r\n\r\n`);
    if (late) await until(`${path} to be held up`, isHeldUp());
    socket.on('data', (data: Buffer) => {
      pieces.push(data);
      size += data.length;
    });
    let body = Buffer.alloc(0);
    await until(`all of ${path}`, () => {
      if (size <= bytes) return false;
      const all = Buffer.concat(pieces);
      body = all.subarray(all.indexOf('\r\n\r\n') + 4);
      return body.length >= bytes;
    });
    socket.removeAllListeners('data').resume();
    return body;
  };
  /** The backend has got rid of nothing between many looks. */
  const isHeldUp = (): (() => boolean) => {
    let [before, looks] = [0, 0];
    return () => {
      looks = given > 0 && given === before ? looks + 1 : 0;
      before = given;
      return looks > 20;
    };
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-lent-'));
    const pem = join(folder, 'web.pem');
    writeFileSync(pem, selfSigned(['web.example']).pem);
    // /LETTER/BYTES
    backend = createServer((req, res) => {
      const [, letter = 'x', bytes = '1'] = req.url?.split('/') ?? [];
      res.setHeader('content-length', bytes);
      // in small pieces, each read by itself, so that several wait at a time
      const body = bodyOf(letter, Number(bytes));
      const next = (at: number): void => {
        given += 1;
        if (at >= body.length) res.end();
        else res.write(body.subarray(at, at + 9_000), () => turns(4, () => next(at + 9_000)));
      };
      next(0);
    });
    const target = await listen(backend);
    ({ engine } = await startEngine({ tls: { port: 0, certificates: [pem] } }));
    await engine.swap(aTable(1, aService({ a: target })));
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const each of sockets.splice(0)) each.destroy();
    await engine.stop(0);
    backend.closeAllConnections();
    backend.close();
    rmSync(folder, { recursive: true });
  });

  it('arrive as they were given, however late they are read', async () => {
    const bytes = 16_000_000;
    const letters = [...'abc'];
    const bodies = await Promise.all(
      letters.map(async (letter) => read(await client(), `/${letter}/${bytes}`, bytes, true)),
    );
    for (const [nth, letter] of letters.entries())
      expect(bodies[nth]?.equals(bodyOf(letter, bytes))).toBe(true);
  });

  it.each([200, 60_000])('of %d bytes need no new memory to be read into', async (bytes) => {
    const socket = await client();
    await read(socket, `/x/${bytes}`, bytes);
    const made = jest.spyOn(Buffer, 'allocUnsafeSlow');
    for (let round = 0; round < 20; round += 1) await read(socket, `/x/${bytes}`, bytes);
    expect(made.mock.calls.filter(([size]) => size === 64 * 1024).length).toBeLessThan(5);
  });
});
