// A real agent over a real WebSocket whose tasks exist in memory only: whatever is launched runs, whatever is stopped ends. So a control
// plane can be driven with thousands of definitions that no host could run.
import type { Journal, Probes } from '#libs/agent-core';
import { Agent } from '#libs/agent-core';
import type { AgentResources } from '#libs/model';
import { FakeRuntime } from '#libs/testkit';
import { randomIds, SystemClock } from '#libs/time';
import { WebSocketNetwork } from '../../apps/agent/src/websocket-network.js';

const done = (): Promise<void> => Promise.resolve();
/** Each start of such an agent is its first one. */
export const forgetful: Journal = {
  load: () => Promise.resolve({ identity: null, entries: [] }),
  saveIdentity: done,
  saveInstance: done,
  removeInstance: done,
};
const healthy: Probes = {
  http: () => Promise.resolve({ kind: 'success' }),
  tcp: () => Promise.resolve({ kind: 'success' }),
  ask: () => Promise.resolve({ kind: 'answer', status: 200, contentType: 'text/plain', body: 'ready' }),
};
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What differs between several of them on one machine. */
export interface FakeHost {
  readonly hostname: string;
  readonly resources: AgentResources;
}

/** What a test moves by hand. */
export interface FakeParts {
  readonly probes: Probes;
  /** Of processes. */
  readonly runtime: FakeRuntime;
  readonly journal: Journal;
}

/** Resolves when it offers both runtimes; it connects by itself. */
export async function startFakeRuntimeAgent(
  controlPlane: string,
  token: string,
  host: Partial<FakeHost> = {},
  { probes = healthy, runtime, journal = forgetful }: Partial<FakeParts> = {},
): Promise<Agent> {
  const clock = new SystemClock();
  const agent = await Agent.open({
    clock,
    ids: randomIds,
    network: new WebSocketNetwork(token),
    journal,
    probes,
    disk: { freeShare: () => Promise.resolve(1) },
    log: silent,
    controlPlanes: [controlPlane],
    host: {
      hostname: 'host-1',
      address: '127.0.0.1',
      attributes: { rack: 'a' },
      region: 'here',
      zone: 'one',
      resources: { cpus: 1_000, mem: 1_000_000, disk: 1_000_000, ports: [{ from: 31_000, to: 32_000 }] },
      version: '0.0.0',
      ...host,
    },
    warnings: [],
    refused: () => undefined,
  });
  await agent.addRuntime(runtime ?? new FakeRuntime(clock, 'process'));
  await agent.addRuntime(new FakeRuntime(clock, 'docker'));
  agent.start();
  return agent;
}
