// One request on its way to a task and its answer on the way back, as bytes. The rules of retrying are the full path's (ADR 6): nothing
// sent (refused): next target, any method. Broken before the first byte of an answer: once more if the request is idempotent
// and none of its body was sent, on another target, or on a fresh connection to the same one when only the reused connection was bad
// and no other may be asked (that one is no further attempt).
import type { Duplex } from 'node:stream';
import { readResponseHead, type AnswerTo, type RequestHead, type ResponseHead } from '#libs/http-wire';
import type { TaskId } from '#libs/model';
import type { AbortedBy } from '#libs/proxy-core';
import { silentFor, type RouteTarget } from '#libs/routing';
import type { AdmittedRequest, OwnAnswer } from '../admission/admit.js';
import { stickyCookie } from '../admission/sticky-cookie.js';
import { askedPath } from '../admission/request-facts.js';
import { bodyBytesOf } from '../answers.js';
import type { Origin } from '../fronts/origin.js';
import { idleMsFor, IDLE_MS_MAX } from '../full/upstream-agent.js';
import { nobodyWatches } from '../observe/observer.js';
import { isIdempotent } from '../targets/idempotent.js';
import type { Cancel, NoTarget, Outcome, Pick, Placed } from '../targets/pick.js';
import { Turns } from '../targets/turns.js';
import { isShortage } from '../tcp/shortage.js';
import { ownAnswerText, rewriteAnswer, rewriteInterim } from './answer-rewrite.js';
import { BodyMeter } from './body-meter.js';
import { isTooSlow, tooSlow, type BodyPace } from './body-pace.js';
import type { FastWorld } from './fast-parts.js';
import { BUFFERED_BYTES_MAX, HEAD_LIMITS } from './limits.js';
import { rewriteRequest, type ForwardedLines } from './request-rewrite.js';
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.js';
import type { TargetPool } from './upstream-pool.js';
import { isJoined, part, writeMessage, type Piece, type Written } from './wire-write.js';

const GATEWAY_FAULTS = new Set([502, 503, 504]);

/** How the client's connection goes on after an exchange. */
export type Afterwards =
  /** It may send another request. */
  | 'stays'
  | 'closes'
  /** It closes, but the client is still sending the body: closing at once would cost it the answer (RFC 9112 9.6). */
  | 'lingers'
  /** The answer is torn, and the client must see it. */
  | 'torn';

/** The client's connection, as an exchange sees it. */
export interface ExchangeClient {
  readonly socket: Duplex;
  readonly origin: Origin;
  readonly forwarded: ForwardedLines;
  /** No more of the body for now. */
  pause(): void;
  resume(): void;
  /** The exchange is over; called once. */
  over(afterwards: Afterwards): void;
}

export interface ExchangeStart {
  readonly head: RequestHead;
  readonly route: AdmittedRequest;
  /** Of `performance`, when the first byte came. */
  readonly startedAt: number;
}

export class FastExchange implements UpstreamUser, AnswerTo {
  readonly method: string;
  readonly #world: FastWorld;
  readonly #client: ExchangeClient;
  readonly #head: RequestHead;
  readonly #route: AdmittedRequest;
  readonly #startedAt: number;
  readonly #silenceMs: number;
  readonly #text: string;
  readonly #requestId: string;
  /** Undefined: the request has none. */
  readonly #body: BodyMeter | undefined;
  /** Looks at it in which the client could send (body-pace.ts). */
  #looks = 0;
  /** All of the request has come in. */
  #requestDone: boolean;
  /** Of the body, until a connection stands. */
  #held: (Buffer | string)[] = NOTHING_HELD;
  #heldBytes = 0;

  #tried: Set<TaskId> | undefined;
  readonly #turns = new Turns();
  /** How often it was given to a target, the same one included. */
  #asked = 0;
  #repeated = false;
  #cancel: Cancel | undefined;
  #pick: Pick | undefined;
  #target: RouteTarget | undefined;
  #connection: UpstreamConnection | undefined;
  #unwatch: (() => void) | undefined;
  /** Bytes of the body may have left: this request cannot be sent again. */
  #consumed = false;
  #sent = false;

  /** The target has begun to answer. */
  #heard = false;
  #partial: Buffer | undefined;
  #answer: ResponseHead | undefined;
  #answerBody: BodyMeter | undefined;
  #answerDone = false;
  #stays = false;
  #status = 0;
  #ownBytes = 0;
  #abortedBy: AbortedBy | undefined;
  #over = false;

  constructor(world: FastWorld, client: ExchangeClient, { head, route, startedAt }: ExchangeStart) {
    this.#world = world;
    this.#client = client;
    this.#head = head;
    this.#route = route;
    this.#startedAt = startedAt;
    this.method = head.method;
    this.#silenceMs = route.service.policy?.timeouts?.silenceMs ?? world.silenceMs;
    const { text, requestId } = rewriteRequest(head, route, client.forwarded);
    this.#text = text;
    this.#requestId = requestId;
    const body = head.framing.kind === 'none' ? undefined : new BodyMeter(head.framing);
    this.#requestDone = body === undefined || body.done;
    this.#body = this.#requestDone ? undefined : body;
  }

  get requestDone(): boolean {
    return this.#requestDone;
  }

  /** After the bytes of the body that came with the head were taken. */
  start(): void {
    if (!this.#over) this.#place(false);
  }

  /** Bytes of the client from `from` on; returns where the next request begins, or the length of the data. */
  take(data: Buffer, from: number): number {
    const body = this.#body;
    if (!body || this.#requestDone || this.#over) return from;
    body.take(data, from);
    if (body.fault !== '') {
      this.#refuseBody(body.fault);
      return data.length;
    }
    if (body.done) this.#requestDone = true;
    if (body.end > from) this.#forward(part(data, from, body.end));
    if (body.tail !== '') this.#forward(body.tail);
    if (body.done && this.#answerDone) this.#complete();
    return body.done ? body.next : data.length;
  }

  /** Each LOOK_MS while the client can send the body. */
  lookAtBody(): void {
    const body = this.#body;
    if (!body || this.#requestDone || this.#answer || this.#over) return;
    this.#looks += 1;
    const pace = this.#pace;
    if (!isTooSlow(pace, this.#looks, body.bytes)) return;
    this.#cancel?.();
    this.#dropConnection();
    this.#own(408, tooSlow(pace), undefined);
  }

  /** The client has gone, or breaks off; `drain`: it is we who leave it. */
  abandon(by: 'client' | 'drain' = 'client'): void {
    if (this.#over) return;
    if (!this.#answerDone) this.#abortedBy = by;
    this.#cancel?.();
    this.#dropConnection();
    this.#end(undefined);
  }

  /**
   * After a swap, or while stopping (`all`): from now on its target's departure ends it, too. Not asked for at each request's start: nearly
   * none of them sees its target leave.
   */
  watchDeparture(all: boolean): void {
    const target = this.#target;
    if (this.#unwatch || !target || !this.#pick || !(all || this.#connection?.pool.gone)) return;
    this.#unwatch = this.#world.departures.watch(target, () => this.#drained());
  }

  /** All that was written to the client has left. */
  clientDrained(): void {
    const connection = this.#connection;
    if (!connection) return;
    connection.silentAfter(this.#silenceMs);
    connection.resume();
  }

  // --- the target's side

  connected(): void {
    this.#send();
  }

  drained(): void {
    this.#connection?.silentAfter(this.#silenceMs);
    this.#client.resume();
  }

  received(data: Buffer): boolean {
    this.#connection?.silentAfter(this.#silenceMs);
    if (this.#answerDone) {
      // more than its answer: nothing that comes on this connection can be trusted any more
      this.#dropConnection();
      this.#finishUnread();
      return false;
    }
    if (this.#answerBody) return this.#relay(this.#answerBody, data);
    this.#heard = true;
    const all = this.#partial ? Buffer.concat([this.#partial, data]) : data;
    this.#partial = undefined;
    return this.#readHeads(all);
  }

  closed(error: Error | undefined): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#over || !connection) return;
    if (!connection.connected) {
      this.#turns.noteRefusal(error);
      this.#refused(isShortage(error) ? undefined : 'refused');
    } else if (!this.#answer) this.#broken(connection, error);
    else if (this.#answerDone) this.#finishUnread();
    else if (this.#unframed && !error) this.#endUnframed();
    else this.#tear('target');
  }

  silent(): void {
    const connection = this.#connection;
    if (!connection) return;
    const waitsForClient = !this.#requestDone && connection.socket.writableLength === 0;
    const isHeldUp = connection.paused;
    this.#dropConnection();
    if (!connection.connected) this.#refused();
    else if (this.#answerDone) this.#finishUnread();
    else if (this.#answer) this.#tear(isHeldUp ? 'client' : 'silence');
    else if (waitsForClient)
      this.#own(408, `the body of the request stopped for ${this.#silenceMs / 1000} s`, undefined);
    else this.#own(504, silentFor(this.#route.service.appId, this.#silenceMs), 'failed');
  }

  // --- choosing a target

  #place(fresh: boolean): void {
    const { routes } = this.#world;
    const { service, wish } = this.#route;
    if (this.#turns.areOver(service.policy?.retries?.attempts)) {
      this.#refuse(routes.explain(service, { ...wish, ...this.#exceptTried() }));
      return;
    }
    const asked = this.#tried ? { ...wish, tried: this.#tried } : wish;
    this.#cancel = undefined;
    this.#cancel = routes.place(service, asked, (placed) => this.#placed(placed, fresh));
  }

  #placed(placed: Placed, fresh: boolean): void {
    this.#cancel = undefined;
    if (placed.kind === 'none') {
      this.#refuse(placed.why);
      return;
    }
    const { pick } = placed;
    this.#turns.take();
    this.#pick = pick;
    this.#target = pick.target;
    const pool = this.#world.pools.of(this.#route.service, pick.target);
    const idle = fresh ? undefined : pool.take();
    if (!idle) {
      this.#open(pool);
      return;
    }
    this.#asked += 1;
    this.#connection = idle;
    idle.user = this;
    this.#send();
  }

  /** Asks the target that is claimed on a connection of its own. */
  #open(pool: TargetPool): void {
    const connectMs = this.#route.service.policy?.timeouts?.connectMs ?? this.#world.connectTimeoutMs;
    this.#asked += 1;
    const opened = pool.open(this.#world, connectMs);
    opened.user = this;
    this.#connection = opened;
  }

  #exceptTried(): { tried?: Set<TaskId> } {
    return this.#tried ? { tried: this.#tried } : {};
  }

  #triedNow(): void {
    this.#tried ??= new Set();
    if (this.#target) this.#tried.add(this.#target.taskId);
  }

  /** Nothing was sent: the next one, whatever the method. */
  #refused(outcome: Outcome | undefined = 'refused'): void {
    this.#triedNow();
    this.#release(outcome);
    this.#place(false);
  }

  #broken(connection: UpstreamConnection, error: Error | undefined): void {
    this.#triedNow();
    // a kept connection that the target closed just now says nothing about it
    const outcome = connection.reused ? undefined : 'failed';
    if (!this.#mayRepeat(connection.reused)) {
      const code = error && 'code' in error ? String(error.code) : 'no answer';
      this.#own(
        502,
        `${this.#app} closed the connection before it answered (${code}); the request may have had an effect`,
        outcome,
      );
      return;
    }
    this.#repeated = true;
    if (connection.reused && !this.#mayGoOn()) {
      if (!connection.pool.gone) {
        this.#sent = false;
        this.#open(connection.pool);
        return;
      }
      this.#turns.takeBack();
    }
    this.#release(outcome);
    this.#again(true);
  }

  #mayRepeat(reused: boolean): boolean {
    return (
      !this.#repeated &&
      !this.#consumed &&
      !this.#heard &&
      isIdempotent(this.method) &&
      (reused || this.#mayGoOn()) &&
      this.#world.routes.mayRetry(this.#route.service)
    );
  }

  #again(fresh: boolean): void {
    this.#sent = false;
    this.#heard = false;
    this.#place(fresh);
  }

  /** There is another target that may be asked. */
  #mayGoOn(): boolean {
    return this.#world.routes.mayGoOn(this.#route.service, this.#turns, this.#tried);
  }

  // --- the request

  #send(): void {
    const connection = this.#connection;
    if (!connection) return;
    connection.silentAfter(this.#silenceMs);
    this.#sent = true;
    const { socket } = connection;
    if (this.#head.framing.kind === 'none') {
      socket.write(this.#text, 'latin1');
      return;
    }
    this.#consumed = this.#body !== undefined;
    const [first, ...rest] = this.#held;
    this.#held = NOTHING_HELD;
    this.#heldBytes = 0;
    if (first instanceof Buffer)
      writeMessage(socket, this.#text, { data: first, from: 0, end: first.length });
    else socket.write(this.#text + (first ?? ''), 'latin1');
    for (const piece of rest) socket.write(piece);
    if (socket.writableLength > BUFFERED_BYTES_MAX) this.#client.pause();
    else this.#client.resume();
  }

  #forward(piece: Buffer | string): void {
    const connection = this.#connection;
    if (!connection || !this.#sent) {
      if (this.#held === NOTHING_HELD) this.#held = [];
      this.#held.push(piece);
      this.#heldBytes += piece.length;
      if (this.#heldBytes > BUFFERED_BYTES_MAX) this.#client.pause();
      return;
    }
    connection.silentAfter(this.#silenceMs);
    connection.socket.write(piece);
    if (connection.socket.writableLength > BUFFERED_BYTES_MAX) this.#client.pause();
  }

  // --- the answer

  #readHeads(data: Buffer): boolean {
    let from = 0;
    while (from < data.length) {
      const verdict = readResponseHead(data, from, HEAD_LIMITS, this);
      if (verdict.kind === 'more') {
        // a copy: the buffer is read into again
        this.#partial = Buffer.from(data.subarray(from));
        break;
      }
      if (verdict.kind !== 'head') {
        this.#dropConnection();
        this.#own(502, `${this.#app} gave an answer that is not valid HTTP (${verdict.why})`, 'failed');
        return false;
      }
      const { head } = verdict;
      if (head.status >= 200) return this.#answered(head, data);
      this.#write(rewriteInterim(head));
      from = head.end;
    }
    return false;
  }

  #answered(head: ResponseHead, data: Buffer): boolean {
    if (this.#asksAnother(head.status)) return false;
    const body = new BodyMeter(head.framing);
    body.next = body.end = head.end;
    if (!body.done) body.take(data, head.end);
    if (body.fault !== '') {
      this.#dropConnection();
      this.#own(502, `${this.#app} gave an answer that is not valid HTTP (${body.fault})`, 'failed');
      return false;
    }
    this.#answer = head;
    this.#answerBody = body;
    this.#status = head.status;
    this.#stays = this.#mayStay(head);
    const text = this.#rewritten(head);
    const { socket } = this.#client;
    const piece = { data, from: head.end, end: body.end };
    if (this.#unframed) {
      socket.cork();
      socket.write(text, 'latin1');
      this.#writeChunk(piece);
      socket.uncork();
      return this.#wrote(body, data, true);
    }
    const joined = isJoined(body.end - head.end);
    writeMessage(socket, text, piece, joined ? undefined : this.#lend());
    return this.#wrote(body, data, !joined);
  }

  #rewritten(head: ResponseHead): string {
    const { service, responseEdits } = this.#route;
    return rewriteAnswer(head, {
      keepAlive: this.#stays,
      now: this.#world.deadlines.now,
      cookie: service.sticky && this.#target ? stickyCookie(service, this.#target, this.#route) : undefined,
      edits: responseEdits,
    });
  }

  #relay(body: BodyMeter, data: Buffer): boolean {
    body.take(data, 0);
    if (body.fault !== '') {
      this.#dropConnection();
      this.#tear('target');
      return false;
    }
    if (this.#unframed) this.#writeChunk({ data, from: 0, end: body.end });
    else if (body.end > 0) this.#client.socket.write(part(data, 0, body.end), this.#lend());
    return this.#wrote(body, data, true);
  }

  /** Over TLS no write is done in its own turn: for the one that is about to be made of the bytes just received. */
  #lend(): Written | undefined {
    return this.#client.origin.secure ? this.#connection?.lend()?.comeBack : undefined;
  }

  /** A piece of the answer is on its way to the client, `inPlace`: not a copy of it. True: its bytes are still needed. */
  #wrote(body: BodyMeter, data: Buffer, inPlace: boolean): boolean {
    const { socket } = this.#client;
    if (body.tail !== '') this.#write(body.tail);
    const waiting = socket.writableLength;
    if (!body.done) {
      if (waiting > BUFFERED_BYTES_MAX) this.#connection?.pause();
      return inPlace && waiting > 0;
    }
    this.#answerDone = true;
    if (body.next < data.length || !this.#answer?.keepAlive || this.#world.isStopping())
      this.#dropConnection();
    if (this.#requestDone) this.#complete();
    else if (!this.#connection) this.#finishUnread();
    return inPlace && waiting > 0;
  }

  /** A piece of an answer that the task ends by closing: in a frame, so that the client can tell an end from a break. */
  #writeChunk({ data, from, end }: Piece): void {
    if (end === from) return;
    const { socket } = this.#client;
    const frame = `${(end - from).toString(16)}\r\n`;
    socket.cork();
    socket.write(frame, 'latin1');
    socket.write(part(data, from, end), this.#lend());
    socket.write('\r\n', 'latin1');
    socket.uncork();
  }

  #endUnframed(): void {
    this.#write(LAST_CHUNK);
    this.#answerDone = true;
    if (this.#requestDone) this.#complete();
    else this.#finishUnread();
  }

  get #unframed(): boolean {
    return this.#answer?.framing.kind === 'until-close';
  }

  #write(text: string): void {
    this.#client.socket.write(text, 'latin1');
  }

  /** Whether the client may send another request after this answer. */
  #mayStay(head: ResponseHead): boolean {
    if (!this.#head.keepAlive || this.#world.isStopping()) return false;
    // a target that answers early and closes will not read the rest of the body
    return this.#requestDone || head.keepAlive;
  }

  /** Policy `retries.on`: an answer of this status is thrown away, and another target is asked. */
  #asksAnother(status: number): boolean {
    const { service } = this.#route;
    const retries = service.policy?.retries;
    if (!retries?.on?.includes(status) || this.#consumed || !isIdempotent(this.method)) return false;
    this.#triedNow();
    if (!this.#mayGoOn() || !this.#world.routes.mayRetry(service)) return false;
    this.#dropConnection();
    this.#release(outcomeOf(status));
    this.#again(false);
    return true;
  }

  // --- ends

  #complete(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection) {
      const idleMs = this.#idleMs();
      if (idleMs > 0 && !this.#world.isStopping()) connection.release(idleMs);
      else connection.destroy();
    }
    const afterwards = this.#stays ? 'stays' : 'closes';
    this.#end(outcomeOf(this.#status));
    this.#client.over(afterwards);
  }

  /** The answer is whole, and nobody reads the rest of the request. */
  #finishUnread(): void {
    if (this.#over) return;
    this.#end(outcomeOf(this.#status));
    this.#client.over('lingers');
  }

  /** In the middle of the answer: the client must see that it is not whole. */
  #tear(by: AbortedBy): void {
    this.#abortedBy = by;
    this.#end(by === 'target' || by === 'silence' ? 'failed' : undefined);
    this.#client.over('torn');
  }

  #refuseBody(why: string): void {
    const answered = this.#answer !== undefined;
    this.#cancel?.();
    this.#dropConnection();
    if (!answered) {
      this.#own(400, `the request is not valid HTTP: ${why}`, undefined);
      return;
    }
    this.#tear('client');
  }

  #refuse({ message, retryAfterS }: NoTarget): void {
    this.#ownAnswer(
      { kind: 'answer', status: 503, message, headers: [['retry-after', String(retryAfterS)]] },
      undefined,
    );
  }

  #own(status: number, message: string, outcome: Outcome | undefined): void {
    this.#ownAnswer({ kind: 'answer', status, message, headers: [] }, outcome);
  }

  #ownAnswer(answer: OwnAnswer, outcome: Outcome | undefined): void {
    if (this.#over) return;
    const { ownHeaders } = this.#route;
    const own = ownHeaders ? { ...answer, headers: [...answer.headers, ...ownHeaders] } : answer;
    const stays = this.#requestDone && this.#head.keepAlive && !this.#world.isStopping();
    const text = ownAnswerText(own, this.method, stays, this.#world.deadlines.now);
    this.#client.socket.write(text);
    this.#ownBytes = bodyBytesOf(own, this.method);
    this.#status = own.status;
    const afterwards = !this.#requestDone ? 'lingers' : stays ? 'stays' : 'closes';
    this.#end(outcome);
    this.#client.over(afterwards);
  }

  #dropConnection(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
  }

  #idleMs(): number {
    const lines = this.#answer?.lines ?? [];
    for (let at = 0; at + 1 < lines.length; at += 2) {
      const name = lines[at] as string;
      if (name.length === KEEP_ALIVE.length && name.toLowerCase() === KEEP_ALIVE)
        return idleMsFor(lines[at + 1]);
    }
    return IDLE_MS_MAX;
  }

  /** The target leaves and its drain time is over. */
  #drained(): void {
    this.#unwatch = undefined;
    const answer = this.#answer;
    this.#dropConnection();
    if (!answer)
      this.#own(503, `${this.#app} was stopped before it answered, after its drain time`, undefined);
    else if (this.#answerDone) this.#finishUnread();
    else if ((this.#unframed || this.#answerBody?.couldEnd) && isEventStream(answer)) {
      // a stream without an end of its own: its reader reconnects
      this.#write(LAST_CHUNK);
      this.#stays = false;
      this.#complete();
    } else this.#tear('drain');
  }

  #release(outcome: Outcome | undefined): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    const pick = this.#pick;
    this.#pick = undefined;
    pick?.release(outcome);
  }

  #end(outcome: Outcome | undefined): void {
    this.#over = true;
    this.#release(outcome);
    const { observer } = this.#world;
    if (observer === nobodyWatches) return;
    observer.ended({
      path: this.#target ? 'fast' : 'own',
      service: this.#route.service,
      target: this.#target,
      method: this.method,
      host: this.#head.host,
      urlPath: askedPath(this.#route.asked),
      clientAddress: this.#client.origin.clientAddress,
      requestId: this.#requestId,
      status: this.#status,
      durationMs: performance.now() - this.#startedAt,
      retries: Math.max(0, this.#asked - 1),
      bytesOut: this.#ownBytes || (this.#answerBody?.bytes ?? 0),
      abortedBy: this.#abortedBy,
    });
  }

  get #pace(): BodyPace {
    const bytesPerSecond = this.#route.service.policy?.limits?.bodyMinRate;
    const { bodyPace } = this.#world;
    return bytesPerSecond === undefined ? bodyPace : { ...bodyPace, bytesPerSecond };
  }

  get #app(): string {
    return `app ${this.#route.service.appId}`;
  }
}

/** Shared by the many requests without a body. */
const NOTHING_HELD: (Buffer | string)[] = [];
const KEEP_ALIVE = 'keep-alive';
const LAST_CHUNK = '0\r\n\r\n';

function isEventStream({ lines }: ResponseHead): boolean {
  return lines.some(
    (value, at) =>
      at % 2 === 1 &&
      lines[at - 1]?.toLowerCase() === 'content-type' &&
      value.toLowerCase().startsWith('text/event-stream'),
  );
}

function outcomeOf(status: number): Outcome {
  return GATEWAY_FAULTS.has(status) ? 'failed' : 'ok';
}
