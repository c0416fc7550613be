// The table in use and the choice of a target from it. Every choice, also that of a retry or of a request that has waited, is made from
// the table of this very moment and claimed in the same turn: after a swap nothing can pick a target that left.
import type { TaskId } from '#libs/model';
import {
  EMPTY_TABLE,
  match,
  RetryBudget,
  type Chance,
  type RouteLimits,
  type RouteMatcher,
  type RouteService,
  type RouteTable,
  type RouteTarget,
} from '#libs/routing';
import { queueRefusal, whyNoTarget } from './no-target.js';
import type { Cancel, NoTarget, Outcome, Pick, Placed } from './pick.js';
import { FULL, newSeat, ServicePool, type Seat } from './service-pool.js';
import type { TargetClaims, TargetEnd } from './target-claims.js';
import { WaitingLine } from './waiting-line.js';
import type { Turns } from './turns.js';
import type { TargetWish } from './wish.js';

export interface LiveRoutesOptions {
  /** 0 <= x < 1. Default Math.random; the simulation gives its own. */
  readonly random?: Chance;
  /** Where this process runs, for services that prefer targets of their own zone. */
  readonly zone?: string;
  /** Called each time that a target is left out for failing. */
  readonly onLeftOut?: (service: RouteService, target: RouteTarget) => void;
}

/** How a target stands at a moment, or without one the line of its service. */
export interface Standing {
  readonly service: RouteService;
  readonly target?: RouteTarget;
  readonly inFlight: number;
  readonly waiting: number;
  readonly leftOut: number;
}

/** What is kept of a service from table to table, from its first request on. */
interface Served {
  /** Of any table: names the port of the app. */
  readonly service: RouteService;
  readonly budget: RetryBudget;
  readonly line: WaitingLine;
  /** Of the last table with this service in which somebody asked for it. */
  pool: ServicePool | undefined;
}

/** Its pool is of the table in use. */
interface Current extends Served {
  readonly pool: ServicePool;
}

/** So many services may be known before those that are gone are looked for. */
const TIDY_AT = 1_000;

export class LiveRoutes {
  readonly claims: TargetClaims;
  readonly #random: Chance;
  readonly #zone: string | undefined;
  readonly #onLeftOut: LiveRoutesOptions['onLeftOut'];
  #matcher: RouteMatcher = match(EMPTY_TABLE);
  readonly #served = new Map<string, Served>();
  /** Of this table, those that were asked for. */
  #current = new Map<RouteService, Current>();
  /** With somebody in them, or not long ago. */
  readonly #lines = new Set<WaitingLine>();
  #tidyAt = TIDY_AT;
  readonly #settle = (claim: Claim, outcome: Outcome | undefined): void => this.#release(claim, outcome);

  constructor(claims: TargetClaims, { random = Math.random, zone, onLeftOut }: LiveRoutesOptions = {}) {
    this.claims = claims;
    this.#random = random;
    this.#zone = zone;
    this.#onLeftOut = onLeftOut;
  }

  get matcher(): RouteMatcher {
    return this.#matcher;
  }

  /** From now on nothing picks a target that is not in this table; who waits is told when its service has none left. */
  swap(table: RouteTable): void {
    this.#matcher = match(table);
    this.#current = new Map();
    this.claims.keepOnly(table.services);
    // else a newcomer would be new only from the first request after it came
    for (const service of table.services) if (service.policy?.slowStartMs) this.#find(service);
    for (const line of this.#lines) {
      line.serve('table');
      if (line.length === 0) this.#lines.delete(line);
    }
    this.#tidy();
  }

  /**
   * Undefined: nobody can have the request now; `place` then waits where waiting is worth while, and `explain` says why.
   * `service` may be of an older table: the same port of the same app in the table of this moment is meant.
   */
  pick(service: RouteService, wish: TargetWish): Pick | undefined {
    const current = this.#find(service);
    if (!current) return undefined;
    // those who wait were here first, but for who has been served already
    if (current.line.length > 0 && !wish.tried?.size) return undefined;
    const found = this.#choose(current, wish);
    return found === FULL ? undefined : found;
  }

  /**
   * Calls `ready` once: in the same turn when a target is free or none can be (then it returns undefined); later when all targets have as
   * many requests as the service's limits allow: first come, first served, bounded in number and time. `ready` must not throw.
   */
  place(service: RouteService, wish: TargetWish, ready: (placed: Placed) => void): Cancel | undefined {
    const current = this.#find(service);
    if (!current) {
      ready(this.#placed(service, wish, undefined));
      return undefined;
    }
    const { line } = current;
    // who came first gets what has become free by the passing of time
    if (line.length > 0 && !line.isServing) line.serve('room');
    const found = line.isServing ? FULL : this.#choose(current, wish);
    if (found !== FULL) {
      ready(this.#placed(service, wish, found));
      return undefined;
    }
    this.#lines.add(line);
    return line.add(wish, ready, limitsOf(current));
  }

  /** Why `pick` found none for this wish. */
  explain(service: RouteService, wish: TargetWish): NoTarget {
    return whyNoTarget(service, this.#find(service)?.pool, wish);
  }

  /**
   * Whether a request may be sent again that a target may have seen; counts it when so. At most `retries.budgetPercent` of the service's
   * requests of the last 10 s, above a floor of 10. A request that no target has seen (refused) goes on without asking.
   */
  mayRetry(service: RouteService): boolean {
    const current = this.#find(service);
    if (!current) return false;
    return current.budget.take(this.claims.clock.now(), current.pool.service.policy?.retries?.budgetPercent);
  }

  /** Another target may be asked for a request that was given to these already, in the table of this moment. */
  mayGoOn(service: RouteService, turns: Turns, tried: ReadonlySet<TaskId> | undefined): boolean {
    if (turns.areOver(service.policy?.retries?.attempts)) return false;
    const targets = this.#matcher.counterpartOf(service)?.targets ?? [];
    return targets.some(({ taskId }) => tried?.has(taskId) !== true);
  }

  /** Of services that were asked for: what is in flight and left out by target, who waits by service. Only what is not all zero. */
  standings(): Standing[] {
    const now = this.claims.clock.now();
    return [...this.#served.values()].flatMap(({ service, line, pool }) => [
      ...(line.length > 0 ? [{ service, inFlight: 0, waiting: line.length, leftOut: 0 }] : []),
      ...(pool?.seats ?? []).flatMap(({ target, load: { inFlight, outUntil } }) => {
        const leftOut = outUntil > now ? 1 : 0;
        return inFlight > 0 || leftOut > 0 ? [{ service, target, inFlight, waiting: 0, leftOut }] : [];
      }),
    ]);
  }

  #choose(current: Current, wish: TargetWish): Pick | typeof FULL | undefined {
    const now = this.claims.clock.now();
    const seat = current.pool.choose(wish, this.#random, now);
    if (!seat || seat === FULL) return seat;
    if (!wish.tried?.size) current.budget.request(now);
    this.claims.open(seat.load);
    return new Claim(seat, current, now, this.#settle);
  }

  #placed(service: RouteService, wish: TargetWish, pick: Pick | undefined): Placed {
    return pick ? { kind: 'placed', pick } : { kind: 'none', why: this.explain(service, wish) };
  }

  #release({ target, end, since, served }: Claim, outcome: Outcome | undefined): void {
    if (outcome === 'ok') this.claims.succeeded(end, since);
    else if (outcome !== undefined) {
      const isOut =
        outcome === 'failed'
          ? this.claims.failed(end, since, served.pool?.service.policy?.ejection)
          : this.claims.refused(target, since);
      if (isOut) this.#onLeftOut?.(served.service, target);
    }
    this.claims.close(end);
    if (served.line.length > 0) served.line.serve('room');
  }

  #find(service: RouteService): Current | undefined {
    const known = this.#current.get(service);
    if (known) return known;
    const counterpart = this.#matcher.counterpartOf(service);
    if (!counterpart) return undefined;
    if (counterpart !== service) return this.#find(counterpart);
    const current = this.#enter(service);
    this.#current.set(service, current);
    return current;
  }

  #enter(service: RouteService): Current {
    const key = `${service.portIndex} ${service.appId}`;
    const known = this.#served.get(key);
    if (known?.pool?.adopt(service)) return known as Current;
    // when all of its targets are new to us none is a newcomer beside the others
    const since = known ? this.claims.clock.now() : -Infinity;
    const served = known ?? this.#serve(service);
    const before = new Map(served.pool?.seats.map((seat) => [seat.target.taskId, seat]));
    const seats = service.targets.map((target) => this.#seat(target, before.get(target.taskId), since));
    const pool = new ServicePool({ service, seats, claims: this.claims, zone: this.#zone });
    this.#served.set(key, served);
    return Object.assign(served, { pool });
  }

  #seat(target: RouteTarget, known: Seat | undefined, since: number): Seat {
    const end = this.claims.endOf(target);
    if (!known) return newSeat(target, end, since);
    known.target = target;
    known.load = end;
    return known;
  }

  #serve(service: RouteService): Served {
    const pool = (): ServicePool | undefined => this.#find(service)?.pool;
    const line: WaitingLine = new WaitingLine({
      clock: this.claims.clock,
      attempt: (wish) => {
        const current = this.#find(service);
        const found = current && this.#choose(current, wish);
        return found === FULL ? undefined : this.#placed(service, wish, found);
      },
      isFull: () => pool()?.hasRoom() === false,
      until: () => pool()?.until ?? Infinity,
      refuse: (kind) => queueRefusal(kind, pool()?.service ?? service, line.length),
    });
    return { service, line, budget: new RetryBudget(), pool: undefined };
  }

  /** Forgets services that are gone. Rarely, for a look at each takes longer than all else at a swap. */
  #tidy(): void {
    if (this.#served.size < this.#tidyAt) return;
    for (const [key, { service }] of this.#served) {
      if (!this.#matcher.counterpartOf(service)) this.#served.delete(key);
    }
    this.#tidyAt = Math.max(TIDY_AT, 2 * this.#served.size);
  }
}

class Claim implements Pick {
  readonly target: RouteTarget;
  readonly end: TargetEnd;
  #held = true;

  constructor(
    seat: Seat,
    readonly served: Served,
    /** Epoch ms. */
    readonly since: number,
    readonly settle: (claim: Claim, outcome: Outcome | undefined) => void,
  ) {
    this.target = seat.target;
    this.end = seat.load;
  }

  release(outcome?: Outcome): void {
    if (!this.#held) return;
    this.#held = false;
    this.settle(this, outcome);
  }
}

const limitsOf = ({ pool }: Current): RouteLimits => pool.service.policy?.limits ?? {};
