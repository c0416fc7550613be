// An app definition in its canonical form: parsed, defaults filled in, old-style members translated (Marathon app.md A1-A12).
// Optional members are absent when unset, never null or undefined. Durations keep the API's unit, whole seconds.
import type { AppId, Timestamp } from './ids.js';

export type PortProtocol = 'tcp' | 'udp' | 'udp,tcp';

/** Host networking. `port` is the service port (0 = assign one); with `requirePorts` also the host port. */
export interface PortDefinition {
  readonly port: number;
  readonly protocol: PortProtocol;
  readonly name?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Bridge and container networking. `containerPort` 0 = the same number as the host port, or without one a number that only the task
 * learns (behaviour.md 12.1).
 */
export interface PortMapping {
  readonly containerPort: number;
  /** 0 = any free one of the agent. Absent only on a container network: no host port, the task is reached by its own address. */
  readonly hostPort?: number;
  /** 0 = assign one. */
  readonly servicePort: number;
  readonly protocol: PortProtocol;
  readonly name?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Networks of the app that it applies to; absent = all. */
  readonly networkNames?: readonly string[];
}

/** `container`: the Docker network of that name on the agent. */
export interface Network {
  readonly mode: 'host' | 'container/bridge' | 'container';
  /** Exactly with mode `container`. */
  readonly name?: string;
  /** Kept and shown; absent when empty. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface HostVolume {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly mode: 'RO' | 'RW';
}

export interface DockerSettings {
  readonly image: string;
  readonly forcePullImage: boolean;
  readonly privileged: boolean;
  readonly parameters: readonly { readonly key: string; readonly value: string }[];
}

/** Security and shared memory of a container of type MESOS (app.md A4). */
export interface LinuxInfo {
  /** Exactly one of the two. */
  readonly seccomp?: { readonly profileName?: string; readonly unconfined: boolean };
  /** `shmSize` in MiB, with mode PRIVATE only. */
  readonly ipcInfo?: { readonly mode: 'PRIVATE' | 'SHARE_PARENT'; readonly shmSize?: number };
}

export interface Container {
  readonly type: 'DOCKER' | 'MESOS';
  /** Always there with type DOCKER. */
  readonly docker?: DockerSettings;
  readonly volumes: readonly HostVolume[];
  /** Exactly with bridge and container networking. */
  readonly portMappings?: readonly PortMapping[];
  /** Type MESOS only. */
  readonly linuxInfo?: LinuxInfo;
}

export type HealthProtocol =
  'HTTP' | 'HTTPS' | 'TCP' | 'MESOS_HTTP' | 'MESOS_HTTPS' | 'MESOS_TCP' | 'COMMAND';

export interface HealthCheck {
  readonly protocol: HealthProtocol;
  readonly path?: string;
  readonly port?: number;
  readonly portIndex?: number;
  readonly command?: { readonly value: string };
  readonly gracePeriodSeconds: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly maxConsecutiveFailures: number;
  readonly delaySeconds: number;
  readonly ignoreHttp1xx: boolean;
  readonly ipProtocol: 'IPv4' | 'IPv6';
}

/** Asked while a deployment starts new instances, until it answers ready once (behaviour.md 8). */
export interface ReadinessCheck {
  readonly name: string;
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly path: string;
  /** Name of a port of the app. */
  readonly portName: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Status codes that mean ready; never empty. */
  readonly httpStatusCodesForReady: readonly number[];
  readonly preserveLastResponse: boolean;
}

/** A check whose result is only shown (`checkResult` of a task); it never kills and never blocks (behaviour.md 8). Exactly one kind. */
export interface AgentCheck {
  readonly http?: {
    readonly port?: number;
    readonly portIndex?: number;
    readonly path?: string;
    readonly scheme: 'HTTP';
  };
  readonly tcp?: { readonly port?: number; readonly portIndex?: number };
  readonly exec?: {
    readonly command: { readonly shell: string } | { readonly argv: readonly string[] };
  };
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly delaySeconds: number;
}

/** A file that the agent downloads into the sandbox before each start (app.md A1, behaviour.md 18). */
export interface FetchItem {
  readonly uri: string;
  /** Unpack archives by their ending. */
  readonly extract: boolean;
  readonly executable: boolean;
  /** Keep the download on the agent for other tasks. */
  readonly cache: boolean;
  /** Relative to the sandbox. */
  readonly destPath?: string;
}

/** Hard limits above `cpus` and `mem`; absent = the request is the limit where the runtime limits at all. */
export interface ResourceLimits {
  readonly cpus?: number | 'unlimited';
  /** MiB */
  readonly mem?: number | 'unlimited';
}

export type ConstraintOperator = 'UNIQUE' | 'CLUSTER' | 'GROUP_BY' | 'LIKE' | 'UNLIKE' | 'MAX_PER' | 'IS';
export interface Constraint {
  readonly field: string;
  readonly operator: ConstraintOperator;
  readonly value?: string;
}

export interface UpgradeStrategy {
  /** 0..1, share of `instances` that stays healthy and routed through every stop of ours. */
  readonly minimumHealthCapacity: number;
  /** 0..1, share of `instances` that may run on top of them for the moment. */
  readonly maximumOverCapacity: number;
}

export type UnreachableStrategy =
  'disabled' | { readonly inactiveAfterSeconds: number; readonly expungeAfterSeconds: number };

export interface AppSpec {
  readonly id: AppId;
  readonly cmd?: string;
  readonly args?: readonly string[];
  /** Account that the task runs as; absent = that of the agent or image. */
  readonly user?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly instances: number;
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  /** MiB */
  readonly disk: number;
  readonly resourceLimits?: ResourceLimits;
  /** Kept and shown without effect: there are no executors. Absent: the default, shown as an empty text. */
  readonly executor?: string;
  /** Kept and shown without effect; not a change that restarts anything. */
  readonly executorResources?: { readonly cpus: number; readonly mem: number; readonly disk: number };
  /** Absent when empty. */
  readonly fetch?: readonly FetchItem[];
  readonly constraints: readonly Constraint[];
  readonly networks: readonly Network[];
  /** Present exactly with host networking. */
  readonly portDefinitions?: readonly PortDefinition[];
  readonly requirePorts: boolean;
  readonly container?: Container;
  readonly healthChecks: readonly HealthCheck[];
  readonly check?: AgentCheck;
  /** Exactly one; absent when there is none. */
  readonly readinessChecks?: readonly ReadinessCheck[];
  readonly labels: Readonly<Record<string, string>>;
  readonly upgradeStrategy: UpgradeStrategy;
  readonly backoffSeconds: number;
  readonly backoffFactor: number;
  readonly maxLaunchDelaySeconds: number;
  readonly taskKillGracePeriodSeconds?: number;
  readonly dependencies: readonly AppId[];
  readonly killSelection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST';
  readonly unreachableStrategy: UnreachableStrategy;
  /** Kept and shown, used as a label only (promises.md). */
  readonly role: string;
  readonly acceptedResourceRoles?: readonly string[];
  /** Absent when not given. */
  readonly tty?: boolean;
}

/** One stored version of an app. Immutable; a change is a new one. */
export interface AppVersion {
  readonly spec: AppSpec;
  /** Unique per app, strictly growing. */
  readonly version: Timestamp;
  readonly lastScalingAt: Timestamp;
  /** Instances whose version is older than this, and not adopted, are outdated and get replaced. */
  readonly lastConfigChangeAt: Timestamp;
  /**
   * Older versions with this very config whose instances were there when it came back: these are of the current config and stay.
   * Absent: none. A restart that a person asked for adopts none.
   */
  readonly adopts?: readonly Timestamp[];
}

/** Is an instance of this version one of the current config, which nothing has to replace? */
export const isOfCurrentConfig = (version: Timestamp, current: AppVersion): boolean =>
  version >= current.lastConfigChangeAt || (current.adopts?.includes(version) ?? false);

/** The `lastConfigChangeAt` that an instance of this definition counts under; an adopted one has that of the current definition. */
export const configOf = (definition: AppVersion, current: AppVersion): Timestamp =>
  isOfCurrentConfig(definition.version, current) ? current.lastConfigChangeAt : definition.lastConfigChangeAt;

export type RuntimeKind = 'docker' | 'process';

/** An app with an image runs on the Docker Engine, every other one as a process (promises.md). */
export const runtimeOf = (spec: AppSpec): RuntimeKind => (spec.container?.docker ? 'docker' : 'process');

export interface ServicePort {
  readonly index: number;
  readonly servicePort: number;
  readonly protocol: PortProtocol;
  readonly name?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Wanted host port; 0 = any of the agent's range; null = it gets none (container networks). */
  readonly hostPort: number | null;
  /** The port inside the container; absent with host networking. 0 = the same as the host port. */
  readonly containerPort?: number;
}

/** The ports of an app in definition order, whatever its networking: one view for placement, routing and environment. */
export function portsOf(spec: AppSpec): readonly ServicePort[] {
  const named = (name: string | undefined): { name?: string } => (name === undefined ? {} : { name });
  if (spec.portDefinitions) {
    return spec.portDefinitions.map((each, index) => ({
      index,
      servicePort: each.port,
      protocol: each.protocol,
      labels: each.labels,
      hostPort: spec.requirePorts ? each.port : 0,
      ...named(each.name),
    }));
  }
  return (spec.container?.portMappings ?? []).map((each, index) => ({
    index,
    servicePort: each.servicePort,
    protocol: each.protocol,
    labels: each.labels,
    hostPort: each.hostPort ?? null,
    containerPort: each.containerPort,
    ...named(each.name),
  }));
}
