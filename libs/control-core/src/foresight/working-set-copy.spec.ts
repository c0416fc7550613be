// A copy of the working set answers everything as the original does, and whatever happens to the one leaves the other as it is.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';
import type { WorkingSet } from '../working-set.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const PATCH = { force: true, partial: true, mayCreate: false };

let cluster: ScriptedCluster;
beforeEach(async () => {
  cluster = await ScriptedCluster.working();
  await cluster.core.apps.create(
    { id: '/shop/web', cmd: 'serve', instances: 2, cpus: 0.5, mem: 64 },
    false,
    CALL,
  );
  await cluster.advance(30_000);
  // two versions, a running deployment, a stop under way, an instance that waits, ports with a past
  await cluster.core.apps.update(WEB, { cpus: 7 }, PATCH, CALL);
  await cluster.advance(1_000);
  await cluster.core.tasks.kill((state) => state.instancesOf(WEB).slice(0, 1), false);
});

function answersOf(state: WorkingSet): unknown {
  const instances = [...state.instances()];
  return structuredClone({
    apps: state.appsInOrder(),
    groups: [...state.groups],
    agents: [...state.agents],
    proxies: [...state.proxies],
    deployments: [...state.deployments],
    deploymentOf: state.deploymentOf(WEB),
    instances,
    inOrder: state.instancesOf(WEB),
    byAgent: [...state.agents.keys()].map((id) => state.instancesOn(id)),
    byTask: instances.map(({ taskId }) => taskId && state.instanceOfTask(taskId)),
    versions: instances.map((each) => state.versionOf(each)),
    used: [...state.agents.keys()].map((id) => [
      state.ledger.used(id),
      state.ledger.countOf(id, WEB),
      [...state.ledger.ports(id)],
    ]),
    unknownLeftAt: state.ledger.unknownLeftAt,
    unreachable: state.unreachable(),
    health: state.fleetBrake,
    next: state.nextVersion(0),
    numbers: [state.tableNumber, state.epoch, state.officeSince, state.loadedEvent],
  });
}

describe('a copy of the working set', () => {
  it('answers everything as the original', () => {
    const { state } = cluster.core;
    expect(answersOf(state.copy())).toEqual(answersOf(state));
  });

  it('stays as it is while the original goes on, and the other way round', async () => {
    const { state } = cluster.core;
    const copy = state.copy();
    const before = answersOf(copy);
    await cluster.core.apps.remove(WEB, true);
    await cluster.advance(60_000);
    expect(state.instancesOf(WEB)).toEqual([]);
    expect(answersOf(copy)).toEqual(before);

    const original = answersOf(state);
    const [instance] = copy.instances();
    if (!instance) throw new Error('the copy is empty');
    copy.apply([{ kind: 'remove-instance', id: instance.id }], cluster.clock.now());
    copy.apply([{ kind: 'set-table-number', number: 4711 }], cluster.clock.now());
    expect(answersOf(copy)).not.toEqual(before);
    expect(answersOf(state)).toEqual(original);
  });
});
