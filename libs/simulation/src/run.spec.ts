import { describe, expect, it } from '@jest/globals';
import { Cluster } from './cluster.js';
import { STORE_HOST } from './control/database.js';
import { schedule } from './deeds.js';
import { runScenario } from './run.js';
import type { AppWish, Scenario } from './scenario/scenario.js';

/** Its tasks end again and again, and each end is a handful of commits. */
const RESTLESS: AppWish = {
  ...{ instances: 2, behaviour: 'crashes-at-start', release: 1, runtime: 'process' },
  ...{ ports: 0, hostPort: 0, health: 'none', readiness: false },
  ...{ minimumHealthCapacity: 0, maximumOverCapacity: 1, cpus: 0.1, mem: 32, constraint: 'none' },
  ...{ progressDeadlineSeconds: 60, minReadySeconds: 0, drainSeconds: 0 },
  ...{ killGraceSeconds: 1, maxLaunchDelaySeconds: 2 },
};
const SCENARIO: Scenario = {
  ...{ seed: 'end', quietFromMs: 20_000, durationMs: 60_000 },
  agents: [{ cpus: 4, mem: 4096, ports: 10, zone: 'zone-a' }],
  ...{ controlPlanes: 1, proxies: 0, clockOffsetMs: 0, clockDrift: 0 },
  actions: [{ at: 10_000, do: 'deploy', app: '/restless', wish: RESTLESS, force: false }],
};

/** A run without its end. `committed`: told the ms of the run of each commit. */
async function started(
  scenario: Scenario,
  committed: (at: number, cluster: Cluster) => void,
): Promise<Cluster> {
  const cluster: Cluster = new Cluster(scenario, false, [
    { rule: 'none', committed: () => committed(cluster.now - cluster.startedAt, cluster) },
  ]);
  schedule(cluster, scenario);
  cluster.start();
  await cluster.run(scenario.durationMs);
  expect(cluster.broken).toBeNull();
  return cluster;
}

/** Of the quiet time, each ms once. */
async function timesOfCommits(): Promise<readonly number[]> {
  const times = new Set<number>();
  await started(SCENARIO, (at) => times.add(at));
  return [...times].filter((each) => each > SCENARIO.quietFromMs);
}

describe('the end of a run', () => {
  it('waits for the answer of a commit, for until then no leader can know of it', async () => {
    const ends = (await timesOfCommits()).slice(-12);
    expect(ends.length).toBe(12);
    for (const durationMs of ends)
      expect({ durationMs, ...(await runScenario({ ...SCENARIO, durationMs })) }).toMatchObject({
        durationMs,
        broken: null,
      });
  });

  it('waits a second at most, and then finds a copy that stayed behind', async () => {
    const durationMs = (await timesOfCommits()).at(-1) ?? 0;
    const cluster = await started({ ...SCENARIO, durationMs }, (at, { network }) => {
      if (at === durationMs) network.cut(STORE_HOST, 'cp-0');
    });
    await cluster.end();
    expect(cluster.broken).toMatchObject({ rule: 'copy-is-true', at: durationMs + 1_000 });
    expect(cluster.broken?.text).toContain('stored is');
  });
});
