// Facts first: what agents reported since the last pass becomes part of the rows. Taking over a task that an agent started by
// itself, ends of tasks (failure, launch delay, relaunch or removal), and agents that are lost or back.
import {
  countsForDelay,
  currentStatus,
  delayAfterFailure,
  failureOf,
  hasEnded,
  isReady,
} from '#libs/lifecycle';
import type { AgentId, AgentNode, Cause, Instance, InstanceStatus } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import { wellAt } from './brake.js';
import { isConfirmedOut, nextLeaseEnd } from './confirmation.js';

/** Without a session an agent starts the next incarnation itself (decisions.md 15); it is the real one from then on. */
export function adoptIncarnations(draft: AppDraft): void {
  for (const instance of draft.instances) {
    const { status } = instance;
    if (!status || status.incarnation < instance.incarnation || status.taskId === instance.taskId) continue;
    if (instance.agentId === undefined) continue;
    const text = `the agent started it while it had no control plane (incarnation ${status.incarnation})`;
    const cause: Cause = { kind: 'crash', text, ref: status.taskId };
    draft.change('adopt-incarnation', instance.id, (row) => adopted(draft, row, status, cause), cause);
  }
}

function adopted(draft: AppDraft, row: Instance, status: InstanceStatus, cause: Cause): Instance {
  // a stop with relaunch has happened: another task runs; a removal goes on with the new task, which no deployment started
  const { stop, asksReadiness: _, ...rest } = row;
  const next: Instance = {
    ...rest,
    ...(stop?.then === 'remove' ? { stop } : {}),
    incarnation: status.incarnation,
    taskId: status.taskId,
    placed: true,
    placedAt: draft.now,
    cause,
  };
  return row.routing === 'out' || isReady(next, draft.versionOf(row), draft.now)
    ? { ...next, ...(row.routing === 'out' ? {} : { routedAt: draft.now }) }
    : unrouted(draft, next);
}

/** A task that ended: whose fault it was, and whether it comes back. */
export function noteEnds(draft: AppDraft): void {
  for (const instance of draft.instances) {
    if (!instance.placed || !hasEnded(instance)) continue;
    const cause = causeOfEnd(instance);
    noteFailure(draft, instance, cause);
    if (instance.goal === 'stopped') draft.remove(instance.id, cause);
    else draft.change('relaunch-instance', instance.id, (row) => waitingAgain(draft, row, cause), cause);
  }
}

/** A failure is shown also of one that was to go; only one that comes back waits for it. */
function noteFailure(draft: AppDraft, instance: Instance, cause: Cause): void {
  if (draft.app.removing) return;
  const agent =
    instance.agentId === undefined ? undefined : draft.context.snapshot.agents.get(instance.agentId);
  const failure = failureOf(instance, agent?.info);
  if (failure) draft.putApp('note-failure', (app) => ({ ...app, lastTaskFailure: failure }), cause);
  if (instance.stop || instance.goal === 'stopped' || !countsForDelay(instance)) return;
  const launchDelay = delayAfterFailure(draft.app, draft.now, draft.versionOf(instance));
  if (launchDelay === draft.app.launchDelay) return;
  draft.putApp('delay-launch', (app) => ({ ...app, launchDelay }), cause);
}

/** Keeps agent and report of the last incarnation for display; ports and agent are chosen anew. */
function waitingAgain(draft: AppDraft, row: Instance, cause: Cause): Instance {
  const { stop: _, unreachableSince: __, lastWellAt: ___, ...rest } = unrouted(draft, row);
  return { ...rest, ...lastWell(row, cause), placed: false, cause };
}

/** For the mass-kill brake: what was killed for its health goes on counting until it is healthy again. */
function lastWell(row: Instance, { kind }: Cause): Pick<Instance, 'lastWellAt'> {
  const at = kind === 'health' ? (wellAt(row) ?? row.lastWellAt) : undefined;
  return at === undefined ? {} : { lastWellAt: at };
}

export function unrouted(draft: AppDraft, row: Instance): Instance {
  if (row.routing === 'out') return row;
  const { routedAt: _, ...rest } = row;
  return { ...rest, routing: 'out', leftAt: draft.nextTable };
}

function causeOfEnd(instance: Instance): Cause {
  if (instance.stop) return instance.stop.cause;
  const status = currentStatus(instance);
  const ref = instance.taskId === undefined ? {} : { ref: instance.taskId };
  if (status?.reject) {
    return { kind: 'rejected', text: `${status.reject.reason}: ${status.reject.message}`, ...ref };
  }
  if (status?.exit?.requested)
    return { kind: 'shutdown', text: 'its agent was told to stop its tasks', ...ref };
  const { code, signal, outOfMemory } = status?.exit ?? {};
  const how =
    signal === undefined ? (code === undefined ? 'unknown exit' : `exit code ${code}`) : `signal ${signal}`;
  return { kind: 'crash', text: `the task ended: ${how}${outOfMemory ? ', out of memory' : ''}`, ...ref };
}

/** Lost agents make their instances suspects in the table; one that is back gives them back. */
export function noteReachability(draft: AppDraft): void {
  for (const instance of draft.instances) {
    const { agentId } = instance;
    if (!instance.placed || agentId === undefined) continue;
    const agent = draft.context.snapshot.agents.get(agentId);
    const isLost = !agent || agent.liveness === 'lost';
    const ref = { ref: agentId };
    // also one that was to come back: it cannot be stopped there, so a new one takes its place (behaviour.md 10.3)
    if (isLost && (instance.goal === 'stopped' || instance.stop)) {
      const text = `it cannot be stopped there: ${lossText(agentId, agent)}`;
      if (forget(draft, instance, { kind: 'lost-agent', text, ...ref })) continue;
    }
    if (isLost && instance.unreachableSince === undefined) {
      const cause: Cause = {
        kind: 'lost-agent',
        text: lossText(agentId, agent),
        ...ref,
      };
      const kind = instance.routing === 'in' ? 'suspect' : 'unreachable';
      draft.change(kind, instance.id, (row) => suspect(row, draft.now), cause);
    } else if (agent?.liveness === 'connected' && instance.unreachableSince !== undefined) {
      const cause: Cause = { kind: 'lost-agent', text: `agent ${agent.info.hostname} is back`, ...ref };
      draft.change('unreachable', instance.id, (row) => reachableAgain(row, draft.now), cause);
    }
  }
}

/**
 * An instance on a lost agent: its row goes when no live proxy can choose it any more. An agent that is back stops, after a while, what no
 * assignment names (decisions.md 7), and asks nobody; until then the row names it, and a stop would wait for the proxies like any other. Returns whether it is gone.
 */
export function forget(draft: AppDraft, instance: Instance, cause: Cause): boolean {
  const { snapshot, now } = draft.context;
  const out = unrouted(draft, instance);
  if (isConfirmedOut(out, draft.versionOf(out), snapshot, now)) {
    draft.remove(instance.id, cause);
    return true;
  }
  if (out !== instance) draft.change('route-out', instance.id, () => out, cause);
  draft.wake(nextLeaseEnd(out, snapshot, now));
  return false;
}

export const lossText = (id: AgentId, agent: AgentNode | undefined): string =>
  `agent ${agent?.info.hostname ?? id} is lost${agent?.cause ? `: ${agent.cause.text}` : ''}`;

const suspect = (row: Instance, now: number): Instance => ({
  ...row,
  unreachableSince: now,
  routing: row.routing === 'in' ? 'suspect' : row.routing,
});

/** Its health may be unknown for a moment; that alone never unroutes (decisions.md 16). */
function reachableAgain(row: Instance, now: number): Instance {
  const { unreachableSince: _, ...rest } = row;
  return row.routing === 'suspect' ? { ...rest, routing: 'in', routedAt: now } : rest;
}
