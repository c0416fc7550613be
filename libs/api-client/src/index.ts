// Table of contents: talking to the REST API.
export { ApiClient, ApiError, ApiUnreachable } from './api-client.js';
export type { ApiClientOptions, DeploymentAnswer, RollbackAnswer } from './api-client.js';
export type {
  AddressesAnswer,
  AppAnswer,
  AppReasonsAnswer,
  BrakeAnswer,
  BrakeCountsAnswer,
  DeploymentListItem,
  EndedDeployment,
  InstanceWhyAnswer,
  ProxiesAnswer,
  QueueAnswer,
  ShutdownAnswer,
  TaskAnswer,
  TrafficAnswer,
  TrafficMeasured,
  WaitingAnswer,
  WarningsAnswer,
  WayAnswer,
} from './answers.js';
