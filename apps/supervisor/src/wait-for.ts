// Waiting for a part to come up, with a word to the person when it takes longer than a second or two.
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigurationError } from '#libs/configuration';

const POLL_MS = 50;
const SAY_AFTER_MS = 3_000;

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly withinMs: number;
  readonly say: (line: string) => void;
  /** Folder to look into when it does not come. */
  readonly logs: string;
}

/** Resolves when the probe gives something truthy, or the signal fires; throws after `withinMs`, and what no waiting mends (ConfigurationError) at once. */
export async function waitFor(
  what: string,
  probe: () => Promise<unknown>,
  { signal, withinMs, say, logs }: WaitOptions,
): Promise<void> {
  const startedAt = performance.now();
  let said = false;
  let last = 'no answer';
  while (!signal.aborted) {
    try {
      if (await probe()) return;
      last = 'not ready';
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      last = error instanceof Error ? error.message : String(error);
    }
    const waited = performance.now() - startedAt;
    if (waited > withinMs)
      throw new Error(
        `${what} is not ready after ${Math.round(withinMs / 1000)} s (${last}); see the logs in ${logs}`,
      );
    if (waited > SAY_AFTER_MS && !said) {
      say(`waiting for ${what} …`);
      said = true;
    }
    await pause(POLL_MS);
  }
}
