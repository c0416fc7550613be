// One run: a scenario from its start to its end, or to the first broken promise. The same scenario gives the same log, byte by byte.
import { Cluster } from './cluster.js';
import { healNetwork, schedule } from './deeds.js';
import type { Outcome } from './scenario/outcome.js';
import type { Scenario } from './scenario/scenario.js';

export interface RunOptions {
  /** Keep the whole log, not only its end. */
  readonly trace?: boolean;
}

export async function runScenario(scenario: Scenario, { trace = false }: RunOptions = {}): Promise<Outcome> {
  const cluster = new Cluster(scenario, trace);
  const unhandled = (error: unknown): void => cluster.noteBroken(error);
  process.on('unhandledRejection', unhandled);
  try {
    schedule(cluster, scenario);
    cluster.start();
    await cluster.run(scenario.quietFromMs);
    if (!cluster.broken) healNetwork(cluster);
    if (!cluster.broken) await cluster.run(scenario.durationMs);
    if (!cluster.broken) await cluster.end();
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  const { log, broken, timeline } = cluster;
  log.count('things that happened', timeline.happened);
  const counts = Object.fromEntries([...log.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { broken, log: log.lines, counts, digest: log.digest() };
}
