// Keeps the stream of tables open: reopens it after it ended, with growing waits, and after 10 s of silence, for a dead connection
// looks like a quiet one and the control plane writes at least every 3 s.
import { ROUTES_HEARTBEAT_MS } from '#libs/agent-protocol';
import type { Clock, Timer } from '#libs/time';
import { isRecord } from './judge-table.js';
import type { ProxyNetwork, RoutesQuery } from './seams.js';

export interface RouteStreamUser {
  /** Where to ask for what; called at each opening. */
  readonly query: () => RoutesQuery;
  readonly onTable: (table: unknown) => void;
  /** False: whoever speaks is not the leader any more; the stream is reopened. */
  readonly onEpoch: (epoch: number) => boolean;
  readonly onLeader: (leader: string) => void;
  readonly onFailure: () => void;
}

const SILENCE_MS = ROUTES_HEARTBEAT_MS * 3 + 1_000;
const WAIT_MS = 100;
/** Short: a restarted control plane should find its proxies back within a lease. */
const WAIT_MS_MAX = 2_000;

export class RouteStream {
  readonly #clock: Clock;
  readonly #network: ProxyNetwork;
  readonly #user: RouteStreamUser;
  #connection: { close(): void } | undefined;
  #timer: Timer | undefined;
  #waitMs = WAIT_MS;
  #closed = false;

  constructor(clock: Clock, network: ProxyNetwork, user: RouteStreamUser) {
    this.#clock = clock;
    this.#network = network;
    this.#user = user;
  }

  open(): void {
    if (this.#closed) return;
    this.#watch();
    this.#connection = this.#network.followRoutes(this.#user.query(), {
      onLine: (line) => this.#read(line),
      onEnd: ({ leader }) => {
        this.#connection = undefined;
        if (leader !== undefined) this.#user.onLeader(leader);
        else this.#user.onFailure();
        // following the leader has opened it again already
        if (!this.#connection) this.#openLater();
      },
    });
  }

  reopen(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.open();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#connection?.close();
  }

  #read(line: unknown): void {
    this.#waitMs = WAIT_MS;
    this.#watch();
    if (!isRecord(line)) return;
    if (line['type'] === 'table') this.#user.onTable(line['table']);
    if (line['type'] === 'heartbeat' && !this.#user.onEpoch(Number(line['epoch']))) this.#giveUp();
  }

  #watch(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(SILENCE_MS, () => this.#giveUp());
  }

  #giveUp(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#user.onFailure();
    this.#openLater();
  }

  #openLater(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    this.#timer = this.#clock.after(this.#waitMs, () => this.open());
    this.#waitMs = Math.min(this.#waitMs * 2, WAIT_MS_MAX);
  }
}
