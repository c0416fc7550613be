// The first step of an ordered stop: the control plane stops all tasks (cause `shutdown`; what should run stays untouched), and says how many are left.
import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, ApiUnreachable, type ApiClient } from '#libs/api-client';

const POLL_MS = 200;
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
  while (left !== 0 && !forced.aborted) {
    try {
      // asked again each time: the control plane may have started anew, or have learnt of a task since
      left = (await api.post<{ left: number }>('/v3/shutdown')).left;
      answeredAt = performance.now();
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof ApiUnreachable)) throw error;
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
