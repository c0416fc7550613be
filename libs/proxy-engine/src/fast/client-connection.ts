// One connection of a client: reads one request after the other, serves them one at a time and in order, and hands the connection to the
// full path, with the bytes already read, as soon as a request is out of the ordinary.
import type { Duplex } from 'node:stream';
import { readRequestHead, type RequestHead } from '#libs/http-wire';
import { admit, type OwnAnswer } from '../admission/admit.js';
import type { Origin } from '../fronts/origin.js';
import { beginsHttp2 } from '../fronts/preface.js';
import { tellOwn } from '../observe/own-record.js';
import { ownAnswerText } from './answer-rewrite.js';
import { BodyMeter } from './body-meter.js';
import { LOOK_MS } from './body-pace.js';
import type { Watched } from './deadlines.js';
import { FastExchange, type Afterwards, type ExchangeClient } from './fast-exchange.js';
import type { FastWorld } from './fast-parts.js';
import { needsFullPath } from './full-only.js';
import { HeadFacts } from './head-facts.js';
import { BUFFERED_BYTES_MAX, CLIENT_IDLE_MS, HEAD_LIMITS, HEAD_MS, LINGER_MS } from './limits.js';
import { ForwardedLines } from './request-rewrite.js';

/** Of requests that wait for their turn: bytes and pieces, beyond which the client has to wait with sending. */
const AHEAD_BYTES_MAX = 16 * 1024;
const AHEAD_PIECES_MAX = 16;
const LF = 10;

type State =
  | 'reading'
  /** The table may be out of date; the head is read again afterwards. */
  | 'freshening'
  /** The last answer is on its way. */
  | 'ending'
  /** Somebody else's, or closed. */
  | 'gone';

interface Asked {
  readonly head: RequestHead;
  readonly facts: HeadFacts;
  readonly data: Buffer;
  readonly startedAt: number;
}

export interface ClientOwner {
  /** For the full path. */
  readonly handOver: (socket: Duplex, origin: Origin, first: Buffer) => void;
  /** Nothing is to be done for it any more. */
  readonly forget: (client: ClientConnection) => void;
}

export class ClientConnection implements Watched, ExchangeClient {
  readonly socket: Duplex;
  readonly origin: Origin;
  readonly forwarded: ForwardedLines;
  deadline: number;
  readonly #world: FastWorld;
  readonly #owner: ClientOwner;
  #state: State = 'reading';
  #exchange: FastExchange | undefined;
  /** Bytes that no request has taken yet. */
  #input: Buffer | undefined;
  /** Bytes behind it that came while a request was being served. */
  #ahead: Buffer[] = [];
  #aheadBytes = 0;
  /** Of `performance`, when the first byte of the present head came; 0: none has. */
  #headSince = 0;
  #freshened = false;
  /** See `closeQuiet`. */
  #idleLooks = 0;
  /** A request has been read of it. */
  #asked = false;
  #advancing = false;
  #paused = false;
  /** It was told to wait since the last look at its body. */
  #waited = false;
  readonly #listeners = {
    data: (data: Buffer) => this.#onData(data),
    end: () => this.#onEnd(),
    drain: () => this.#onDrain(),
    error: () => void this.socket.destroy(),
    close: () => this.#onClose(),
  };

  constructor(world: FastWorld, owner: ClientOwner, { socket, origin }: { socket: Duplex; origin: Origin }) {
    this.#world = world;
    this.#owner = owner;
    this.socket = socket;
    this.origin = origin;
    this.forwarded = new ForwardedLines(origin);
    world.deadlines.add(this);
    this.deadline = world.deadlines.now + HEAD_MS;
    const { data, end, drain, error, close } = this.#listeners;
    socket.on('data', data).on('end', end).on('drain', drain).on('error', error).on('close', close);
    // whoever looked at the first bytes may have paused it
    socket.resume();
  }

  /** Something would be lost if it were closed now. */
  get busy(): boolean {
    return this.#exchange !== undefined || this.#state === 'freshening' || this.socket.writableLength > 0;
  }

  /** Ends it unless a request is under way, or has begun to come in; true: done. */
  closeIdle(): boolean {
    if (!this.#isIdle()) return false;
    this.#close();
    return true;
  }

  /**
   * Ends it when it has been idle at so many looks in a row; true: it was idle, but not yet for long enough. Looks are counted and not
   * time: while this process is late, a request may have come long ago that it has not read yet.
   */
  closeQuiet(looks: number): boolean {
    if (!this.#isIdle()) {
      this.#idleLooks = 0;
      return false;
    }
    this.#idleLooks += 1;
    if (this.#idleLooks < looks) return true;
    this.#close();
    return false;
  }

  /** Its request in flight hears of its target's departure; with `all` whether that has left the table or not. */
  watchDeparture(all: boolean): void {
    this.#exchange?.watchDeparture(all);
  }

  /** Whatever is under way. */
  destroy(): void {
    this.#exchange?.abandon('drain');
    this.socket.destroy();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#waited = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#isAhead()) return;
    this.#paused = false;
    this.socket.resume();
  }

  over(afterwards: Afterwards): void {
    this.#exchange = undefined;
    if (this.#state === 'gone') return;
    if (afterwards === 'stays') {
      this.deadline = this.#world.deadlines.now + CLIENT_IDLE_MS;
      this.#advance();
    } else if (afterwards === 'closes') this.#close();
    else if (afterwards === 'lingers') this.#linger();
    else this.socket.destroy();
  }

  /** The deadline has passed. */
  expire(): void {
    this.deadline = Infinity;
    if (this.#exchange) this.#lookAtBody(this.#exchange);
    else if (this.#state === 'reading' && this.#input)
      this.#refuse(408, 'the head of the request came too slowly');
    else this.socket.destroy();
  }

  stoodStill(ms: number): void {
    this.deadline += ms;
  }

  #lookAtBody(exchange: FastExchange): void {
    if (exchange.requestDone) return;
    this.deadline = this.#world.deadlines.now + LOOK_MS;
    const waited = this.#waited;
    this.#waited = this.#paused;
    if (!waited) exchange.lookAtBody();
  }

  #onData(data: Buffer): void {
    if (this.#state === 'ending') return;
    const exchange = this.#exchange;
    if (exchange && !exchange.requestDone) {
      const next = exchange.take(data, 0);
      if (next < data.length) this.#keep(data.subarray(next));
    } else if (exchange || this.#state === 'freshening') this.#keep(data);
    else this.#read(data);
  }

  #read(data: Buffer): void {
    const before = this.#input;
    this.#input = before ? Buffer.concat([before, data]) : data;
    // a head that comes byte by byte is not worth a look before its line ends
    if (before && !data.includes(LF) && this.#input.length < HEAD_LIMITS.headBytes) return;
    this.#advance();
  }

  #keep(data: Buffer): void {
    this.#ahead.push(data);
    this.#aheadBytes += data.length;
    if (this.#isAhead()) this.pause();
  }

  #isIdle(): boolean {
    return this.#state === 'reading' && !this.busy && !this.#input;
  }

  #isAhead(): boolean {
    return this.#aheadBytes > AHEAD_BYTES_MAX || this.#ahead.length > AHEAD_PIECES_MAX;
  }

  /** Serves what has been read; requests that are answered at once one after the other, without going deeper. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    do this.#catchUp();
    while (this.#isReady() && this.#step());
    this.#advancing = false;
    if (!this.#exchange && this.#state === 'reading' && this.socket.writableLength <= BUFFERED_BYTES_MAX)
      this.resume();
  }

  #catchUp(): void {
    if (this.#exchange || this.#ahead.length === 0) return;
    this.#input = Buffer.concat(this.#input ? [this.#input, ...this.#ahead] : this.#ahead);
    this.#ahead = [];
    this.#aheadBytes = 0;
  }

  #isReady(): boolean {
    if (this.#state !== 'reading' || this.#exchange || !this.#input) return false;
    if (this.socket.writableLength <= BUFFERED_BYTES_MAX) return true;
    // it asks faster than it reads the answers; goes on when they have left
    this.pause();
    return false;
  }

  /** One request; false when there is no whole one. */
  #step(): boolean {
    const data = this.#input as Buffer;
    if (this.#headSince === 0) this.#headSince = performance.now();
    const verdict = readRequestHead(data, 0, HEAD_LIMITS);
    switch (verdict.kind) {
      case 'head':
        return this.#begin(verdict.head, data);
      case 'more':
        this.deadline = Math.min(this.deadline, this.#world.deadlines.now + HEAD_MS);
        return false;
      case 'unusual':
        this.#handOver(data);
        return false;
      default:
        // HTTP/2 with prior knowledge; only as the first words of a connection
        if (!this.#asked && beginsHttp2(data)) this.#handOver(data);
        else this.#refuse(verdict.status, verdict.why);
        return false;
    }
  }

  #begin(head: RequestHead, data: Buffer): boolean {
    if (!this.#freshened && this.#freshens()) return false;
    this.#freshened = false;
    this.#asked = true;
    const facts = new HeadFacts(head, this.origin);
    const options = this.#world.findOptions();
    if (needsFullPath(facts, options)) {
      this.#handOver(data);
      return false;
    }
    const route = admit(facts, options);
    const startedAt = this.#headSince;
    this.#headSince = 0;
    this.deadline = Infinity;
    if (route.kind === 'answer') return this.#answer(route, { head, facts, data, startedAt });
    this.#idleLooks = 0;
    const exchange = new FastExchange(this.#world, this, { head, route, startedAt });
    this.#exchange = exchange;
    const next = exchange.take(data, head.end);
    this.#input = next < data.length ? data.subarray(next) : undefined;
    if (this.#exchange && !exchange.requestDone) this.deadline = this.#world.deadlines.now + LOOK_MS;
    exchange.start();
    return true;
  }

  #freshens(): boolean {
    const wait = this.#world.freshen();
    if (!wait) return false;
    this.#state = 'freshening';
    this.deadline = Infinity;
    const go = (): void => {
      if (this.#state !== 'freshening') return;
      this.#state = 'reading';
      this.#freshened = true;
      this.#advance();
    };
    wait.then(go, go);
    return true;
  }

  /** No task is asked. True: the next request may follow. */
  #answer(own: OwnAnswer, { head, facts, data, startedAt }: Asked): boolean {
    const body = head.framing.kind === 'none' ? undefined : new BodyMeter(head.framing);
    if (body && !body.done) body.take(data, head.end);
    const whole = !body || (body.done && body.fault === '');
    const next = body && data.length > head.end ? body.next : head.end;
    const stays = whole && head.keepAlive && !this.#world.isStopping();
    const text = ownAnswerText(own, head.method, stays, this.#world.deadlines.now);
    this.socket.write(text);
    tellOwn(this.#world.observer, { own, origin: this.origin, startedAt, facts });
    this.#input = whole && next < data.length ? data.subarray(next) : undefined;
    this.deadline = this.#world.deadlines.now + CLIENT_IDLE_MS;
    if (!whole) this.#linger();
    else if (!stays) this.#close();
    return stays;
  }

  /** What cannot be read is never forwarded, and nothing behind it on this connection can be trusted. */
  #refuse(status: number, why: string): void {
    const message = `the request is not served: ${why}`;
    const own: OwnAnswer = { kind: 'answer', status, message, headers: [] };
    const text = ownAnswerText(own, 'GET', false, this.#world.deadlines.now);
    this.socket.write(text);
    tellOwn(this.#world.observer, { own, origin: this.origin, startedAt: this.#headSince });
    this.#linger();
  }

  /** After the last byte of the last answer. */
  #close(): void {
    // the usual case: all has left, nothing more comes. TLS wants to say goodbye
    if (this.socket.writableLength === 0 && !this.#input && this.#ahead.length === 0 && !this.origin.secure) {
      this.socket.destroy();
      return;
    }
    this.#linger();
  }

  /** Closing while the client is still sending would take the answer away from it: it may finish, and what it sends is dropped. */
  #linger(): void {
    this.#state = 'ending';
    this.#input = undefined;
    this.#ahead = [];
    this.#aheadBytes = 0;
    this.deadline = this.#world.deadlines.now + CLIENT_IDLE_MS;
    this.socket.end(() => {
      this.deadline = Math.min(this.deadline, this.#world.deadlines.now + LINGER_MS);
    });
    this.resume();
  }

  #onEnd(): void {
    // like node's own server: half a connection is none
    if (this.#exchange || this.#state !== 'reading') this.socket.destroy();
    else this.#close();
  }

  #onDrain(): void {
    if (this.#exchange) this.#exchange.clientDrained();
    else if (this.#state === 'reading') this.#advance();
  }

  #onClose(): void {
    this.#leave();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.abandon();
  }

  #leave(): void {
    this.#state = 'gone';
    this.deadline = Infinity;
    this.#input = undefined;
    this.#ahead = [];
    this.#world.deadlines.remove(this);
    this.#owner.forget(this);
  }

  #handOver(data: Buffer): void {
    const { socket } = this;
    const { data: onData, end, drain, error, close } = this.#listeners;
    this.#leave();
    socket.pause();
    socket.off('data', onData).off('end', end).off('drain', drain).off('error', error).off('close', close);
    this.#owner.handOver(socket, this.origin, data);
  }
}
