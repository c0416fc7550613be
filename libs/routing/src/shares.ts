// Shares of the traffic by version of the app, whatever the number of their instances.
import type { Chance } from './balance.js';
import type { TrafficShares } from './route-policy.js';

/** By version, those that can answer now. */
export interface AnsweringShare<T> {
  readonly weight: number;
  readonly of: T;
}

/** Versions without a share, or of which nobody answers, are left out: their share falls to the others in proportion. */
export function answeringShares<T>(
  { shares }: TrafficShares,
  answering: ReadonlyMap<string | undefined, T>,
): AnsweringShare<T>[] {
  return shares.flatMap(({ version, weight }) => {
    const of = answering.get(version);
    return of === undefined || weight <= 0 ? [] : [{ weight, of }];
  });
}

/** Undefined when nobody has a share. */
export function drawShare<T>(shares: readonly AnsweringShare<T>[], random: Chance): T | undefined {
  if (shares.length <= 1) return shares[0]?.of;
  let sum = 0;
  for (const { weight } of shares) sum += weight;
  let left = random() * sum;
  for (const { weight, of } of shares) {
    left -= weight;
    if (left < 0) return of;
  }
  return shares.at(-1)?.of;
}
