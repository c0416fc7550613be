// Processes of their own, for what this keeps from is an abort.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { H2Process } from '../fixtures/h2-process.js';

/** Machines are shared, and each round is some turns of a process that collects its garbage all the time. */
const TIMEOUT_MS = 120_000;

/** Clients whose streams have trailers that never end; round after round, so that what node frees first varies. */
const SERVER = `
import { stat } from 'node:fs';
import { performServerHandshake } from 'node:http2';
import { connect, createServer } from 'node:net';
import { FRAME, frame, PREFACE } from './libs/proxy-engine/src/fixtures/h2-frame.js';
import { endLater } from './libs/proxy-engine/src/h2/end-later.js';

const [, , kind] = process.argv;
const { HEADERS, SETTINGS, WINDOW } = FRAME;
const HEAD = Buffer.concat([Buffer.from([0x83, 0x86, 0x84, 0x41, 1]), Buffer.from('a')]);
const TRAILER = Buffer.concat([Buffer.from([0x40, 5]), Buffer.from('x-sum'), Buffer.from([3]), Buffer.from('abc')]);
// windows without an end
const ASKED = Buffer.concat([
  PREFACE, frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
  frame(WINDOW, 0, 0, Buffer.from([0x7f, 0, 0, 0])), frame(HEADERS, 4, 1, HEAD), frame(HEADERS, 1, 1, TRAILER),
]);
const MUCH = Buffer.alloc(8_000_000);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let [streams, ended] = [0, 0];
const server = createServer((socket) => {
  const session = endLater(performServerHandshake(socket, {}));
  socket.on('error', () => undefined);
  socket.once('end', () => session.destroy());
  session.on('error', () => undefined);
  session.once('close', () => (ended += 1));
  session.on('stream', (stream) => {
    streams += 1;
    stream.on('error', () => undefined);
    if (kind === 'answered') return stream.respond({}, { endStream: true });
    stream.respond({});
    stream.write(MUCH);
    setTimeout(() => stream.destroy(), 50);
  });
}).listen(0, '127.0.0.1', async () => {
  if (kind === 'answered') collect();
  for (let round = 1; round <= 15; round += 1) {
    for (let each = 0; each < 12; each += 1) {
      const client = connect(server.address().port, '127.0.0.1').pause();
      client.on('error', () => undefined);
      client.write(ASKED);
      setTimeout(() => (each % 2 ? client.resetAndDestroy() : client.end(() => client.destroy())), kind === 'answered' ? 10 : 120);
    }
    while (ended < round * 12) await pause(5);
    await pause(10);
    gc();
  }
  process.stdout.write(String(streams));
  process.exit();
});

/** Between reads of the same turn. */
function collect() {
  stat('.', () => (gc(), collect()));
}
`;

describe('a session of HTTP/2 with trailers that never end', () => {
  let program: H2Process;

  beforeAll(() => void (program = new H2Process(SERVER)));
  afterAll(() => program.dispose());

  it.each([
    ['whose stream ends together with it', 'answered'],
    ['whose stream was destroyed while the client read nothing', 'unread'],
  ])(
    '%s does not end the process',
    async (_which, kind) => {
      const { code, signal, stdout: streams, stderr: said } = await program.run(kind);
      expect({ code, signal, said }).toEqual({ code: 0, signal: null, said: '' });
      expect(Number(streams)).toBeGreaterThan(100);
    },
    TIMEOUT_MS,
  );
});
