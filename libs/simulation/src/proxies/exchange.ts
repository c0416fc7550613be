// One request through a proxy: targets are picked, claimed and tried as the real data path does it (libs/proxy-engine, http-exchange;
// decisions.md 13, ADR 6). A connect that fails: the next target, any method, three at most. A connection that breaks before the first
// byte of an answer: once more on another target, when the request may be repeated.
import type { AppId, TaskId } from '#libs/model';
import type { Clock } from '#libs/time';
import type { LiveRoutes, Pick } from '#libs/proxy-engine';
import type { RouteService } from '#libs/routing';
import type { ChoiceFact, RequestFact } from '../promises/watch.js';
import type { FlightEnd, Flights } from './flight.js';
import type { FindListener, ListeningTask } from './listening-task.js';

const TARGETS_MAX = 3;
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
  /** Nothing gets from the proxy to this host, or back. */
  readonly isCutFrom: (host: string) => boolean;
  readonly ended: (request: ClientRequest, result: ExchangeResult) => void;
  /** Told where traffic is shared by weights only. */
  readonly chose: (choice: Omit<ChoiceFact, 'proxy'>) => void;
  /** A connect or an answer has failed. */
  readonly missed: (task: TaskId) => void;
}
export type ExchangeResult = Omit<RequestFact, 'proxy' | 'appId' | 'since'>;

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
  #repeated = false;

  constructor(parts: ExchangeParts, request: ClientRequest, service: RouteService) {
    this.#parts = parts;
    this.#request = request;
    this.#service = service;
    this.#pinned = request.isPinned ? service.traffic?.pins?.[0]?.version : undefined;
  }

  begin(): void {
    const pick = this.#tried.size < TARGETS_MAX && this.#parts.routes.pick(this.#service, this.#wish());
    if (!pick) return this.#refuse();
    this.#noteChoice(pick);
    this.#tried.add(pick.target.taskId);
    this.#dial(pick);
  }

  #dial(pick: Pick): void {
    const { clock, listener, hostOf, isCutFrom } = this.#parts;
    const { host: address, port } = pick.target;
    const host = hostOf(address);
    if (isCutFrom(host)) {
      clock.after(CONNECT_TIMEOUT_MS, () => this.#refused(pick));
      return;
    }
    const task = listener(address, port);
    if (!task || task === 'foreign' || task.http('/').kind === 'refused') return this.#refused(pick);
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

  #refused(pick: Pick): void {
    this.#parts.missed(pick.target.taskId);
    pick.release('refused');
    this.begin();
  }

  #landed(attempt: Attempt, end: FlightEnd): void {
    if (end.kind === 'answered') return this.#answered(attempt, end.status);
    this.#parts.missed(attempt.task.taskId);
    attempt.pick.release('failed');
    if (end.kind === 'reset' && this.#mayRepeat()) {
      this.#repeated = true;
      return this.begin();
    }
    const { taskId, appId } = attempt.task;
    const what = end.kind === 'reset' ? 'ended while it answered' : 'said nothing any more';
    this.#end('reset', taskId, `${taskId} of ${appId} ${what}${this.#history()}`);
  }

  #answered({ pick, task }: Attempt, status: number): void {
    pick.release('ok');
    const { appId } = this.#service;
    const isRight = task.appId === appId;
    const text = isRight ? String(status) : `${task.taskId} of ${task.appId} answered a request for ${appId}`;
    this.#end(isRight ? 'answered' : 'wrong-app', task.taskId, text);
  }

  #mayRepeat(): boolean {
    const { streams, repeatable } = this.#request;
    return !streams && repeatable && !this.#repeated && this.#hasUntried();
  }

  #hasUntried(): boolean {
    const service = this.#parts.routes.matcher.counterpartOf(this.#service);
    return service?.targets.some(({ taskId }) => !this.#tried.has(taskId)) ?? false;
  }

  #history(): string {
    return this.#tried.size ? `; tried ${[...this.#tried].join(', ')}` : '';
  }

  #end(result: RequestFact['result'], taskId: TaskId | null, text: string): void {
    this.#parts.ended(this.#request, { result, taskId, text });
  }
}
