// What befalls connections of clients before they are requests, which HAProxy tells nobody: that there are as many as it takes, that one
// address has too many. Read from its counters, and warned of for a while.
import { tooManyConnections } from '#libs/proxy-core';
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
}

export class ClientWatch {
  readonly #clock: Clock;
  readonly #limits: ClientLimits;
  #before: Before | undefined;
  #most = 0;
  #fullAt = -Infinity;
  #refused = 0;
  #refusedAt = -Infinity;

  constructor(clock: Clock, limits: ClientLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** `newest`: the worker that takes connections. */
  async look(newest: Generation, ask: Ask): Promise<void> {
    const needsRows = this.#limits.connectionsPerClient !== undefined;
    const info = await ask(newest.worker, [SHOW_INFO]);
    this.see(newest.worker, info, needsRows ? statRows(await ask(newest.worker, [SHOW_FRONTENDS])) : []);
  }

  /** What HAProxy says. */
  see(worker: number, info: string, rows: readonly StatRow[]): void {
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
    this.#before = { worker, refused };
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
    ];
  }
}

const numberIn = (text: StatRow, column: string): number => Number(text(column)) || 0;

/** By the limit for each client. TCP services that are not for all addresses deny, too, but on service ports and by content. */
const refusedIn = (text: StatRow): number =>
  numberIn(text, 'dcon') + numberIn(text, 'dses') + (text('pxname') === 'main' ? numberIn(text, 'dreq') : 0);

const valueOf = (info: string, name: string): number =>
  Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(info)?.[1] ?? 0);
