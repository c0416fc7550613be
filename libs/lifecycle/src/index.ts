// Table of contents: the life of an instance, as pure functions.
export { tallyProbe } from './health-tally.js';
export type { ProbeMoment, ProbeOutcome } from './health-tally.js';
export {
  backoffOf,
  currentDelay,
  delayAdvanced,
  delayAfterFailure,
  forgottenAt,
  launchableAt,
  nextDelayMs,
} from './launch-delay.js';
export { conditionOf, currentStatus, hasEnded, isActive, isTerminal, taskStateOf } from './condition.js';
export type { Condition } from './condition.js';
export {
  failedCheck,
  hasNoAddress,
  hasRoutablePorts,
  healthOf,
  isAwaitingReadiness,
  isReady,
  isReportedUnready,
  isRunning,
  runningSince,
  wasHealthy,
} from './readiness.js';
export type { FailedCheck } from './readiness.js';
export { taskEnvironment } from './environment.js';
export type { EnvironmentInput } from './environment.js';
export {
  DEADLINE_LABEL,
  DEFAULT_KILL_GRACE_MS,
  DRAIN_LABEL,
  MIN_READY_LABEL,
  assignmentOf,
  launchSpecOf,
} from './assignment.js';
export type { LaunchPlace, PlacedTask } from './assignment.js';
export { countsForDelay, failureOf } from './failure.js';
export { datedStatus, launchMovedAt } from './launch-progress.js';
export { acceptStatus } from './status-order.js';
