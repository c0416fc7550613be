// Killing tasks: dry runs, and waiting until wiped ones have ended, while the lane goes on for everybody else.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';
import { ENDING_WAIT_MS, type EndingWait } from './task-endings.js';
import type { Selection } from './task-commands.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const all: Selection = (state) => state.instancesOf(WEB);

let cluster: ScriptedCluster;
beforeEach(async () => {
  cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  await cluster.startProxy();
  await cluster.core.apps.create({ id: WEB, cmd: 'serve', cpus: 0.1, instances: 2 }, false, CALL);
  await cluster.advance(2_000);
});

/** Waits for the wiped tasks; `isOver()` tells whether that ended. */
async function wiped(): Promise<{ readonly wait: EndingWait; readonly isOver: () => boolean }> {
  const killed = await cluster.core.tasks.kill(all, true);
  expect(killed).toHaveLength(2);
  const wait = cluster.core.endings.of(killed, cluster.core.state);
  let over = false;
  void wait.over.then(() => (over = true));
  await cluster.settle();
  return { wait, isOver: () => over };
}

describe('waiting for wiped tasks', () => {
  it('is over when all of them have ended, and others are served meanwhile', async () => {
    const { isOver } = await wiped();
    expect(isOver()).toBe(false);
    await cluster.core.apps.create({ id: '/other', cmd: 'serve', instances: 0 }, false, CALL);
    await cluster.advance(5_000);
    expect(isOver()).toBe(true);
  });

  it('ends with the patience when a task does not end', async () => {
    cluster.agent.silent = true;
    const { isOver } = await wiped();
    const beat = (): void => cluster.core.agents.heard(cluster.agent.info.id);
    for (let passed = 0; passed < ENDING_WAIT_MS - 1_000; passed += 1_000) {
      beat();
      await cluster.advance(1_000);
    }
    expect(isOver()).toBe(false);
    await cluster.advance(1_000);
    expect(isOver()).toBe(true);
  });

  it('does not wait for the tasks of a lost agent', async () => {
    cluster.agent.silent = true;
    const { isOver } = await wiped();
    expect(isOver()).toBe(false);
    await cluster.core.agents.declareLost(cluster.agent.info.id);
    await cluster.settle();
    expect(isOver()).toBe(true);
  });

  it('is over at once for whoever goes away', async () => {
    cluster.agent.silent = true;
    const { wait, isOver } = await wiped();
    wait.cancel();
    await cluster.settle();
    expect(isOver()).toBe(true);
  });
});

it('a dry run of a kill names what would be killed and kills nothing', async () => {
  const before = cluster.events.length;
  expect(await cluster.core.tasks.kill(all, false, true)).toHaveLength(2);
  const { steps } = await cluster.core.tasks.killAndScale(all, [WEB], false, true);
  expect(steps).toEqual([{ actions: [{ action: 'ScaleApplication', app: WEB }] }]);
  await cluster.settle();
  expect(cluster.core.state.instancesOf(WEB).every(({ stop }) => !stop)).toBe(true);
  expect(cluster.events.length).toBe(before);
});
