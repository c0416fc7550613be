// A thread that runs whole seeds, one after another, as they are given to it.
import { parentPort } from 'node:worker_threads';
import { scenarioOf } from '../scenario/generate.js';
import type { Scenario } from '../scenario/scenario.js';
import { runSeed, type SeedResult } from './seed-run.js';

export interface SeedTask {
  readonly seed: string;
  /** Instead of the one that the seed leads to. */
  readonly scenario?: Scenario;
  readonly replays: number;
}

const port = parentPort;
port?.on('message', ({ seed, scenario, replays }: SeedTask) => {
  runSeed(scenario ?? scenarioOf(seed), replays).then(
    (result: SeedResult) => port.postMessage(result),
    (error: unknown) => {
      throw error;
    },
  );
});
