// How thousands of statuses at once are stored: a bounded number in a commit, in their order, with room for others in between.
import { expect, it } from '@jest/globals';
import { asAgentId, asAppId, asInstanceId, asTaskId, type InstanceStatus } from '#libs/model';
import { ScriptedCluster } from './scripted-cluster.js';

const AGENT = asAgentId('agent-1');

/** Each is of an instance that is not in the books, and so one event. */
const ends = (count: number): InstanceStatus[] =>
  Array.from({ length: count }, (_, index) => ({
    instanceId: asInstanceId(`gone.${index}`),
    appId: asAppId('/gone'),
    taskId: asTaskId(`gone.${index}.1`),
    incarnation: 1,
    run: 1,
    sequence: index + 1,
    phase: 'ended',
    since: 1_000,
    health: [],
    accepting: false,
    ipAddresses: [],
    autonomous: false,
  }));

it('takes a bounded number of statuses into one commit, and others get their turn before the next one', async () => {
  const cluster = await ScriptedCluster.working();
  const { core, store, agent } = cluster;
  const commits: number[] = [];
  const commit = store.commit.bind(store);
  store.commit = (each) => {
    commits.push(each.events.length);
    return commit(each);
  };
  const done: string[] = [];
  const note = (what: string) => (): void => void done.push(what);
  await Promise.all([
    core.statuses.store(AGENT, ends(1_500)).then(note('first')),
    core.statuses.store(AGENT, ends(1_000)).then(note('second')),
    core.agents.update(AGENT, agent.info, true).then(note('other')),
  ]);
  expect(commits.slice(0, 4)).toEqual([1_000, 500, 1, 1_000]);
  expect(done).toEqual(['first', 'other', 'second']);
});

it('stores nothing and refuses all of them when nobody leads', async () => {
  const cluster = await ScriptedCluster.working();
  await cluster.core.stop();
  await expect(cluster.core.statuses.store(AGENT, ends(2_500))).rejects.toMatchObject({
    code: 'not-leading',
  });
});
