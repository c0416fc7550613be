// Where an instance goes: on an agent that fits, the one it ran on before if it can, else spread by app, then least loaded.
// What fits nowhere is answered with every agent's reasons (promise 9).
import { runtimeOf } from '#libs/model';
import type { AgentId, AgentNode, AppSpec } from '#libs/model';
import { constraintViolation } from './constraints.js';
import type { ConstraintContext } from './constraints.js';
import { choosePorts } from './host-ports.js';
import type { PlacementLedger } from './ledger.js';
import type { AgentExplanation, PlacementRequest, PlacementVerdict, Rejection } from './verdict.js';

/** Sums of doubles drift by less than this; a fraction of a thousandth of a core or MiB decides nothing. */
const ROUNDING = 1e-6;

/** Deterministic: same input, same place. Changes nothing; the caller books what it takes. */
export function place(
  request: PlacementRequest,
  agents: ReadonlyMap<AgentId, AgentNode>,
  ledger: PlacementLedger,
): PlacementVerdict {
  const context: ConstraintContext = { agents, peers: request.peers, total: request.total };
  const candidates = [...agents.values()].filter((agent) => !firstRejection(agent, request, context, ledger));
  for (const { info } of rank(candidates, request, ledger)) {
    const choice = choosePorts(request, info, ledger);
    if (choice.kind === 'ports') return { kind: 'placed', agentId: info.id, hostPorts: choice.hostPorts };
  }
  return { kind: 'impossible', perAgent: explain(request, agents, ledger) };
}

/** Every agent with all its reasons, also those that fit; for `/v2/queue` and `longrun explain`. */
export function explain(
  request: PlacementRequest,
  agents: ReadonlyMap<AgentId, AgentNode>,
  ledger: PlacementLedger,
): readonly AgentExplanation[] {
  const context: ConstraintContext = { agents, peers: request.peers, total: request.total };
  return [...agents.values()].map((agent) => ({
    agentId: agent.info.id,
    hostname: agent.info.hostname,
    reasons: [...rejections(agent, request, context, ledger), ...portRejection(agent, request, ledger)],
  }));
}

function firstRejection(
  agent: AgentNode,
  request: PlacementRequest,
  context: ConstraintContext,
  ledger: PlacementLedger,
): Rejection | undefined {
  return rejections(agent, request, context, ledger).next().value ?? undefined;
}

/** In Marathon's order of tests, ours first; ports are tested last, for they cost most. */
function* rejections(
  agent: AgentNode,
  { spec, preferredAgent }: PlacementRequest,
  context: ConstraintContext,
  ledger: PlacementLedger,
): Generator<Rejection, void> {
  const { info } = agent;
  if (agent.liveness !== 'connected') {
    yield { reason: 'AgentUnreachable', text: `the agent is ${agent.liveness}` };
  }
  const runtime = runtimeOf(spec);
  if (!info.runtimes.includes(runtime)) {
    yield {
      reason: 'RuntimeMissing',
      text: `needs the ${runtime} runtime, the agent has ${info.runtimes.join(', ') || 'none'}`,
    };
  }
  // what ran there may run there again: a crash on the only host must not take the service down until somebody tidies up
  if (agent.diskLow && info.id !== preferredAgent)
    yield { reason: 'DiskLow', text: 'less than 5 % of its disk is free' };
  for (const constraint of spec.constraints) {
    const text = constraintViolation(constraint, info, context);
    if (text) yield { reason: 'UnfulfilledConstraint', text };
  }
  const used = ledger.used(info.id);
  yield* missing('InsufficientCpus', 'cpus', spec.cpus, info.resources.cpus, used.cpus);
  yield* missing('InsufficientMemory', 'MiB of memory', spec.mem, info.resources.mem, used.mem);
  yield* missing('InsufficientDisk', 'MiB of disk', spec.disk, info.resources.disk, used.disk);
}

function* missing(
  reason: Rejection['reason'],
  unit: string,
  needed: number,
  total: number,
  used: number,
): Generator<Rejection, void> {
  const free = Math.max(0, total - used);
  if (needed > free + ROUNDING) {
    yield { reason, text: `needs ${amount(needed)} ${unit}, ${amount(free)} of ${amount(total)} are free` };
  }
}

const portRejection = (
  agent: AgentNode,
  request: PlacementRequest,
  ledger: PlacementLedger,
): readonly Rejection[] => {
  const choice = choosePorts(request, agent.info, ledger);
  return choice.kind === 'none' ? [{ reason: 'InsufficientPorts', text: choice.text }] : [];
};

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

const amount = (value: number): string => String(Math.round(value * 1000) / 1000);
