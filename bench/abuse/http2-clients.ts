// Clients of HTTP/2 that keep to no rule, as many at once as asked for; whoever is done or thrown out comes back at once. A process of its
// own: `node http2-clients.js PORT AT_ONCE [KIND…]`; says how many have been there when its standard input ends.
import { connect } from 'node:net';
import { FRAME, frame, PREFACE } from '../../libs/proxy-engine/src/fixtures/h2-frame.js';

type Kind = 'heads' | 'resets' | 'pings' | 'settings' | 'goaway' | 'trailers';

const { DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW } = FRAME;
/** GET / of `app-0.example`. */
const HEAD = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 13]), Buffer.from('app-0.example')]);
const POST = Buffer.concat([Buffer.from([0x83]), HEAD.subarray(1)]);
const TRAILER = Buffer.concat([
  Buffer.from([0x40, 5]),
  Buffer.from('x-sum'),
  Buffer.from([3]),
  Buffer.from('abc'),
]);

const many = (count: number, make: (at: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));
const code = (value: number): Buffer => Buffer.from([0, 0, 0, value]);
/** Windows as large as they may be, for answers that nobody reads. */
const WIDE = Buffer.concat([
  frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
  frame(WINDOW, 0, 0, Buffer.from([0x7f, 0, 0, 0])),
]);

/** What each sends behind the preface, in one go. */
const SENT: Readonly<Record<Kind, Buffer>> = {
  // one that does not end, behind one that is larger than may be
  heads: Buffer.concat([
    frame(SETTINGS, 0, 0),
    frame(HEADERS, 5, 1, Buffer.concat([HEAD, many(400, () => TRAILER)])),
    frame(HEADERS, 1, 3, HEAD.subarray(0, 4)),
  ]),
  resets: Buffer.concat([
    frame(SETTINGS, 0, 0),
    many(400, (at) =>
      Buffer.concat([frame(HEADERS, 5, 2 * at + 1, HEAD), frame(RST, 0, 2 * at + 1, code(8))]),
    ),
  ]),
  pings: Buffer.concat([frame(SETTINGS, 0, 0), many(5_000, () => frame(PING, 0, 0, Buffer.alloc(8)))]),
  settings: Buffer.concat([frame(SETTINGS, 0, 0), many(2_000, () => frame(SETTINGS, 0, 0))]),
  goaway: Buffer.concat([
    frame(SETTINGS, 0, 0),
    frame(HEADERS, 5, 1, HEAD),
    frame(GOAWAY, 0, 0, Buffer.concat([code(0), code(0)])),
    many(20, (at) => frame(HEADERS, 5, 2 * at + 3, HEAD)),
  ]),
  trailers: Buffer.concat([
    WIDE,
    frame(HEADERS, 4, 1, POST),
    frame(DATA, 0, 1, Buffer.from('some')),
    frame(HEADERS, 1, 1, TRAILER),
  ]),
};

function flood(port: number, atOnce: number, kinds: readonly Kind[]): () => number {
  let clients = 0;
  const come = (): void => {
    const at = clients++;
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(Buffer.concat([PREFACE, SENT[kinds[at % kinds.length] ?? 'pings']]));
      // some stay and read, some read nothing, and they go in an order or without
      if (at % 3 === 0) socket.pause();
      else socket.resume();
      setTimeout(
        () => (at % 2 ? socket.resetAndDestroy() : socket.end(() => socket.destroy())),
        20 + (at % 7) * 40,
      );
    });
    socket.on('error', () => undefined);
    socket.once('close', () => setImmediate(come));
  };
  for (let each = 0; each < atOnce; each += 1) come();
  return () => clients;
}

const [, , port, atOnce, ...asked] = process.argv;
const known = Object.keys(SENT) as Kind[];
const kinds = known.filter((each) => asked.length === 0 || asked.includes(each));
const unknown = asked.filter((each) => !known.includes(each as Kind));
if (unknown.length > 0)
  throw new Error(`${unknown.join(', ')}: no kind of client; there are ${known.join(', ')}`);
const clients = flood(Number(port), Number(atOnce), kinds);
process.stdin.resume().once('end', () => process.stdout.write(String(clients()), () => process.exit()));
