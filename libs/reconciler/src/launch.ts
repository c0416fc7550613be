// Launching what waits: after the launch delay, on an agent that fits, as the next incarnation with fresh task id and ports.
// Also keeps the launch delay itself up to date (behaviour.md 9).
import { currentDelay, currentStatus, delayAdvanced, forgottenAt, launchableAt } from '#libs/lifecycle';
import { newTaskId } from '#libs/model';
import type { AgentId, Cause, Instance } from '#libs/model';
import { place } from '#libs/placement';
import type { AgentExplanation, PlacementVerdict } from '#libs/placement';
import type { AppDraft } from './app-draft.js';
import { lossText } from './take-note.js';
import { PeersOfPass, placementRequest } from './placement-request.js';
import type { PlacementView } from './placement-request.js';
import type { ClusterSnapshot } from './snapshot.js';

/**
 * Places every waiting instance that may start now; what fits nowhere is listed in the draft. `asksReadiness`: a deployment starts
 * them, so that those of an app with a readiness check must answer it first; a relaunch without a deployment is never asked.
 */
export function launchWaiting(draft: AppDraft, asksReadiness: boolean): void {
  const delayed = draft.app;
  const known = { refused: new Refusals(), peers: new PeersOfPass() };
  const { changedPerPass } = draft.context.snapshot.settings;
  let launched = 0;
  for (const instance of draft.instances) {
    if (instance.placed || instance.goal === 'stopped') continue;
    if (launched >= changedPerPass) return draft.wake(draft.now);
    const at = launchableAt(delayed, instance, draft.versionOf(instance), draft.now);
    if (at > draft.now) draft.wake(at);
    else if (!isAgentPausing(instance, draft.context.snapshot))
      launched += launch(draft, instance, asksReadiness, known) ? 1 : 0;
  }
  if (draft.unplaced) draft.wake(draft.now + draft.context.snapshot.settings.placementRetryMs);
}

/**
 * Its agent has no session but is not lost either: it may be starting the next incarnation itself (decisions.md 15).
 * A moment later it is either back or lost.
 */
export const isAgentPausing = ({ agentId }: Instance, { agents }: Pick<ClusterSnapshot, 'agents'>): boolean =>
  agentId !== undefined && agents.get(agentId)?.liveness === 'disconnected';

/**
 * The agent that had it last may start it again by itself, for it has not said that it let go of it: its end may have been stored without
 * that agent's knowing, or the word that dismissed it may be on its way. Under this id it starts nowhere else before (decisions.md 15).
 */
export const mayComeBack = (
  { id, agentId }: Instance,
  { hasLetGo }: Pick<ClusterSnapshot, 'hasLetGo'>,
): boolean => agentId !== undefined && hasLetGo?.(agentId, id) === false;

/**
 * What was answered "impossible" since the last launch. All that placement asks of an instance is its version and the agent it was on, so
 * that thousands that wait for the same room are one question.
 */
class Refusals {
  readonly #perAgent = new Map<string, readonly AgentExplanation[]>();

  of(instance: Instance): readonly AgentExplanation[] | undefined {
    return this.#perAgent.get(questionOf(instance));
  }
  note(instance: Instance, perAgent: readonly AgentExplanation[]): void {
    this.#perAgent.set(questionOf(instance), perAgent);
  }
  /** One more that runs may open the way for another, by a constraint that balances. */
  forget(): void {
    this.#perAgent.clear();
  }
}

const questionOf = ({ version, agentId }: Instance): string => `${version} ${agentId ?? ''}`;

/** What a pass has found out about its app so far. */
interface Known {
  readonly refused: Refusals;
  readonly peers: PeersOfPass;
}

/** Returns whether it was placed. */
function launch(
  draft: AppDraft,
  instance: Instance,
  asksReadiness: boolean,
  { refused, peers }: Known,
): boolean {
  const { snapshot, ledger, ids } = draft.context;
  const answered = refused.of(instance);
  const verdict: PlacementVerdict = answered
    ? { kind: 'impossible', perAgent: answered }
    : place(placementRequest(viewOf(draft), instance, peers), snapshot.agents, ledger);
  if (verdict.kind === 'impossible') {
    refused.note(instance, verdict.perAgent);
    draft.unplaced = { count: (draft.unplaced?.count ?? 0) + 1, perAgent: verdict.perAgent };
    return false;
  }
  const { agentId, hostPorts } = verdict;
  const movable = agentId === instance.agentId ? instance : movableTo(draft, instance);
  if (!movable) return false;
  refused.forget();
  const taskId = newTaskId(draft.id, ids.uuid());
  const isAsked = asksReadiness && Boolean(draft.versionOf(instance).spec.readinessChecks?.length);
  const launched = ({ asksReadiness: _, ...row }: Instance): Instance => ({
    ...row,
    ...(isAsked ? { asksReadiness: true } : {}),
    incarnation: row.incarnation + 1,
    taskId,
    placed: true,
    agentId,
    hostPorts,
    placedAt: draft.now,
  });
  draft.change('place-instance', movable.id, launched, movable.cause);
  peers.placed(draft.app, movable, agentId);
  advanceDelay(draft, movable, draft.now, movable.cause);
  return true;
}

/**
 * The row that may start on another agent than its last one: itself once that one has let go of it, which is asked for; with a lost agent,
 * that cannot be asked, a new one of the same version in its place. Null: not yet.
 */
function movableTo(draft: AppDraft, instance: Instance): Instance | null {
  const { snapshot } = draft.context;
  const { agentId } = instance;
  if (agentId === undefined || !mayComeBack(instance, snapshot)) return instance;
  const agent = snapshot.agents.get(agentId);
  if (!agent || agent.liveness === 'lost') return replaced(draft, instance, agentId);
  draft.awaited.add(agentId);
  return null;
}

function replaced(draft: AppDraft, instance: Instance, agentId: AgentId): Instance {
  const loss = lossText(agentId, draft.context.snapshot.agents.get(agentId));
  const text = `it may be started again there: ${loss}`;
  draft.remove(instance.id, { kind: 'lost-agent', text, ref: agentId });
  const cause: Cause = {
    kind: 'lost-agent',
    text: `it takes the place of ${instance.id}: ${loss}`,
    ref: instance.id,
  };
  return draft.create(cause, instance.version);
}

const viewOf = (draft: AppDraft): PlacementView => ({
  app: draft.app,
  // listed only for one who has constraints: each launch changes the list
  get instances() {
    return draft.instances;
  },
  versionOf: (each) => draft.versionOf(each),
  snapshot: draft.context.snapshot,
  now: draft.now,
});

/** A launch, and a task that came up, move the deadline and keep the length; long enough after the last of them it is forgotten. */
export function upkeepDelay(draft: AppDraft): void {
  const { launchDelay } = draft.app;
  if (!launchDelay) return;
  for (const instance of draft.instances) {
    const startedAt = currentStatus(instance)?.startedAt ?? 0;
    if (instance.placed && startedAt <= draft.now && startedAt > launchDelay.referenceAt) {
      advanceDelay(draft, instance, startedAt, { kind: 'crash', text: 'it came up after a failure' });
    }
  }
  const delay = draft.app.launchDelay;
  if (!delay) return;
  const forgetAt = forgottenAt(delay, draft.app.current);
  if (draft.now > forgetAt) {
    const cause: Cause = {
      kind: 'crash',
      text: 'no failure for maxLaunchDelaySeconds: the launch delay is forgotten',
    };
    draft.putApp('delay-launch', ({ launchDelay: _, ...app }) => app, cause);
  } else draft.wake(forgetAt + 1);
}

function advanceDelay(draft: AppDraft, instance: Instance, at: number, cause: Cause): void {
  const delay = currentDelay(draft.app, draft.now, draft.versionOf(instance));
  if (!delay || delay.referenceAt >= at) return;
  draft.putApp('delay-launch', (app) => ({ ...app, launchDelay: delayAdvanced(delay, at) }), cause);
}
