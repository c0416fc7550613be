// An app as stored: its current version plus what the control plane remembers about launching it.
import type { AppId, TaskId, Timestamp, InstanceId } from './ids.js';
import type { AppVersion } from './app-spec.js';
import type { AppTraffic } from './traffic.js';

/** Launch backoff of one app at one config version (behaviour.md 9). Times: the control plane's clock, epoch ms. */
export interface LaunchDelay {
  /** The lastConfigChangeAt it belongs to; a config change starts without delay. */
  readonly configVersion: Timestamp;
  readonly delayMs: number;
  /** Nothing is launched before. */
  readonly until: number;
  /** Last entry; forgotten when older than maxLaunchDelaySeconds. */
  readonly referenceAt: number;
}

/** Marathon's `lastTaskFailure` (api.md 3.3). */
export interface TaskFailure {
  readonly appId: AppId;
  readonly host: string;
  readonly message: string;
  /** TASK_FAILED, TASK_ERROR, TASK_KILLED (health), … */
  readonly state: string;
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly timestamp: Timestamp;
  readonly version: Timestamp;
  readonly slaveId?: string;
}

/** The mass-kill brake of one app while it is on (promise 5). Times: the control plane's clock, epoch ms. */
export interface AppBrake {
  readonly since: number;
  /** Whose instances turned unhealthy together: this app's, or those of the fleet. */
  readonly by: 'app' | 'fleet';
  /** Since when too few are unhealthy to go on suspecting the checker; absent while enough are. */
  readonly calmSince?: number;
}

/** What a person set beside the definition; it wins over the definition's labels. Seconds, in the ranges of `SETTING_RANGES`. */
export interface AppSettings {
  /** Most time that a deployment of the app may be without progress. */
  readonly progressDeadlineSeconds?: number;
  /** How long a new instance must serve without interruption before an old one makes room for it. */
  readonly minReadySeconds?: number;
}

export interface App {
  readonly id: AppId;
  readonly current: AppVersion;
  readonly launchDelay?: LaunchDelay;
  readonly lastTaskFailure?: TaskFailure;
  /**
   * Since which version it has asked for each of its service ports without a break: of two apps that ask for one, the first has it
   * (libs/routing). Absent in rows of earlier releases: since the last change of the config.
   */
  readonly servicePortsSince?: Readonly<Record<string, Timestamp>>;
  /**
   * Since which version it has asked for each virtual host and path without a break, by host, path, match weight and whether case counts:
   * of two apps that ask for one, the first has it (libs/routing). Absent in rows of earlier releases: since the last change of the config.
   */
  readonly hostsSince?: Readonly<Record<string, Timestamp>>;
  /** What its last change left off of these, with their ages: when that change is taken back, they come back with it. */
  readonly hostsLeft?: Readonly<Record<string, Timestamp>>;
  /** Absent: off. */
  readonly brake?: AppBrake;
  /** Absent: none. They outlive changes of the definition, and go with the app. */
  readonly settings?: AppSettings;
  /** Absent: every routed instance counts alike. Gone with the rollout that it was for, and with the app. */
  readonly traffic?: AppTraffic;
  /** True while its removal is being carried out: instances are stopped, then the row goes. It is not shown by the API. */
  readonly removing: boolean;
  /** Counts every write of this row; guards a commit. */
  readonly revision: number;
}
