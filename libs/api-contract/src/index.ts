// Table of contents: the shapes of the REST API and its errors.
export { ERROR_CODES } from './error-codes.js';
export type { ErrorCode } from './error-codes.js';
export { LongrunError, errorBody } from './errors.js';
export type { ErrorBody, ErrorDetail, LongrunErrorOptions } from './errors.js';
export { ERROR_EXAMPLES } from './error-examples.js';
export { failures } from './failures.js';
export { definitionWarnings } from './definition-warnings.js';
export { groupEmbeds, presentGroup } from './groups.js';
export type { GroupContent, GroupEmbeds, GroupInfo, ShownGroup } from './groups.js';
export { embedsOfGroup, embedsOfList, embedsOfSingle } from './app-embeds.js';
export type { AppEmbed } from './app-embeds.js';
export { appAsJson, matchesFilter, presentApp, presentCreatedApp, presentVersion } from './apps.js';
export type { AppFilter, AppInfo, AppView, VersionedApp } from './apps.js';
export { changesBetween, presentHistory } from './app-history.js';
export type { MemberChange, VersionKind, VersionStory } from './app-history.js';
export { presentDiff } from './change-plan.js';
export type {
  AppDiff,
  ChangePlan,
  Foreseen,
  GroupDiff,
  PlanOptions,
  PlanProblem,
  PlannedAgent,
  PlannedAmounts,
  PlannedApp,
  PlannedStart,
  PlannedStop,
  PlannedWave,
  ShownChange,
} from './change-plan.js';
export {
  matchesTaskStatus,
  presentHealth,
  presentTask,
  presentTasks,
  taskAsJson,
  taskStatusFilter,
} from './tasks.js';
export { containerNetworksOf, tasksAsText } from './tasks-as-text.js';
export type { TasksOfApp } from './tasks-as-text.js';
export type { HealthInfo, TaskInfo, TaskOptions, TaskStatusFilter, TaskView } from './tasks.js';
export { countTasks, taskStatsOf } from './task-stats.js';
export type { TaskCounts, TaskStats, TaskStatsSummary } from './task-stats.js';
export { presentAgent, presentInstance } from './instances.js';
export type { AgentAnswer, InstanceStory } from './instances.js';
export type {
  ExplainAgent,
  ExplainAnswer,
  ExplainCell,
  ExplainChange,
  ExplainHold,
  ExplainPlace,
  ExplainStep,
} from './explanation.js';
export {
  presentDeployment,
  presentDeploymentResult,
  presentDeploymentStory,
  presentPlan,
} from './deployments.js';
export type { DeploymentInfo, DeploymentResult, DeploymentStory, ReadinessOf } from './deployments.js';
export { presentReadiness } from './readiness.js';
export type { ReadinessInfo } from './readiness.js';
export { DECLINE_REASONS, NOTHING_DECLINED, addAttempt, funnelOf, presentQueueItem } from './queue.js';
export type {
  DeclineReason,
  DeclineTally,
  DeclinedOfferStep,
  OfferSummary,
  OfferView,
  QueueItem,
  QueueView,
} from './queue.js';
export { presentInfo } from './info.js';
export type { Info, InfoView } from './info.js';
export { parseLabelSelector } from './label-selector.js';
export type { LabelSelector } from './label-selector.js';
export { presentReason, presentWhy } from './why.js';
export type { HostOf, ReasonInfo, WhyAnswer, WhyFacts, WhyLink, WhyStep } from './why.js';
