// The table in use and the choice of a target from it. Every choice, also that of a retry or of a request that has waited, is made from
// the table of this very moment and claimed in the same turn: after a swap nothing can pick a target that left.
import type { TaskId } from '#libs/model';
import {
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
import type { TargetWish } from './wish.js';

export interface LiveRoutesOptions {
  /** 0 <= x < 1. Default Math.random; the simulation gives its own. */
  readonly random?: Chance;
  /** Where this process runs, for services that prefer targets of their own zone. */
  readonly zone?: string;
}

/** What is kept of a service from table to table, from its first request on. */
interface Served {
  /** Of any table: names the port of the app. */
  readonly service: RouteService;
  readonly budget: RetryBudget;
  readonly line: WaitingLine;
  seats: ReadonlyMap<TaskId, Seat>;
}

/** A service of the table in use. */
interface Current {
  readonly pool: ServicePool;
  readonly served: Served;
}

export class LiveRoutes {
  readonly claims: TargetClaims;
  readonly #random: Chance;
  readonly #zone: string | undefined;
  #matcher: RouteMatcher = match({
    cluster: '',
    epoch: 0,
    number: 0,
    madeAt: '' as RouteTable['madeAt'],
    services: [],
  });
  readonly #served = new Map<string, Served>();
  /** Of this table, those that were asked for. */
  #current = new Map<RouteService, Current>();
  readonly #settle = (claim: Claim, outcome: Outcome | undefined): void => this.#release(claim, outcome);

  constructor(claims: TargetClaims, { random = Math.random, zone }: LiveRoutesOptions = {}) {
    this.claims = claims;
    this.#random = random;
    this.#zone = zone;
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
    for (const [key, served] of this.#served) {
      if (served.line.length > 0) served.line.serve('table');
      if (!this.#matcher.counterpartOf(served.service)) this.#served.delete(key);
    }
  }

  /**
   * Undefined: nobody can have the request now; `place` then waits where waiting is worth while, and `explain` says why.
   * `service` may be of an older table: the same port of the same app in the table of this moment is meant.
   */
  pick(service: RouteService, wish: TargetWish): Pick | undefined {
    const current = this.#find(service);
    if (!current) return undefined;
    // those who wait were here first, but for who has been served already
    if (current.served.line.length > 0 && !wish.tried?.size) return undefined;
    const found = this.#choose(current, wish);
    return found === FULL ? undefined : found;
  }

  /**
   * Calls `ready` once: in the same turn when a target is free or none can be (then it returns undefined); later when all targets have as
   * many requests as the service's limits allow: first come, first served, bounded in number and time. `ready` must not throw.
   */
  place(service: RouteService, wish: TargetWish, ready: (placed: Placed) => void): Cancel | undefined {
    const current = this.#find(service);
    const line = current?.served.line;
    if (line?.isServing) return line.add(wish, ready, limitsOf(current));
    // who came first gets what has become free by the passing of time
    if (line && line.length > 0) line.serve('room');
    const found = current && this.#choose(current, wish);
    if (found === FULL) return line?.add(wish, ready, limitsOf(current));
    ready(this.#placed(service, wish, found));
    return undefined;
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
    return current.served.budget.take(
      this.claims.clock.now(),
      current.pool.service.policy?.retries?.budgetPercent,
    );
  }

  #choose({ pool, served }: Current, wish: TargetWish): Pick | typeof FULL | undefined {
    const now = this.claims.clock.now();
    const seat = pool.choose(wish, this.#random, now);
    if (!seat || seat === FULL) return seat;
    if (!wish.tried?.size) served.budget.request(now);
    this.claims.open(seat.load);
    return new Claim(
      { target: seat.target, end: seat.load, since: now, pool, line: served.line },
      this.#settle,
    );
  }

  #placed(service: RouteService, wish: TargetWish, pick: Pick | undefined): Placed {
    return pick ? { kind: 'placed', pick } : { kind: 'none', why: this.explain(service, wish) };
  }

  #release({ claimed: { target, end, since, pool, line } }: Claim, outcome: Outcome | undefined): void {
    if (outcome === 'ok') this.claims.succeeded(end, since);
    else if (outcome === 'failed') this.claims.failed(end, since, pool.service.policy?.ejection);
    else if (outcome === 'refused') this.claims.refused(target, since);
    this.claims.close(end);
    if (line.length > 0) line.serve('room');
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
    let served = this.#served.get(key);
    // when all of its targets are new to us none is a newcomer beside the others
    const since = served ? this.claims.clock.now() : -Infinity;
    if (!served) this.#served.set(key, (served = this.#serve(service)));
    const seats = service.targets.map((target) => this.#seat(target, served.seats.get(target.taskId), since));
    served.seats = new Map(seats.map((seat) => [seat.target.taskId, seat]));
    return { served, pool: new ServicePool({ service, seats, claims: this.claims, zone: this.#zone }) };
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
    return { service, line, budget: new RetryBudget(), seats: new Map() };
  }
}

interface Claimed {
  readonly target: RouteTarget;
  readonly end: TargetEnd;
  /** Epoch ms. */
  readonly since: number;
  readonly pool: ServicePool;
  readonly line: WaitingLine;
}

class Claim implements Pick {
  readonly target: RouteTarget;
  readonly claimed: Claimed;
  readonly #settle: (claim: Claim, outcome: Outcome | undefined) => void;
  #held = true;

  constructor(claimed: Claimed, settle: (claim: Claim, outcome: Outcome | undefined) => void) {
    this.target = claimed.target;
    this.claimed = claimed;
    this.#settle = settle;
  }

  release(outcome?: Outcome): void {
    if (!this.#held) return;
    this.#held = false;
    this.#settle(this, outcome);
  }
}

const limitsOf = (current: Current | undefined): RouteLimits => current?.pool.service.policy?.limits ?? {};
