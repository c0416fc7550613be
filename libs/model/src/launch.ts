// What an agent needs to run one incarnation of an instance: resolved, with ports and the whole environment.
// It stands on its own, so that an agent without a control plane can start the next incarnation (decisions.md 15).
import type { AppId, InstanceId, TaskId, Timestamp } from './ids.js';
import type {
  AgentCheck,
  FetchItem,
  HealthCheck,
  HostVolume,
  LinuxInfo,
  PortProtocol,
  ReadinessCheck,
  ResourceLimits,
  RuntimeKind,
} from './app-spec.js';
import type { Cause } from './cause.js';

export interface LaunchPort {
  readonly index: number;
  readonly name?: string;
  /** 0 = none: the task is reached at its own address and `containerPort`. */
  readonly hostPort: number;
  /** Absent with host networking. Never 0: resolved to the host port, or to a number that only the task learns. */
  readonly containerPort?: number;
  readonly protocol: PortProtocol;
}

export interface LaunchSpec {
  readonly runtime: RuntimeKind;
  /** `cmd`: through `/bin/sh -c`. `args`: without a shell; with an image appended to its entry point. Neither: the image's own command. */
  readonly cmd?: string;
  readonly args?: readonly string[];
  /** Complete: Marathon's variables, then the user's (behaviour.md 12). */
  readonly env: Readonly<Record<string, string>>;
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  /** MiB */
  readonly disk: number;
  /** Hard limits; absent members: the request is the limit. */
  readonly limits?: ResourceLimits;
  /** Account to run as; absent: the agent's, or the image's. */
  readonly user?: string;
  readonly tty?: boolean;
  /** Downloaded into the sandbox before each start; absent when there is nothing. */
  readonly fetch?: readonly FetchItem[];
  readonly network: 'host' | 'bridge' | 'container';
  /** The Docker networks to join, exactly with `container`; the first one is the main one. */
  readonly networkNames?: readonly string[];
  readonly ports: readonly LaunchPort[];
  readonly image?: string;
  readonly forcePullImage: boolean;
  readonly privileged: boolean;
  readonly parameters: readonly { readonly key: string; readonly value: string }[];
  readonly volumes: readonly HostVolume[];
  readonly linuxInfo?: LinuxInfo;
  readonly healthChecks: readonly HealthCheck[];
  readonly check?: AgentCheck;
  /** Asked until it answers ready once; absent when this start has not to be asked. */
  readonly readinessCheck?: ReadinessCheck;
  /** SIGTERM to SIGKILL. */
  readonly killGraceMs: number;
  /** The app's labels; the docker runtime puts them on the container. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Restarts without a control plane follow Marathon's launch backoff (behaviour.md 9) with these numbers. */
export interface LaunchBackoff {
  /** Delay before the next start if this one fails; 0 = none so far. */
  readonly delayMs: number;
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** One instance on one agent, as the control plane wants it. The agent keeps the last one per instance on disk. */
export interface Assignment {
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly appVersion: Timestamp;
  /** Counted from 1; every start of the same instance adds one. The higher one is the newer one. */
  readonly incarnation: number;
  readonly taskId: TaskId;
  /**
   * `run`: this incarnation should run; an older one is stopped first; one that ended is *not* started again by the agent while
   * it has a session. `stop`: SIGTERM, grace, SIGKILL; routes are gone and drained already.
   */
  readonly goal: 'run' | 'stop';
  readonly launch: LaunchSpec;
  readonly backoff: LaunchBackoff;
  readonly cause: Cause;
}
