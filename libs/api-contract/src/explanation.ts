// `GET /v3/apps/ID/explain`: why an app is as it is, agent by agent and predicate by predicate, and what would let its next instance run.
// Amounts are numbers: cpus in cores, mem and disk in MiB, ports counted. Texts are sentences for people, without a full stop.

// Written out beside the reconciler's own form (its `AppExplanation`) on purpose. That one is made of a snapshot: epoch times, branded ids,
// whole agents, closed unions of kinds. This one is what a client reads, maybe of another release: texts, ISO times, open kinds. Neither lib
// may know the other (LAYERS), and `apps/control-plane/src/api/explanation.ts`, which makes the one of the other, does not compile when
// a member that is promised here is missing there.

export interface ExplainPlace {
  readonly agentId: string;
  readonly hostname: string;
  readonly hostPorts: readonly number[];
}

/** One reason why the app is not as wanted. */
export interface ExplainHold {
  readonly kind: string;
  readonly text: string;
  /** Concerned by it; 0 for one that is about the app as a whole. */
  readonly instances: number;
  /** The first ten of them. */
  readonly instanceIds: readonly string[];
  /** When it ends by itself. */
  readonly until?: string;
  readonly agentId?: string;
  readonly deploymentId?: string;
}

/** One agent and one predicate. Which members are there depends on the predicate; those of amounts are always all there. */
export interface ExplainCell {
  readonly predicate: 'session' | 'runtime' | 'hostDisk' | 'constraint' | 'cpus' | 'mem' | 'disk' | 'ports';
  readonly fits: boolean;
  /** Marathon's name of the reason, or ours. */
  readonly reason: string;
  /** Of one that fails. */
  readonly text?: string;
  readonly unit?: 'cores' | 'MiB' | 'ports';
  readonly needed?: number | string;
  readonly total?: number;
  readonly used?: number;
  readonly free?: number;
  readonly missing?: number;
  /** `constraint`: position in the definition. */
  readonly index?: number;
  readonly field?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly agentValue?: string | null;
  readonly instancesThere?: number;
  readonly wouldFit?: string;
  /** `ports`: fixed ones that cannot be had. */
  readonly blocked?: readonly {
    readonly index: number;
    readonly port: number;
    readonly block: { readonly why: string };
  }[];
}

export interface ExplainAgent {
  readonly agentId: string;
  readonly hostname: string;
  readonly fits: boolean;
  readonly cells: readonly ExplainCell[];
}

export type ExplainStep = { readonly kind: string } & Readonly<Record<string, unknown>>;

export interface ExplainChange {
  readonly text: string;
  /** 0 = only time passes; 1 = a whole thing is given up or added. */
  readonly share: number;
  /** All are needed; each has its `kind` and what it needs. */
  readonly steps: readonly ExplainStep[];
  /** Where the instance would run then; `new-agent` for one to be started. */
  readonly agentId: string;
}

export interface ExplainAnswer {
  readonly appId: string;
  readonly version: string;
  readonly standing: {
    readonly text: string;
    readonly wanted: number;
    readonly running: number;
    readonly available: number;
    readonly waiting: number;
    readonly sets: Readonly<Record<string, number>>;
  };
  readonly holds: readonly ExplainHold[];
  readonly next: {
    readonly text: string;
    readonly instanceId?: string;
    readonly fitNow: number;
    readonly isLeast: boolean;
    readonly places: readonly ExplainPlace[];
    readonly needs: {
      readonly cpus: number;
      readonly mem: number;
      readonly disk: number;
      readonly runtime: string;
      readonly hostPorts: readonly (number | null)[];
      readonly constraints: readonly string[];
    };
    readonly agentsThatFit: number;
    readonly place?: ExplainPlace;
  };
  /** Best first; empty when it fits somewhere. */
  readonly changes: readonly ExplainChange[];
  /** One page of them, by id. */
  readonly agents: readonly ExplainAgent[];
}
