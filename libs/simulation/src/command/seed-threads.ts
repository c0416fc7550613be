// Threads that share the seeds out among them. A thread that dies, or does not come back from a seed, makes that seed a failed one.
import { Worker } from 'node:worker_threads';
import { ENDLESS, RUN_LIMIT_MS, SIMULATOR_FAILED, type SeedResult } from './seed-run.js';
import type { SeedTask } from './seed-thread.js';

/** A run leaves much behind that is short-lived: with more room for it, a twentieth of the time is saved. */
const LIMITS = { maxYoungGenerationSizeMb: 96 };

export interface SeedThreads {
  readonly jobs: number;
  /** The next one; null: no more. Asked once a thread is free. */
  next(): SeedTask | null;
  done(result: SeedResult): void;
}

/** Resolves once every thread has found no more to do. */
export async function runSeeds(threads: SeedThreads): Promise<void> {
  await Promise.all(Array.from({ length: threads.jobs }, () => serve(threads)));
}

/** A new thread takes the place of one that failed. */
async function serve(threads: SeedThreads): Promise<void> {
  let worker: Worker | null = null;
  for (let task = threads.next(); task; task = threads.next()) {
    worker ??= new Worker(new URL('./seed-thread.js', import.meta.url), { resourceLimits: LIMITS });
    const result = await runIn(worker, task);
    if (typeof result === 'string') {
      await worker.terminate();
      worker = null;
      const rule = result === ENDLESS ? ENDLESS : SIMULATOR_FAILED;
      const broken = { rule, text: result, at: 0 };
      threads.done({ seed: task.seed, broken, digests: [], counts: {}, simulatedMs: 0 });
    } else threads.done(result);
  }
  await worker?.terminate();
}

/** The result, or why there is none. */
function runIn(worker: Worker, task: SeedTask): Promise<SeedResult | string> {
  return new Promise((resolve) => {
    const end = (result: SeedResult | string): void => {
      clearTimeout(timer);
      worker.removeAllListeners('message').removeAllListeners('error').removeAllListeners('exit');
      // terminate() may still report one
      worker.on('error', () => undefined);
      resolve(result);
    };
    const timer = setTimeout(() => end(ENDLESS), RUN_LIMIT_MS * task.replays);
    worker.on('message', end);
    worker.on('error', (error) =>
      end(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    worker.on('exit', (code) => end(`the thread ended with code ${code}`));
    worker.postMessage(task);
  });
}
