// An agent that has no control plane starts again what ended. So a task that ended on one agent may start on another under the same instance
// only when the first one will not start it again, and that is known once it has said so, not once its report is stored: the leader may
// die, or the session end, before the agent learns that it is dismissed (decisions.md 15).
import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId, asTaskId, type Instance } from '#libs/model';
import { explainApp } from '#libs/reconciler';
import { ScriptedAgent, ScriptedCluster } from './scripted-cluster.js';

const WEB = asAppId('/web');
/** Longer than the launch delay of a first crash. */
const DELAY_MS = 1_500;

let cluster: ScriptedCluster;
/** Has the task first; when it has ended there, placement prefers the other one. */
let first: ScriptedAgent;
let second: ScriptedAgent;

const web = (): Instance => {
  const [instance, ...more] = cluster.core.state.instancesOf(WEB);
  if (!instance || more.length) throw new Error('there is not one instance');
  return instance;
};
const holds = (): readonly string[] => {
  const { state, clock } = cluster.core;
  const app = state.apps.get(WEB);
  return app ? explainApp(state, app, clock.now()).holds.map(({ kind }) => kind) : [];
};

beforeEach(async () => {
  cluster = await ScriptedCluster.serving({ id: WEB, cmd: 'serve', cpus: 0.5, mem: 64 });
  first = cluster.agent;
  second = new ScriptedAgent(cluster, 2);
  await second.connect();
  await cluster.core.agents.update(first.info.id, first.info, true);
  await cluster.settle();
  expect(web()).toMatchObject({ placed: true, agentId: first.info.id, incarnation: 1 });
});

/** Another leader; nobody has a session with it. */
async function failOver(): Promise<void> {
  await cluster.core.stop();
  await cluster.boot();
  await cluster.startProxy();
}

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    second.beat();
    await cluster.advance(500);
  }
}

describe('a task that ended', () => {
  it('starts elsewhere as soon as its launch delay is over, when its agent has let go of it meanwhile', async () => {
    await first.crash(web().id);
    expect(web().placed).toBe(false);
    await pass(DELAY_MS);
    expect(web()).toMatchObject({ placed: true, agentId: second.info.id, incarnation: 2 });
  });

  it('whose end the last leader stored before it died does not start elsewhere before its agent was asked', async () => {
    await first.crash(web().id);
    first.silent = true;
    await failOver();
    await second.connect();
    await pass(DELAY_MS + 5_000);
    expect(web()).toMatchObject({ placed: false, incarnation: 1 });
    expect(holds()).toEqual(['agent-away']);
    first.silent = false;
    await first.connect();
    await pass(500);
    expect(web()).toMatchObject({ placed: true, agentId: second.info.id, incarnation: 2 });
  });

  it('and was started again by its agent meanwhile stays there', async () => {
    const { id } = web();
    await first.crash(id);
    first.silent = true;
    await failOver();
    await second.connect();
    await pass(DELAY_MS);
    // a session begins with all that the agent knows
    first.silent = false;
    const own = asTaskId('web.started-alone');
    await first.report(id, {
      ...{ taskId: own, incarnation: 2, phase: 'running', autonomous: true, accepting: true },
      exit: { requested: false, outOfMemory: false, message: '' },
    });
    await first.connect();
    await pass(DELAY_MS);
    expect(web()).toMatchObject({ id, placed: true, agentId: first.info.id, incarnation: 2, taskId: own });
    expect(second.assigned.size).toBe(0);
  });

  it('does not start elsewhere while its agent has not confirmed that it is dismissed, and does once it has', async () => {
    first.silent = true;
    await first.crash(web().id);
    await pass(DELAY_MS + 2_000);
    expect(web()).toMatchObject({ placed: false, incarnation: 1 });
    first.silent = false;
    first.beat();
    await cluster.settle();
    expect(web()).toMatchObject({ placed: true, agentId: second.info.id, incarnation: 2 });
  });

  it('is asked for, so that no heartbeat has to be waited for', async () => {
    let isAsked = false;
    cluster.core.agents.attach(first.info.id, () => (isAsked = true));
    first.silent = true;
    await first.crash(web().id);
    await pass(DELAY_MS);
    expect(isAsked).toBe(true);
  });

  it('does not start elsewhere on the word of a session that is over', async () => {
    await first.crash(web().id);
    first.silent = true;
    // it confirmed in its first session; of the second one nothing is known yet
    await first.connect();
    await pass(DELAY_MS + 2_000);
    expect(web()).toMatchObject({ placed: false, incarnation: 1 });
  });

  it('starts on the same agent without any word of it', async () => {
    await cluster.core.agents.update(first.info.id, first.info, false);
    await cluster.settle();
    first.silent = true;
    await first.crash(web().id);
    await pass(DELAY_MS);
    expect(web()).toMatchObject({ placed: true, agentId: first.info.id, incarnation: 2 });
  });

  it('on an agent that is lost since starts elsewhere under another id, in its version', async () => {
    const { id, version } = web();
    first.silent = true;
    await first.crash(id);
    await pass(29_000);
    expect(web()).toMatchObject({ id, placed: false });
    await pass(3_000);
    expect(web()).toMatchObject({ placed: true, agentId: second.info.id, incarnation: 1, version });
    expect(web().id).not.toBe(id);
    expect(web().cause).toMatchObject({ kind: 'lost-agent', ref: id });
  });
});
