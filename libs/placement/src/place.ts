// Where an instance goes: on an agent that fits, the one it ran on before if it can, else spread by app, then least loaded.
// What fits nowhere is answered with every agent's reasons (promise 9).
import type { AgentId, AgentNode, AppSpec } from '#libs/model';
import { choosePorts } from './host-ports.js';
import type { PlacementLedger } from './ledger.js';
import { Predicates } from './predicates.js';
import type { PredicateCell } from './predicates.js';
import type { AgentExplanation, PlacementRequest, PlacementVerdict, Rejection } from './verdict.js';

/** Deterministic: same input, same place. Changes nothing; the caller books what it takes. */
export function place(
  request: PlacementRequest,
  agents: ReadonlyMap<AgentId, AgentNode>,
  ledger: PlacementLedger,
): PlacementVerdict {
  const found = findPlace(request, agents, ledger);
  return found
    ? { kind: 'placed', ...found }
    : { kind: 'impossible', perAgent: explain(request, agents, ledger) };
}

/** The same without reasons, for one who only asks whether. */
export function findPlace(
  request: PlacementRequest,
  agents: ReadonlyMap<AgentId, AgentNode>,
  ledger: PlacementLedger,
): { readonly agentId: AgentId; readonly hostPorts: readonly number[] } | null {
  const predicates = new Predicates(request, agents, ledger);
  const candidates = [...agents.values()].filter((agent) => !hasFailure(predicates.beforePorts(agent)));
  for (const { info } of rank(candidates, request, ledger)) {
    const choice = choosePorts(request, info, ledger);
    if (choice.kind === 'ports') return { agentId: info.id, hostPorts: choice.hostPorts };
  }
  return null;
}

/** Every agent with all its reasons, also those that fit; for `/v2/queue`. */
export function explain(
  request: PlacementRequest,
  agents: ReadonlyMap<AgentId, AgentNode>,
  ledger: PlacementLedger,
): readonly AgentExplanation[] {
  const predicates = new Predicates(request, agents, ledger);
  return [...agents.values()].map((agent) => ({
    agentId: agent.info.id,
    hostname: agent.info.hostname,
    reasons: [...predicates.beforePorts(agent), portReason(request, agent, ledger)].flatMap(rejectionOf),
  }));
}

/** One row of the table of agents and predicates. */
export interface AgentCells {
  readonly agent: AgentNode;
  readonly fits: boolean;
  /** In Marathon's order of tests, ours first: session, runtime, hostDisk, each constraint, cpus, mem, disk, ports. */
  readonly cells: readonly PredicateCell[];
}

/** Every agent with every predicate, for `longrun explain`; in the order of the agents. */
export function explainCells(
  request: PlacementRequest,
  agents: ReadonlyMap<AgentId, AgentNode>,
  ledger: PlacementLedger,
): readonly AgentCells[] {
  const predicates = new Predicates(request, agents, ledger);
  return [...agents.values()].map((agent) => {
    const cells = [...predicates.all(agent)];
    return { agent, fits: cells.every((each) => each.fits), cells };
  });
}

function hasFailure(cells: Iterable<PredicateCell>): boolean {
  for (const { fits } of cells) if (!fits) return true;
  return false;
}

type Reasoned = Pick<PredicateCell, 'reason' | 'text'>;

const rejectionOf = ({ reason, text }: Reasoned): readonly Rejection[] =>
  text === undefined ? [] : [{ reason, text }];

/** Without the counts of the table: this is asked in every pass in which something waits. */
function portReason(request: PlacementRequest, { info }: AgentNode, ledger: PlacementLedger): Reasoned {
  const choice = choosePorts(request, info, ledger);
  return { reason: 'InsufficientPorts', ...(choice.kind === 'none' ? { text: choice.text } : {}) };
}

function rank(
  candidates: readonly AgentNode[],
  { appId, preferredAgent, spec }: PlacementRequest,
  ledger: PlacementLedger,
): readonly AgentNode[] {
  const score = new Map(
    candidates.map(({ info, diskLow }) => [
      info.id,
      {
        diskLow: diskLow ? 1 : 0,
        preferred: info.id === preferredAgent ? 0 : 1,
        sameApp: ledger.countOf(info.id, appId),
        load: loadWith(spec, info, ledger),
      },
    ]),
  );
  return [...candidates].sort((a, b) => {
    const [x, y] = [score.get(a.info.id), score.get(b.info.id)];
    if (!x || !y) return 0;
    return (
      x.diskLow - y.diskLow ||
      x.preferred - y.preferred ||
      x.sameApp - y.sameApp ||
      x.load - y.load ||
      (a.info.id < b.info.id ? -1 : 1)
    );
  });
}

/** 0..1 and more: the fullest of the agent's resources if the app came too. */
function loadWith(spec: AppSpec, info: AgentNode['info'], ledger: PlacementLedger): number {
  const used = ledger.used(info.id);
  const share = (needed: number, total: number): number => (total > 0 ? needed / total : 1);
  return Math.max(
    share(used.cpus + spec.cpus, info.resources.cpus),
    share(used.mem + spec.mem, info.resources.mem),
  );
}
