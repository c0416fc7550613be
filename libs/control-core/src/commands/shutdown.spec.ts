// An ordered end of the whole waits for what somebody can stop, and for a silent agent only as long as it may be a short one.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, type Instance } from '#libs/model';
import { ScriptedAgent, ScriptedCluster } from '../scripted-cluster.js';
import type { ShutdownProgress } from './shutdown.js';

const WEB = asAppId('/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
/** After this the host brake holds: without it they would be lost. */
const LONG_AWAY_MS = 60_000;

let cluster: ScriptedCluster;
let others: readonly ScriptedAgent[];

const instances = (): readonly Instance[] => cluster.core.state.instancesOf(WEB);
const progress = (): ShutdownProgress => cluster.core.shutdown.progress(cluster.core.state);
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    others.forEach((each) => each.beat());
    await cluster.advance(500);
  }
}
/** As `longrun up` does: asks until nothing is left. Milliseconds; at most this long. */
async function shutDown(atMostMs: number): Promise<number> {
  for (let ms = 0; ms < atMostMs; ms += 500) {
    await cluster.core.shutdown.begin();
    await pass(500);
    if (progress().left === 0) return ms + 500;
  }
  return Infinity;
}

beforeEach(async () => {
  cluster = await ScriptedCluster.working();
  others = [2, 3].map((place) => new ScriptedAgent(cluster, place));
  for (const each of others) await each.connect();
  const spread = { constraints: [['hostname', 'GROUP_BY']], instances: 9 };
  await cluster.core.apps.create({ id: WEB, cmd: 'serve', cpus: 0.5, mem: 64, ...spread }, false, CALL);
  await pass(4_000);
  for (const agent of [cluster.agent, ...others])
    expect(instances().filter(({ agentId }) => agentId === agent.info.id)).toHaveLength(3);
});

const onOthers = (): readonly Instance[] =>
  instances().filter(({ agentId }) => others.some(({ info }) => info.id === agentId));
const away = (awaited: boolean): object[] => [
  { id: 'agent-2', hostname: 'host-2', tasks: 3, awaited },
  { id: 'agent-3', hostname: 'host-3', tasks: 3, awaited },
];

describe('an ordered end of the whole', () => {
  it('leaves the tasks of agents that the host brake keeps from being lost, names them, and asks no stop of them', async () => {
    others.forEach((each) => (each.silent = true));
    await pass(LONG_AWAY_MS);
    expect([...cluster.core.state.agents.values()].map(({ liveness }) => liveness)).not.toContain('lost');
    expect(await shutDown(60_000)).toBeLessThanOrEqual(5_000);
    expect(progress()).toEqual({ left: 0, away: away(false) });
    expect(onOthers().map(({ stop }) => stop)).toEqual(Array(6).fill(undefined));
    // the next process finds them as they were
    const before = onOthers().map(({ id, incarnation }) => [id, incarnation]);
    await cluster.core.stop();
    await cluster.boot();
    for (const each of [cluster.agent, ...others]) {
      each.silent = false;
      await each.connect();
    }
    await pass(4_000);
    // those that were stopped may have been placed there, too
    expect(onOthers().map(({ id, incarnation }) => [id, incarnation])).toEqual(
      expect.arrayContaining(before),
    );
  });

  it('waits until such an agent was silent for 30 s, and stops its tasks when it comes back before', async () => {
    others.forEach((each) => (each.silent = true));
    await pass(12_000);
    await cluster.core.shutdown.begin();
    await pass(5_000);
    expect(progress()).toEqual({ left: 6, away: away(true) });
    const [second] = others;
    if (!second) throw new Error('there is no second agent');
    second.silent = false;
    await second.connect();
    expect(await shutDown(60_000)).toBeLessThanOrEqual(15_000);
    expect(progress()).toEqual({ left: 0, away: away(false).slice(1) });
    expect(onOthers().filter(({ placed }) => placed)).toHaveLength(3);
  });
});
