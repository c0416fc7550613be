// Table of contents: what tests of the whole run. The command line reads the rest for itself.
export { comparePlans } from './plans/plan-run.js';
export type { PlanFact } from './plans/plan-run.js';
