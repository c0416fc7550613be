// Table of contents of the model: the nouns of Longrun, and nothing that decides.
export {
  asAgentId,
  asAppId,
  asClusterId,
  asDeploymentId,
  asInstanceId,
  asProxyId,
  asTaskId,
  epochMsOf,
  idPathOf,
  newInstanceId,
  newTaskId,
  timestampOf,
} from './ids.js';
export type {
  AgentId,
  AppId,
  ClusterId,
  DeploymentId,
  InstanceId,
  ProxyId,
  TaskId,
  Timestamp,
} from './ids.js';
export { configOf, isOfCurrentConfig, portsOf, runtimeOf } from './app-spec.js';
export { heldPorts, needsOwnAddress, ownAddressOf, taskPortsOf } from './task-ports.js';
export type { TaskPort } from './task-ports.js';
export type {
  AgentCheck,
  AppSpec,
  AppVersion,
  Constraint,
  ConstraintOperator,
  Container,
  DockerSettings,
  FetchItem,
  HealthCheck,
  HealthProtocol,
  HostVolume,
  LinuxInfo,
  Network,
  PortDefinition,
  PortMapping,
  PortProtocol,
  ReadinessCheck,
  ResourceLimits,
  RuntimeKind,
  ServicePort,
  UnreachableStrategy,
  UpgradeStrategy,
} from './app-spec.js';
export type { Cause, CauseKind } from './cause.js';
export type { Reason, ReasonWhat } from './reason.js';
export type { Assignment, LaunchBackoff, LaunchPort, LaunchSpec } from './launch.js';
export type {
  CheckResult,
  HealthResult,
  Instance,
  InstanceStatus,
  InstanceStop,
  ReadinessResult,
  RejectReason,
  Routing,
  StopPhase,
  TaskExit,
  TaskPhase,
} from './instance.js';
export type { App, AppBrake, AppSettings, LaunchDelay, TaskFailure } from './app.js';
export { isOfShare, shareOf, TRAFFIC_LIMITS } from './traffic.js';
export type { AppTraffic, TrafficPin, TrafficShare } from './traffic.js';
export type { Group, GroupId } from './group.js';
export { groupsAbove, groupsUpFrom, isBelow, parentGroupOf } from './group-ids.js';
export type {
  AppChange,
  Deployment,
  DeploymentAction,
  DeploymentActionKind,
  DeploymentStatus,
  DeploymentStep,
  GroupChange,
  GroupState,
} from './deployment.js';
export type {
  AgentInfo,
  AgentLiveness,
  AgentNode,
  AgentResources,
  PortRange,
  ProxyNode,
} from './agent-node.js';
export { APP_ID_LENGTH_MAX, parseAppId, parseGroupId, resolveId } from './parse/app-id.js';
export type { Problem, ProblemList, ProblemStage } from './parse/problems.js';
export { LIMITS } from './parse/limits.js';
export { groupUpdateSchemaJson } from './parse/group-schema.js';
export type { GroupInput } from './parse/group-schema.js';
export {
  APPS_PER_CALL_MAX,
  GROUPS_PER_CALL_MAX,
  parseGroupUpdate,
  readEnforceRole,
  readGroupUpdate,
} from './parse/group-update.js';
export type { GroupContext, GroupShape, GroupUpdate, ParsedGroup, ReadGroup } from './parse/group-update.js';
export { parseAppSettings, SETTING_RANGES } from './parse/app-settings.js';
export type { ParsedAppSettings } from './parse/app-settings.js';
export { Problems } from './parse/problems.js';
export { piece, PIECE_MAX } from './piece.js';
export { parseAppTraffic } from './parse/app-traffic.js';
export type { AskedTraffic, ParsedAppTraffic } from './parse/app-traffic.js';
export { parseApp } from './parse/parse-app.js';
export type { ParseContext, ParsedApp } from './parse/parse-app.js';
export { mergeUpdate, wantedVersion } from './parse/merge-update.js';
export type { WantedVersion } from './parse/merge-update.js';
export { showApp } from './parse/show-app.js';
export type { ShownApp } from './parse/show-app.js';
export { assignServicePorts } from './parse/service-ports.js';
export type { AssignedPorts, ServicePortSupply } from './parse/service-ports.js';
export { parseAppFile } from './parse/app-file.js';
export type { AppFile, RawApp } from './parse/app-file.js';
export { parseTimestamp } from './parse/timestamp.js';
export { appSchemaJson } from './parse/app-schema.js';
export { parsePod, PODS_UNSUPPORTED } from './parse/parse-pod.js';
export type { ParsedPod } from './parse/parse-pod.js';
export { podSchemaJson } from './parse/pod-schema.js';
export { nullable } from './parse/json-schema.js';
export type { JsonSchema, JsonType } from './parse/json-schema.js';
export { schemaOf } from './parse/reader.js';
export { counted } from './words.js';
