// What a reconcile pass sees: a read-only view that control-core implements over its working set. All of it is one moment;
// a pass never sees its own writes here (it keeps an overlay of its own).
import type {
  AgentId,
  AgentNode,
  App,
  AppId,
  AppVersion,
  Deployment,
  DeploymentId,
  Instance,
  InstanceId,
  ProxyId,
  ProxyNode,
} from '#libs/model';
import type { PlacementLedger } from '#libs/placement';

/** The mass-kill brake (promise 5). */
export interface BrakeSettings {
  /** So many instances at least must turn unhealthy together; 0 switches the brake off, every failed check kills. */
  readonly minimumInstances: number;
  /** Of those that were healthy before; above 0, at most 1. */
  readonly share: number;
  /** Turned unhealthy within this = together. */
  readonly windowMs: number;
}

export interface ReconcileSettings {
  /** Most time for requests in flight when the label `longrun.io/drain-seconds` is absent. */
  readonly drainMs: number;
  /** Least time without progress before a deployment fails. */
  readonly deadlineMs: number;
  /** How long a launch may stand still before it is killed and launched again. */
  readonly launchLimitMs: number;
  /** How long a successor without checks that does not accept holds back its predecessor's stop. */
  readonly acceptHoldMs: number;
  /** How long a new instance must serve without interruption before it counts in a replacement, without the label or a setting of the app. */
  readonly minReadyMs: number;
  /** How often an app that found no place asks again, should nothing else wake it. */
  readonly placementRetryMs: number;
  /**
   * Instances that one pass creates, and that it launches, of one app, at least 1: by default some 50 ms, so that heartbeats and requests
   * get their turns in between. The commit marks the app, so the next pass goes on at once.
   */
  readonly changedPerPass: number;
  readonly brake: BrakeSettings;
}

export const DEFAULT_RECONCILE_SETTINGS: ReconcileSettings = {
  drainMs: 30_000,
  deadlineMs: 600_000,
  launchLimitMs: 300_000,
  acceptHoldMs: 30_000,
  minReadyMs: 10_000,
  placementRetryMs: 5_000,
  changedPerPass: 1_000,
  brake: { minimumInstances: 4, share: 0.5, windowMs: 60_000 },
};

/** Of an app or the fleet; `healthMark` says what an instance adds to it. */
export interface HealthCounts {
  /** Instances whose health is known to be good. */
  readonly healthy: number;
  /** Of those known to be bad that once were good: time of the last good answer. */
  readonly turnedUnhealthyAt: readonly number[];
}

/** Instances that turned unhealthy within one window. */
export interface Wave {
  readonly size: number;
  /** When the first and the last of them were well for the last time; agents' clocks, epoch ms. */
  readonly from: number;
  readonly to: number;
}

/** The brake over all apps; the working set keeps it beside its rows. */
export interface FleetBrake {
  readonly counts: HealthCounts;
  /** Null: too few turned unhealthy together. */
  readonly wave: Wave | null;
  /** Of the apps that have no wave of their own. */
  readonly waveOfRest: Wave | null;
}

export interface ClusterSnapshot {
  readonly apps: ReadonlyMap<AppId, App>;
  instancesOf(app: AppId): readonly Instance[];
  instance(id: InstanceId): Instance | undefined;
  /** The definition an instance was created with; kept as long as an instance names it. */
  versionOf(instance: Pick<Instance, 'appId' | 'version'>): AppVersion;
  readonly agents: ReadonlyMap<AgentId, AgentNode>;
  /** Running ones only. */
  readonly deployments: ReadonlyMap<DeploymentId, Deployment>;
  /** The running deployment that has this app among its actions. */
  deploymentOf(app: AppId): Deployment | undefined;
  readonly proxies: ReadonlyMap<ProxyId, ProxyNode>;
  readonly tableNumber: number;
  readonly epoch: number;
  /** Control plane's clock; leases, unreachable times and deadlines count from here at the earliest. */
  readonly officeSince: number;
  /**
   * All that this agent had to say up to then is known, control plane's clock; 0: nothing since this leader took office. A task that
   * ended after that is still taken for running. Absent: of every agent all is known at any time.
   */
  readonly toldUntil?: (agent: AgentId) => number;
  /**
   * This agent has on its disk that the instance is none of its own any more, so it will never start it again by itself, also without a
   * control plane. False when that is not known, as in a new office before the agent has confirmed its set. Absent: it always has.
   */
  readonly hasLetGo?: (agent: AgentId, instance: InstanceId) => boolean;
  readonly ledger: PlacementLedger;
  readonly fleetBrake: FleetBrake;
  readonly settings: ReconcileSettings;
}
