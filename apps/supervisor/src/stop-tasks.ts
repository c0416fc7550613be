// The first step of an ordered stop: the control plane stops all tasks (cause `shutdown`; what should run stays untouched), and says how many are left.
import { setTimeout as pause } from 'node:timers/promises';
import type { ApiClient } from '#libs/api-client';

const POLL_MS = 100;
const SAY_EVERY_MS = 2_000;
/** Without an answer for this long the tasks are left to the next start. */
const SILENT_MAX_MS = 20_000;

/** How many tasks still run when it gave up; 0 as a rule. */
export async function stopTasks(
  api: ApiClient,
  say: (line: string) => void,
  forced: AbortSignal,
): Promise<number> {
  let left = -1;
  let answeredAt = performance.now();
  let saidAt = 0;
  let asked = false;
  while (left !== 0 && !forced.aborted) {
    try {
      if (!asked) await api.post('/v3/shutdown');
      asked = true;
      left = (await api.get<{ left: number }>('/v3/shutdown')).left;
      answeredAt = performance.now();
    } catch {
      asked = false; // the control plane may be starting again; it must be told anew
    }
    const now = performance.now();
    if (now - answeredAt > SILENT_MAX_MS) {
      say(
        'the control plane does not answer; the tasks are left running, and the next "longrun up" on this folder adopts them',
      );
      break;
    }
    if (left !== 0 && now - saidAt > SAY_EVERY_MS) {
      say(left > 0 ? `stopping ${left} task${left === 1 ? '' : 's'} …` : 'stopping tasks …');
      saidAt = now;
    }
    if (left !== 0) await pause(POLL_MS);
  }
  return Math.max(0, left);
}
