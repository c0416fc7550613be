// Removes what an ended task still holds: its folder, then its records, so that a removal cut short is found again.
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TaskRecords } from './task-records.js';
import type { Task } from './task.js';

export async function removeTask({ launch }: Task, records: TaskRecords): Promise<void> {
  await rm(launch.sandbox, { recursive: true, force: true, maxRetries: 2 });
  // the app's level goes with its last sandbox
  await rmdir(dirname(launch.sandbox)).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(error.code ?? '')) throw error;
  });
  await records.remove(launch.taskId);
}
