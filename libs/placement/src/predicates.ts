// The predicates that an agent must meet to take an instance, each with its numbers: one definition for `place`, for the reasons in
// `/v2/queue` and for the table of `longrun explain`, so that what is explained is what was decided.
import { portsOf, runtimeOf } from '#libs/model';
import type {
  AgentId,
  AgentInfo,
  AgentLiveness,
  AgentNode,
  ConstraintOperator,
  RuntimeKind,
} from '#libs/model';
import { constraintTest } from './constraints.js';
import type { ConstraintTest } from './constraints.js';
import { ASKED_TWICE, blockOf, choosePorts, countPorts } from './host-ports.js';
import type { PortBlock } from './host-ports.js';
import type { PlacementLedger } from './ledger.js';
import type { PlacementRequest, RejectionReason } from './verdict.js';

/** Sums of doubles drift by less than this; a fraction of a thousandth of a core or MiB decides nothing. */
export const ROUNDING = 1e-6;

interface Answer {
  readonly fits: boolean;
  readonly reason: RejectionReason;
  /** Only of one that fails: what is missing, for a person. */
  readonly text?: string;
}

export interface SessionCell extends Answer {
  readonly predicate: 'session';
  readonly liveness: AgentLiveness;
}
export interface RuntimeCell extends Answer {
  readonly predicate: 'runtime';
  readonly needed: RuntimeKind;
  readonly available: readonly RuntimeKind[];
}
/** The agent's own file system, whatever is promised to instances. */
export interface HostDiskCell extends Answer {
  readonly predicate: 'hostDisk';
  /** Less than 5 % is free. */
  readonly isLow: boolean;
}
export interface ConstraintCell extends Answer {
  readonly predicate: 'constraint';
  /** Position among the definition's `constraints`. */
  readonly index: number;
  readonly field: string;
  readonly operator: ConstraintOperator;
  readonly value?: string;
  /** Of the agent; null = it says nothing to this field. */
  readonly agentValue: string | null;
  /** Compared instances at this value. */
  readonly instancesThere: number;
  /** UNIQUE and MAX_PER that fail: how many of those would have to be elsewhere. */
  readonly missing?: number;
  /** Of one that fails: which value would do. */
  readonly wouldFit?: string;
}
/** `cpus` in cores, `mem` and `disk` in MiB. */
export interface AmountCell extends Answer {
  readonly predicate: 'cpus' | 'mem' | 'disk';
  readonly unit: 'cores' | 'MiB';
  readonly needed: number;
  readonly total: number;
  /** By the instances placed there; may be more than the total when the agent has become smaller. */
  readonly used: number;
  readonly free: number;
  /** What would have to be freed; 0 when it fits. */
  readonly missing: number;
}
export interface BlockedPort {
  /** Position among the ports of the definition. */
  readonly index: number;
  readonly port: number;
  readonly block: PortBlock;
}
export interface PortsCell extends Answer {
  readonly predicate: 'ports';
  readonly unit: 'ports';
  /** Host ports in all, fixed and any. */
  readonly needed: number;
  /** In the agent's ranges. */
  readonly total: number;
  /** What this app may have now. */
  readonly free: number;
  readonly held: number;
  /** Neither held nor free: shunned, or not confirmed by every proxy. */
  readonly resting: number;
  /** Fixed ones that it cannot have, and free ones too few. */
  readonly missing: number;
  /** Fixed ones that it cannot have. */
  readonly blocked: readonly BlockedPort[];
}

export type PredicateCell =
  SessionCell | RuntimeCell | HostDiskCell | ConstraintCell | AmountCell | PortsCell;

/** Ready to ask about any agent: what does not depend on the agent is worked out once. */
export class Predicates {
  readonly #constraints: readonly ConstraintTest[];

  constructor(
    private readonly request: PlacementRequest,
    agents: ReadonlyMap<AgentId, AgentNode>,
    private readonly ledger: PlacementLedger,
  ) {
    const { spec, peers, total } = request;
    this.#constraints = spec.constraints.map((each) => constraintTest(each, { agents, peers, total }));
  }

  /** In Marathon's order of tests, ours first; without the ports, which cost most. */
  *beforePorts(agent: AgentNode): Generator<Exclude<PredicateCell, PortsCell>, void> {
    const { spec } = this.request;
    const { info } = agent;
    yield sessionCell(agent);
    yield runtimeCell(runtimeOf(spec), info);
    yield this.#hostDiskCell(agent);
    for (const [index, test] of this.#constraints.entries()) yield constraintCell(test, index, info);
    const used = this.ledger.used(info.id);
    yield amountCell('cpus', spec.cpus, info.resources.cpus, used.cpus);
    yield amountCell('mem', spec.mem, info.resources.mem, used.mem);
    yield amountCell('disk', spec.disk, info.resources.disk, used.disk);
  }

  *all(agent: AgentNode): Generator<PredicateCell, void> {
    yield* this.beforePorts(agent);
    yield this.#portsCell(agent.info);
  }

  /** What ran there may run there again: a crash on the only host must not take the service down until somebody tidies up. */
  #hostDiskCell({ info, diskLow }: AgentNode): HostDiskCell {
    const fits = !diskLow || info.id === this.request.preferredAgent;
    const cell = { predicate: 'hostDisk', fits, reason: 'DiskLow', isLow: diskLow } as const;
    return fits ? cell : { ...cell, text: 'less than 5 % of its disk is free' };
  }

  #portsCell(info: AgentInfo): PortsCell {
    const wanted = portsOf(this.request.spec).flatMap(({ index, hostPort }) =>
      hostPort === null ? [] : [{ index, port: hostPort }],
    );
    const fixed = wanted.filter(({ port }) => port !== 0);
    const blocked = fixed.flatMap(({ index, port }, at): readonly BlockedPort[] => {
      const isTwice = fixed.slice(0, at).some((each) => each.port === port);
      const block = isTwice ? ASKED_TWICE : blockOf(port, this.request, info, this.ledger);
      return block ? [{ index, port, block }] : [];
    });
    const count = countPorts(this.request, info, this.ledger);
    const freeForAny = count.free - (fixed.length - blocked.length);
    const missing = blocked.length + Math.max(0, wanted.length - fixed.length - freeForAny);
    const choice = choosePorts(this.request, info, this.ledger);
    return {
      predicate: 'ports',
      fits: choice.kind === 'ports',
      reason: 'InsufficientPorts',
      ...(choice.kind === 'none' ? { text: choice.text } : {}),
      unit: 'ports',
      needed: wanted.length,
      ...count,
      missing,
      blocked,
    };
  }
}

function sessionCell({ liveness }: AgentNode): SessionCell {
  const fits = liveness === 'connected';
  const cell = { predicate: 'session', fits, reason: 'AgentUnreachable', liveness } as const;
  return fits ? cell : { ...cell, text: `the agent is ${liveness}` };
}

function runtimeCell(needed: RuntimeKind, { runtimes }: AgentInfo): RuntimeCell {
  const fits = runtimes.includes(needed);
  const cell = { predicate: 'runtime', fits, reason: 'RuntimeMissing', needed, available: runtimes } as const;
  if (fits) return cell;
  return { ...cell, text: `needs the ${needed} runtime, the agent has ${runtimes.join(', ') || 'none'}` };
}

function constraintCell(test: ConstraintTest, index: number, info: AgentInfo): ConstraintCell {
  const { field, operator, value } = test.constraint;
  const outcome = test.of(info);
  const { fits, instancesThere } = outcome;
  const cell = {
    predicate: 'constraint',
    fits,
    reason: 'UnfulfilledConstraint',
    ...{ index, field, operator, ...(value === undefined ? {} : { value }) },
    agentValue: outcome.value ?? null,
    instancesThere,
  } as const;
  if (fits) return cell;
  const most = operator === 'UNIQUE' ? 0 : operator === 'MAX_PER' ? Math.max(0, Number(value) - 1) : null;
  const missing = most === null || outcome.value === undefined ? {} : { missing: instancesThere - most };
  return { ...cell, text: test.violation(outcome), ...missing, wouldFit: test.wouldFit() };
}

const AMOUNTS = {
  cpus: { reason: 'InsufficientCpus', unit: 'cores', words: 'cpus' },
  mem: { reason: 'InsufficientMemory', unit: 'MiB', words: 'MiB of memory' },
  disk: { reason: 'InsufficientDisk', unit: 'MiB', words: 'MiB of disk' },
} as const;

function amountCell(
  predicate: 'cpus' | 'mem' | 'disk',
  needed: number,
  total: number,
  used: number,
): AmountCell {
  const { reason, unit, words } = AMOUNTS[predicate];
  const free = Math.max(0, total - used);
  const fits = needed <= free + ROUNDING;
  const amounts = { needed, total, used: tidy(used), free: tidy(free) };
  if (fits) return { predicate, fits, reason, unit, ...amounts, missing: 0 };
  const text = `needs ${shown(needed)} ${words}, ${shown(free)} of ${shown(total)} are free`;
  return { predicate, fits, reason, text, unit, ...amounts, missing: tidy(needed + used - total) };
}

/** Without the drift of sums of doubles. */
const tidy = (value: number): number => Math.round(value * 1e6) / 1e6;
const shown = (value: number): string => String(Math.round(value * 1000) / 1000);
