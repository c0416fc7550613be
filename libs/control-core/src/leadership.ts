// Who leads: a row with a lease of 10 s on the store's clock, renewed every 3 s (decisions.md 2). This class takes and keeps it,
// notices when it is gone, and gives it up at once when the process ends. A store that cannot be reached ends the office too: as long
// as the lease lasts nobody else can lead, so streams stay and only writes are refused (decisions.md 8). Then it may be this process
// alone that is cut off from the store, and whoever waits here must be free to find the next leader, or to act alone.
import type { Leadership as Leader, Store } from '#libs/store';
import type { Clock, Timer } from '#libs/time';
import type { Log } from './log.js';

export const LEASE_MS = 10_000;
export const RENEW_MS = 3_000;
/** Between the answer to whoever asked for it and the step down (api.md 9). */
const ABDICATE_AFTER_MS = 500;
/** Longer than a standby's pause between two campaigns, so that another node gets its chance. */
const ABDICATED_MS = RENEW_MS + 1_500;
/** While the store is away: soon back in office once it answers. */
const RETRY_MS = 1_000;

export interface LeadershipParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Unique per process; begins with `seat`. */
  readonly holder: string;
  /** The same for every process that can have this API address on this host: only one of them can be alive. */
  readonly seat: string;
  /** `host:port` of this process's API. */
  readonly address: string;
  /** Loads and opens the lane; a rejection means that the office could not be taken. */
  readonly takeOffice: (epoch: number) => Promise<void>;
  readonly leaveOffice: (why: 'superseded' | 'unavailable' | 'resigned') => void;
  /** The store is still away at the end of the lease: another process may lead from now on. */
  readonly cutOff: () => void;
}

export class Leadership {
  readonly #parts: LeadershipParts;
  #leader: Leader | null = null;
  #epoch: number | null = null;
  #timer: Timer | null = null;
  #expiry: Timer | null = null;
  #stopped = false;
  #isFirst = true;
  /** Left office because the store was away: the state is kept, and the streams until the lease is over. */
  #keepsState = false;
  #isCutOff = false;
  #campaign: Promise<void> = Promise.resolve();

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
  }

  /** The epoch of this process's office; null while it does not lead. */
  get epoch(): number | null {
    return this.#epoch;
  }
  /** The store was away for longer than the lease: another process may lead. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }
  /** Who leads, as far as known. */
  get leader(): Leader | null {
    return this.#leader;
  }
  get holder(): string {
    return this.#parts.holder;
  }

  /** Resolves after the first campaign, whatever came of it. */
  start(): Promise<void> {
    this.#campaign = this.#tick();
    return this.#campaign;
  }

  /** Gives the lease up at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#expiry?.cancel();
    await this.#campaign;
    const led = this.#epoch !== null;
    this.lose('resigned');
    if (led) await this.#resign();
  }

  async #resign(): Promise<void> {
    try {
      await this.#parts.store.resign(this.#parts.holder);
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the lease could not be given up; it ends by itself within 10 s');
    }
  }

  /** Steps down soon, and campaigns again once others had their chance. */
  abdicate(): void {
    this.#parts.clock.after(ABDICATE_AFTER_MS, () => {
      this.#campaign = this.#campaign.then(() => this.#giveUp());
    });
  }

  async #giveUp(): Promise<void> {
    if (this.#epoch === null || this.#stopped) return;
    this.lose('resigned');
    this.#next(ABDICATED_MS);
    await this.#resign();
  }

  /** Called by whoever learns it first: the next campaign, a fenced commit, a store that went away. */
  lose(why: 'superseded' | 'unavailable' | 'resigned'): void {
    if (why !== 'unavailable') this.#expiry?.cancel();
    if (this.#epoch === null) return;
    this.#epoch = null;
    if (why !== 'unavailable') this.#leader = null;
    this.#keepsState = why === 'unavailable';
    this.#parts.log.warn({ why }, 'this control plane no longer leads');
    this.#parts.leaveOffice(why);
    if (!this.#stopped) this.#next(RETRY_MS);
  }

  #next(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#stopped) return;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#campaign = this.#campaign.then(() => this.#tick());
    });
  }

  async #tick(): Promise<void> {
    if (this.#stopped) return;
    const { store, holder, address, log } = this.#parts;
    try {
      let leader = await store.campaign(holder, address, LEASE_MS);
      if (this.#isFirst && this.#isPredecessor(leader)) {
        // killed without a chance to resign; waiting for its lease would leave everybody without a leader for 10 s
        await store.resign(leader.holder);
        leader = await store.campaign(holder, address, LEASE_MS);
      }
      this.#isFirst = false;
      this.#leader = leader;
      if (leader.holder !== holder) this.#standBy();
      else await this.#hold(leader.epoch);
      this.#next(RENEW_MS);
    } catch (error) {
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'the store does not answer',
      );
      this.lose('unavailable');
      this.#next(RETRY_MS);
    }
  }

  /** Somebody else leads. Whoever still has a stream to us, or agents in session, would wait here for ever. */
  #standBy(): void {
    const leader = this.#leader;
    this.lose('superseded');
    this.#leader = leader;
    if (!this.#keepsState) return;
    [this.#keepsState, this.#isCutOff] = [false, false];
    this.#parts.leaveOffice('superseded');
  }

  #leaseEnded(): void {
    this.lose('unavailable');
    if (!this.#keepsState) return;
    this.#isCutOff = true;
    this.#parts.cutOff();
  }

  /** We have its port, so it is gone; should it still write, the new epoch fences it. */
  #isPredecessor({ holder }: Leader): boolean {
    const { seat } = this.#parts;
    return holder !== this.#parts.holder && holder.startsWith(seat);
  }

  async #hold(epoch: number): Promise<void> {
    this.#expiry?.cancel();
    this.#expiry = this.#parts.clock.after(LEASE_MS, () => this.#leaseEnded());
    if (this.#epoch === epoch) return;
    if (this.#epoch !== null) this.lose('superseded');
    await this.#parts.takeOffice(epoch);
    [this.#keepsState, this.#isCutOff] = [false, false];
    this.#epoch = epoch;
    this.#parts.log.info({ epoch }, 'this control plane leads');
  }
}
