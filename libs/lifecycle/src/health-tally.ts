// Bookkeeping of one health check on one task (behaviour.md 7.3): what a probe's outcome makes of the record.
// Measured by the agent; whether it kills is decided by the control plane (decisions.md 16).
import type { HealthCheck, HealthResult } from '#libs/model';

export type ProbeOutcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly cause: string }
  /** An ignored 1xx answer, or nobody could be asked: neither good nor bad. */
  | { readonly kind: 'none' };

export interface ProbeMoment {
  /** Epoch ms. */
  readonly now: number;
  /** When the task began to run. */
  readonly runningSince: number;
}

/** The new record; the same object when the outcome does not count (grace period before the first success, or `none`). */
export function tallyProbe(
  check: HealthCheck,
  previous: HealthResult | null,
  outcome: ProbeOutcome,
  { now, runningSince }: ProbeMoment,
): HealthResult | null {
  if (outcome.kind === 'none') return previous;
  if (outcome.kind === 'success') {
    return {
      ...previous,
      alive: true,
      consecutiveFailures: 0,
      firstSuccessAt: previous?.firstSuccessAt ?? now,
      lastSuccessAt: now,
    };
  }
  const inGrace =
    previous?.firstSuccessAt === undefined && now - runningSince < check.gracePeriodSeconds * 1000;
  if (inGrace) return previous;
  return {
    ...previous,
    alive: false,
    consecutiveFailures: (previous?.consecutiveFailures ?? 0) + 1,
    lastFailureAt: now,
    lastFailureCause: outcome.cause,
  };
}
