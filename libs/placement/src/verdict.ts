// What placement is asked and what it answers. The answer about every agent is Marathon's "offer" bookkeeping
// (behaviour.md 11.6: one offer = one agent considered), shown by `/v2/queue` and `longrun explain`.
import type { AgentId, AppId, AppSpec } from '#libs/model';
import type { Peers } from './constraints.js';

/** Marathon's names where it has one; the last three are ours and are shown beside them. */
export type RejectionReason =
  | 'UnfulfilledRole'
  | 'UnfulfilledConstraint'
  | 'AgentMaintenance'
  | 'InsufficientCpus'
  | 'InsufficientMemory'
  | 'InsufficientDisk'
  | 'InsufficientPorts'
  | 'AgentUnreachable'
  | 'RuntimeMissing'
  | 'DiskLow';

export interface Rejection {
  readonly reason: RejectionReason;
  /** With the amount that is missing, e.g. `needs 4 cpus, 1.5 of 8 are free`. */
  readonly text: string;
}

export interface AgentExplanation {
  readonly agentId: AgentId;
  readonly hostname: string;
  /** In Marathon's order of tests; empty = it fits. */
  readonly reasons: readonly Rejection[];
}

export interface PlacementRequest {
  readonly appId: AppId;
  readonly spec: AppSpec;
  /** Where it ran before; taken when it fits. */
  readonly preferredAgent?: AgentId;
  /** Of the instances that constraints compare with: placed, not lost, not outdated (behaviour.md 11.1). */
  readonly peers: Peers;
  /** Wanted instances in all, for GROUP_BY. */
  readonly total: number;
  /** Every proxy that is not removed has confirmed at least this table; null = there is no proxy. */
  readonly confirmedTable: number | null;
  /** Epoch ms. */
  readonly now: number;
}

export type PlacementVerdict =
  | { readonly kind: 'placed'; readonly agentId: AgentId; readonly hostPorts: readonly number[] }
  | { readonly kind: 'impossible'; readonly perAgent: readonly AgentExplanation[] };
