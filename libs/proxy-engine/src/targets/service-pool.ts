// The targets of one service of one table, in the order in which they are welcome now. The order is worked out when somebody was left
// out or taken back, when such a time is up, and step by step while a newcomer grows; a request only reads it.
import {
  ANSWERING,
  answeringShares,
  drawShare,
  groupOf,
  hashed,
  hashOf,
  hasUntried,
  least,
  leastOfTwo,
  leftOut,
  roundRobin,
  shareAtAge,
  stepMs,
  tiersOf,
  weightOf,
  type AnsweringShare,
  type Candidate,
  type Chance,
  type Exclusions,
  type RankedTier,
  type RouteService,
  type RouteTarget,
} from '#libs/routing';
import { stickyKeyOf } from '../admission/sticky-cookie.js';
import type { TargetClaims, TargetEnd } from './target-claims.js';
import type { TargetWish } from './wish.js';

/** What a service remembers of a target from table to table. */
export interface Seat extends Candidate {
  target: RouteTarget;
  load: TargetEnd;
  weight: number;
  /** When this process first saw it, epoch ms; -Infinity: it was there before. */
  since: number;
}

export function newSeat(target: RouteTarget, load: TargetEnd, since: number): Seat {
  return { target, load, since, seed: hashOf(target.instanceId), weight: weightOf(target), turn: 0 };
}

/** Somebody could serve the request, but has as many as it may have. */
export const FULL = 'full';

type Tiers = readonly RankedTier<Seat>[];

export interface PoolParts {
  readonly service: RouteService;
  readonly seats: readonly Seat[];
  readonly claims: TargetClaims;
  readonly zone: string | undefined;
}

export class ServicePool {
  #service: RouteService;
  readonly seats: readonly Seat[];
  /** Requests in flight that one target may have. */
  readonly limit: number;
  readonly #claims: TargetClaims;
  readonly #zone: string | undefined;
  /** Of a first attempt. */
  readonly #untried: Exclusions;
  #sticky: ReadonlyMap<string, Seat> | undefined;
  #tiers: Tiers = [];
  #byVersion: ReadonlyMap<string | undefined, Tiers> | undefined;
  #shares: readonly AnsweringShare<Tiers>[] = [];
  #out: ReadonlySet<Seat> = new Set();
  #until = -Infinity;
  #changes = -1;

  constructor({ service, seats, claims, zone }: PoolParts) {
    this.#service = service;
    this.seats = seats;
    this.limit = service.policy?.limits?.connectionsPerTarget ?? Infinity;
    this.#untried = { limit: this.limit, tried: undefined };
    this.#claims = claims;
    this.#zone = service.policy?.preferZone ? zone : undefined;
  }

  get service(): RouteService {
    return this.#service;
  }

  /** Goes on with this service of a newer table, if that means the same targets and rules. */
  adopt(service: RouteService): boolean {
    const isSame = isSameChoice(this.#service, service) && this.seats.every(({ load }) => !load.isForgotten);
    if (isSame) this.#service = service;
    return isSame;
  }

  /** Until then, epoch ms, the order changes only by what happens to requests. Infinity: for good. */
  get until(): number {
    return this.#until;
  }

  /** Everybody is left out because of earlier failures, so that the least bad are asked. */
  get allOut(): boolean {
    const now = this.#claims.clock.now();
    return this.seats.length > 0 && this.seats.every(({ load }) => load.outUntil > now);
  }

  /** Undefined: nobody is left to try. The fewer wishes a request has, the sooner this answers. */
  choose(wish: TargetWish, random: Chance, now: number): Seat | typeof FULL | undefined {
    if (this.#changes !== this.#claims.changes || now >= this.#until) this.#order(now);
    const exclusions = wish.tried?.size ? { limit: this.limit, tried: wish.tried } : this.#untried;
    const kept = wish.sticky === undefined ? undefined : this.#stuckTo(wish.sticky);
    if (kept && !wish.tried?.has(kept.target.taskId)) return kept.load.inFlight < this.limit ? kept : FULL;
    const byVersion = this.#byVersion && this.#chooseVersion(wish, exclusions, random);
    return byVersion ?? this.#chooseFrom(this.#tiers, wish, exclusions, random);
  }

  hasRoom(): boolean {
    return this.seats.some(({ load }) => load.inFlight < this.limit);
  }

  /** A pinned version is waited for; one that was drawn is not. */
  #chooseVersion(wish: TargetWish, exclusions: Exclusions, random: Chance): Seat | typeof FULL | undefined {
    const pinned = wish.version === undefined ? undefined : this.#byVersion?.get(wish.version);
    const found = pinned && this.#chooseFrom(pinned, wish, exclusions, random);
    if (found) return found;
    const drawn = drawShare(this.#shares, random);
    const seat = drawn && this.#chooseFrom(drawn, wish, exclusions, random);
    return seat === FULL ? undefined : seat;
  }

  #chooseFrom(
    tiers: Tiers,
    { hashKey }: TargetWish,
    exclusions: Exclusions,
    random: Chance,
  ): Seat | typeof FULL | undefined {
    let fullGroup = -1;
    for (const tier of tiers) {
      if (fullGroup >= 0 && groupOf(tier.rank) !== fullGroup) break;
      const seat = this.#balance(tier, hashKey, exclusions, random);
      if (seat) return seat;
      if (hasUntried(tier, exclusions.tried)) fullGroup = groupOf(tier.rank);
    }
    return fullGroup >= 0 ? FULL : undefined;
  }

  #balance(
    tier: RankedTier<Seat>,
    hashKey: string | undefined,
    exclusions: Exclusions,
    random: Chance,
  ): Seat | undefined {
    switch (this.#service.policy?.balance?.by) {
      case 'least':
        return least(tier, exclusions, random);
      case 'round-robin':
        return roundRobin(tier, exclusions, random);
    }
    // only the ways that go by a key have one, and a request may lack it
    if (hashKey !== undefined) return hashed(tier, exclusions, hashOf(hashKey));
    return leastOfTwo(tier, exclusions, random);
  }

  /** A session stays where it is while its target answers, whatever weights and shares say. */
  #stuckTo(key: string): Seat | undefined {
    this.#sticky ??= new Map(this.seats.map((seat) => [stickyKeyOf(seat.target), seat]));
    const seat = this.#sticky.get(key);
    return seat && !seat.target.suspect && !this.#out.has(seat) ? seat : undefined;
  }

  #order(now: number): void {
    this.#changes = this.#claims.changes;
    this.#until = Infinity;
    this.#weigh(now);
    this.#out = leftOut(this.seats, now);
    for (const { load } of this.seats) {
      if (load.outUntil > now) this.#until = Math.min(this.#until, load.outUntil);
    }
    const { traffic } = this.#service;
    const ranking = { out: this.#out, ...(this.#zone === undefined ? {} : { zone: this.#zone }) };
    this.#tiers = tiersOf(this.seats, traffic ? { ...ranking, traffic } : ranking);
    if (!traffic) return;
    this.#byVersion = answeringVersions(this.seats, (seats) => tiersOf(seats, ranking));
    this.#shares = answeringShares(traffic, this.#byVersion);
  }

  #weigh(now: number): void {
    const slowStartMs = this.#service.policy?.slowStartMs ?? 0;
    for (const seat of this.seats) {
      const share = shareAtAge(now - seat.since, slowStartMs);
      seat.weight = weightOf(seat.target) * share;
      if (share < 1) this.#until = Math.min(this.#until, now + stepMs(slowStartMs));
    }
  }
}

/** Nothing differs that the choice of a target depends on. */
function isSameChoice(a: RouteService, b: RouteService): boolean {
  return (
    a.targets.length === b.targets.length &&
    a.targets.every((target, at) => isSameTarget(target, b.targets[at])) &&
    isSameRule(a.policy, b.policy) &&
    isSameRule(a.traffic, b.traffic)
  );
}

function isSameTarget(a: RouteTarget, b: RouteTarget | undefined): boolean {
  return (
    b !== undefined &&
    a.port === b.port &&
    a.suspect === b.suspect &&
    a.weight === b.weight &&
    a.taskId === b.taskId &&
    a.instanceId === b.instanceId &&
    a.host === b.host &&
    a.zone === b.zone &&
    a.version === b.version
  );
}

/** Plain data, made by the same control plane in the same order. */
const isSameRule = (a: object | undefined, b: object | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));

function answeringVersions(
  seats: readonly Seat[],
  tiers: (seats: readonly Seat[]) => Tiers,
): Map<string | undefined, Tiers> {
  const byVersion = new Map<string | undefined, Seat[]>();
  for (const seat of seats) {
    const siblings = byVersion.get(seat.target.version);
    if (siblings) siblings.push(seat);
    else byVersion.set(seat.target.version, [seat]);
  }
  const answering = new Map<string | undefined, Tiers>();
  for (const [version, siblings] of byVersion) {
    const able = tiers(siblings).filter(({ rank }) => rank < ANSWERING);
    if (able.length > 0) answering.set(version, able);
  }
  return answering;
}
