// A steady load of all kinds (open loop: it does not slow down when answers do) with WebSockets beside it, and what became of it.
import { makeClients, RequestFailure, type Clients, type Front, type Send } from './requests.js';
import { Tally, type Failure } from './tally.js';
import { Flock, type FlockOptions } from './web-sockets.js';

export interface LoadOptions {
  readonly front: Front;
  /** Asked in turn. */
  readonly hosts: readonly string[];
  readonly perSecond: number;
  readonly webSockets: number;
  readonly slowBodyMs: { readonly fromMs: number; readonly toMs: number };
  readonly leaveOf: FlockOptions['leaveOf'];
  readonly leaveOfProxy: FlockOptions['leaveOfProxy'];
}

/** Of 100 requests. */
const SHARES: Readonly<Record<string, number>> = {
  'GET, kept connection': 34,
  'GET, new connection': 16,
  'GET, new TLS connection': 4,
  'POST 8 KiB, kept connection': 14,
  'POST, slow body': 4,
  'GET, HTTP/2': 22,
  'POST 8 KiB, HTTP/2': 6,
};

export class Load {
  readonly flock: Flock;
  readonly #clients: Clients;
  readonly #hosts: readonly string[];
  readonly #kinds: readonly { readonly tally: Tally; readonly send: Send }[];
  readonly #pending = new Set<Promise<void>>();
  readonly #tallies: Tally[];
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  constructor(options: LoadOptions) {
    this.#hosts = options.hosts;
    this.#clients = makeClients(options.front, options.slowBodyMs);
    this.flock = new Flock({ ...options, count: options.webSockets });
    const made = Object.entries(this.#clients.kinds).map(([kind, send]) => ({
      tally: new Tally(kind),
      send,
    }));
    this.#tallies = made.map(({ tally }) => tally);
    this.#kinds = evenly(made, ({ tally }) => SHARES[tally.kind] ?? 0);
    const startedAt = performance.now();
    const startedDate = Date.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * options.perSecond;
      while (this.#sent < due) this.#send(startedDate + (this.#sent / options.perSecond) * 1000);
    }, 5);
  }

  /** WebSockets last. */
  get tallies(): readonly Tally[] {
    return [...this.#tallies, this.flock.connections, this.flock.echoes];
  }
  /** HTTP/2 streams that were refused unseen and asked again. */
  get askedAgain(): number {
    return this.#clients.askedAgain();
  }
  get answered(): number {
    return this.#tallies.reduce((sum, { ok }) => sum + ok, 0);
  }
  get failures(): readonly Failure[] {
    return this.tallies.flatMap(({ failures }) => failures);
  }

  /** Resolves when every request has its answer or has failed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.flock.stop();
    this.#clients.close();
  }

  #send(dueAt: number): void {
    const kind = this.#kinds[this.#sent % this.#kinds.length];
    // a number of kinds that shares no divisor with the number of hosts would do, too
    const host = this.#hosts[Math.floor(Math.random() * this.#hosts.length)] ?? '';
    this.#sent += 1;
    if (!kind) return;
    const { tally, send } = kind;
    const startedAt = Date.now();
    tally.sent += 1;
    const pending = send(host).then(
      () => tally.succeeded(dueAt),
      (error: unknown) => {
        const port = error instanceof RequestFailure ? error.localPort : undefined;
        tally.failed(startedAt, error instanceof Error ? error.message : String(error), port);
      },
    );
    this.#pending.add(pending);
    void pending.finally(() => this.#pending.delete(pending));
  }
}

/** Each as often as its share says, spread as evenly as can be. */
function evenly<Each>(all: readonly Each[], shareOf: (each: Each) => number): Each[] {
  return all
    .flatMap((each) => {
      const share = shareOf(each);
      return Array.from({ length: share }, (_, nth) => ({ each, at: (nth + 0.5) / share }));
    })
    .sort((a, b) => a.at - b.at)
    .map(({ each }) => each);
}
