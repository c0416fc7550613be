// After a restart: matches what a runtime knows about one instance with what the journal remembers. Pure. A running task is watched
// on and never restarted, an ended one keeps its real exit, and only what was never begun is begun again.
import type { Assignment, RuntimeKind } from '#libs/model';
import type { TaskObservation } from '#libs/runtime';
import { ended, isTerminal, recordOf, running, vanished, type TaskRecord } from './task-record.js';

export interface AdoptionInput {
  readonly runtime: RuntimeKind;
  readonly seen: readonly TaskObservation[];
  readonly task: TaskRecord | null;
  readonly assignment: Assignment | null;
  readonly now: number;
}

/** `task` is the same object when nothing changed; `strays` run although a newer incarnation took their place. */
export function adoptTask(input: AdoptionInput): { task: TaskRecord | null; strays: TaskObservation[] } {
  const match = matchOf(input);
  const strays = input.seen.filter((each) => each !== match && each.state === 'running');
  return { task: adopted(input, match), strays };
}

function matchOf({ seen, task, assignment }: AdoptionInput): TaskObservation | undefined {
  const newestFirst = [...seen].sort((a, b) => b.incarnation - a.incarnation);
  if (task) return newestFirst.find((each) => each.taskId === task.taskId);
  return (
    newestFirst.find((each) => each.taskId === assignment?.taskId) ??
    newestFirst.find((each) => each.state === 'running') ??
    newestFirst[0]
  );
}

function adopted(
  { task, runtime, assignment, now }: AdoptionInput,
  match?: TaskObservation,
): TaskRecord | null {
  if (match) {
    if (task && isTerminal(task) && match.state === 'ended') return task;
    const record = task ?? recordOf(match, runtime, assignment, now);
    // health and `check` are measured anew; that it was ready once stays true
    const { check: _, ...remembered } = record;
    const runs = running({ ...remembered, health: record.health.map(() => null) }, match, now);
    if (match.state === 'running') return runs;
    const exit = match.exit ?? vanished;
    return ended(runs, { ...exit, requested: exit.requested || task?.phase === 'stopping' }, now);
  }
  if (!task || isTerminal(task) || task.runtime !== runtime) return task;
  const neverBegan = (task.phase === 'pulling' || task.phase === 'starting') && !task.autonomous;
  return neverBegan ? null : ended(task, vanished, now);
}
