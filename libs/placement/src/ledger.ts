// What placement needs to know about an agent's books. The ledger is recomputed from rows (what *is* placed), never counted
// up and down by hand (promise 10); `PlacementIndex` is the implementation that the working set keeps current row by row.
import type { AgentId, AppId, InstanceId } from '#libs/model';

export interface ResourceAmounts {
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  /** MiB */
  readonly disk: number;
  /** Instances placed. */
  readonly instances: number;
}

/** The last that is known about one host port of one agent. */
export interface PortRecord {
  /** Who holds it or held it last. */
  readonly appId: AppId;
  /** Present while an instance that may be running has it. */
  readonly heldBy?: InstanceId;
  /** Epoch ms of the last time it was given out or given back. */
  readonly lastUsedAt: number;
  /** Table number at which its last target left the table; 0 = it never was in the table. */
  readonly leftAt: number;
  /** Nobody gets it before (10 minutes after `rejected: port-taken`, decisions.md 23). */
  readonly shunnedUntil?: number;
}

export interface PlacementLedger {
  /** Sum over the placed instances of this agent, at the resources of the versions they run. */
  used(agent: AgentId): ResourceAmounts;
  /** Ports with a past; a port that is not named was never seen. */
  ports(agent: AgentId): ReadonlyMap<number, PortRecord>;
  /** How many instances of this app are placed there. */
  countOf(agent: AgentId, app: AppId): number;
  /** A port without a record counts as having left the table at this number: the one found on taking office. */
  readonly unknownLeftAt: number;
}

/** Nothing is placed there. */
export const NOTHING_USED: ResourceAmounts = { cpus: 0, mem: 0, disk: 0, instances: 0 };
