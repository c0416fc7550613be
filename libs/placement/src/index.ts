// Table of contents: where an instance goes, and why it goes nowhere.
export { NOTHING_USED } from './ledger.js';
export type { PlacementLedger, PortRecord, ResourceAmounts } from './ledger.js';
export type {
  AgentExplanation,
  PlacementRequest,
  PlacementVerdict,
  Rejection,
  RejectionReason,
} from './verdict.js';
export { canonicalValue, constraintViolation, fieldValue } from './constraints.js';
export type { ConstraintContext } from './constraints.js';
export { PORT_SHUN_MS, PlacementIndex } from './placement-index.js';
export { explain, place } from './place.js';
