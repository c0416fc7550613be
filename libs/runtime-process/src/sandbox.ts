// Removes what an ended task still holds: its folder, then its records, so that a removal cut short is found again.
import { chmod, lchown, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TaskRecords } from './task-records.js';
import type { Task } from './task.js';

export async function removeTask({ launch }: Task, records: TaskRecords): Promise<void> {
  if (launch.account) await takeBack(launch.sandbox);
  await rm(launch.sandbox, { recursive: true, force: true, maxRetries: 2 });
  await removeIfEmpty(dirname(launch.sandbox)); // the app's level goes with its last sandbox
  await records.remove(launch.taskId);
}

/** Sandboxes that were filled for a start that never came: the agent was killed in between. */
export async function removeUnused(sandboxes: string, tasks: ReadonlyMap<string, unknown>): Promise<void> {
  for (const app of await readdir(sandboxes)) {
    const unused = (await readdir(join(sandboxes, app))).filter((name) => !tasks.has(name));
    for (const name of unused) await rm(join(sandboxes, app, name), { recursive: true, force: true });
    if (unused.length) await removeIfEmpty(join(sandboxes, app));
  }
}

/** Closes it to its account, so that no other task of it can exchange folders for links while all in it is removed. */
async function takeBack(sandbox: string): Promise<void> {
  try {
    await lchown(sandbox, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
    await chmod(sandbox, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(error.code ?? '')) throw error;
  });
}
