// Which targets are left out for doing badly, for how long, and how many may be at once: one judgement for all engines.
import type { TargetLoad } from './balance.js';
import type { RouteEjection } from './route-policy.js';

const EJECTION_MS = 1_000;
const EJECTION_TIMES_MAX = 10;
/** Of RouteEjection. */
const FAILURES = 5;

/** How one port of a task did so far; changes under way. Times in epoch ms. */
export interface Conduct extends Pick<TargetLoad, 'outUntil' | 'outBy'> {
  /** Connects in a row that were not accepted. */
  refusals: number;
  /** Bad answers in a row. */
  failures: number;
  /** Times in a row that it was left out for bad answers. */
  rests: number;
  outUntil: number;
  outBy: 'answers' | 'connects';
  /** When it was last left out; what began before says nothing new. */
  outSince: number;
}

export const newConduct = (): Conduct => ({
  refusals: 0,
  failures: 0,
  rests: 0,
  outUntil: 0,
  outBy: 'connects',
  outSince: -Infinity,
});

/** `now`, and when what is judged began; epoch ms. */
export interface Moment {
  readonly now: number;
  readonly since: number;
}

const saysNothing = ({ outUntil, outSince }: Conduct, { now, since }: Moment): boolean =>
  outUntil > now || since < outSince;

/**
 * It did not accept a connection. Failures while it is out already (connects under way at once), and of what began before it was left
 * out, count as one. True: it is left out from now on.
 */
export function noteRefusal(conduct: Conduct, moment: Moment): boolean {
  if (saysNothing(conduct, moment)) return false;
  conduct.refusals += 1;
  leaveOut(conduct, 'connects', moment.now, ejectionMs(conduct.refusals));
  return true;
}

/** It broke, stayed silent, or answered like a gateway without a server, so often in a row. True: it is left out from now on. */
export function noteFailures(
  conduct: Conduct,
  count: number,
  moment: Moment,
  { failures = FAILURES, ms }: RouteEjection = {},
): boolean {
  if (failures <= 0 || saysNothing(conduct, moment)) return false;
  conduct.failures += count;
  if (conduct.failures < failures) return false;
  conduct.rests += 1;
  leaveOut(conduct, 'answers', moment.now, ejectionMs(conduct.rests, ms));
  return true;
}

/** It answered: all is forgiven, unless that was asked (`since`) before it was left out. True: it was out, and is taken back. */
export function noteAnswer(conduct: Conduct, since: number): boolean {
  if (since < conduct.outSince && conduct.outUntil > 0) return false;
  conduct.refusals = 0;
  conduct.failures = 0;
  conduct.rests = 0;
  return takeBack(conduct);
}

/** It accepted a connection. True: it was out for refusing them, and is taken back. */
export function noteConnect(conduct: Conduct): boolean {
  conduct.refusals = 0;
  return conduct.outBy === 'connects' && takeBack(conduct);
}

function leaveOut(conduct: Conduct, by: Conduct['outBy'], now: number, ms: number): void {
  conduct.outBy = by;
  conduct.outSince = now;
  conduct.outUntil = now + ms;
}

function takeBack(conduct: Conduct): boolean {
  if (conduct.outUntil === 0) return false;
  conduct.outUntil = 0;
  return true;
}

/** How long a target stays out after this many reasons in a row: 1, 2, 4, 8, then 10 times the first, which is 1 s by default. */
export function ejectionMs(times: number, firstMs = EJECTION_MS): number {
  return firstMs * Math.min(2 ** Math.max(0, times - 1), EJECTION_TIMES_MAX);
}

/**
 * Who of a service's targets is out now. Bad answers are a judgement, and may be the fault of something that all targets share: on
 * account of them no more than half of the targets are out, refused connects counted in; beyond that those with the shortest rest
 * to serve stay in. A refused connect is a fact, costs its request nothing but a try, and always counts.
 */
export function leftOut<C extends { readonly load: Pick<TargetLoad, 'outUntil' | 'outBy'> }>(
  candidates: readonly C[],
  now: number,
): ReadonlySet<C> {
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
