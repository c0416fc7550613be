// How long requests in flight to a task may take before it is stopped: as its own version says.
import type { TaskFact, World } from './watch.js';

const DRAIN_SECONDS = 30;

export function drainSecondsOf({ taskId }: TaskFact, { stored }: World): number {
  const instance = stored.instanceOfTask(taskId);
  if (!instance) return DRAIN_SECONDS;
  return Number(stored.versionOf(instance).spec.labels['longrun.io/drain-seconds'] ?? DRAIN_SECONDS);
}
