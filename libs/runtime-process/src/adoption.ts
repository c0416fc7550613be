// A task as its records tell it, after a restart of the agent (or of the host). Whether it still runs is looked at afterwards,
// in the same way as for every other task.
import type { TaskId } from '#libs/model';
import type { RecordKind, TaskRecords } from './task-records.js';
import { Task } from './task.js';

/** Undefined when its launch was never recorded: then nothing was started; leftovers of its records are removed. */
export async function adoptTask(
  taskId: TaskId,
  kinds: ReadonlySet<RecordKind>,
  records: TaskRecords,
): Promise<Task | undefined> {
  const launch = kinds.has('launch') ? await records.launchOf(taskId) : undefined;
  if (!launch) {
    await records.remove(taskId);
    return undefined;
  }
  const task = new Task(launch);
  task.started = kinds.has('started') ? records.startedOf(taskId) : undefined;
  task.requested = kinds.has('stop');
  task.forgotten = kinds.has('forgotten');
  task.exit = kinds.has('result') ? await records.resultOf(taskId) : undefined;
  return task;
}
