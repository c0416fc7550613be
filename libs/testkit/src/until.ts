// Waiting for a condition instead of for time: the only way a test of ours waits.

export interface UntilOptions {
  /** Gives up after this long. Generous by default: machines are shared. */
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/** Polls until `probe` gives something truthy (an exception counts as not yet) and returns it; fails with the last thing seen. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  { withinMs = 30_000, everyMs = 25 }: UntilOptions = {},
): Promise<NonNullable<Exclude<T, false | 0 | ''>>> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const seen = await probe();
      if (seen) return seen as NonNullable<Exclude<T, false | 0 | ''>>;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      const shown = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`gave up waiting for ${what} after ${withinMs} ms; last seen: ${shown}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
