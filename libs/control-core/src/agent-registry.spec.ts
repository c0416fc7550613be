import { describe, expect, it } from '@jest/globals';
import type { Hello } from '#libs/agent-protocol';
import { asAgentId, asClusterId, type AgentLiveness } from '#libs/model';
import { ScriptedCluster } from './scripted-cluster.js';

function hello(cluster: ScriptedCluster, name: string, more: Partial<Hello> = {}): Hello {
  const agent = { ...cluster.agent.info, id: asAgentId(name), hostname: name, address: `address of ${name}` };
  return { type: 'hello', protocol: 1, cluster: null, run: 1, epoch: 0, agent, ...more };
}

async function withAgents(names: readonly string[]): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  for (const name of names) await cluster.core.agents.hello(hello(cluster, name));
  return cluster;
}

/** Time passes; only these are heard. */
async function pass(cluster: ScriptedCluster, ms: number, heard: readonly string[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const name of heard) cluster.core.agents.heard(asAgentId(name));
    await cluster.advance(1_000);
  }
}

const liveness = (cluster: ScriptedCluster, name: string): AgentLiveness | undefined =>
  cluster.core.state.agents.get(asAgentId(name))?.liveness;

describe('agents joining', () => {
  it('refuses another protocol, another cluster and an old copy for good, a newer epoch for now', async () => {
    const cluster = await withAgents(['a']);
    const { agents } = cluster.core;
    await expect(agents.hello(hello(cluster, 'b', { protocol: 9 }))).resolves.toMatchObject({ final: true });
    const foreign = hello(cluster, 'b', { cluster: asClusterId('other') });
    await expect(agents.hello(foreign)).resolves.toMatchObject({ kind: 'refused', final: true });
    await expect(agents.hello(hello(cluster, 'a', { run: 0 }))).resolves.toMatchObject({ final: true });
    await expect(agents.hello(hello(cluster, 'b', { epoch: 99 }))).resolves.toMatchObject({ final: false });
  });

  it('refuses overlapping task ports on one address and names the other agent', async () => {
    const cluster = await withAgents(['a']);
    const twin = hello(cluster, 'b');
    const answer = await cluster.core.agents.hello({
      ...twin,
      agent: { ...twin.agent, address: 'address of a' },
    });
    expect(answer).toMatchObject({ kind: 'refused', reason: expect.stringContaining('agent a') });
  });
});

describe('agents falling silent', () => {
  it('declares one of many lost after 30 s', async () => {
    const cluster = await withAgents(['a', 'b', 'c', 'd']);
    await pass(cluster, 12_000, ['b', 'c', 'd']);
    expect(liveness(cluster, 'a')).toBe('disconnected');
    await pass(cluster, 20_000, ['b', 'c', 'd']);
    expect(liveness(cluster, 'a')).toBe('lost');
    expect(liveness(cluster, 'b')).toBe('connected');
  });

  it('has one back that is heard again in the session that it still has', async () => {
    const cluster = await withAgents(['a', 'b', 'c', 'd']);
    await pass(cluster, 11_000, ['b', 'c', 'd']);
    expect(liveness(cluster, 'a')).toBe('disconnected');
    await pass(cluster, 2_000, ['a', 'b', 'c', 'd']);
    expect(liveness(cluster, 'a')).toBe('connected');
  });

  it('suspects the network when a third falls silent together, until a person decides', async () => {
    const cluster = await withAgents(['a', 'b', 'c', 'd', 'e']);
    await pass(cluster, 45_000, ['c', 'd', 'e']);
    expect([liveness(cluster, 'a'), liveness(cluster, 'b')]).toEqual(['disconnected', 'disconnected']);
    expect(cluster.core.alarms.list().map(({ kind }) => kind)).toEqual(['host-brake']);
    await cluster.core.agents.declareLost(asAgentId('a'));
    expect([liveness(cluster, 'a'), liveness(cluster, 'b')]).toEqual(['lost', 'disconnected']);
    await cluster.core.agents.hello(hello(cluster, 'b'));
    await pass(cluster, 2_000, ['b', 'c', 'd', 'e']);
    expect(liveness(cluster, 'b')).toBe('connected');
    expect(cluster.core.alarms.list()).toEqual([]);
  });

  it('counts silence anew when a leader takes office', async () => {
    const cluster = await withAgents(['a', 'b', 'c', 'd']);
    await pass(cluster, 25_000, ['b', 'c', 'd']);
    await cluster.core.stop();
    await cluster.boot();
    await pass(cluster, 8_000, ['b', 'c', 'd']);
    expect(liveness(cluster, 'a')).toBe('disconnected');
    await pass(cluster, 25_000, ['b', 'c', 'd']);
    expect(liveness(cluster, 'a')).toBe('lost');
  });
});
