// Table of contents: talking to the REST API.
export { ApiClient, ApiError, ApiUnreachable } from './api-client.js';
export type { ApiClientOptions, DeploymentAnswer } from './api-client.js';
export type {
  AppAnswer,
  BrakeAnswer,
  BrakeCountsAnswer,
  DeploymentListItem,
  EndedDeployment,
  ProxiesAnswer,
  QueueAnswer,
  TaskAnswer,
  WaitingAnswer,
} from './answers.js';
