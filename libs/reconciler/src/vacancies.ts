// Whose place a new instance takes when nobody asked for more: of those that are lost, forgotten, or killed for good. It is the cause of
// the new one, and refers to the old one, so that "why" leads to the host that was lost or the person who killed.
import type { Cause, Deployment, Instance } from '#libs/model';
import type { AppDraft } from './app-draft.js';
import { classify } from './classify.js';

/**
 * A cause per instance that is missing and has no successor yet, the newest loss first. What a deployment takes away leaves no vacancy;
 * `deployment`: the running one, before which everything was as wanted.
 */
export function vacanciesOf(draft: AppDraft, deployment: Deployment | undefined): readonly Cause[] {
  const situation = draft.situation();
  const filled = new Set(draft.instances.map(({ cause }) => cause.ref));
  const losses: { readonly instance: Instance; readonly at: number; readonly cause: Cause }[] = [];
  for (const { instance, cause } of draft.removed) {
    if (instance.goal === 'running') losses.push({ instance, at: draft.now, cause });
  }
  for (const instance of draft.instances) {
    const set = classify(instance, situation);
    const { stop, unreachableSince } = instance;
    if (set === 'leaving' && stop) losses.push({ instance, at: stop.since, cause: stop.cause });
    if (set === 'lost' && unreachableSince !== undefined) {
      losses.push({ instance, at: unreachableSince, cause: lossOf(draft, instance) });
    }
  }
  return losses
    .filter(({ instance, at, cause }) => {
      const isWanted = cause.kind === 'deployment' || cause.kind === 'surplus';
      return !isWanted && !filled.has(instance.id) && at >= (deployment?.startedAt ?? -Infinity);
    })
    .sort((a, b) => b.at - a.at)
    .map(({ instance, cause }) => ({
      kind: cause.kind,
      text: `it takes the place of ${instance.id}: ${cause.text}`,
      ref: instance.id,
    }));
}

function lossOf(draft: AppDraft, { agentId }: Instance): Cause {
  const agent = agentId === undefined ? undefined : draft.context.snapshot.agents.get(agentId);
  const why = agent?.cause ? `: ${agent.cause.text}` : '';
  return { kind: 'lost-agent', text: `agent ${agent?.info.hostname ?? agentId} is lost${why}` };
}
