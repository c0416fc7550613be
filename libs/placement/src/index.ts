// Table of contents: where an instance goes, why it goes nowhere, and what would have to change.
export { NOTHING_USED } from './ledger.js';
export type { PlacementLedger, PortRecord, ResourceAmounts } from './ledger.js';
export type {
  AgentExplanation,
  PlacementRequest,
  PlacementVerdict,
  Rejection,
  RejectionReason,
} from './verdict.js';
export { canonicalValue, constraintName, constraintViolation, fieldValue, peersOn } from './constraints.js';
export type { ConstraintContext, Peers } from './constraints.js';
export { leftTableAt, PORT_SHUN_MS, PlacementIndex } from './placement-index.js';
export { explain, explainCells, place } from './place.js';
export type { AgentCells } from './place.js';
export type { PortBlock } from './host-ports.js';
export type {
  AmountCell,
  BlockedPort,
  ConstraintCell,
  HostDiskCell,
  PortsCell,
  PredicateCell,
  RuntimeCell,
  SessionCell,
} from './predicates.js';
export { NEW_AGENT } from './change-step.js';
export type { Amounts, ChangeStep, NewAgent, PortMove, Resource, Tenant, World } from './change-step.js';
export { CHANGES_MAX, smallestChanges } from './smallest-change.js';
export type { ChangeQuestion, SmallestChange } from './smallest-change.js';
