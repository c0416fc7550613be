// The wiring of `longrun agent`: real seams around libs/agent-core, in the order in which they may begin.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '#libs/agent-core';
import { ArtifactFetcher } from '#libs/artifact-fetch';
import { lockFolder } from '#libs/folder-lock';
import { socketProbes } from '#libs/probes';
import { DockerRuntime } from '#libs/runtime-docker';
import { ProcessRuntime } from '#libs/runtime-process';
import type { Runtime } from '#libs/runtime';
import type { Logger } from '#libs/telemetry';
import { randomIds, SystemClock } from '#libs/time';
import type { AgentConfiguration } from './agent-configuration.js';
import { EngineWatch } from './engine-watch.js';
import { FileJournal } from './file-journal.js';
import { freeShare, hostFacts } from './host-facts.js';
import { reservePorts } from './reserved-ports.js';
import { WebSocketNetwork } from './websocket-network.js';

/** What already runs on the engine should be adopted before the first hello. */
const ENGINE_MS = 5_000;

export interface RunningAgent {
  /** Ends the session in order; tasks run on. */
  stop(): Promise<void>;
}

/** `refused`: a control plane turned us away for good. Throws ConfigurationError when another agent holds the folder. */
export async function runAgent(
  configuration: AgentConfiguration,
  logger: Logger,
  version: string,
  refused: (reason: string, tasks: number) => void,
): Promise<RunningAgent> {
  const { dataDir, dockerSocket, controlPlanes } = configuration;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // root's tasks may run as others, who must come through to their sandboxes; what is not theirs is closed one by one
  if (process.geteuid?.() === 0) chmodSync(dataDir, 0o711);
  const lock = await lockFolder(dataDir, 'agent');
  const clock = new SystemClock();
  const network = new WebSocketNetwork(configuration.token);
  const portWarning = reservePorts(configuration.taskPorts);
  const warnings = portWarning === null ? [] : [portWarning];
  for (const warning of [...configuration.warnings, ...warnings]) logger.warn({}, warning);
  const agent: Agent = await Agent.open({
    clock,
    ids: randomIds,
    network,
    journal: new FileJournal(dataDir, logger),
    probes: socketProbes,
    disk: { freeShare: () => freeShare(dataDir) },
    log: logger,
    controlPlanes,
    host: await hostFacts(configuration, version),
    warnings,
    refused: (reason) => refused(reason, agent.alive),
  });
  const { agentId, run } = agent.identity;
  const { fetchCacheMib: cacheMib, seccompProfiles } = configuration;
  const fetcher = new ArtifactFetcher({ cacheFolder: join(dataDir, 'fetch-cache'), cacheMib, clock });
  const runtimes: Runtime[] = [
    new ProcessRuntime({ dataDir: join(dataDir, 'process'), clock, logger, agent: agentId, fetcher }),
  ];
  for (const runtime of runtimes) await agent.addRuntime(runtime);
  const engine = new EngineWatch(clock, dockerSocket, async () => {
    const docker = new DockerRuntime({
      socketPath: dockerSocket,
      agentId,
      clusterId: () => agent.identity.cluster,
      clock,
      logger,
      dataDir: join(dataDir, 'docker'),
      fetcher,
      seccompProfiles,
    });
    runtimes.push(docker);
    await agent.addRuntime(docker);
  });
  // usually at once; an engine that answers slowly must not hold up the tasks of the other runtime
  await Promise.race([engine.look(), new Promise((resolve) => clock.after(ENGINE_MS, () => resolve(null)))]);
  agent.start();
  logger.info({ event: 'ready', agent: agentId, run, dataDir, controlPlanes }, 'agent is up');
  return {
    stop: async () => {
      engine.close();
      await agent.close();
      await network.closed();
      await Promise.all(runtimes.map((each) => each.close()));
      await lock.release();
    },
  };
}
