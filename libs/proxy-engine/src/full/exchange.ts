// One HTTP request on its way to a task, whatever client and task speak: choose a target, ask it, and when that fails decide by what was
// already sent. Nothing sent (connect failed): next target, any method. A connection that breaks before the first byte of an answer:
// once more if the request is idempotent and its body untouched, on another target, or on a fresh connection to the same one when only
// the reused connection was bad and no other may be asked: that is no further attempt (ADR 6). Else 502.
import type { Transform, Writable } from 'node:stream';
import type { TaskId } from '#libs/model';
import type { AbortedBy, RequestRecord } from '#libs/proxy-core';
import { silentFor, type RouteService, type RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { AdmittedRequest, OwnAnswer } from '../admission/admit.js';
import { stickyCookie } from '../admission/sticky-cookie.js';
import { askedPath } from '../admission/request-facts.js';
import { bodyBytesOf } from '../answers.js';
import type { Departures } from '../drain/departures.js';
import { tooSlow, type BodyPace } from '../fast/body-pace.js';
import type { Origin } from '../fronts/origin.js';
import { isUsableRequestId, makeRequestId } from '../fast/request-id.js';
import type { Observer } from '../observe/observer.js';
import type { LiveRoutes } from '../targets/live-routes.js';
import { writeProxyHeader } from '../tcp/proxy-header.js';
import { isShortage } from '../tcp/shortage.js';
import { isIdempotent } from '../targets/idempotent.js';
import type { Cancel, NoTarget, Outcome, Pick } from '../targets/pick.js';
import { Turns } from '../targets/turns.js';
import type { ClientSide, FlatHeaders, HeaderMap } from './client-side.js';
import { editFlat, editMap } from './header-edits.js';
import { watchPace } from './watch-pace.js';
import { InvalidAnswer, type StartCall, type UpstreamAnswer, type UpstreamCall } from './upstream-call.js';

const GATEWAY_FAILURES = new Set([502, 503, 504]);

export interface ExchangeParts {
  readonly routes: LiveRoutes;
  readonly departures: Departures;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly http1: StartCall;
  readonly h2c: StartCall;
  /** Where the service's policy says nothing. */
  readonly connectTimeoutMs: number;
  readonly silenceMs: number;
  readonly bodyPace: BodyPace;
  /** True once this process cuts what is left, so that it is not the clients who leave. */
  readonly isCutting: () => boolean;
}

export interface ExchangeAsk {
  readonly client: ClientSide;
  readonly route: AdmittedRequest;
  /** For the task, before the edits of the route. */
  readonly headers: HeaderMap;
  readonly path: 'full' | 'h2';
  /** Of `performance`, as soon as the request was known. */
  readonly startedAt: number;
  readonly origin: Origin;
  /** What the answer's body goes through, e.g. a compressor; may change the head. */
  readonly transform?: (answer: { status: number; headers: string[] }) => Transform | undefined;
}

interface Attempt {
  readonly pick: Pick;
  call?: UpstreamCall;
  answer?: UpstreamAnswer;
  leave: () => void;
  over: boolean;
}

export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #client: ClientSide;
  readonly #route: AdmittedRequest;
  readonly #ask: ExchangeAsk;
  readonly #headers: HeaderMap;
  readonly #requestId: string;
  readonly #tried = new Set<TaskId>();
  readonly #turns = new Turns();
  #asked = 0;
  #repeated = false;
  #status = 0;
  #bytesOut = 0;
  /** The answer is one of ours. */
  #isOwn = false;
  /** All of the target's answer is on its way to the client. */
  #isWhole = false;
  #abortedBy: AbortedBy | undefined;
  #attempt: Attempt | undefined;
  #queued: Cancel | undefined;
  #stopWatching = (): void => undefined;

  constructor(parts: ExchangeParts, ask: ExchangeAsk) {
    this.#parts = parts;
    this.#client = ask.client;
    this.#route = ask.route;
    this.#ask = ask;
    const given = ask.headers['x-request-id'];
    this.#requestId = typeof given === 'string' && isUsableRequestId(given) ? given : makeRequestId();
    this.#headers = editMap({ ...ask.headers, 'x-request-id': this.#requestId }, ask.route.requestEdits);
  }

  begin(): void {
    this.#client.onGone(() => this.#end());
    if (this.#client.gone) return;
    if (this.#ask.path === 'full') this.#watchPace();
    this.#next(false);
  }

  #watchPace(): void {
    const { bodyPace, clock } = this.#parts;
    const bytesPerSecond = this.#service.policy?.limits?.bodyMinRate ?? bodyPace.bytesPerSecond;
    const pace = { ...bodyPace, bytesPerSecond };
    this.#stopWatching = watchPace(this.#client.body, pace, clock, () => this.refuse(408, tooSlow(pace)));
  }

  /** The request turned out to be malformed in the middle: no target gets the rest of it. */
  refuse(status: number, message: string): void {
    const attempt = this.#attempt;
    if (attempt && !attempt.over) this.#over(attempt);
    attempt?.call?.abandon();
    this.#answerOwn(status, message, { else: 'client' });
  }

  get #service(): RouteService {
    return this.#route.service;
  }

  #next(fresh: boolean): void {
    if (this.#turns.areOver(this.#service.policy?.retries?.attempts))
      return this.#refuse(
        this.#parts.routes.explain(this.#service, { ...this.#route.wish, tried: this.#tried }),
      );
    this.#queued = this.#parts.routes.place(
      this.#service,
      { ...this.#route.wish, tried: this.#tried },
      (placed) => {
        this.#queued = undefined;
        if (placed.kind === 'none') return this.#refuse(placed.why);
        if (this.#client.gone) return placed.pick.release();
        this.#turns.take();
        this.#tried.add(placed.pick.target.taskId);
        this.#forward(placed.pick, fresh);
      },
    );
  }

  #forward(pick: Pick, fresh: boolean): void {
    const { routes, departures, http1, h2c, connectTimeoutMs, silenceMs } = this.#parts;
    // labels may have changed since the request was admitted
    const policy = (routes.matcher.counterpartOf(this.#service) ?? this.#service).policy;
    const attempt: Attempt = { pick, over: false, leave: () => undefined };
    this.#attempt = attempt;
    this.#asked += 1;
    attempt.leave = departures.watch(pick.target, () => this.#drained(attempt));
    const start = policy?.protocol === 'h2c' ? h2c : http1;
    const send = policy?.proxyProtocol?.send;
    attempt.call = start(
      {
        target: pick.target,
        method: this.#client.method,
        url: this.#route.url,
        headers: this.#headers,
        body: this.#client.body,
        requestTrailers: () => this.#client.requestTrailers(),
        ...(send ? { hello: writeProxyHeader(send, this.#ask.origin.endpoints) } : {}),
        fresh,
        connectTimeoutMs: policy?.timeouts?.connectMs ?? connectTimeoutMs,
        silenceMs: policy?.timeouts?.silenceMs ?? silenceMs,
      },
      {
        informed: (status, headers) => {
          if (!attempt.over) this.#client.inform(status, headers);
        },
        answered: (answer) => this.#answered(attempt, answer),
        failed: (error) => this.#failed(attempt, error),
      },
    );
  }

  #answered(attempt: Attempt, answer: UpstreamAnswer): void {
    if (attempt.over) return answer.body.destroy() as unknown as void;
    if (this.#mayAskAnother(attempt, answer)) {
      this.#over(attempt, GATEWAY_FAILURES.has(answer.status) ? 'failed' : 'ok');
      attempt.call?.abandon();
      answer.body.destroy();
      return this.#next(false);
    }
    this.#stopWatching();
    attempt.answer = answer;
    this.#status = answer.status;
    const headers = answer.headers;
    const cookie = stickyCookie(this.#service, attempt.pick.target, this.#route);
    if (cookie !== undefined) headers.push('Set-Cookie', cookie);
    const through = this.#ask.transform?.({ status: answer.status, headers });
    const out = this.#client.answer({
      status: answer.status,
      reason: answer.reason,
      headers: editFlat(headers, this.#route.responseEdits),
      mayHaveTrailers: answer.mayHaveTrailers,
      ...(answer.ends === undefined ? {} : { ends: answer.ends }),
    });
    const { body } = answer;
    const last = through ? body.pipe(through) : body;
    if (this.#client.method !== 'HEAD')
      last.on('data', (chunk: Buffer) => {
        this.#bytesOut += chunk.length;
      });
    last.pipe(out, { end: false });
    last.once('end', () => {
      // HTTP/2 ends a stream that was reset, too
      if (answer.isWhole()) this.#finish(answer.trailers());
      else this.#torn(attempt, out);
    });
    body.once('close', () => {
      if (!answer.isWhole()) this.#torn(attempt, out);
    });
    body.once('error', () => this.#torn(attempt, out));
  }

  #finish(trailers: FlatHeaders): void {
    this.#isWhole = true;
    this.#client.finish(trailers);
  }

  /** In the middle of the answer: the client must see that, too. */
  #torn(attempt: Attempt, out?: Writable): void {
    if (attempt.over) return;
    const by = this.#tornBy(attempt, out);
    this.#abortedBy ??= by;
    this.#over(attempt, by === 'target' || by === 'silence' ? 'failed' : undefined);
    this.#client.cut();
  }

  #tornBy({ call }: Attempt, out: Writable | undefined): AbortedBy {
    if (this.#parts.isCutting()) return 'drain';
    if (call?.timedOut !== true) return 'target';
    // a client that takes nothing holds the target up
    return out?.writableNeedDrain ? 'client' : 'silence';
  }

  /** The service wants another target asked for an answer like this one. */
  #mayAskAnother(attempt: Attempt, { status }: UpstreamAnswer): boolean {
    return (
      this.#service.policy?.retries?.on?.includes(status) === true &&
      attempt.call?.consumed !== true &&
      isIdempotent(this.#client.method) &&
      this.#mayGoOn() &&
      this.#parts.routes.mayRetry(this.#service)
    );
  }

  #failed(attempt: Attempt, error: Error): void {
    if (attempt.over) return;
    const { call } = attempt;
    if (this.#client.gone) return this.#over(attempt);
    if (attempt.answer) return this.#torn(attempt);
    // the call may fail before it is known here: nothing was connected then
    if (call?.connected !== true) {
      this.#over(attempt, isShortage(error) ? undefined : 'refused');
      this.#turns.noteRefusal(error);
      return this.#next(false);
    }
    if (this.#mayRepeat(call, error)) return this.#repeat(attempt, outcomeOf(call, error));
    this.#over(attempt, outcomeOf(call, error));
    this.#giveUp(call, error);
  }

  #repeat(attempt: Attempt, outcome: Outcome | undefined): void {
    this.#repeated = true;
    if (!this.#mayGoOn()) {
      if (this.#isRouted(attempt.pick.target)) {
        // the claim stays
        attempt.over = true;
        attempt.leave();
        return this.#forward(attempt.pick, true);
      }
      this.#turns.takeBack();
    }
    this.#over(attempt, outcome);
    this.#next(true);
  }

  #mayRepeat(call: UpstreamCall, error: Error): boolean {
    if (this.#repeated || call.timedOut || call.consumed || error instanceof InvalidAnswer) return false;
    if (call.unseen) return true;
    return (
      isIdempotent(this.#client.method) &&
      (call.reused || this.#mayGoOn()) &&
      this.#parts.routes.mayRetry(this.#service)
    );
  }

  /** There is another target that may be asked. */
  #mayGoOn(): boolean {
    return this.#parts.routes.mayGoOn(this.#service, this.#turns, this.#tried);
  }

  #isRouted({ taskId }: RouteTarget): boolean {
    return this.#targets.some((each) => each.taskId === taskId);
  }

  /** In the table of this moment. */
  get #targets(): readonly RouteTarget[] {
    return this.#parts.routes.matcher.counterpartOf(this.#service)?.targets ?? [];
  }

  #giveUp(call: UpstreamCall, error: Error): void {
    const silenceMs = this.#service.policy?.timeouts?.silenceMs ?? this.#parts.silenceMs;
    if (call.timedOut) return this.#answerOwn(504, silentFor(this.#service.appId, silenceMs));
    if (error instanceof InvalidAnswer)
      return this.#answerOwn(502, `${this.#app} gave an answer that is not valid HTTP (${error.message})`);
    const code = 'code' in error ? String(error.code) : error.message;
    this.#answerOwn(
      502,
      `${this.#app} closed the connection before it answered (${code}); the request may have had an effect`,
    );
  }

  #refuse({ message, retryAfterS }: NoTarget): void {
    this.#answerOwn(503, message, { headers: [['retry-after', String(retryAfterS)]] });
  }

  /** `else`: whose fault it is when an answer has begun, which is then cut. */
  #answerOwn(
    status: number,
    message: string,
    { headers = [], else: by }: { headers?: OwnAnswer['headers']; else?: AbortedBy } = {},
  ): void {
    const { ownHeaders = [] } = this.#route;
    const own: OwnAnswer = { kind: 'answer', status, message, headers: [...headers, ...ownHeaders] };
    if (!this.#client.answered) {
      this.#status = status;
      this.#bytesOut = bodyBytesOf(own, this.#client.method);
      this.#isOwn = true;
    } else if (!this.#isOwn) this.#abortedBy ??= by;
    this.#client.answerOwn(own);
  }

  /** The target leaves and its drain time is over. */
  #drained(attempt: Attempt): void {
    if (attempt.over) return;
    const { answer } = attempt;
    if (answer && isEventStream(answer.headers)) {
      // a stream without an end of its own: its reader reconnects
      this.#over(attempt, 'ok');
      answer.body.unpipe();
      this.#finish([]);
      attempt.call?.abandon();
      answer.body.destroy();
      return;
    }
    this.#over(attempt);
    attempt.call?.abandon();
    this.#answerOwn(503, `${this.#app} was stopped before it answered, after its drain time`, {
      else: 'drain',
    });
  }

  /** The attempt is over for the target: its claim ends. */
  #over(attempt: Attempt, outcome?: Outcome): void {
    attempt.over = true;
    attempt.leave();
    attempt.pick.release(outcome);
  }

  /** The client has its answer, or has gone. */
  #end(): void {
    this.#stopWatching();
    this.#queued?.();
    const attempt = this.#attempt;
    if (!this.#isWhole && !this.#isOwn) this.#abortedBy ??= this.#parts.isCutting() ? 'drain' : 'client';
    if (attempt && !attempt.over) {
      const failed = attempt.answer && GATEWAY_FAILURES.has(attempt.answer.status);
      // a client that has gone says nothing about the target
      this.#over(attempt, attempt.answer && this.#isWhole ? (failed ? 'failed' : 'ok') : undefined);
      // and wants no answer; a whole one has left the connection to the agent already
      if (!this.#client.finished) {
        attempt.call?.abandon();
        attempt.answer?.body.destroy();
      }
    }
    this.#parts.observer.ended(this.#record());
  }

  #record(): RequestRecord {
    const { route, path, origin, headers, startedAt } = this.#ask;
    const host = headers['host'];
    return {
      path: this.#asked === 0 ? 'own' : path,
      service: route.service,
      target: this.#attempt?.pick.target,
      method: this.#client.method,
      host: typeof host === 'string' ? host : undefined,
      urlPath: askedPath(route.asked),
      clientAddress: origin.clientAddress,
      requestId: this.#requestId,
      status: this.#status,
      durationMs: performance.now() - startedAt,
      retries: Math.max(0, this.#asked - 1),
      bytesOut: this.#bytesOut,
      abortedBy: this.#abortedBy,
    };
  }

  get #app(): string {
    return `app ${this.#service.appId}`;
  }
}

/** What a call that ended without an answer says about its target: of a kept connection that was closed just now, nothing. */
function outcomeOf({ timedOut, unseen, reused }: UpstreamCall, error: Error): Outcome | undefined {
  if (timedOut || error instanceof InvalidAnswer || isReset(error)) return unseen ? undefined : 'failed';
  return unseen || reused ? undefined : 'failed';
}

/** One stream of HTTP/2, by the target. */
const isReset = (error: Error): boolean => 'code' in error && error.code === 'ERR_HTTP2_STREAM_ERROR';

const isEventStream = (headers: readonly string[]): boolean =>
  headers.some(
    (value, at) =>
      at % 2 === 1 &&
      headers[at - 1]?.toLowerCase() === 'content-type' &&
      value.toLowerCase().startsWith('text/event-stream'),
  );
