// The kinds of requests of the gate. Each is a plain client without any retry of its own: what a proxy loses is seen. One thing is
// protocol and no retry: an HTTP/2 stream that is closed with REFUSED_STREAM has not been looked at, and is asked again on another
// session (RFC 9113 8.7), as browsers, curl and gRPC do; Node's client closes those so that it wrote in the moment of a GOAWAY.
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';

export interface Front {
  readonly http: number;
  /** HTTP/1.1 and HTTP/2. */
  readonly https: number;
}

/** With the client's port, where there was a connection. */
export class RequestFailure extends Error {
  readonly localPort: number | undefined;
  constructor(why: string, localPort: number | undefined) {
    super(why);
    this.localPort = localPort;
  }
}

/** Resolves when the whole right answer is there; rejects with RequestFailure. */
export type Send = (host: string) => Promise<void>;

export interface Clients {
  readonly kinds: Readonly<Record<string, Send>>;
  /** Streams that were refused unseen and asked again. */
  readonly askedAgain: () => number;
  close(): void;
}

const TIMEOUT_MS = 15_000;
const BODY = Buffer.alloc(8 * 1024, 'b');
/** So few that none is ever idle for long: a proxy may close idle connections, and no client can tell that in advance. */
const KEPT_CONNECTIONS = 16;
const H2_SESSIONS = 4;
const DRIP_MS = 100;

interface Plain {
  readonly host: string;
  readonly agent: Agent | false;
  readonly tls?: boolean;
  readonly body?: Buffer;
  /** Sends the body in pieces over so long. */
  readonly overMs?: number;
}

export function makeClients(front: Front, slow: { readonly fromMs: number; readonly toMs: number }): Clients {
  const kept = new Agent({ keepAlive: true, maxSockets: KEPT_CONNECTIONS, scheduling: 'fifo' });
  const sessions = new Sessions(front.https);
  const slowMs = (): number => slow.fromMs + Math.random() * (slow.toMs - slow.fromMs);
  return {
    kinds: {
      'GET, kept connection': (host) => plain(front, { host, agent: kept }),
      'GET, new connection': (host) => plain(front, { host, agent: false }),
      'GET, new TLS connection': (host) => plain(front, { host, agent: false, tls: true }),
      'POST 8 KiB, kept connection': (host) => plain(front, { host, agent: kept, body: BODY }),
      'POST, slow body': (host) => plain(front, { host, agent: false, body: BODY, overMs: slowMs() }),
      'GET, HTTP/2': (host) => sessions.ask(host),
      'POST 8 KiB, HTTP/2': (host) => sessions.ask(host, BODY),
    },
    askedAgain: () => sessions.askedAgain,
    close: () => {
      kept.destroy();
      sessions.close();
    },
  };
}

function plain(front: Front, { host, agent, tls, body, overMs }: Plain): Promise<void> {
  return new Promise((resolve, reject) => {
    let port: number | undefined;
    const fail = (why: string): void => reject(new RequestFailure(why, port));
    const outgoing = (tls ? httpsRequest : request)({
      ...{ host: '127.0.0.1', port: tls ? front.https : front.http, path: '/', timeout: TIMEOUT_MS },
      ...{ method: body ? 'POST' : 'GET', agent, rejectUnauthorized: false, servername: host },
      headers: { host, ...(body ? { 'content-length': body.length } : {}) },
    });
    outgoing.on('socket', (socket) => {
      const note = (): void => void (port = socket.localPort);
      if (socket.connecting) socket.once('connect', note);
      else note();
    });
    outgoing.on('response', (response) => readAnswer(response, body, resolve, fail));
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.on('error', (error) => fail(`no answer: ${wordsOf(error)}`));
    if (body && overMs !== undefined) drip(outgoing, body, overMs);
    else outgoing.end(body);
  });
}

function readAnswer(
  response: IncomingMessage,
  body: Buffer | undefined,
  resolve: () => void,
  fail: (why: string) => void,
): void {
  let text = '';
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  response.on('error', (error) => fail(`the answer broke off: ${wordsOf(error)}`));
  response.on('end', () => {
    const problem = problemOf(response.statusCode, text, body);
    if (problem) fail(problem);
    else resolve();
  });
}

function problemOf(status: number | undefined, text: string, body: Buffer | undefined): string | undefined {
  if (status !== 200) return `status ${status}: ${text.trim().replace(/\s+/g, ' ').slice(0, 80)}`;
  const [bytes] = text.split(' ');
  return bytes === String(body?.length ?? 0) ? undefined : `the task got ${bytes} B of the body`;
}

function drip(
  outgoing: { destroyed: boolean; write(data: Buffer): unknown; end(data: Buffer): unknown },
  body: Buffer,
  overMs: number,
): void {
  const pieces = Math.max(2, Math.round(overMs / DRIP_MS));
  const size = Math.ceil(body.length / pieces);
  let at = 0;
  const timer = setInterval(() => {
    if (outgoing.destroyed) return clearInterval(timer);
    const piece = body.subarray(at, at + size);
    at += size;
    if (at < body.length) return void outgoing.write(piece);
    clearInterval(timer);
    outgoing.end(piece);
  }, overMs / pieces);
}

interface Question {
  readonly host: string;
  readonly body: Buffer | undefined;
  /** Not to be asked again. */
  readonly isLast: boolean;
}

/** HTTP/2 sessions, used in turn; one that the proxy says goodbye to is replaced, and what is under way on it ends there. */
class Sessions {
  askedAgain = 0;
  readonly #port: number;
  readonly #sessions: (ClientHttp2Session | undefined)[] = [];
  #turn = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(host: string, body?: Buffer): Promise<void> {
    if (await this.#askOnce(this.#next(), { host, body, isLast: false })) return;
    this.askedAgain += 1;
    // all the others may be about to leave, too
    await this.#askOnce(this.#open(), { host, body, isLast: true });
  }

  close(): void {
    for (const session of this.#sessions) session?.destroy();
  }

  /** False: refused before anybody looked at it. */
  #askOnce(session: ClientHttp2Session, { host, body, isLast }: Question): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const port = portOf(session);
      const fail = (why: string): void => reject(new RequestFailure(why, port ?? portOf(session)));
      const stream = session.request({
        ':method': body ? 'POST' : 'GET',
        ...{ ':path': '/', ':authority': host, ':scheme': 'https' },
      });
      let status: number | undefined;
      let text = '';
      stream.setTimeout(TIMEOUT_MS, () => fail(`no answer within ${TIMEOUT_MS / 1000} s`));
      stream.on('response', (headers) => (status = headers[':status']));
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      stream.on('error', (error) => {
        if (!isLast && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) resolve(false);
        else fail(`HTTP/2: ${wordsOf(error)}`);
      });
      stream.on('end', () => {
        const problem = problemOf(status, text, body);
        if (problem) fail(problem);
        else resolve(true);
      });
      // an end without an answer would otherwise never be told
      stream.on('close', () => fail(`HTTP/2: the stream was closed (code ${stream.rstCode})`));
      stream.end(body);
    });
  }

  #next(): ClientHttp2Session {
    this.#turn = (this.#turn + 1) % H2_SESSIONS;
    const known = this.#sessions[this.#turn];
    return known && !known.closed && !known.destroyed ? known : this.#open();
  }

  /** In the place of the one whose turn it is. */
  #open(): ClientHttp2Session {
    const session = connect(`https://127.0.0.1:${this.#port}`, { rejectUnauthorized: false });
    const place = this.#turn;
    const forget = (): void => {
      if (this.#sessions[place] === session) this.#sessions[place] = undefined;
    };
    session.on('goaway', forget).on('close', forget);
    // each of its streams tells it, too
    session.on('error', forget);
    this.#sessions[place] = session;
    return session;
  }
}

const portOf = (session: ClientHttp2Session): number | undefined => {
  try {
    return (session.socket as Socket).localPort;
  } catch {
    // it has no socket any more
    return undefined;
  }
};

const wordsOf = (error: Error): string => {
  const code = (error as NodeJS.ErrnoException).code;
  return code && !error.message.includes(code) ? `${code} ${error.message}` : error.message;
};
