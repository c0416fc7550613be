// What befalls connections of clients before they are requests, which HAProxy tells nobody: that there are as many as it takes, that one
// address has too many, that a PROXY header is missing or wrong. Read from its counters, and warned of for a while.
import { tooManyConnections, WrongHeaders } from '#libs/proxy-core';
import type { RouteTable } from '#libs/routing';
import type { Clock } from '#libs/time';
import type { ClientLimits } from './client-rules.js';
import type { Ask, Generation } from './generation.js';
import { statRows, type StatRow } from './traffic-counter.js';

const SHOW_INFO = 'show info';
const SHOW_FRONTENDS = 'show stat -1 1 -1';
/** A warning stays for so long after its last cause. */
const WARN_MS = 60_000;

/** Of the worker that takes connections, at the last look. */
interface Before {
  readonly worker: number;
  readonly refused: number;
  /** By service port: connections that were accepted, and those of them that had come to nothing. */
  readonly ports: ReadonlyMap<number, { readonly accepted: number; readonly lost: number }>;
}

export class ClientWatch {
  readonly #clock: Clock;
  readonly #limits: ClientLimits;
  readonly #wrong: WrongHeaders;
  #before: Before | undefined;
  #most = 0;
  #fullAt = -Infinity;
  #refused = 0;
  #refusedAt = -Infinity;

  constructor(clock: Clock, limits: ClientLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#wrong = new WrongHeaders(clock);
  }

  /** `newest`: the worker that takes connections. */
  async look(newest: Generation, ask: Ask, { services }: RouteTable): Promise<void> {
    const withHeader = new Set(
      services.flatMap(({ servicePort, policy }) =>
        policy?.proxyProtocol?.accept ? (servicePort ?? []) : [],
      ),
    );
    const needsRows = withHeader.size > 0 || this.#limits.connectionsPerClient !== undefined;
    const info = await ask(newest.worker, [SHOW_INFO]);
    const rows = needsRows ? statRows(await ask(newest.worker, [SHOW_FRONTENDS])) : [];
    this.see(newest.worker, info, rows, withHeader);
  }

  /** What HAProxy says. `withHeader`: service ports that ask for a PROXY header. */
  see(worker: number, info: string, rows: readonly StatRow[], withHeader: ReadonlySet<number>): void {
    // counters begin anew with each worker
    const before = this.#before?.worker === worker ? this.#before : undefined;
    const now = this.#clock.now();
    this.#most = valueOf(info, 'Maxconn');
    if (this.#most > 0 && valueOf(info, 'CurrConns') >= this.#most) this.#fullAt = now;
    const refused = rows.reduce((sum, text) => sum + refusedIn(text), 0);
    const more = refused - (before?.refused ?? 0);
    if (more > 0) {
      this.#refused += more;
      this.#refusedAt = now;
    }
    const ports = new Map<number, { accepted: number; lost: number }>();
    for (const text of rows) {
      const port = portOf(text('pxname'));
      if (port === undefined || !withHeader.has(port)) continue;
      const was = before?.ports.get(port) ?? { accepted: 0, lost: 0 };
      // its header may be on the way of what came since the last look
      const lost = Math.max(
        0,
        was.accepted - numberIn(text, 'stot') - numberIn(text, 'dcon') - numberIn(text, 'dses'),
      );
      if (lost > was.lost) this.#wrong.note(port);
      ports.set(port, { accepted: numberIn(text, 'conn_tot'), lost });
    }
    this.#before = { worker, refused, ports };
  }

  warnings(): string[] {
    const { maxConnections, connectionsPerClient } = this.#limits;
    const isNow = (at: number): boolean => this.#clock.now() - at <= WARN_MS;
    const why = maxConnections === this.#most ? '--max-connections' : 'the limit of open files';
    return [
      ...(isNow(this.#fullAt)
        ? [
            `HAProxy had all ${this.#most} connections of clients that ${why} allows: more have to wait until some end`,
          ]
        : []),
      ...(isNow(this.#refusedAt) && connectionsPerClient !== undefined
        ? [tooManyConnections(connectionsPerClient, this.#refused)]
        : []),
      ...this.#wrong.warnings().map((text) => `${text}; a health check without a header counts as one`),
    ];
  }
}

const numberIn = (text: StatRow, column: string): number => Number(text(column)) || 0;

/** By the limit for each client. TCP services that are not for all addresses deny, too, but on service ports and by content. */
const refusedIn = (text: StatRow): number =>
  numberIn(text, 'dcon') + numberIn(text, 'dses') + (text('pxname') === 'main' ? numberIn(text, 'dreq') : 0);

function portOf(frontend: string): number | undefined {
  const port = /^port:(\d+)$/.exec(frontend)?.[1];
  return port === undefined ? undefined : Number(port);
}

const valueOf = (info: string, name: string): number =>
  Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(info)?.[1] ?? 0);
