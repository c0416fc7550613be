// Sessions of HTTP/2 to targets, kept between requests: as many as the streams in flight need. A session that is told to go (GOAWAY), or
// whose target has left the table, gets no new streams and ends with its last one.
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import type { RouteTable, RouteTarget } from '#libs/routing';
import type { Clock, Timer } from '#libs/time';
import { endLater, isLeaving } from './end-later.js';
import { noticeEnd } from './notice-end.js';

/** Streams of one session until the target has said how many it allows, and at most. */
const STREAMS_MAX = 100;
/** An idle session may live so long: unlike in HTTP/1.1 a target says when it goes, and says what it has not looked at. */
const IDLE_MS = 30_000;
const WINDOW_BYTES = 256 * 1024;
/** Above what is let pass (h2c-call.ts), so that the reason can be told; Node's own 128 are fewer than HTTP/1.1 may have. */
const PAIRS_MAX = 1_024;

export interface PooledSession {
  readonly session: ClientHttp2Session;
  /** The connection stands, and has for a request before this one. */
  used: boolean;
  streams: number;
  idle: Timer | undefined;
  connected: boolean;
  /** Its connection began with words about one client. */
  readonly isPrivate: boolean;
}

const addressOf = ({ host, port }: RouteTarget): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

export class SessionPool {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Set<PooledSession>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * One with room for a stream; the caller gives it back by `release`. `fresh`: a new one. `hello`: a new one for this stream alone, whose
   * connection begins with these bytes.
   */
  acquire(target: RouteTarget, fresh: boolean, hello?: Buffer): PooledSession {
    const address = addressOf(target);
    const known = this.#sessions.get(address) ?? new Set();
    this.#sessions.set(address, known);
    const free = fresh || hello ? undefined : [...known].find(hasRoom);
    const pooled = free ?? this.#open(target, known, hello);
    pooled.streams += 1;
    pooled.idle?.cancel();
    return pooled;
  }

  release(pooled: PooledSession): void {
    pooled.streams -= 1;
    pooled.used = true;
    if (pooled.streams > 0 || pooled.session.destroyed) return;
    if (pooled.isPrivate) pooled.session.close();
    else pooled.idle = this.#clock.after(IDLE_MS, () => pooled.session.close());
  }

  /** After a swap: sessions to addresses without a target end with their last stream. */
  swapped(table: RouteTable): void {
    const routed = new Set(table.services.flatMap(({ targets }) => targets.map(addressOf)));
    for (const [address, sessions] of this.#sessions) {
      if (!routed.has(address)) for (const { session } of sessions) if (!isLeaving(session)) session.close();
    }
  }

  close(): void {
    for (const sessions of this.#sessions.values()) for (const { session } of sessions) session.destroy();
  }

  #open(target: RouteTarget, known: Set<PooledSession>, hello: Buffer | undefined): PooledSession {
    const address = addressOf(target);
    const asked = connect(`http://${address}`, {
      ...(hello ? { createConnection: () => openWith(target, hello) } : {}),
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: 16,
      maxHeaderListPairs: PAIRS_MAX,
      peerMaxConcurrentStreams: STREAMS_MAX,
    });
    const session = endLater(asked);
    noticeEnd(session, this.#clock);
    const pooled: PooledSession = {
      session,
      used: false,
      streams: 0,
      idle: undefined,
      connected: false,
      isPrivate: hello !== undefined,
    };
    known.add(pooled);
    // each stream that waits for the connect listens
    session.setMaxListeners(0);
    session.once('connect', () => (pooled.connected = true));
    // its streams hear of it, and they know whether they may be repeated
    session.on('error', () => session.destroy());
    // clean ones end with their last stream by themselves
    session.on('goaway', (code) => {
      if (code === constants.NGHTTP2_NO_ERROR && !isLeaving(session)) session.close();
    });
    session.once('close', () => {
      pooled.idle?.cancel();
      known.delete(pooled);
      if (known.size === 0 && this.#sessions.get(address) === known) this.#sessions.delete(address);
    });
    return pooled;
  }
}

function hasRoom({ session, streams, isPrivate }: PooledSession): boolean {
  if (isPrivate) return false;
  const allowed = session.remoteSettings?.maxConcurrentStreams ?? STREAMS_MAX;
  return !isLeaving(session) && streams < Math.min(STREAMS_MAX, allowed);
}

function openWith({ host, port }: RouteTarget, hello: Buffer): Socket {
  const socket = connectTcp({ host, port });
  socket.write(hello);
  return socket;
}
