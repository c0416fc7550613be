// Table of contents: the control plane over its seams.
export { ControlCore } from './control-core.js';
export type { ControlCoreParts, Publisher } from './control-core.js';
export { WorkingSet, affectedApps } from './working-set.js';
export type { Touched } from './working-set.js';
export { Lane } from './lane.js';
export type { Committed, Decide, Proposal } from './lane.js';
export type { Log } from './log.js';
export { LEASE_MS, Leadership, RENEW_MS } from './leadership.js';
export { StatusIntake } from './status-intake.js';
export { AGENT_LOST_MS, AgentRegistry } from './agent-registry.js';
export type { HelloAnswer } from './agent-registry.js';
export { appBrakes, fleetBrakeState, HOST_BRAKE_ALARM, hostBrakeState } from './brake-state.js';
export type { AppBrakeState, BrakeCounts, FleetBrakeState, HostBrakeState } from './brake-state.js';
export { AssignmentFeed } from './assignment-feed.js';
export type { SendFrame } from './assignment-feed.js';
export { ProxyRegistry } from './proxy-registry.js';
export { RouteFeed } from './route-feed.js';
export type { ServedGroup } from './route-feed.js';
export { TrafficMeter } from './traffic-meter.js';
export type {
  MeasuredApp,
  MeasuredNames,
  MeasuredService,
  MeasuredTarget,
  MeasuredTraffic,
  MeasuredVersion,
} from './traffic-meter.js';
export { AgentSession } from './sessions/agent-session.js';
export type { AgentLink, AgentSessionParts } from './sessions/agent-session.js';
export { AgentSessions } from './sessions/agent-sessions.js';
export type { AgentSessionsParts } from './sessions/agent-sessions.js';
export { RouteSubscription } from './sessions/route-subscription.js';
export type { RouteOutlet } from './sessions/route-subscription.js';
export { ReconcileLoop } from './reconcile-loop.js';
export { Alarms } from './alarms.js';
export type { ActiveAlarm } from './alarms.js';
export { AppCommands } from './commands/app-commands.js';
export type { AppRollbackResult, RollbackWords } from './commands/app-rollback.js';
export { livingApp, requireApp } from './commands/app-targets.js';
export type { ApiCall, SubmittedApp, UpdateOptions } from './commands/app-commands.js';
export { DeploymentCommands } from './commands/deployment-commands.js';
export { TaskCommands, requireTask, tasksOnHost } from './commands/task-commands.js';
export type { Selection } from './commands/task-commands.js';
export { ENDING_WAIT_MS } from './commands/task-endings.js';
export type { EndingWait } from './commands/task-endings.js';
export { Shutdown } from './commands/shutdown.js';
export type { ChangeOptions } from './commands/change-lane.js';
export { GroupCommands } from './commands/group-commands.js';
export type { SubmittedGroup } from './commands/group-commands.js';
export { GROUP_VERSIONS_MAX, GroupHistory } from './commands/group-history.js';
export type { PastTree } from './commands/group-history.js';
export { DEPLOYMENTS_MAX } from './commands/start-deployment.js';
export type { StartedDeployment } from './commands/start-deployment.js';
export { Foresight } from './foresight/foresight.js';
export type { Foreseeable } from './foresight/foresight.js';
export { ImaginedCluster } from './foresight/imagined-cluster.js';
export type { Moment } from './foresight/imagined-cluster.js';
