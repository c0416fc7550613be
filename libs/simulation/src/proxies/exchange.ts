// One request through a proxy: targets are picked, claimed and tried as the real data path does it (libs/proxy-engine, http-exchange;
// decisions.md 13, ADR 6). A connect that fails: the next target, any method, while turns are left. A connection that breaks before the
// first byte of an answer: once more on another target, when the request may be repeated and the budget of its service allows it.
import type { AppId, TaskId } from '#libs/model';
import type { Clock } from '#libs/time';
import { Turns, type LiveRoutes, type Pick } from '#libs/proxy-engine';
import type { RouteService } from '#libs/routing';
import type { ChoiceFact, RequestFact, TryFact } from '../promises/watch.js';
import type { FlightEnd, Flights } from './flight.js';
import type { FindListener, ListeningTask } from './listening-task.js';

const CONNECT_TIMEOUT_MS = 3_000;

/** What a client asks. */
export interface ClientRequest {
  readonly appId: AppId;
  readonly portIndex: number;
  /** True time at which it came. */
  readonly since: number;
  /** How long a task works on it, ms. */
  readonly forMs: number;
  /** The answer begins at once and then goes on: a download, a WebSocket. A break in the middle cannot be mended. */
  readonly streams: boolean;
  /** Idempotent, and without a body that was sent already. */
  readonly repeatable: boolean;
  /** Carries what the first pin of its app's shares asks for. */
  readonly isPinned?: boolean;
}

export interface ExchangeParts {
  /** Of the process of the proxy. */
  readonly clock: Clock;
  readonly routes: LiveRoutes;
  readonly flights: Flights;
  readonly listener: FindListener;
  /** The host behind an address of a target, as partitions know it. */
  readonly hostOf: (address: string) => string;
  /** Nothing gets from the proxy to this host, or back, or nobody is there: whoever dials it hears nothing. */
  readonly isCutFrom: (host: string) => boolean;
  readonly ended: (request: ClientRequest, result: ExchangeResult) => void;
  /** Told where traffic is shared by weights only. */
  readonly chose: (choice: Omit<ChoiceFact, 'proxy'>) => void;
  /** A connect or an answer has failed. */
  readonly missed: (task: TaskId) => void;
}
export type ExchangeResult = Omit<RequestFact, 'proxy' | 'appId' | 'portIndex' | 'mayRepeat' | 'since'>;

/** Of requests to which nothing happened. */
export const NO_TRIES: readonly TryFact[] = [];

/** What the kernel says. */
const problem = (code: 'ECONNREFUSED' | 'ETIMEDOUT'): Error => Object.assign(new Error(code), { code });

interface Attempt {
  readonly pick: Pick;
  readonly task: ListeningTask;
}

export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #request: ClientRequest;
  readonly #service: RouteService;
  readonly #pinned: string | undefined;
  readonly #tried = new Set<TaskId>();
  readonly #turns = new Turns();
  #missed: readonly TryFact[] = NO_TRIES;
  #repeated = false;

  constructor(parts: ExchangeParts, request: ClientRequest, service: RouteService) {
    this.#parts = parts;
    this.#request = request;
    this.#service = service;
    this.#pinned = request.isPinned ? service.traffic?.pins?.[0]?.version : undefined;
  }

  begin(): void {
    const { retries } = this.#service.policy ?? {};
    const pick = this.#turns.areOver(retries?.attempts)
      ? undefined
      : this.#parts.routes.pick(this.#service, this.#wish());
    if (!pick) return this.#refuse();
    this.#noteChoice(pick);
    this.#turns.take();
    this.#tried.add(pick.target.taskId);
    this.#dial(pick);
  }

  #dial(pick: Pick): void {
    const { clock, listener, hostOf, isCutFrom } = this.#parts;
    const { host: address, port } = pick.target;
    const host = hostOf(address);
    if (isCutFrom(host)) {
      clock.after(CONNECT_TIMEOUT_MS, () => this.#refused(pick, 'timed-out'));
      return;
    }
    const task = listener(address, port);
    if (!task || task === 'foreign' || task.http('/').kind === 'refused')
      return this.#refused(pick, 'refused');
    const attempt: Attempt = { pick, task };
    if (this.#request.streams && !task.isHung) this.#parts.routes.claims.accepted(pick.target);
    this.#parts.flights.begin({
      task,
      host,
      forMs: this.#request.forMs,
      ended: (end) => this.#landed(attempt, end),
    });
  }

  /** The pin is read once, as it is of a real request when it is admitted. */
  #wish(): { readonly tried: ReadonlySet<TaskId>; readonly version?: string } {
    return this.#pinned === undefined
      ? { tried: this.#tried }
      : { tried: this.#tried, version: this.#pinned };
  }

  #noteChoice({ target: { taskId } }: Pick): void {
    const { matcher } = this.#parts.routes;
    const service = this.#tried.size ? matcher.counterpartOf(this.#service) : this.#service;
    if (!service?.traffic) return;
    const { number } = matcher.table;
    this.#parts.chose({ service, taskId, tried: this.#tried, pinned: this.#pinned, table: number });
  }

  #refuse(): void {
    if (this.#tried.size) return this.#end('refused', null, `none accepted${this.#history()}`);
    const service = this.#parts.routes.matcher.counterpartOf(this.#service);
    this.#end('no-target', null, service?.emptyReason ?? 'its app is being removed');
  }

  #refused(pick: Pick, how: 'refused' | 'timed-out'): void {
    this.#miss(pick.target.taskId, how);
    this.#turns.noteRefusal(problem(how === 'refused' ? 'ECONNREFUSED' : 'ETIMEDOUT'));
    pick.release('refused');
    this.begin();
  }

  #landed(attempt: Attempt, end: FlightEnd): void {
    if (end.kind === 'answered') return this.#answered(attempt, end.status);
    this.#miss(attempt.task.taskId, end.kind === 'reset' ? 'broke' : 'silent');
    attempt.pick.release('failed');
    if (end.kind === 'reset' && this.#mayRepeat()) {
      this.#repeated = true;
      return this.begin();
    }
    const { taskId, appId } = attempt.task;
    const what = end.kind === 'reset' ? 'ended while it answered' : 'said nothing any more';
    this.#end('reset', taskId, `${taskId} of ${appId} ${what}${this.#history()}`);
  }

  #miss(taskId: TaskId, how: TryFact['how']): void {
    this.#missed = [...this.#missed, { taskId, how }];
    this.#parts.missed(taskId);
  }

  #answered({ pick, task }: Attempt, status: number): void {
    pick.release('ok');
    const { appId } = this.#service;
    const isRight = task.appId === appId;
    const text = isRight ? String(status) : `${task.taskId} of ${task.appId} answered a request for ${appId}`;
    this.#end(isRight ? 'answered' : 'wrong-app', task.taskId, text);
  }

  #mayRepeat(): boolean {
    const isAllowed = mayRepeat(this.#request) && !this.#repeated && this.#hasUntried();
    return isAllowed && this.#parts.routes.mayRetry(this.#service);
  }

  #hasUntried(): boolean {
    const service = this.#parts.routes.matcher.counterpartOf(this.#service);
    return service?.targets.some(({ taskId }) => !this.#tried.has(taskId)) ?? false;
  }

  #history(): string {
    return this.#tried.size ? `; tried ${[...this.#tried].join(', ')}` : '';
  }

  #end(result: RequestFact['result'], taskId: TaskId | null, text: string): void {
    this.#parts.ended(this.#request, { result, taskId, text, missed: this.#missed });
  }
}

/** Also after a target has seen it: nothing of an answer has come, and twice is as good as once. */
export const mayRepeat = ({ streams, repeatable }: ClientRequest): boolean => !streams && repeatable;
