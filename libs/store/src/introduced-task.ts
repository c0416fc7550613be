// Which reason names a task for the first time: by it the instance of a task is found later.
import type { Reason, TaskId } from '#libs/model';

/** The task that this reason is the first to tell of; null for all others. */
export const introducedTask = ({ what, taskId }: Reason): TaskId | null =>
  (what === 'launched' || what === 'adopted') && taskId !== undefined ? taskId : null;
