// A row that says "running" is as old as the last word of its agent. Who has just taken office, or stood still, must not count the time
// since then as time in which a new release served, and take the old one down for it (promise 4).
import { describe, expect, it } from '@jest/globals';
import { asAppId, type Instance } from '#libs/model';
import { ScriptedCluster } from './scripted-cluster.js';

const WEB = asAppId('/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
const MIN_READY_MS = 10_000;

const running = (cluster: ScriptedCluster): readonly Instance[] =>
  cluster.core.state.instancesOf(WEB).filter((each) => each.goal === 'running' && !each.stop);
const commands = (cluster: ScriptedCluster): readonly (string | undefined)[] =>
  running(cluster)
    .map((each) => cluster.core.state.versionOf(each).spec.cmd)
    .sort();

/** One instance of the old release serves, and one of the new for a third of the time that it takes. */
async function underWay(): Promise<ScriptedCluster> {
  const app = { id: WEB, cmd: 'old', cpus: 0.5, mem: 64 };
  const cluster = await ScriptedCluster.serving(app, 2 * MIN_READY_MS);
  await cluster.core.apps.update(WEB, { cmd: 'new' }, FORCED, CALL);
  await cluster.advance(MIN_READY_MS / 3);
  expect(commands(cluster)).toEqual(['new', 'old']);
  return cluster;
}

/** The same, less than half a second before the new one has served for as long as it must. */
async function nearlyServed(): Promise<ScriptedCluster> {
  const tried = await underWay();
  let ms = 0;
  for (; commands(tried).includes('old'); ms += 500) await tried.advance(500);
  const cluster = await underWay();
  await cluster.advance(ms - 500);
  expect(commands(cluster)).toEqual(['new', 'old']);
  return cluster;
}

describe('a new release whose agent is not heard', () => {
  it('does not get older in a new office, before its agent has told everything', async () => {
    const cluster = await underWay();
    cluster.agent.silent = true;
    await cluster.core.stop();
    await cluster.boot();
    await cluster.startProxy();
    await cluster.advance(MIN_READY_MS);
    expect(commands(cluster)).toEqual(['new', 'old']);
    // it died while nobody led: the first thing that is told
    await cluster.agent.connect();
    const died = running(cluster).find((each) => cluster.core.state.versionOf(each).spec.cmd === 'new');
    if (!died) throw new Error('no new instance');
    await cluster.agent.crash(died.id);
    cluster.agent.silent = false;
    await cluster.advance(3_000);
    expect(commands(cluster)).toContain('old');
  });

  it('goes on at once when everything was told, for the time since counts', async () => {
    const cluster = await underWay();
    cluster.agent.silent = true;
    await cluster.core.stop();
    await cluster.boot();
    await cluster.startProxy();
    await cluster.advance(MIN_READY_MS);
    await cluster.agent.connect();
    expect(commands(cluster)).toEqual(['new', 'old']);
    cluster.agent.silent = false;
    cluster.agent.beat();
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new']);
  });

  it('does not get older while its agent is silent, in one office', async () => {
    const cluster = await underWay();
    cluster.agent.silent = true;
    await cluster.advance(MIN_READY_MS);
    expect(commands(cluster)).toEqual(['new', 'old']);
    cluster.agent.silent = false;
    cluster.agent.beat();
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new']);
  });

  // timers come before what arrived meanwhile, so the first thing that it does is to look at its rows
  it.each([1_500, 2_500, 3_900])('does not get older while the leader stands still for %s ms', async (ms) => {
    const cluster = await nearlyServed();
    cluster.agent.silent = true;
    cluster.clock.standStill(ms);
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new', 'old']);
    cluster.agent.silent = false;
    const died = running(cluster).find((each) => cluster.core.state.versionOf(each).spec.cmd === 'new');
    if (!died) throw new Error('no new instance');
    await cluster.agent.crash(died.id);
    await cluster.advance(3_000);
    expect(commands(cluster)).toContain('old');
  });

  it('goes on with the first answer after such a standstill', async () => {
    const cluster = await nearlyServed();
    cluster.agent.silent = true;
    cluster.clock.standStill(3_500);
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new', 'old']);
    cluster.agent.silent = false;
    cluster.agent.beat();
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new']);
  });

  // a stall between this agent and the leader, shorter than any silence that anybody notices
  it.each([500, 1_500, 3_000])('does not get older by %s ms of which nothing was heard', async (ms) => {
    const cluster = await nearlyServed();
    cluster.agent.silent = true;
    await cluster.advance(ms);
    expect(commands(cluster)).toEqual(['new', 'old']);
    const died = running(cluster).find((each) => cluster.core.state.versionOf(each).spec.cmd === 'new');
    if (!died) throw new Error('no new instance');
    cluster.agent.silent = false;
    await cluster.agent.crash(died.id);
    await cluster.advance(3_000);
    expect(commands(cluster)).toContain('old');
  });

  it('is asked for once it has served for long enough, so that no heartbeat has to be waited for', async () => {
    const cluster = await nearlyServed();
    const asked: number[] = [];
    cluster.core.agents.attach(cluster.agent.info.id, () => {
      asked.push(cluster.clock.now());
      cluster.agent.beat();
    });
    for (let passed = 0; passed < 500; passed += 50) {
      cluster.clock.advance(50);
      await cluster.settle();
    }
    expect(commands(cluster)).toEqual(['new']);
    expect(asked).toHaveLength(1);
  });

  it('is asked one question at a time, and again when what it answers is too old', async () => {
    const cluster = await nearlyServed();
    const { id } = cluster.agent.info;
    let asked = 0;
    cluster.core.agents.attach(id, () => (asked += 1));
    cluster.agent.silent = true;
    const before = cluster.clock.now();
    await cluster.advance(2_000);
    cluster.core.loop.markAll();
    await cluster.settle();
    expect(asked).toBe(1);
    cluster.core.agents.told(id, before + 1);
    await cluster.settle();
    expect(asked).toBe(2);
    expect(commands(cluster)).toEqual(['new', 'old']);
    cluster.core.agents.told(id, cluster.clock.now());
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new']);
  });

  describe('and whose deadline comes right behind the time that it must serve', () => {
    /** It has been asked, and has not answered. */
    async function asked(): Promise<ScriptedCluster> {
      const labels = { 'longrun.io/progress-deadline-seconds': String(MIN_READY_MS / 1_000 + 1) };
      const app = { id: WEB, cmd: 'old', cpus: 0.5, mem: 64, labels };
      const cluster = await ScriptedCluster.serving(app, 2 * MIN_READY_MS);
      await cluster.core.apps.update(WEB, { cmd: 'new' }, FORCED, CALL);
      await cluster.advance(MIN_READY_MS / 3);
      let isAsked = false;
      cluster.agent.silent = true;
      cluster.core.agents.attach(cluster.agent.info.id, () => (isAsked = true));
      while (!isAsked) await cluster.advance(100);
      return cluster;
    }

    it('is not given up while the answer may be on its way', async () => {
      const cluster = await asked();
      await cluster.advance(2_000);
      expect(commands(cluster)).toEqual(['new', 'old']);
      cluster.core.agents.told(cluster.agent.info.id, cluster.clock.now());
      await cluster.settle();
      expect(commands(cluster)).toEqual(['new']);
    });

    it('is given up when no answer comes', async () => {
      const cluster = await asked();
      await cluster.advance(20_000);
      expect(commands(cluster)).toEqual(['old']);
    });
  });

  it('counts as it is where it need not serve for a time', async () => {
    const labels = { 'longrun.io/min-ready-seconds': '0' };
    const app = { id: WEB, cmd: 'old', cpus: 0.5, mem: 64, labels };
    const cluster = await ScriptedCluster.serving(app, MIN_READY_MS);
    await cluster.core.apps.update(WEB, { cmd: 'new' }, FORCED, CALL);
    // no time, so no heartbeat
    await cluster.settle();
    await cluster.startProxy();
    await cluster.settle();
    expect(commands(cluster)).toEqual(['new']);
  });
});
