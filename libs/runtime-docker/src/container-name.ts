// Container names are made from task ids, so that a second start finds the first one's container by the Engine's own uniqueness.
// A forgotten container that is kept for its logs gets another name: the Engine's only durable mark that can be changed later.
import { createHash } from 'node:crypto';
import type { TaskId } from '#libs/model';

const KEPT = '.kept';
/** Names have no hard limit, but host names, paths and terminals do. */
const LONGEST = 150;

export function containerName(taskId: TaskId): string {
  const plain = taskId.replace(/[^a-zA-Z0-9_.-]/g, '-');
  if (plain === taskId && plain.length <= LONGEST) return `longrun.${plain}`;
  const digest = createHash('sha256').update(taskId).digest('hex').slice(0, 32);
  return `longrun.${plain.slice(0, LONGEST - 40)}.${digest}`;
}

export const keptName = (taskId: TaskId): string => containerName(taskId) + KEPT;

/** As the Engine lists them, with a leading slash. */
export const isKeptName = (name: string | undefined): boolean => name?.endsWith(KEPT) ?? false;
