// The smuggling corpus of libs/http-wire through the whole proxy, on both paths: what reaches a task, octet by octet, and what the
// client hears. The task here is no HTTP server: it records, and llhttp says afterwards what a Node task would have made of it.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { until } from '#libs/testkit';
import { ANSWER_CASES } from '../../http-wire/src/fixtures/corpus-answers.js';
import type { Backend, RequestCase } from '../../http-wire/src/fixtures/corpus-case.js';
import { REQUEST_CASES } from '../../http-wire/src/fixtures/corpus-requests.js';
import type { Observed } from '../../http-wire/src/fixtures/observed.js';
import { readNatively } from '../../http-wire/src/fixtures/read-natively.js';
import { aService, aTable, startEngine } from './fixtures/engine-bed.js';
import { frame as frameOf, PREFACE } from './fixtures/h2-frame.js';
import { get, ok, RawClient } from './fast/wire-bed.js';
import type { ProxyEngine, ProxyEngineOptions } from './proxy-engine.js';

// generous: machines are shared
jest.setTimeout(60_000);

const PATHS: readonly [name: string, options: Partial<ProxyEngineOptions>][] = [
  ['fast path', {}],
  ['full path', { fastPath: false }],
];

/** Records all it is sent; answers each whole request with what `answers` gives, in turn. */
class RecordingTask {
  readonly #server: Server;
  readonly #heard = new Map<Socket, string>();
  #answered = 0;

  constructor(answers: (nth: number, request: Observed) => { bytes: string; closes?: boolean }) {
    this.#server = createServer((socket) => {
      this.#heard.set(socket, '');
      let said = 0;
      socket.on('error', () => socket.destroy());
      socket.on('data', (data) => {
        this.#heard.set(socket, this.#heard.get(socket) + data.toString('latin1'));
        const whole = this.#read(socket).filter((each) => each.whole);
        for (const request of whole.slice(said)) {
          const { bytes, closes = false } = answers(this.#answered++, request);
          socket.write(bytes, 'latin1');
          if (closes) socket.end();
        }
        said = whole.length;
      });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  #read(socket: Socket): readonly Observed[] {
    const bytes = Buffer.from(this.#heard.get(socket) ?? '', 'latin1');
    return readNatively({ kind: 'requests', bytes, cuts: [], methods: [] }).messages;
  }

  get requests(): Observed[] {
    return [...this.#heard.keys()].flatMap((socket) => [...this.#read(socket)]);
  }

  get octets(): string {
    return [...this.#heard.values()].join('');
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#heard.keys()) socket.destroy();
  }
}

/**
 * Where the full path alone may differ: node:http smooths these away before anybody sees them, and writes each head and chunk anew, so
 * that exactly one request of the right shape reaches the task. The fast path refuses them before, on all but connections handed over.
 */
const ONE_ON_FULL = new Set([
  ...['CL.CL: a tab before the digits', 'TE.TE: a tab before it', 'TE.TE: a blank behind it'],
  ...['TE.TE: two blanks before it', 'hop-by-hop: a tab beside close'],
  ...['line end: two empty lines in front', 'line end: an LF in front', 'line end: a CR in front'],
  ...['target: two blanks before it', 'target: two blanks behind it'],
  ...['version: another protocol', 'chunk: more zeros than anybody needs', 'chunk: an extension of 2 KiB'],
  ...['chunk: extensions of 17 KiB in all'],
]);
/** Chunks of 2^63 octets and more: node waits for the rest of them, and never takes the request for whole. */
const WAITS_ON_FULL = new Set(['chunk: 2^63, negative to some', 'chunk: sixteen digits f']);
/** Nobody is hurt by what the full path does not forward. */
const HARMLESS_ANSWER_ON_FULL = new Set([
  'chunk: an extension of 2 KiB',
  'answer splitting: an empty line in front',
]);
/** llhttp refuses what follows a `close`: before the task has answered, or after, as it happens. */
const CHANCE_ON_FULL = 'close, and more that nobody reads';

const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
const WHOLE: Record<Backend, number> = { nothing: 0, torn: 0, one: 1, two: 2 };

interface Expected {
  readonly backend: Backend;
  readonly statuses: readonly number[];
  /** Nothing ends it. */
  readonly waits: boolean;
}

function expectedOf({ attack, name, backend, client }: RequestCase, isFull: boolean): Expected {
  const title = `${attack}: ${name}`;
  if (isFull && ONE_ON_FULL.has(title)) return { backend: 'one', statuses: [200], waits: false };
  return { backend, statuses: client, waits: isFull && WAITS_ON_FULL.has(title) };
}

describe.each(PATHS)('the smuggling corpus on the %s', (path, options) => {
  const isFull = path === 'full path';
  let engine: ProxyEngine;
  let port = 0;
  let tables = 0;
  const close: (() => void)[] = [];

  beforeAll(async () => {
    ({ engine, port } = await startEngine(options));
  });
  afterAll(() => engine.stop(0));
  afterEach(() => {
    for (const each of close.splice(0).reverse()) each();
  });

  /** A task of its own, and a client. */
  async function scene(
    answers: ConstructorParameters<typeof RecordingTask>[0],
  ): Promise<{ task: RecordingTask; client: RawClient }> {
    const task = new RecordingTask(answers);
    close.push(() => task.close());
    tables += 1;
    await engine.swap(aTable(tables, aService({ [`t${tables}`]: await task.listen() })));
    const client = new RawClient(port);
    close.push(() => client.socket.destroy());
    return { task, client };
  }

  it.each(REQUEST_CASES.filter(({ name }) => !isFull || name !== CHANCE_ON_FULL))(
    'request, $attack: $name',
    async (request) => {
      const { backend, statuses, waits } = expectedOf(request, isFull);
      const { task, client } = await scene((nth, { first: [method] }) => ({
        bytes: method === 'HEAD' ? ok(`answer${nth}`).replace(/answer\d$/, '') : ok(`answer${nth}`),
      }));
      client.send(request.bytes);
      const wanted = WHOLE[backend];
      const answers = (): number => client.text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
      await until(
        'the end of the exchange',
        () => client.closed || (wanted > 0 && answers() === wanted) || (waits && task.octets !== ''),
        { withinMs: 8_000 },
      );
      if (!waits) expect(statuses).toContain(statusOf(client.text));
      const { requests } = task;
      expect(requests.filter(({ first }) => first[1].includes('smuggled'))).toEqual([]);
      expect(requests.filter(({ whole }) => whole).length).toBe(wanted);
      expect(requests.length).toBeLessThanOrEqual(backend === 'torn' ? 1 : wanted);
      if (backend === 'nothing') expect(task.octets).toBe('');
      // what cannot be trusted is not read any further
      if (wanted === 0 && !waits) expect(client.closed).toBe(true);
    },
  );

  it.each(ANSWER_CASES)('answer, $attack: $name', async (answer) => {
    const { bytes, method, closes, reader } = answer;
    const isHarmless = isFull && HARMLESS_ANSWER_ON_FULL.has(`${answer.attack}: ${answer.name}`);
    const statuses = isHarmless ? [200] : answer.client;
    const { client } = await scene((nth) => (nth === 0 ? { bytes, closes } : { bytes: ok('second') }));
    client.send(get('/a').replace('GET', method));
    const first = (): Observed | undefined => answersOf(client.text, method)[0];
    await until('the first answer', () => client.closed || first()?.whole === true, { withinMs: 8_000 });
    expect(statuses).toContain(statusOf(client.text));
    if (reader === 'bad body' && !isHarmless && statusOf(client.text) === 200)
      expect(first()?.whole).toBe(false);
    if (client.closed) return;
    // nothing of the first answer may be taken for the second
    client.send(get('/b'));
    await until('the second answer', () => client.closed || client.text.endsWith('second'), {
      withinMs: 8_000,
    });
    expect(client.text).not.toContain('smuggled');
  });
});

function answersOf(text: string, method: string): readonly Observed[] {
  const bytes = Buffer.from(text, 'latin1');
  // an answer until the end of the connection is whole when that has come: the caller looks at `closed` for it
  const { messages } = readNatively({ kind: 'answers', bytes, cuts: [], methods: [method, 'GET'] });
  return messages.filter(({ first }) => !first[0].startsWith('1'));
}

/** Headers of an HTTP/2 request that would be another message, or another end of it, once written as HTTP/1.1. */
const H2_CASES: readonly [name: string, lines: readonly (readonly [string, string])[], body: string][] = [
  ['CR LF in a value', [['x', `1\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: web.example`]], ''],
  ['LF in a value', [['x', '1\ntransfer-encoding: chunked']], ''],
  ['CR in a value', [['x', '1\rtransfer-encoding: chunked']], ''],
  ['NUL in a value', [['x', '1\0']], ''],
  ['CR LF in a name', [['x\r\ntransfer-encoding', 'chunked']], ''],
  ['a colon in a name', [['transfer-encoding: chunked\r\nx', '1']], ''],
  ['a capital letter in a name', [['Transfer-encoding', 'chunked']], ''],
  ['transfer-encoding', [['transfer-encoding', 'chunked']], '0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n'],
  ['connection', [['connection', 'content-length']], ''],
  ['keep-alive', [['keep-alive', '5']], ''],
  ['upgrade', [['upgrade', 'websocket']], ''],
  ['te: gzip', [['te', 'gzip']], ''],
  ['content_length', [['content_length', '5']], ''],
  ['a length that is too short (H2.CL)', [['content-length', '0']], 'GET /smuggled HTTP/1.1\r\n\r\n'],
  ['a length that is too long', [['content-length', '50']], 'hello'],
  ['a length with a sign', [['content-length', '+5']], 'hello'],
  [
    'two lengths',
    [
      ['content-length', '5'],
      ['content-length', '0'],
    ],
    'hello',
  ],
  ['CR LF in the path', [[':path', '/ HTTP/1.1\r\nx: 1']], ''],
  ['a blank in the path', [[':path', '/a HTTP/1.1']], ''],
  ['a path without a slash', [[':path', 'a']], ''],
  ['CR LF in the method', [[':method', 'GET /smuggled HTTP/1.1\r\nx: 1']], ''],
  ['CR LF in the authority', [[':authority', 'web.example\r\nx: 1']], ''],
  [
    'a pseudo-header behind the others',
    [
      ['x', '1'],
      [':path', '/b'],
    ],
    '',
  ],
  ['another host', [['host', 'other.example']], ''],
];

describe('the smuggling corpus from HTTP/2', () => {
  let engine: ProxyEngine;
  let port = 0;
  let tables = 0;
  const close: (() => void)[] = [];
  beforeAll(async () => {
    ({ engine, port } = await startEngine());
  });
  afterAll(() => engine.stop(0));
  afterEach(() => {
    for (const each of close.splice(0).reverse()) each();
  });

  /** What the task had when the stream was over. */
  async function send(lines: readonly (readonly [string, string])[], body: string): Promise<RecordingTask> {
    const task = new RecordingTask(() => ({ bytes: ok('answer') }));
    close.push(() => task.close());
    await engine.swap(aTable(++tables, aService({ t: await task.listen() })));
    const client = new RawClient(port);
    close.push(() => client.socket.destroy());
    client.send(h2Request(lines, body));
    await until('the stream to be over', () => client.closed || framesIn(client.text).some(isOver), {
      withinMs: 8_000,
    });
    return task;
  }

  it.each(H2_CASES)('%s', async (_, lines, body) => {
    const task = await send(lines, body);
    expect(task.octets).not.toMatch(/smuggled|transfer-encoding|\0/i);
    // nghttp2 leaves out a field that has such octets, and takes the rest for good
    const isLeftOut = lines.some(([name, value]) => !name.startsWith(':') && /[\r\n\0]/.test(name + value));
    expect(task.requests.filter(({ whole }) => whole).map(({ first }) => first[1])).toEqual(
      isLeftOut ? ['/a'] : [],
    );
  });

  it('and a right one arrives', async () => {
    const task = await send([['content-length', '5']], 'hello');
    expect(task.requests.map(({ first, body }) => [...first, body])).toEqual([['POST', '/a', 'hello']]);
  });
});

/** The frames by hand: no client library sends such headers. Pseudo-headers among `lines` replace the right ones. */
function h2Request(lines: readonly (readonly [string, string])[], body: string): string {
  const right = new Map([
    [':method', body === '' ? 'GET' : 'POST'],
    [':scheme', 'http'],
    [':path', '/a'],
    [':authority', 'web.example'],
  ]);
  const isLast = lines.length > 1 && lines.at(-1)?.[0].startsWith(':') === true;
  for (const [name] of isLast ? [] : lines) right.delete(name);
  const pseudo = isLast ? [] : lines.filter(([name]) => name.startsWith(':'));
  const rest = isLast ? lines : lines.filter(([name]) => !name.startsWith(':'));
  const block = [...right, ...pseudo, ...rest].map(
    ([name, value]) => `\0${hpackText(name)}${hpackText(value)}`,
  );
  const END_STREAM = 1;
  const END_HEADERS = 4;
  const head = frame(1, END_HEADERS | (body === '' ? END_STREAM : 0), 1, block.join(''));
  const data = body === '' ? '' : frame(0, END_STREAM, 1, body);
  return `${PREFACE.toString()}${frame(4, 0, 0, '')}${head}${data}`;
}

/** Literal, not Huffman; shorter than 127. */
const hpackText = (text: string): string => String.fromCharCode(text.length) + text;

const frame = (type: number, flags: number, stream: number, payload: string): string =>
  frameOf(type, flags, stream, Buffer.from(payload, 'latin1')).toString('latin1');

interface Frame {
  readonly type: number;
  readonly flags: number;
}

function framesIn(text: string): Frame[] {
  const frames: Frame[] = [];
  const at = (i: number): number => text.charCodeAt(i);
  for (let p = 0; p + 9 <= text.length; p += 9 + (at(p) << 16) + (at(p + 1) << 8) + at(p + 2)) {
    frames.push({ type: at(p + 3), flags: at(p + 4) });
  }
  return frames;
}

/** RST_STREAM, GOAWAY, or HEADERS or DATA that end the stream. */
const isOver = ({ type, flags }: Frame): boolean =>
  type === 3 || type === 7 || (type < 2 && (flags & 1) === 1);
