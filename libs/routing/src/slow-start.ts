// Weights: what the table says, and less of it while a target is new to a service that starts its newcomers slowly.
import type { RouteTarget } from './route-table.js';

const WEIGHT_MAX = 256;
const FIRST_SHARE = 0.1;
/** A newcomer's weight grows in so many steps. */
const STEPS = 50;

/** Of a target of weight 0, which is asked only when no other one answers: 1. */
export function weightOf({ weight = 1 }: RouteTarget): number {
  return weight > 0 ? Math.min(weight, WEIGHT_MAX) : 1;
}

/** A tenth of the weight at age 0, the whole of it from `slowStartMs` on. Times in ms. */
export function shareAtAge(ageMs: number, slowStartMs: number): number {
  if (ageMs >= slowStartMs) return 1;
  return FIRST_SHARE + (1 - FIRST_SHARE) * (Math.max(0, ageMs) / slowStartMs);
}

/** How long a weight that grows may be taken for constant, ms. */
export const stepMs = (slowStartMs: number): number => Math.max(10, Math.ceil(slowStartMs / STEPS));
