// The parts of Marathon's answers that the CLI and the supervisor read (api.md 3.3, 3.10, 7, 8).

export interface TaskAnswer {
  readonly id: string;
  readonly appId: string;
  readonly host: string;
  readonly state: string;
  readonly ports: readonly number[];
  /** Of its container; with host networking of its agent. */
  readonly ipAddresses: readonly { readonly ipAddress: string; readonly protocol: string }[];
  readonly startedAt?: string;
  readonly stagedAt?: string;
  readonly version?: string;
  readonly healthCheckResults: readonly {
    readonly alive: boolean;
    readonly consecutiveFailures: number;
    readonly lastFailureCause?: string;
    readonly instanceId: string;
  }[];
}

export interface AppAnswer {
  readonly id: string;
  readonly instances: number;
  readonly cpus: number;
  readonly mem: number;
  readonly cmd?: string;
  readonly version: string;
  readonly tasksStaged: number;
  readonly tasksRunning: number;
  readonly tasksHealthy: number;
  readonly tasksUnhealthy: number;
  readonly healthChecks?: readonly unknown[];
  readonly labels: Readonly<Record<string, string>>;
  readonly deployments: readonly { readonly id: string }[];
  readonly tasks?: readonly TaskAnswer[];
  readonly portDefinitions?: readonly { readonly port: number; readonly name?: string }[];
  readonly container?: {
    readonly docker?: { readonly image: string };
    readonly portMappings?: readonly { readonly servicePort: number; readonly name?: string }[];
  };
  readonly lastTaskFailure?: {
    readonly message: string;
    readonly state: string;
    readonly timestamp: string;
    readonly taskId: string;
    readonly host: string;
    readonly version: string;
  };
}

export interface DeploymentListItem {
  readonly id: string;
  readonly version: string;
  readonly affectedApps: readonly string[];
  readonly currentStep: number;
  readonly totalSteps: number;
  readonly currentActions: readonly { readonly action: string; readonly app?: string }[];
}

export interface QueueAnswer {
  readonly queue: readonly {
    readonly count: number;
    readonly delay: { readonly timeLeftSeconds: number; readonly overdue: boolean };
    readonly app?: { readonly id: string };
  }[];
}

/** `/v3/apps/ID/waiting`: why instances do not run yet, per agent. */
export interface WaitingAnswer {
  readonly waiting: readonly string[];
}

/** `/v3/apps/ID/warnings`: what in the definition has no effect, and what to write instead. */
export interface WarningsAnswer {
  readonly warnings: readonly string[];
}

export interface EndedDeployment {
  readonly id: string;
  readonly status: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly reason?: string;
}

/** `/v3/proxies` */
export interface ProxiesAnswer {
  /** The table that all of them should have. Absent: a server of an older release. */
  readonly newest?: { readonly epoch: number; readonly number: number };
  readonly proxies: readonly {
    readonly id: string;
    /** `HOST:PORT` of the main port. */
    readonly address: string;
    readonly live: boolean;
    readonly warnings: readonly string[];
    /** Absent: a proxy of an older release. */
    readonly listens?: {
      readonly httpsPort?: number;
      /** What its certificates name; absent: it has no HTTPS port, or is of an older release. */
      readonly httpsNames?: readonly string[];
      /** There are more. */
      readonly httpsNamesCut?: boolean;
      readonly appPaths: boolean;
      readonly groups?: readonly string[];
    };
    /** Absent: a proxy, or a server, of an older release. */
    readonly about?: {
      readonly engine: string;
      readonly host: string;
      readonly worker?: { readonly index: number; readonly of: number };
    };
    readonly confirmed: { readonly epoch: number; readonly number: number };
    readonly confirmedSince?: string;
    readonly heardAt?: string;
  }[];
}

/** GET /v3/addresses?app=ID: by what people reach each app. */
export interface AddressesAnswer {
  readonly apps: readonly { readonly appId: string; readonly ways: readonly WayAnswer[] }[];
}

export type WayAnswer = WayPlace & {
  /** Ids of the live proxies that serve it. Absent: a server of an older release. */
  readonly proxies?: readonly string[];
};

export type WayPlace =
  | {
      readonly by: 'host';
      readonly host: string;
      readonly path?: string;
      readonly redirectToHttps?: boolean;
      /** Ids of those proxies that have said that a certificate of theirs is for this host. Absent: a server of an older release. */
      readonly https?: readonly string[];
    }
  | {
      readonly by: 'service-port';
      readonly servicePort: number;
      readonly mode: 'auto' | 'http' | 'tcp';
      readonly bind?: string;
      readonly proxyHeader?: boolean;
    }
  | { readonly by: 'app-id'; readonly path: string };

/** GET /v3/brake?app=ID. */
export interface BrakeAnswer {
  readonly settings: {
    readonly enabled: boolean;
    readonly instances: number;
    readonly share: number;
    readonly windowSeconds: number;
  };
  readonly fleet: BrakeCountsAnswer;
  readonly apps: readonly (BrakeCountsAnswer & {
    readonly appId: string;
    readonly by?: 'app' | 'fleet';
    readonly calmSince?: string;
    readonly endsAt?: string;
    readonly ends?: string;
    readonly holds: readonly {
      readonly instanceId: string;
      readonly taskId?: string;
      readonly text: string;
    }[];
  })[];
  readonly hosts: {
    readonly on: boolean;
    readonly since?: string;
    readonly agents: number;
    readonly silent: readonly { readonly id: string; readonly hostname: string }[];
  };
}
export interface BrakeCountsAnswer {
  readonly on: boolean;
  readonly since?: string;
  readonly healthy: number;
  readonly unhealthy: number;
  readonly together: number;
  readonly needed: number | null;
}

/** `/v3/instances/ID/why`: from what it does now, or why it is gone, to the root. */
export interface InstanceWhyAnswer {
  readonly instanceId: string;
  readonly appId: string;
  readonly isGone: boolean;
  readonly now: string;
  readonly root: { readonly kind: string; readonly text: string; readonly at?: string };
  readonly chain: readonly { readonly at?: string; readonly what: string; readonly text: string }[];
  readonly reasons: readonly ReasonAnswer[];
}

/** `/v3/apps/ID/why`, newest first. */
export interface AppReasonsAnswer {
  readonly appId: string;
  readonly reasons: readonly ReasonAnswer[];
}

export interface ReasonAnswer {
  readonly at: string;
  readonly what: string;
  readonly text: string;
  readonly instanceId: string;
  readonly taskId?: string;
  readonly cause: { readonly kind: string; readonly text: string; readonly ref?: string };
}

/** What proxies measured of something within the last `windowSeconds`. */
export interface TrafficMeasured {
  readonly requests: number;
  readonly perSecond: number;
  readonly status: Readonly<Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx', number>>;
  readonly broken: number;
  /** Absent: a control plane of an older release. */
  readonly aborted?: Readonly<Record<'target' | 'client' | 'drain', number>>;
  readonly retries: number;
  readonly ejections: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly leftOut: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

/** Of `/v3/apps/ID/traffic`. */
export interface TrafficAnswer {
  readonly appId: string;
  /** The deployment group that the app is in, or that was asked for by its own id. */
  readonly group?: { readonly id: string; readonly apps: readonly string[] };
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
  readonly pins: readonly {
    readonly by: string;
    readonly name: string;
    readonly value: string;
    readonly version: string;
  }[];
  readonly since?: string;
  readonly setBy?: string;
  readonly windowSeconds: number;
  readonly measured: TrafficMeasured;
  readonly versions: readonly {
    /** Of a deployment group that was asked for. */
    readonly appId?: string;
    readonly version: string;
    readonly current: boolean;
    readonly instances: number;
    readonly routed: number;
    /** Null: not named by the shares. */
    readonly weight: number | null;
    readonly measured: TrafficMeasured | null;
  }[];
}

/** `/v3/shutdown`. */
export interface ShutdownAnswer {
  /** Tasks to wait for. */
  readonly left: number;
  /** Agents that do not answer, and have tasks; those of the ones that are `awaited` count in `left`. */
  readonly away: readonly {
    readonly hostname: string;
    readonly tasks: number;
    readonly awaited: boolean;
  }[];
}
