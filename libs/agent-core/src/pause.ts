// Waiting on the Clock seam, as promises that a signal can end early.
import type { Clock } from '#libs/time';

/** Resolves after `ms`, or at once when the signal aborts (look at the signal afterwards). */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener('abort', done);
  });
}

/** The words of anything thrown. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
