// Table of contents: what has to change, decided from one view of the cluster.
export { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';
export type { BrakeSettings, ClusterSnapshot, FleetHealth, ReconcileSettings } from './snapshot.js';
export type {
  Alarm,
  Decision,
  DecisionKind,
  ReconcileResult,
  Violation,
  WaitingExplanation,
} from './decision.js';
