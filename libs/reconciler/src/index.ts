// Table of contents: what has to change, decided from one view of the cluster.
export { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';
export type {
  BrakeSettings,
  ClusterSnapshot,
  FleetBrake,
  HealthCounts,
  ReconcileSettings,
  Wave,
} from './snapshot.js';
export type {
  Alarm,
  Decision,
  DecisionKind,
  ReconcileResult,
  Violation,
  WaitingExplanation,
} from './decision.js';
export { reconcile } from './reconcile.js';
export { checksMs, computedDeadlineMs, wantedDeadlineMs } from './deadline.js';
export { outlookOf } from './outlook.js';
export type { Outlook } from './outlook.js';
export { floorOf, requestStop } from './gatekeeper.js';
export { reasonWrites, unexplainedChanges, unexplainedWrites } from './reasons.js';
export type { CausedWrites, RowsBefore } from './reasons.js';
export type { StopVerdict, StopView } from './gatekeeper.js';
export { CLASSIFICATION_RULES, classify, classifyAll, isAvailable, isOutdated } from './classify.js';
export type { AppSituation, InstanceSet, Sets } from './classify.js';
export {
  fleetBrakeOf,
  healthCounts,
  healthMark,
  largestWave,
  suspicionOf,
  threshold,
  waveOf,
} from './brake.js';
export { calmMs, isHeldByBrake } from './app-brake.js';
export type { HealthMark } from './brake.js';
export { explainApp } from './explain-app.js';
export type {
  AppExplanation,
  ExplainView,
  NextInstance,
  OfferedChange,
  Place,
  Standing,
} from './explain-app.js';
export { trafficHoldText } from './app-holds.js';
export type { Hold, HoldKind } from './app-holds.js';
