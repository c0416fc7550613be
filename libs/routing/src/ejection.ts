// How long a target that does badly is left out, and how many may be at once.
import type { Candidate } from './balance.js';

const EJECTION_MS = 1_000;
const EJECTION_TIMES_MAX = 10;

/** How long a target stays out after this many reasons in a row: 1, 2, 4, 8, then 10 times the first, which is 1 s by default. */
export function ejectionMs(times: number, firstMs = EJECTION_MS): number {
  return firstMs * Math.min(2 ** Math.max(0, times - 1), EJECTION_TIMES_MAX);
}

/**
 * Who of a service's targets is out now. Bad answers are a judgement, and may be the fault of something that all targets share: on
 * account of them no more than half of the targets are out, refused connects counted in; beyond that those with the shortest rest
 * to serve stay in. A refused connect is a fact, costs its request nothing but a try, and always counts.
 */
export function leftOut<C extends Candidate>(candidates: readonly C[], now: number): ReadonlySet<C> {
  const out = candidates.filter(({ load }) => load.outUntil > now);
  let excess = out.length - Math.floor(candidates.length / 2);
  if (excess <= 0) return new Set(out);
  const answering = out.filter(({ load }) => load.outBy === 'answers');
  answering.sort((a, b) => a.load.outUntil - b.load.outUntil);
  const stay = new Set(out);
  for (const each of answering) {
    if (excess <= 0) break;
    stay.delete(each);
    excess -= 1;
  }
  return stay;
}
