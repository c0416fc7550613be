// Launches that got stuck (behaviour.md 10.2): provisioned, staging or starting for the launch limit, and nothing moved meanwhile,
// not even pulled bytes. They are killed and launched again; as a kill of ours that brings no launch delay.
import { conditionOf, launchMovedAt } from '#libs/lifecycle';
import type { Cause, Instance } from '#libs/model';
import type { AppDraft } from './app-draft.js';

/** `then`: for an instance that is replaced anyway. */
export function stopOverdueLaunches(
  draft: AppDraft,
  thenOf: (instance: Instance) => 'remove' | 'relaunch',
): void {
  const { agents, settings, officeSince } = draft.context.snapshot;
  for (const instance of draft.instances) {
    if (instance.stop || instance.agentId === undefined) continue;
    const movedAt = launchMovedAt(instance, agents.get(instance.agentId), draft.now);
    if (movedAt === null) continue;
    // a new leader could not hear of moves before
    const limit = Math.max(movedAt, officeSince) + settings.launchLimitMs;
    if (draft.now < limit) draft.wake(limit);
    else draft.stop(instance.id, overdue(draft, instance, movedAt), thenOf(instance));
  }
}

function overdue(draft: AppDraft, instance: Instance, movedAt: number): Cause {
  const seconds = Math.round((draft.now - movedAt) / 1000);
  const where = conditionOf(instance, draft.now).toLowerCase();
  const doing = instance.status?.pull ? `, last seen ${instance.status.pull.text}` : '';
  const ref = instance.taskId === undefined ? {} : { ref: instance.taskId };
  const text = `its launch did not move for ${seconds} s (${where}${doing}): it is launched again`;
  return { kind: 'rejected', text, ...ref };
}
