import { performServerHandshake, type ServerHttp2Session } from 'node:http2';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { listen, until } from '#libs/testkit';
import { FRAME, frame, PREFACE } from '../fixtures/h2-frame.js';
import { endLater, isLeaving } from './end-later.js';

const { HEADERS, SETTINGS, GOAWAY } = FRAME;
/** GET http / by HPACK's table, and an authority. */
const HEAD = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 1]), Buffer.from('a')]);

describe('the end of a session of HTTP/2', () => {
  let server: Server;

  afterEach(() => void server.close());

  // what is behind the GOAWAY would go to memory that is gone: thousands of such clients end the process
  it.each([0, 1])(
    'that a client brings about by GOAWAY %i comes after what it sent behind it',
    async (code) => {
      const seen: string[] = [];
      let session: ServerHttp2Session | undefined;
      server = createServer((socket) => {
        session = endLater(performServerHandshake(socket, {}));
        session.on('error', () => undefined);
        session.on('stream', (stream) => {
          stream.on('error', () => undefined);
          const isOpen = session?.closed === false && !session.destroyed;
          seen.push(`stream ${stream.id} ${isOpen ? 'of an open session' : ''}`);
          if (stream.id === 3) expect(session && isLeaving(session)).toBe(true);
        });
        session.once('close', () => seen.push('the end'));
      });
      const client = connect(await listen(server), '127.0.0.1');
      client.on('error', () => undefined).resume();
      client.write(
        Buffer.concat([
          PREFACE,
          frame(SETTINGS, 0, 0),
          frame(HEADERS, 5, 1, HEAD),
          frame(GOAWAY, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, code])),
          frame(HEADERS, 5, 3, HEAD),
        ]),
      );
      await until('the second stream', () => seen.length >= 2);
      expect(seen.slice(0, 2)).toEqual(['stream 1 of an open session', 'stream 3 of an open session']);
      if (code === 0) session?.destroy();
      await until('the end', () => seen.includes('the end'));
      client.destroy();
    },
  );
});
