// Who of a tier gets the next request, by the service's way of balancing. A tier holds targets that are equally welcome (tiers.ts); each
// function here leaves out those that were tried for this request or have as much as they may have, and answers undefined when that
// leaves nobody. Called for every request, hence no allocation, and constant time for the default.
import type { TaskId } from '#libs/model';
import { placeOf } from './hash.js';
import type { RouteTarget } from './route-table.js';

/** What a proxy process knows of a target; changes under way. */
export interface TargetLoad {
  /** Requests and connections in flight. */
  readonly inFlight: number;
  /** Out of turn until then, epoch ms; 0: it is not. */
  readonly outUntil: number;
  /** Left out for what it answered, or because it does not accept connections. */
  readonly outBy: 'answers' | 'connects';
}

export interface Candidate {
  readonly target: RouteTarget;
  readonly load: TargetLoad;
  /** Of its instance: what a consistent hash knows it by. */
  readonly seed: number;
  /** In effect now, above 0: its own, lowered while it is a newcomer. */
  readonly weight: number;
  /** Where it stands in a round robin by weight. */
  turn: number;
}

/** Candidates that are equally welcome. */
export interface Tier<C extends Candidate> {
  readonly seats: readonly C[];
  /** Sums of the weights up to each seat; absent: all weights are equal. */
  readonly sums?: Float64Array;
  /** Whose turn it is in a round robin of equal weights; begins anywhere. */
  next?: number;
}

export interface Exclusions {
  /** Requests in flight that one target may have; Infinity: any number. */
  readonly limit: number;
  /** Tried already for this request. */
  readonly tried: ReadonlySet<TaskId> | undefined;
}

/** 0 <= x < 1 */
export type Chance = () => number;

const isFree = (each: Candidate, { limit, tried }: Exclusions): boolean =>
  each.load.inFlight < limit && (tried === undefined || !tried.has(each.target.taskId));

/** Drawing again costs less than a look at all of them, as long as few are excluded. */
const DRAWS_MAX = 4;

/**
 * The first is drawn by weight, the second from all others; the second wins only when with this request it would still be no more
 * loaded, for its weight, than the first is without. Idle targets so get exactly their shares, and a slow one loses its turn.
 * (M. Mitzenmacher, The Power of Two Choices, 2001.)
 */
export function leastOfTwo<C extends Candidate>(
  tier: Tier<C>,
  exclusions: Exclusions,
  random: Chance,
): C | undefined {
  const { seats } = tier;
  const first = drawFree(tier, exclusions, random);
  if (!first || seats.length === 1) return first;
  const second = seats[Math.floor(random() * seats.length)];
  const other = second === first ? seats[(seats.indexOf(first) + 1) % seats.length] : second;
  if (!other || !isFree(other, exclusions)) return first;
  return (other.load.inFlight + 1) * first.weight <= first.load.inFlight * other.weight ? other : first;
}

function drawFree<C extends Candidate>(tier: Tier<C>, exclusions: Exclusions, random: Chance): C | undefined {
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const drawn = drawAny(tier, random);
    if (drawn && isFree(drawn, exclusions)) return drawn;
  }
  return drawFromFree(tier.seats, exclusions, random);
}

function drawAny<C extends Candidate>({ seats, sums }: Tier<C>, random: Chance): C | undefined {
  if (!sums) return seats[Math.floor(random() * seats.length)];
  const wanted = random() * (sums[sums.length - 1] ?? 0);
  let from = 0;
  let to = sums.length - 1;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sums[middle] ?? 0) > wanted) to = middle;
    else from = middle + 1;
  }
  return seats[from];
}

function drawFromFree<C extends Candidate>(
  seats: readonly C[],
  exclusions: Exclusions,
  random: Chance,
): C | undefined {
  let sum = 0;
  for (const each of seats) if (isFree(each, exclusions)) sum += each.weight;
  let left = random() * sum;
  let last: C | undefined;
  for (const each of seats) {
    if (!isFree(each, exclusions)) continue;
    last = each;
    left -= each.weight;
    if (left < 0) break;
  }
  return last;
}

/** The one with the fewest requests in flight for its weight; among equals at random, by weight. */
export function least<C extends Candidate>(
  tier: Tier<C>,
  exclusions: Exclusions,
  random: Chance,
): C | undefined {
  const { seats, sums } = tier;
  if (!sums) return leastOfEquals(seats, exclusions, Math.floor(random() * seats.length));
  let best: C | undefined;
  let equals = 0;
  for (const each of seats) {
    if (!isFree(each, exclusions)) continue;
    const beside = best ? each.load.inFlight * best.weight - best.load.inFlight * each.weight : -1;
    if (beside > 0) continue;
    equals = beside < 0 ? each.weight : equals + each.weight;
    if (beside < 0 || random() * equals < each.weight) best = each;
  }
  return best;
}

function leastOfEquals<C extends Candidate>(
  seats: readonly C[],
  exclusions: Exclusions,
  start: number,
): C | undefined {
  let best: C | undefined;
  for (let step = 0; step < seats.length; step += 1) {
    const each = seats[(start + step) % seats.length];
    if (!each || !isFree(each, exclusions)) continue;
    if (each.load.inFlight === 0) return each;
    if (!best || each.load.inFlight < best.load.inFlight) best = each;
  }
  return best;
}

/** One after the other; by weight smoothly, as nginx does it: of weights 5, 1, 1 the first is never served five times on end. */
export function roundRobin<C extends Candidate>(
  tier: Tier<C>,
  exclusions: Exclusions,
  random: Chance,
): C | undefined {
  return tier.sums ? smoothly(tier.seats, exclusions) : inTurn(tier, exclusions, random);
}

function inTurn<C extends Candidate>(tier: Tier<C>, exclusions: Exclusions, random: Chance): C | undefined {
  const { seats } = tier;
  tier.next ??= Math.floor(random() * seats.length);
  for (let step = 0; step < seats.length; step += 1) {
    const each = seats[tier.next];
    tier.next = (tier.next + 1) % seats.length;
    if (each && isFree(each, exclusions)) return each;
  }
  return undefined;
}

function smoothly<C extends Candidate>(seats: readonly C[], exclusions: Exclusions): C | undefined {
  let best: C | undefined;
  let sum = 0;
  for (const each of seats) {
    if (!isFree(each, exclusions)) continue;
    sum += each.weight;
    each.turn += each.weight;
    if (!best || each.turn > best.turn) best = each;
  }
  if (best) best.turn -= sum;
  return best;
}

/**
 * Rendezvous hashing, weighted: each key has its own order of preference among the targets, so one that leaves moves its own keys only,
 * one that joins takes its share from all, and a key whose target is full or was tried goes to its next best.
 * (D. Thaler, C. Ravishankar 1998; weights: J. Mosharraf, J. Resch 2009.) `key`: `hashOf` the text.
 */
export function hashed<C extends Candidate>(
  { seats, sums }: Tier<C>,
  exclusions: Exclusions,
  key: number,
): C | undefined {
  let best: C | undefined;
  let bestScore = -Infinity;
  for (const each of seats) {
    if (!isFree(each, exclusions)) continue;
    const place = placeOf(key, each.seed);
    // both branches rank equal weights alike, so a key stays where it is when weights become equal
    const score = sums ? -each.weight / Math.log((place + 0.5) / 2 ** 32) : place;
    if (score <= bestScore) continue;
    best = each;
    bestScore = score;
  }
  return best;
}

/** Somebody of the tier was not tried, so who waits may get a turn. */
export const hasUntried = ({ seats }: Tier<Candidate>, tried: ReadonlySet<TaskId> | undefined): boolean =>
  seats.length > 0 && (tried === undefined || seats.some(({ target }) => !tried.has(target.taskId)));
