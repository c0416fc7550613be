// An app of thousands: nothing that one pass does holds up heartbeats and requests for long, and its constraints hold across passes.
import { describe, expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import type { Commit } from '#libs/store';
import { ScriptedCluster } from './scripted-cluster.js';

const WEB = asAppId('/web');
const CALL = { clientIp: '127.0.0.1', uri: '/v2/apps', user: null };
const WANTED = 2_500;
/** Rows of one pass: it may create so many, and launch so many. */
const PER_PASS = 1_000;

describe('an app of thousands of instances', () => {
  it.each([
    ['all of them', 'MAX_PER', '9999', WANTED],
    ['as many as a constraint lets', 'MAX_PER', '1200', 1_200],
  ])('is launched in passes of bounded size: %s', async (_, operator, value, placed) => {
    const cluster = await ScriptedCluster.started();
    await cluster.agent.connect();
    cluster.agent.silent = true;
    const commits = recordedCommits(cluster);
    const constraints = [['hostname', operator, value]];
    const sizes = { instances: WANTED, cpus: 0.001, mem: 1, disk: 0, portDefinitions: [], constraints };
    await cluster.core.apps.create({ id: WEB, cmd: 'sleep 1000', ...sizes }, false, CALL);
    await cluster.advance(3_000);
    const rows = cluster.core.state.instancesOf(WEB);
    expect(rows).toHaveLength(WANTED);
    expect(rows.filter((each) => each.placed)).toHaveLength(placed);
    const launches = commits.map((each) => placedBy(each));
    expect(Math.max(...launches)).toBe(PER_PASS);
    expect(launches.reduce((sum, each) => sum + each)).toBe(placed);
    expect(Math.max(...commits.map((each) => rowsOf(each).length))).toBeLessThanOrEqual(2 * PER_PASS);
  });
});

describe('a pass that takes long', () => {
  it('is followed by a rest of the same length, so that others get half of the time', async () => {
    const cluster = await ScriptedCluster.started();
    const uuid = cluster.ids.uuid.bind(cluster.ids);
    let asked = 0;
    cluster.ids.uuid = () => {
      // each instance that is created takes a millisecond
      asked += 1;
      cluster.clock.spend(1);
      return uuid();
    };
    const sizes = { instances: WANTED, cpus: 0.001, mem: 1, disk: 0, portDefinitions: [] };
    await cluster.core.apps.create({ id: WEB, cmd: 'sleep 1000', ...sizes }, false, CALL);
    await cluster.settle();
    const created = (): number => cluster.core.state.instancesOf(WEB).length;
    expect(created()).toBe(PER_PASS);
    expect(asked).toBeGreaterThanOrEqual(PER_PASS);
    cluster.clock.advance(PER_PASS / 2);
    await cluster.settle();
    expect(created()).toBe(PER_PASS);
    cluster.clock.advance(PER_PASS / 2 + 10);
    await cluster.settle();
    expect(created()).toBe(2 * PER_PASS);
  });
});

function recordedCommits(cluster: ScriptedCluster): readonly Commit[] {
  const commits: Commit[] = [];
  const commit = cluster.store.commit.bind(cluster.store);
  cluster.store.commit = (each) => {
    commits.push(each);
    return commit(each);
  };
  return commits;
}
const rowsOf = ({ writes }: Commit): readonly { readonly placed: boolean }[] =>
  writes.flatMap((each) => (each.kind === 'put-instance' ? [each.instance] : []));
const placedBy = (commit: Commit): number => rowsOf(commit).filter((each) => each.placed).length;
