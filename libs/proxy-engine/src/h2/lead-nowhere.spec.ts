// A process of its own, whose garbage is collected at will.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { H2Process } from '../fixtures/h2-process.js';

/** Machines are shared. */
const TIMEOUT_MS = 120_000;

/** Clients that acknowledge no SETTINGS, and whose sessions end by an error that was made while frames were read. */
const SERVER = `
import { performServerHandshake } from 'node:http2';
import { connect, createServer } from 'node:net';
import { queryObjects } from 'node:v8';
import { FRAME, frame, PREFACE } from './libs/proxy-engine/src/fixtures/h2-frame.js';
import { endLater } from './libs/proxy-engine/src/h2/end-later.js';

const [, , kind] = process.argv;
const { GOAWAY, PING, SETTINGS } = FRAME;
const SENT = Buffer.concat([
  PREFACE, frame(SETTINGS, 0, 0),
  kind === 'theirs' ? frame(GOAWAY, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 2])) : frame(PING, 0, 0, Buffer.alloc(8)),
]);
const CLIENTS = 50;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let ended = 0;
let made;
const server = createServer((socket) => {
  const session = endLater(performServerHandshake(socket, {}));
  made = session.constructor;
  socket.on('error', () => undefined);
  socket.once('end', () => session.destroy());
  session.on('error', () => session.destroy());
  session.on('ping', () => session.destroy(new Error('of our own')));
  session.once('close', () => {
    ended += 1;
    socket.destroy();
  });
}).listen(0, '127.0.0.1', async () => {
  for (let each = 0; each < CLIENTS; each += 1) {
    const client = connect(server.address().port, '127.0.0.1').resume();
    client.on('error', () => undefined);
    // what a socket is destroyed with has its stack read by node; these end before
    if (each % 2) client.end(SENT);
    else client.write(SENT, () => client.resetAndDestroy());
  }
  while (ended < CLIENTS) await pause(5);
  let left = CLIENTS;
  for (let each = 0; each < 50 && left > 0; each += 1) {
    await pause(10);
    gc();
    left = queryObjects(made, { format: 'count' });
  }
  process.stdout.write(String(left));
  process.exit();
});
`;

describe('a closed session of HTTP/2 whose SETTINGS were never acknowledged', () => {
  let program: H2Process;

  beforeAll(() => void (program = new H2Process(SERVER)));
  afterAll(() => program.dispose());

  it.each([
    ['an error of our own', 'ours'],
    ['an error that the client told by GOAWAY', 'theirs'],
  ])(
    'is collected after %s',
    async (_which, kind) => {
      const { code, stdout: left, stderr: said } = await program.run(kind);
      expect({ code, left, said }).toEqual({ code: 0, left: '0', said: '' });
    },
    TIMEOUT_MS,
  );
});
