// One HTTP request on its way to a task: choose a target, forward through http-proxy, and when that fails decide by what was
// already sent. Nothing sent (connect failed): next target, any method. A connection that breaks before the first byte of an answer:
// once more if the request is idempotent and its body untouched, on another target, or on a fresh connection to the same one when only
// the reused connection was bad (ADR 6). Else 502.
import {
  METHODS,
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type ProxyServer from 'http-proxy';
import type { TaskId } from '#libs/model';
import type { Clock } from '#libs/time';
import type { AdmittedRequest } from '../admission/admit.js';
import { stickyCookie } from '../admission/sticky-cookie.js';
import { answer } from '../answers.js';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { Pick } from '../targets/pick.js';
import { endToEnd } from './forwarded-headers.js';
import { GatedBody } from './gated-body.js';

/** RFC 9110 9.2.2. */
const IDEMPOTENT = new Set(METHODS.filter((each) => !['POST', 'PATCH', 'CONNECT'].includes(each)));
const TARGETS_MAX = 3;

export interface ExchangeParts {
  readonly routes: LiveRoutes;
  readonly proxy: ProxyServer;
  readonly agent: Agent;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** Silence on the connection to the task after which the request is given up. */
  readonly silenceMs: number;
  /** True once this process stops: answers then end their connection. */
  readonly isStopping: () => boolean;
}

interface Attempt {
  readonly pick: Pick;
  body?: GatedBody;
  upstream?: ClientRequest;
  answered: boolean;
  timedOut: boolean;
  over: boolean;
}

export class HttpExchange {
  readonly #parts: ExchangeParts;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #route: AdmittedRequest;
  readonly #tried = new Set<TaskId>();
  /** Read before http-proxy changes the headers. */
  readonly #chunked: boolean;
  readonly #hasBody: boolean;
  #repeated = false;
  #attempt: Attempt | undefined;

  constructor(
    parts: ExchangeParts,
    exchange: { req: IncomingMessage; res: ServerResponse; route: AdmittedRequest },
  ) {
    this.#parts = parts;
    this.#req = exchange.req;
    this.#res = exchange.res;
    this.#route = exchange.route;
    this.#chunked = exchange.req.headers['transfer-encoding'] !== undefined;
    this.#hasBody = this.#chunked || Number(exchange.req.headers['content-length'] ?? 0) > 0;
  }

  begin(): void {
    // comes after the last byte was handed to the system as well as when the client has gone
    this.#res.once('close', () => this.#end());
    // a client that breaks off in the middle; `close` follows
    this.#res.once('error', () => this.#res.destroy());
    this.#next(false);
  }

  #next(fresh: boolean): void {
    const { routes } = this.#parts;
    const pick =
      this.#tried.size < TARGETS_MAX &&
      routes.pick(this.#route.service, { ...this.#route.wish, tried: this.#tried });
    if (!pick) return this.#refuse();
    this.#tried.add(pick.target.taskId);
    this.#forward({ pick, answered: false, timedOut: false, over: false }, fresh);
  }

  #forward(attempt: Attempt, fresh: boolean): void {
    const { host, port } = attempt.pick.target;
    this.#attempt = attempt;
    attempt.body = new GatedBody(this.#hasBody ? this.#req : undefined, (upstream) =>
      this.#prepare(attempt, upstream),
    );
    this.#parts.proxy.web(
      this.#req,
      this.#res,
      {
        target: { protocol: 'http:', host, port },
        // without an agent http-proxy opens a connection for this request alone
        ...(fresh ? {} : { agent: this.#parts.agent }),
        buffer: attempt.body,
        selfHandleResponse: true,
        toProxy: true,
      },
      (error) => this.#failed(attempt, error),
    );
  }

  /** http-proxy has made the request, nothing of it is sent yet. */
  #prepare(attempt: Attempt, upstream: ClientRequest): void {
    attempt.upstream = upstream;
    // http-proxy folds double slashes, and gives a DELETE with a chunked body a length of 0, which would smuggle the body
    upstream.path = this.#route.url;
    if (this.#chunked) {
      upstream.removeHeader('content-length');
      upstream.setHeader('transfer-encoding', 'chunked');
    }
    upstream.once('socket', (socket) => {
      if (socket.connecting) this.#limitConnect(socket, upstream);
    });
    upstream.setTimeout(this.#parts.silenceMs, () => {
      attempt.timedOut = true;
      upstream.destroy(new Error('the task was silent for too long'));
    });
    // an upgrade that nobody asked for ends without an error
    upstream.once('close', () => {
      if (!attempt.answered) this.#failed(attempt, new Error('no answer'));
    });
    upstream.once('response', (response) => this.#respond(attempt, upstream, response));
  }

  #limitConnect(socket: Socket, upstream: ClientRequest): void {
    const { clock, connectTimeoutMs } = this.#parts;
    const timer = clock.after(connectTimeoutMs, () =>
      upstream.destroy(new Error('the connect took too long')),
    );
    socket.once('connect', () => timer.cancel());
    socket.once('close', () => timer.cancel());
  }

  #respond(attempt: Attempt, upstream: ClientRequest, response: IncomingMessage): void {
    if (attempt.over) return;
    if (response.statusCode === 101) {
      upstream.destroy(new Error('it switched protocols unasked'));
      return;
    }
    attempt.answered = true;
    this.#parts.routes.claims.accepted(attempt.pick.target);
    const headers = endToEnd(response.rawHeaders, response.headers.connection);
    const cookie = stickyCookie(this.#route.service, attempt.pick.target, this.#route.wish.sticky);
    if (cookie !== undefined) headers.push('Set-Cookie', cookie);
    if (this.#parts.isStopping()) this.#res.shouldKeepAlive = false;
    this.#res.writeHead(response.statusCode ?? 502, response.statusMessage, headers);
    response.pipe(this.#res);
    response.once('close', () => {
      // torn in the middle: the client must see that, too
      if (!response.complete) this.#res.destroy();
    });
    response.once('error', () => this.#res.destroy());
  }

  #failed(attempt: Attempt, error: Error): void {
    if (attempt.over) return;
    attempt.over = true;
    attempt.pick.release();
    if (this.#res.destroyed || this.#req.socket.destroyed) return;
    if (attempt.answered) {
      this.#res.destroy();
      return;
    }
    if (attempt.body?.connected !== true) {
      this.#parts.routes.claims.refused(attempt.pick.target);
      this.#next(false);
      return;
    }
    if (this.#mayRepeat(attempt)) {
      this.#repeated = true;
      if (!this.#hasUntried()) this.#tried.delete(attempt.pick.target.taskId);
      this.#next(true);
      return;
    }
    this.#giveUp(attempt, error);
  }

  #mayRepeat(attempt: Attempt): boolean {
    return (
      !this.#repeated &&
      !attempt.timedOut &&
      attempt.body?.consumed !== true &&
      IDEMPOTENT.has(this.#req.method ?? '') &&
      (attempt.upstream?.reusedSocket === true || this.#hasUntried())
    );
  }

  #hasUntried(): boolean {
    const service = this.#parts.routes.matcher.counterpartOf(this.#route.service);
    return service?.targets.some(({ taskId }) => !this.#tried.has(taskId)) ?? false;
  }

  #giveUp(attempt: Attempt, error: Error): void {
    if (attempt.timedOut) {
      answer(this.#res, 504, `${this.#app} did not answer within ${this.#parts.silenceMs / 1000} s`);
      return;
    }
    const code = 'code' in error ? String(error.code) : error.message;
    answer(
      this.#res,
      502,
      `${this.#app} closed the connection before it answered (${code}); the request may have had an effect`,
    );
  }

  #refuse(): void {
    const service = this.#parts.routes.matcher.counterpartOf(this.#route.service);
    if (!service) {
      answer(this.#res, 503, `${this.#app} is being removed`);
      return;
    }
    const why =
      service.targets.length === 0
        ? service.emptyReason
        : `${this.#tried.size} of its ${service.targets.length} instances were tried, none accepted a connection`;
    answer(this.#res, 503, `${this.#app} cannot answer now: ${why}`);
  }

  #end(): void {
    const attempt = this.#attempt;
    if (!attempt || attempt.over) return;
    attempt.over = true;
    attempt.pick.release();
    // a client that has gone wants no answer; a whole one has left the connection to the agent already
    if (!this.#res.writableFinished) attempt.upstream?.destroy();
  }

  get #app(): string {
    return `app ${this.#route.service.appId}`;
  }
}
