// The order in which targets are welcome. Those of one tier are equals, and the next tier is asked only when the ones before it have
// nobody left: first who answers, then those that should get nothing while another one answers (weight 0, or a version without a
// share), then those on lost agents, then those that were left out for failing; in each, the own zone first where the service
// prefers it.
import type { Candidate, Tier } from './balance.js';
import type { TrafficShares } from './route-policy.js';
import type { RouteTarget } from './route-table.js';

export interface RankedTier<C extends Candidate> extends Tier<C> {
  /** Lower is better; the same number but for the zone means: one is as good as the other, so a full one is stepped over. */
  readonly rank: number;
}

const OUT = 8;
const SUSPECT = 4;
const UNWANTED = 2;
const FAR = 1;

/** Ranks below this answer, as far as is known. */
export const ANSWERING = UNWANTED;

export interface Ranking<C extends Candidate> {
  readonly out: ReadonlySet<C>;
  /** Only for services that prefer their own zone. */
  readonly zone?: string;
  readonly traffic?: TrafficShares;
}

/** Apart from the zone, which group it belongs to: a request waits for a full target rather than going to a worse group. */
export const groupOf = (rank: number): number => rank & ~FAR;

/** Without empty ones, best first. */
export function tiersOf<C extends Candidate>(candidates: readonly C[], ranking: Ranking<C>): RankedTier<C>[] {
  const seatsOf = new Map<number, C[]>();
  for (const each of candidates) {
    const rank = rankOf(each, ranking);
    const seats = seatsOf.get(rank);
    if (seats) seats.push(each);
    else seatsOf.set(rank, [each]);
  }
  return [...seatsOf].sort(([a], [b]) => a - b).map(([rank, seats]) => ({ rank, ...tierOf(seats) }));
}

function rankOf<C extends Candidate>(each: C, { out, zone, traffic }: Ranking<C>): number {
  const { target } = each;
  return (
    (out.has(each) ? OUT : 0) +
    (target.suspect ? SUSPECT : 0) +
    (target.weight === 0 || !hasShare(target, traffic) ? UNWANTED : 0) +
    (zone !== undefined && target.zone !== zone ? FAR : 0)
  );
}

function hasShare({ version }: RouteTarget, traffic: TrafficShares | undefined): boolean {
  return !traffic || traffic.shares.some((each) => each.version === version && each.weight > 0);
}

function tierOf<C extends Candidate>(seats: readonly C[]): Tier<C> {
  const first = seats[0]?.weight;
  if (seats.every(({ weight }) => weight === first)) return { seats };
  const sums = new Float64Array(seats.length);
  let sum = 0;
  seats.forEach(({ weight }, at) => (sums[at] = sum += weight));
  return { seats, sums };
}
