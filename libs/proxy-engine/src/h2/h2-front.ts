// HTTP/2 towards clients (RFC 9113): over TLS by ALPN, and with prior knowledge on plain connections. Each stream is admitted and
// forwarded like any other request. A session ends when it is idle for too long, misbehaves, or the proxy stops.
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '#libs/time';
import { admit, type OwnAnswer } from '../admission/admit.js';
import { answerTransformOf } from '../admission/answer-transform.js';
import { limitBody } from '../admission/body-limit.js';
import type { FindOptions } from '../admission/find-route.js';
import type { RequestFacts } from '../admission/request-facts.js';
import type { Origin } from '../fronts/origin.js';
import { Exchange, type ExchangeParts } from '../full/exchange.js';
import { addForwarded } from '../full/forwarded-headers.js';
import { forwardUpgrade, type UpgradeAsk } from '../full/upgrade.js';
import { tellOwn } from '../observe/own-record.js';
import { AbuseGuard } from './abuse-guard.js';
import { endLater, isLeaving } from './end-later.js';
import { noticeEnd } from './notice-end.js';
import { StreamClient } from './stream-client.js';
import { handshakeHeaders, StreamUpgradeClient } from './stream-upgrade.js';
import { factsOfStream, readStreamHead, type StreamHead } from './stream-head.js';

export interface H2FrontParts extends ExchangeParts {
  readonly clock: Clock;
  readonly findOptions: () => FindOptions;
  readonly freshen: () => Promise<void> | undefined;
}

export const STREAMS_MAX = 128;
const HEADER_LIST_BYTES = 32 * 1024;
const HEADER_PAIRS_MAX = 256;
/** Of one stream towards us; more would be memory that a slow task makes us hold. */
const WINDOW_BYTES = 256 * 1024;
/** MB: header tables, queued frames and bodies of one session. */
const SESSION_MEMORY_MB = 16;
/** The first request must be there by then. */
const FIRST_STREAM_MS = 15_000;
/** Longer than the 60 s of common balancers in front, so that they close first. */
const IDLE_MS = 75_000;
const OPTIONS = {
  maxSessionMemory: SESSION_MEMORY_MB,
  maxHeaderListPairs: HEADER_PAIRS_MAX,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxSettings: 32,
  settings: {
    enablePush: false,
    // RFC 8441
    enableConnectProtocol: true,
    maxConcurrentStreams: STREAMS_MAX,
    maxHeaderListSize: HEADER_LIST_BYTES,
    initialWindowSize: WINDOW_BYTES,
  },
} satisfies ServerOptions;

interface Served {
  readonly session: ServerHttp2Session;
  readonly origin: Origin;
  readonly guard: AbuseGuard;
  streams: number;
  idle: Timer | undefined;
  /** It is about to be destroyed, and nothing more of it is served. */
  condemned: boolean;
  /** Runs between the two words of goodbye. */
  leaving: Timer | undefined;
}

/** The highest number of a stream: none is refused yet. */
const ANY_STREAM = 2 ** 31 - 1;

export class H2Front {
  readonly #parts: H2FrontParts;
  readonly #sessions = new Set<Served>();
  #stopping = false;
  #noticeMs = 0;

  constructor(parts: H2FrontParts) {
    this.#parts = parts;
  }

  /** Serves this connection until it is closed; its preface is still to come, or in `first`. */
  take(client: Duplex, origin: Origin, first?: Buffer): void {
    client.on('error', () => client.destroy());
    if (first && first.length > 0) client.unshift(first);
    const session = endLater(performServerHandshake(client, OPTIONS));
    noticeEnd(session, this.#parts.clock);
    const served: Served = {
      session,
      origin,
      guard: new AbuseGuard(this.#parts.clock),
      streams: 0,
      idle: undefined,
      condemned: false,
      leaving: undefined,
    };
    this.#sessions.add(served);
    this.#rest(served, FIRST_STREAM_MS);
    session.on('stream', (stream, _headers, flags, raw?: string[]) =>
      this.#begin(served, stream, {
        raw: raw ?? [],
        ended: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
      }),
    );
    // sockets here may be half open, HTTP/2 may not: who sends no more takes no more, for windows and pings need both ways
    client.once('end', () => session.destroy());
    // what is wrong is told to the client by GOAWAY; the connection ends with it
    session.on('error', () => session.destroy());
    session.on('ping', () => this.#count(served, 'ping'));
    session.on('remoteSettings', () => this.#count(served, 'settings'));
    session.once('close', () => {
      served.idle?.cancel();
      served.leaving?.cancel();
      this.#sessions.delete(served);
      client.destroy();
    });
    if (this.#stopping) this.#leave(served);
  }

  /** Clients are told to go elsewhere; what is in flight goes on, and for `noticeMs` what was sent before they heard of it is served, too. */
  stop(noticeMs: number): void {
    this.#stopping = true;
    this.#noticeMs = noticeMs;
    for (const each of this.#sessions) this.#leave(each);
  }

  /** Ends up to so many sessions without a stream in order (GOAWAY), those that rest longest first; returns how many. */
  shed(most: number): number {
    let closed = 0;
    for (const { session, streams } of this.#sessions) {
      if (closed === most) break;
      if (streams > 0 || isLeaving(session)) continue;
      session.close();
      closed += 1;
    }
    return closed;
  }

  /** Sessions whose notice runs. */
  get noticed(): number {
    return [...this.#sessions].filter(({ leaving }) => leaving !== undefined).length;
  }

  /** Cuts what is left. */
  close(): void {
    for (const { session } of [...this.#sessions]) session.destroy();
  }

  #begin(served: Served, stream: ServerHttp2Stream, head: { raw: string[]; ended: boolean }): void {
    // a reset by the client, or a body of another length than said; whoever waits for the stream hears of its close
    stream.on('error', () => undefined);
    // reset together with its head: its close has been told already, its error comes yet
    if (stream.destroyed) return this.#count(served, 'reset');
    if (served.condemned) return;
    served.streams += 1;
    served.idle?.cancel();
    stream.once('close', () => {
      served.streams -= 1;
      if (served.streams === 0 && this.#sessions.delete(served)) {
        // behind those that rest longer
        this.#sessions.add(served);
        this.#rest(served, IDLE_MS);
      }
      // a tear of our own is told by its code
      if (stream.aborted && stream.rstCode !== constants.NGHTTP2_INTERNAL_ERROR) this.#count(served, 'reset');
    });
    // an unexpected error costs this stream, not the process
    this.#exchange(served, stream, head).catch((error: Error) => stream.destroy(error));
  }

  async #exchange(
    { origin }: Served,
    stream: ServerHttp2Stream,
    { raw, ended }: { raw: string[]; ended: boolean },
  ): Promise<void> {
    const startedAt = performance.now();
    const head = readStreamHead(raw, ended);
    const client = new StreamClient(
      stream,
      head.kind === 'head' ? head.method : 'GET',
      head.kind === 'head' && head.hasBody,
    );
    const wait = this.#parts.freshen();
    if (wait) await wait;
    if (client.gone) return;
    const answerOwn = (own: OwnAnswer, asked?: RequestFacts): void => {
      client.answerOwn(own);
      tellOwn(this.#parts.observer, { own, origin, startedAt, ...(asked ? { facts: asked } : {}) });
    };
    if (head.kind === 'bad') return answerOwn(refusal(head.status, head.why));
    const facts = factsOfStream(head, origin);
    const isUpgrade = head.protocol !== undefined;
    if (head.protocol !== undefined && head.protocol.toLowerCase() !== 'websocket')
      return answerOwn(refusal(501, NO_PROTOCOL), facts);
    const verdict = admit(facts, this.#parts.findOptions());
    if (verdict.kind === 'answer') return answerOwn(verdict, facts);
    if (isUpgrade) return this.#upgrade({ stream, head, client, origin, route: verdict, startedAt });
    if (head.headers['expect'] !== undefined) client.inform(100, []);
    const headers = forTask(head);
    addForwarded(headers, origin, verdict.prefix);
    const host = headers['host'];
    const transform = answerTransformOf(verdict, head.method, typeof host === 'string' ? host : undefined);
    const exchange = new Exchange(this.#parts, {
      client,
      route: verdict,
      headers,
      path: 'h2',
      startedAt,
      origin,
      ...(transform ? { transform } : {}),
    });
    limitBody(verdict, client.body, (status, message) => exchange.refuse(status, message));
    exchange.begin();
  }

  async #upgrade({ stream, head, client, ...ask }: StreamUpgrade): Promise<void> {
    const headers = handshakeHeaders(head);
    await forwardUpgrade(this.#parts, { ...ask, client: new StreamUpgradeClient(stream, client), headers });
  }

  #count(served: Served, kind: 'reset' | 'ping' | 'settings'): void {
    const { session, guard } = served;
    if (session.destroyed || served.condemned || !guard.isTooMuch(kind)) return;
    served.condemned = true;
    session.destroy(new Error(`too many frames of kind ${kind}`), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Without a stream for so long: an orderly end. A session that drips bytes is no busier for it. */
  #rest(served: Served, ms: number): void {
    served.idle?.cancel();
    if (served.session.destroyed) return;
    served.idle = this.#parts.clock.after(ms, () => served.session.close());
  }

  /**
   * A GOAWAY that refuses nothing, and when the client has had time to hear it another one with the last stream that was seen (RFC 9113 6.8):
   * with the second alone, streams that were on their way would be refused.
   */
  #leave(served: Served): void {
    const { session } = served;
    if (isLeaving(session) || served.leaving) return;
    session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
    served.leaving = this.#parts.clock.after(this.#noticeMs, () => {
      served.leaving = undefined;
      if (!session.destroyed) session.close();
    });
  }
}

interface StreamUpgrade extends Pick<UpgradeAsk, 'origin' | 'route' | 'startedAt'> {
  readonly stream: ServerHttp2Stream;
  readonly head: StreamHead;
  readonly client: StreamClient;
}

const NO_PROTOCOL = 'of the protocols of an extended CONNECT only websocket is served';

const refusal = (status: number, message: string): OwnAnswer => ({
  kind: 'answer',
  status,
  message,
  headers: [],
});

/** The Host that a task sees, a body of unknown length in chunks; Expect is answered here. */
function forTask({ headers, hasBody }: StreamHead): StreamHead['headers'] {
  const { expect: _answered, ...kept } = headers;
  if (hasBody && kept['content-length'] === undefined) kept['transfer-encoding'] = 'chunked';
  return kept;
}
