// `GET /v3/apps/ID/explain`: the explanation of the reconciler with times as the API writes them, its agents in pages.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ExplainAgent, ExplainAnswer, ExplainStep } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { timestampOf, type App } from '#libs/model';
import type { AgentCells, ChangeStep } from '#libs/placement';
import { explainApp, type Hold, type OfferedChange } from '#libs/reconciler';
import { pageOf } from '../http/page.js';
import { flag, text } from '../http/url-form.js';

/** Agents come in pages, or only those on which it fits or does not; all other members are about the whole fleet. */
export function explainAnswer(
  { state, clock, shutdown }: ControlCore,
  app: App,
  request: FastifyRequest,
  reply: FastifyReply,
): ExplainAnswer {
  const fits = text(request.query, 'fits') === undefined ? null : flag(request.query, 'fits');
  const { appId, version, standing, holds, next, changes, agents } = explainApp(state, app, clock.now());
  const rows = agents.filter((each) => fits === null || each.fits === fits);
  const page = pageOf(rows, { keyOf: ({ agent }) => [agent.info.id] }, request, reply);
  return {
    ...{ appId, version, standing, next },
    holds: [...(shutdown.isUnderWay ? [LAUNCHES_HELD] : []), ...holds.map(holdOf)],
    changes: changes.map(changeOf),
    agents: page.map(rowOf),
  };
}

const LAUNCHES_HELD: ExplainAnswer['holds'][number] = {
  kind: 'shutdown',
  text: 'Longrun is ending here: nothing is launched',
  instances: 0,
  instanceIds: [],
};

const rowOf = ({ agent, fits, cells }: AgentCells): ExplainAgent => ({
  agentId: agent.info.id,
  hostname: agent.info.hostname,
  fits,
  cells: cells.map(cellOf),
});

/** A port that is left alone until a time says so as all times are said. */
function cellOf(cell: AgentCells['cells'][number]): ExplainAgent['cells'][number] {
  if (cell.predicate !== 'ports') return cell;
  const blocked = cell.blocked.map((each) =>
    each.block.why === 'resting' && each.block.until !== undefined
      ? { ...each, block: { ...each.block, until: timestampOf(each.block.until) } }
      : each,
  );
  return { ...cell, blocked };
}

const holdOf = ({ until, ...hold }: Hold): ExplainAnswer['holds'][number] => ({
  ...hold,
  ...(until === undefined ? {} : { until: timestampOf(until) }),
});

const changeOf = ({ text, share, steps, agentId }: OfferedChange): ExplainAnswer['changes'][number] => ({
  text,
  share: Math.round(share * 1000) / 1000,
  agentId,
  steps: steps.map(stepOf),
});

const stepOf = (step: ChangeStep): ExplainStep =>
  step.kind === 'wait-until' ? { ...step, at: timestampOf(step.at) } : step;
