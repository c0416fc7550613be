// What is forgotten while a proxy may still choose it. A host port goes to another app only when every proxy has confirmed a table without
// it (decisions.md 10), however its task went. A proxy that is cut off routes by its last table for as long as that lasts (promise 6), so nothing but this keeps a request from the wrong app.
import { describe, expect, it } from '@jest/globals';
import { asAppId, asProxyId, type AppId, type Instance } from '#libs/model';
import { ScriptedCluster } from './scripted-cluster.js';

const OLD = asAppId('/old');
const OTHER = asAppId('/other');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const FORCED = { force: true, partial: true, mayCreate: true };
const MIN_READY_MS = 10_000;
/** Longer than an agent may be silent before it is lost. */
const LOST_MS = 40_000;
const body = (id: AppId, cmd: string): object => ({ id, cmd, cpus: 0.5, mem: 64 });

/** `/old` serves, on a host with so many ports, and a proxy has confirmed that. Its next reports are those that a spec makes. */
async function serving(ports: number): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  Object.assign(cluster.agent.info.resources, { ports: [{ from: 31_000, to: 31_000 + ports - 1 }] });
  await cluster.agent.connect();
  await confirm(cluster);
  await cluster.core.apps.create(body(OLD, 'first'), false, CALL);
  await cluster.advance(2 * MIN_READY_MS);
  expect(instancesOf(cluster, OLD)).toMatchObject([{ routing: 'in', hostPorts: [31_000] }]);
  await confirm(cluster);
  return cluster;
}

async function confirm({ core }: ScriptedCluster, number = core.state.tableNumber): Promise<void> {
  const { epoch } = core.state;
  await core.proxies.report(asProxyId('proxy-1'), {
    ...{ cluster: null, address: '127.0.0.1', epoch, confirmed: { epoch, number } },
    ...{ inFlight: {}, warnings: [], leaving: false },
  });
}
const instancesOf = ({ core }: ScriptedCluster, app: AppId): readonly Instance[] =>
  core.state.instancesOf(app);

/** Nobody has the port meanwhile, and `/other` has it as soon as the proxy has confirmed a table without `/old`. */
async function expectRest(cluster: ScriptedCluster, port: number): Promise<void> {
  await cluster.core.apps.create(body(OTHER, 'other'), false, CALL);
  await cluster.advance(2 * LOST_MS);
  expect(instancesOf(cluster, OTHER)).toMatchObject([{ placed: false }]);
  await confirm(cluster);
  await cluster.advance(1_000);
  expect(instancesOf(cluster, OTHER)).toMatchObject([{ placed: true, hostPorts: [port] }]);
}

describe('the port of a task that was routed up to the commit that forgot it', () => {
  it('waits for the proxy when the task has crashed and was not wanted any more', async () => {
    const cluster = await serving(2);
    await cluster.core.apps.update(OLD, { cmd: 'second' }, FORCED, CALL);
    await cluster.advance(MIN_READY_MS / 3);
    const [first, second] = instancesOf(cluster, OLD);
    expect([first, second]).toMatchObject([{ routing: 'in' }, { routing: 'in' }]);
    if (!first) throw new Error('there is no instance');
    // it is the surplus one, so it goes in the pass that learns of its end
    await cluster.agent.crash(first.id);
    expect(instancesOf(cluster, OLD)).toMatchObject([{ id: second?.id }]);
    await expectRest(cluster, 31_000);
  });

  it('waits for the proxy when the task was lost with its agent', async () => {
    const cluster = await serving(1);
    cluster.agent.silent = true;
    await cluster.advance(LOST_MS);
    expect(instancesOf(cluster, OLD)[0]).toMatchObject({ routing: 'suspect' });
    await cluster.core.apps.remove(OLD, true);
    await cluster.settle();
    expect(instancesOf(cluster, OLD)).toEqual([]);
    cluster.agent.silent = false;
    await cluster.agent.connect();
    await expectRest(cluster, 31_000);
  });
});

const placed = (cluster: ScriptedCluster): readonly Instance[] =>
  instancesOf(cluster, OLD).filter((each) => each.placed);

describe('an instance that is forgotten with its lost agent', () => {
  /** Lost, and removed by a person, while the proxy still routes by the table of before. */
  async function removed(): Promise<{ cluster: ScriptedCluster; old: number }> {
    const cluster = await serving(1);
    const old = cluster.core.state.tableNumber;
    cluster.agent.silent = true;
    await cluster.advance(LOST_MS);
    expect(placed(cluster)).toMatchObject([{ routing: 'suspect' }]);
    await confirm(cluster, old);
    await cluster.core.apps.remove(OLD, true);
    await cluster.settle();
    expect(placed(cluster)).toMatchObject([{ routing: 'out' }]);
    return { cluster, old };
  }

  it('keeps its row until the proxy has confirmed a table without it', async () => {
    const { cluster, old } = await removed();
    await confirm(cluster, old);
    await cluster.settle();
    expect(placed(cluster)).toHaveLength(1);
    await confirm(cluster);
    await cluster.settle();
    expect(placed(cluster)).toEqual([]);
  });

  it('keeps it no longer than the lease of a silent proxy', async () => {
    const { cluster } = await removed();
    await cluster.advance(LOST_MS);
    expect(placed(cluster)).toEqual([]);
  });

  it('is stopped like any other when its agent is back before: not while the proxy can choose it', async () => {
    const { cluster, old } = await removed();
    cluster.agent.silent = false;
    await cluster.agent.connect();
    for (let seconds = 0; seconds < 90; seconds += 2) {
      await confirm(cluster, old);
      await cluster.advance(2_000);
    }
    expect(placed(cluster)).toMatchObject([{ stop: { phase: 'unrouting' } }]);
    await confirm(cluster);
    await cluster.advance(1_000);
    expect(placed(cluster)).not.toMatchObject([{ stop: { phase: 'unrouting' } }]);
  });
});
