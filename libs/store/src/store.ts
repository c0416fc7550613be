// The Store seam (decisions.md 31): everything the control plane knows for good goes through here, and `commit` is the only write.
// Two implementations pass one conformance suite: Postgres (libs/persistence) and memory (memory-store.ts, for the simulator and core tests).
import type {
  AgentId,
  AgentNode,
  App,
  AppId,
  AppVersion,
  ClusterId,
  Deployment,
  DeploymentId,
  Group,
  GroupId,
  Instance,
  InstanceId,
  InstanceStatus,
  ProxyId,
  ProxyNode,
  Reason,
  TaskId,
  Timestamp,
} from '#libs/model';
import type { NewEvent, StoredEvent } from '#libs/events';

/** Everything a leader needs, read in one transaction (repeatable read) on taking office. */
export interface StoredState {
  readonly apps: readonly App[];
  /** Every group that exists, the root among them once anything was written. */
  readonly groups: readonly Group[];
  /** The versions that instances run and that are not any app's current one. */
  readonly versions: readonly AppVersion[];
  readonly instances: readonly Instance[];
  /** Those with status `running`. */
  readonly deployments: readonly Deployment[];
  readonly agents: readonly AgentNode[];
  readonly proxies: readonly ProxyNode[];
  readonly tableNumber: number;
  /** Newest event number. */
  readonly eventNumber: number;
  /** Newest version timestamp ever given out; the next one is max(now, this + 1 ms) (decisions.md 5). */
  readonly lastVersion: Timestamp | null;
}

/** One row each; a put replaces the whole row (or, for instances, the part it names). */
export type Write =
  | { readonly kind: 'put-app'; readonly app: App }
  | { readonly kind: 'remove-app'; readonly id: AppId } // its versions go too
  | { readonly kind: 'add-version'; readonly version: AppVersion } // keeps the newest 50 and those still in use
  | { readonly kind: 'put-group'; readonly group: Group }
  | { readonly kind: 'remove-group'; readonly id: GroupId }
  | { readonly kind: 'put-deployment'; readonly deployment: Deployment }
  | { readonly kind: 'put-instance'; readonly instance: Instance } // all but `status`
  | { readonly kind: 'put-status'; readonly id: InstanceId; readonly status: InstanceStatus } // `status` only; unknown id: nothing
  | { readonly kind: 'remove-instance'; readonly id: InstanceId }
  | { readonly kind: 'put-agent'; readonly agent: AgentNode }
  | { readonly kind: 'remove-agent'; readonly id: AgentId }
  | { readonly kind: 'put-proxy'; readonly proxy: ProxyNode }
  | { readonly kind: 'remove-proxy'; readonly id: ProxyId }
  | { readonly kind: 'set-table-number'; readonly number: number }
  | { readonly kind: 'add-reason'; readonly reason: Reason }; // kept after its instance and app are gone

/** The row must have this revision now (null: must not exist), else the whole commit is a conflict. Only goal revisions guard (decisions.md 3). */
export type Guard =
  | { readonly kind: 'app'; readonly id: AppId; readonly revision: number | null }
  | { readonly kind: 'group'; readonly id: GroupId; readonly revision: number | null }
  | { readonly kind: 'deployment'; readonly id: DeploymentId; readonly revision: number | null }
  | { readonly kind: 'instance'; readonly id: InstanceId; readonly goalRevision: number | null };

export interface Commit {
  /** The first statement checks it with a row lock; any other one than stored is fenced. */
  readonly epoch: number;
  readonly guards: readonly Guard[];
  readonly writes: readonly Write[];
  readonly events: readonly NewEvent[];
}

export type CommitResult =
  /** `events`: as numbered, in order. */
  | { readonly kind: 'committed'; readonly events: readonly StoredEvent[] }
  /**
   * A guard did not hold; nothing was written. With `reason`, no guard failed but a placed instance claims a host port that another
   * placed instance of the same agent holds after this commit: `guard` then names the instance that came too late.
   */
  | { readonly kind: 'conflict'; readonly guard: Guard; readonly reason?: string }
  /** Somebody else leads, or our lease ended. Nothing was written. */
  | { readonly kind: 'fenced'; readonly epoch: number };

export interface Leadership {
  readonly holder: string;
  readonly epoch: number;
  /** `host:port` of the holder's API. */
  readonly address: string;
}

export type EventPage =
  | { readonly kind: 'events'; readonly events: readonly StoredEvent[] }
  /** The cursor is older than what is kept (7 days or 1 million): 410. */
  | { readonly kind: 'too-old'; readonly oldest: number }
  /** The cursor is beyond the newest event: it was not given out by this store, or before it was restored. */
  | { readonly kind: 'ahead'; readonly newest: number };

export interface StoredReason extends Reason {
  /** Grows with every reason of the cluster; may have gaps. */
  readonly number: number;
}

export interface ReasonPage {
  /** At most so many, the newest. */
  readonly limit: number;
  /** Only those with a lower number. */
  readonly before?: number;
}

/** Thrown by every method when the store cannot be reached or refuses for now; nothing is known about an interrupted commit until the next `load`. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  /** The store's disk is full: writes are refused until somebody frees space (507 for a deploy, decisions.md 24). */
  readonly diskFull: boolean;

  constructor(message: string, options: { readonly diskFull?: boolean } = {}) {
    super(message);
    this.diskFull = options.diskFull ?? false;
  }
}

export interface Store {
  clusterId(): Promise<ClusterId>;
  /** What the store's own clock shows, epoch ms, whole: the one clock that all control planes have in common. */
  time(): Promise<number>;
  /**
   * Takes or keeps the lease: succeeds when nobody holds it, it has ended on the store's clock, or `holder` has it.
   * Taking it over (also one's own ended lease) adds 1 to the epoch. Returns who leads now, whoever that is.
   */
  campaign(holder: string, address: string, leaseMs: number): Promise<Leadership>;
  /** Gives the lease up at once if `holder` has it. */
  resign(holder: string): Promise<void>;
  load(): Promise<StoredState>;
  /** All or nothing; writes take effect in their order. Text comes back exactly as written, also U+0000 and lone surrogates. */
  commit(commit: Commit): Promise<CommitResult>;
  /** Stored versions of an app, newest first. */
  versions(app: AppId): Promise<readonly AppVersion[]>;
  deployment(id: DeploymentId): Promise<Deployment | null>;
  /** Ended deployments, newest first. */
  history(limit: number): Promise<readonly Deployment[]>;
  /** Ended deployments of changes before this version, the newest change first: to take changes back one by one. */
  endedBefore(version: Timestamp, limit: number): Promise<readonly Deployment[]>;
  /**
   * Events with a number above `after`, oldest first, at most `limit`; with `bytesMax` (as stored, maybe compressed) fewer when
   * they are large, but never none for their size.
   */
  eventsAfter(after: number, limit: number, bytesMax?: number): Promise<EventPage>;
  /** Everything kept about an instance, newest first; it may be gone. At most REASONS_PER_INSTANCE and what came since the last trim. */
  reasonsOf(instance: InstanceId): Promise<readonly StoredReason[]>;
  /** Newest first, of all its instances. */
  reasonsOfApp(app: AppId, page: ReasonPage): Promise<readonly StoredReason[]>;
  /** The instance of a task, of any incarnation that reasons are kept of. */
  instanceOfTask(task: TaskId): Promise<InstanceId | null>;
  /** Hash of a token -> role, for agents and proxies (decisions.md 29). */
  tokenRole(sha256: string): Promise<'agent' | 'proxy' | null>;
  putToken(sha256: string, role: 'agent' | 'proxy'): Promise<void>;
  /**
   * Forgets events older than 7 days and all but the newest million, and reasons beyond REASONS_KEPT_MS or REASONS_PER_INSTANCE;
   * returns how many events. Call it now and then, from any process.
   */
  trimEvents?(): Promise<number>;
  close(): Promise<void>;
}
