// What HAProxy tells of each request, as the access log has it, and of connections without a right PROXY header. It knows workers, backends and places; which app and task these stand for
// is known here, also of those that have left since.
import { WrongHeaders, type HeaderFault, type RequestRecord } from '#libs/proxy-core';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';
import { nameOf, serviceNameOf } from './config-text.js';
import { LineReceiver } from './line-receiver.js';
import { everyOf, headerRefusalOf, logLineOf, logPipeIn, type LogLine, type LogWish } from './log-rules.js';

/**
 * One request or connection that has ended; what HAProxy cannot know is not there. Its times are whole ms from the end of the request's head,
 * its bytes are with heads and what frames chunks, its path is cut after 2,048 bytes; `closedBy` is not there when both sides ended in order.
 */
export interface EndedRequest extends RequestRecord {
  /** `haproxy`: over HTTP/1. */
  readonly path: Exclude<RequestRecord['path'], 'fast' | 'full'>;
}

export interface AccessWish {
  /** Of the requests that did not fail; 0 to 1. */
  readonly share: number;
  /** `taken`: which share of such requests was told at all, above 0 and up to 1. */
  readonly onEnded: (request: EndedRequest, taken: number) => void;
}

export interface RequestLogParts {
  readonly clock: Clock;
  /** Of HAProxy. */
  readonly folder: string;
  /** Undefined: no access log is wanted. */
  readonly access: AccessWish | undefined;
  /** A connection was closed for its PROXY header. */
  readonly onHeaderRefused: ((service: RouteService, fault: HeaderFault) => void) | undefined;
  /** Whose place it is, or was. */
  readonly taskAt: (worker: number, backend: string, server: string) => string | undefined;
}

/** Of services and targets that left, so many are remembered. */
const LEFT_MAX = 10_000;

export class RequestLog {
  readonly path: string;
  /** The HAProxy that runs has the pipe. Set when one of an earlier run, which may have had no log, is taken over. */
  isPossible = true;
  readonly #wish: LogWish;
  readonly #parts: RequestLogParts;
  readonly #receiver: LineReceiver;
  readonly #wrong: WrongHeaders;
  #services: ReadonlyMap<string, RouteService> = new Map();
  /** Those that want a PROXY header, by service port. */
  #withHeader: ReadonlyMap<number, RouteService> = new Map();
  #targets: ReadonlyMap<string, RouteTarget> = new Map();
  #problem: string | undefined;

  constructor(parts: RequestLogParts) {
    this.#parts = parts;
    this.#wrong = new WrongHeaders(parts.clock);
    this.#wish = { isAccess: parts.access !== undefined, every: everyOf(parts.access?.share ?? 0) };
    this.path = logPipeIn(parts.folder);
    this.#receiver = new LineReceiver(this.path, (line) => this.#take(line));
  }

  /** What HAProxy is to tell; undefined: nothing, for it could not. */
  get wish(): LogWish | undefined {
    return this.isPossible && this.fd !== undefined ? this.#wish : undefined;
  }

  /** Which a HAProxy that is started has to get as file LOG_FD. */
  get fd(): number | undefined {
    return this.#receiver.fd;
  }

  /** Never rejects: a proxy without an access log is better than none. */
  async start(): Promise<void> {
    try {
      await this.#receiver.start();
    } catch (error) {
      this.#problem = `for there is no pipe ${this.path}: ${error instanceof Error ? error.message : String(error)}; start the proxy anew`;
    }
  }

  /** As soon as it is known whose the places are. */
  read(): void {
    this.#receiver.read();
  }

  stop(): Promise<void> {
    return this.#receiver.stop();
  }

  warnings(): string[] {
    const what = [
      ...(this.#parts.access ? ['the access log gets nothing'] : []),
      ...(this.#withHeader.size > 0 ? ['connections without a right PROXY header are not counted'] : []),
    ].join(', and ');
    const why =
      this.#problem ??
      (this.isPossible
        ? undefined
        : 'for HAProxy was started by an earlier run without a pipe for it; stop the proxy in order (SIGTERM) and start it again');
    return [...(why === undefined || what === '' ? [] : [`${what}, ${why}`]), ...this.#wrong.warnings()];
  }

  swap({ services }: RouteTable): void {
    this.#services = newest(
      this.#services,
      services.map((service) => [nameOf(service), service]),
    );
    this.#withHeader = new Map(
      services.flatMap((service) =>
        service.servicePort !== undefined && service.policy?.proxyProtocol?.accept
          ? [[service.servicePort, service] as const]
          : [],
      ),
    );
    this.#targets = newest(
      this.#targets,
      services.flatMap(({ targets }) => targets.map((target) => [target.taskId, target] as const)),
    );
  }

  #take(text: string): void {
    const refusal = headerRefusalOf(text);
    const refusing = refusal && this.#withHeader.get(refusal.servicePort);
    if (refusing) {
      this.#wrong.note(refusal.servicePort);
      this.#parts.onHeaderRefused?.(refusing, refusal.fault);
    }
    const { access } = this.#parts;
    const line = access && logLineOf(text, this.#wish);
    if (!line) return;
    const task =
      line.server === undefined ? undefined : this.#parts.taskAt(line.worker, line.backend, line.server);
    const request = endedOf(
      line,
      this.#services.get(serviceNameOf(line.backend)),
      task === undefined ? undefined : this.#targets.get(task),
    );
    const { every = 1 } = this.#wish;
    if (request) access.onEnded(request, line.isFailure ? 1 : 1 / every);
  }
}

/** What is now, behind what was and is not any more. */
function newest<T>(
  known: ReadonlyMap<string, T>,
  now: readonly (readonly [string, T])[],
): ReadonlyMap<string, T> {
  const current = new Map(now);
  const left = [...known].filter(([key]) => !current.has(key)).slice(-LEFT_MAX);
  return new Map([...left, ...current]);
}

/** Undefined: it broke in the middle of its head, and is no request. */
export function endedOf(
  line: LogLine,
  service: RouteService | undefined,
  target: RouteTarget | undefined,
): EndedRequest | undefined {
  const isTcp = line.method === '' && (service?.mode === 'tcp' || line.backend.endsWith(':tcp'));
  if (!isTcp && line.method === '' && line.end.startsWith('C')) return undefined;
  const path = pathOf(line, isTcp);
  const isTunnel = path === 'tcp' || path === 'websocket';
  const ending = isTunnel ? closedBy(line) : abortedBy(line);
  return {
    path,
    service,
    target,
    method: line.method,
    host: line.host,
    urlPath: line.path,
    clientAddress: line.client,
    requestId: line.id,
    status: isTcp ? 0 : line.status,
    durationMs: line.ms,
    retries: line.retries,
    bytesOut: line.bytesOut,
    ...(isTunnel ? { bytesIn: line.bytesIn } : {}),
    ...ending,
  };
}

function pathOf({ server, status, httpMajor }: LogLine, isTcp: boolean): EndedRequest['path'] {
  if (isTcp) return 'tcp';
  if (server === undefined) return 'own';
  if (status === 101) return 'websocket';
  return httpMajor === 2 ? 'h2' : 'haproxy';
}

/** By HAProxy's termination state: who ended it, and when (its configuration manual, 8.5). */
function closedBy({ end, server }: LogLine): Pick<EndedRequest, 'closedBy'> {
  const [who = '-', when = '-'] = end;
  if (who === '-') return {};
  if (who === 'P') return { closedBy: 'forbidden' };
  if (who === 'C') return { closedBy: 'client' };
  if (server === undefined || when !== 'D') return { closedBy: 'no-target' };
  if ('KDUA'.includes(who)) return { closedBy: 'drain' };
  return { closedBy: who === 'S' ? 'target' : 'silence' };
}

function abortedBy({ end, server }: LogLine): Pick<EndedRequest, 'abortedBy'> {
  const [who = '-', when = '-'] = end;
  // a head that came too slowly is answered
  if (who === 'C' || (who === 'c' && when !== 'R')) return { abortedBy: 'client' };
  // before the answer it is an answer of HAProxy's own
  if (server === undefined || (when !== 'D' && when !== 'L')) return {};
  if ('KDUA'.includes(who)) return { abortedBy: 'drain' };
  if (who === 's') return { abortedBy: 'silence' };
  return 'SPRI'.includes(who) ? { abortedBy: 'target' } : {};
}
