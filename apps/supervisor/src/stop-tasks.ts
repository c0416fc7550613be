// The first step of an ordered stop: the control plane stops all tasks (cause `shutdown`; what should run stays untouched), and says how many are left.
import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, ApiUnreachable, type ApiClient, type ShutdownAnswer } from '#libs/api-client';
import { counted } from '#libs/model';

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
  let progress: ShutdownAnswer | null = null;
  let answeredAt = performance.now();
  let saidAt = 0;
  while (progress?.left !== 0 && !forced.aborted) {
    try {
      // asked again each time: the control plane may have started anew, or have learnt of a task since
      progress = await api.post<ShutdownAnswer>('/v3/shutdown');
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
    if (progress?.left !== 0 && now - saidAt > SAY_EVERY_MS) {
      say(progress ? progressLine(progress) : 'stopping tasks …');
      saidAt = now;
    }
    if (progress?.left !== 0) await pause(POLL_MS);
  }
  if (!progress) return 0;
  const left = progress.away.filter(({ awaited }) => forced.aborted || !awaited);
  for (const { hostname, tasks } of left)
    say(`agent ${hostname} does not answer: ${counted(tasks, 'task')} left running there`);
  if (left.length) say(TAKEN_BACK);
  return progress.left + sumOf(progress.away.filter(({ awaited }) => !awaited));
}

const TAKEN_BACK =
  'the next "longrun up" on this folder takes them back as they are, once their agents answer; to stop them, start it and those agents, and stop it again';

function progressLine({ left, away }: ShutdownAnswer): string {
  const awaited = away.filter((each) => each.awaited);
  const stopping = left - sumOf(awaited);
  return [
    ...(stopping || !awaited.length ? [`stopping ${counted(stopping, 'task')} …`] : []),
    ...awaited.map(
      ({ hostname, tasks }) =>
        `agent ${hostname} does not answer: ${counted(tasks, 'task')} to stop there, given up after 30 s of silence`,
    ),
  ].join('; ');
}

const sumOf = (agents: ShutdownAnswer['away']): number => agents.reduce((sum, { tasks }) => sum + tasks, 0);
