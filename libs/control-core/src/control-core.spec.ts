import { describe, expect, it } from '@jest/globals';
import { failures, LongrunError } from '#libs/api-contract';
import { asAppId, type Deployment, type DeploymentId, type Instance } from '#libs/model';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import type { Commit } from '#libs/store';
import { LEASE_MS, RENEW_MS } from './leadership.js';
import { ScriptedCluster } from './scripted-cluster.js';
import { RouteSubscription } from './sessions/route-subscription.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const PATCH = { force: false, partial: true, mayCreate: true };
const body = (more: object = {}): object => ({ id: '/shop/web', cmd: 'serve', cpus: 0.5, mem: 64, ...more });

async function withApp(more: object = {}): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.started();
  await cluster.agent.connect();
  await cluster.startProxy();
  await cluster.core.apps.create(body(more), false, CALL);
  await cluster.advance(2_000);
  return cluster;
}

const instances = (cluster: ScriptedCluster): readonly Instance[] => cluster.core.state.instancesOf(WEB);
function first(cluster: ScriptedCluster): Instance {
  const [instance] = instances(cluster);
  if (!instance) throw new Error('there is no instance');
  return instance;
}

/** Longer than a deployment may be without progress. */
const DEADLINE_MS = 610_000;
const { minReadyMs: MIN_READY_MS } = DEFAULT_RECONCILE_SETTINGS;

/** Fills while the cluster goes on. */
function recordedCommits(cluster: ScriptedCluster): readonly Commit[] {
  const commits: Commit[] = [];
  const commit = cluster.store.commit.bind(cluster.store);
  cluster.store.commit = (each) => {
    commits.push(each);
    return commit(each);
  };
  return commits;
}

const deploymentsIn = ({ writes }: Commit): readonly Deployment[] =>
  writes.flatMap((write) => (write.kind === 'put-deployment' ? [write.deployment] : []));

describe('the control plane over a memory store', () => {
  it('brings a new app from the request to the route table, and ends its deployment', async () => {
    const cluster = await withApp();
    expect(first(cluster)).toMatchObject({ placed: true, routing: 'in', incarnation: 1 });
    expect([...cluster.core.state.deployments.keys()]).toEqual([]);
    const [service] = cluster.core.routes.table(cluster.core.state).services;
    expect(service?.targets).toHaveLength(1);
  });

  it('sends fresh words of why an app has no target without a new number, at most once a second', async () => {
    const cluster = await ScriptedCluster.started();
    const { core } = cluster;
    const table = () => core.routes.table(core.state);
    await core.apps.create(body(), false, CALL);
    const before = table();
    let announced = 0;
    core.routes.listen(() => (announced += 1));
    await cluster.advance(3_000);
    expect(table()).toMatchObject({ number: before.number, epoch: before.epoch });
    expect(table().services[0]?.emptyReason).toContain('waiting to be launched');
    expect(announced).toBe(1);
  });

  it('tells it in the order that clients know', async () => {
    const cluster = await withApp();
    const told = cluster.events.filter(({ type }) => !/^(agent|routing|leader)/.test(type));
    const short = told.map(({ type, payload }) =>
      [type, payload['condition'] ?? payload['taskStatus']].filter(Boolean).join(' '),
    );
    expect(short).toEqual([
      'api_post_event',
      'group_change_success',
      'deployment_info',
      'deployment_step_success',
      'deployment_info',
      'instance_changed_event Scheduled',
      'instance_changed_event Provisioned',
      'status_update_event TASK_STAGING',
      'status_update_event TASK_RUNNING',
      'instance_changed_event Running',
      'deployment_step_success',
      'deployment_success',
    ]);
    expect(cluster.events.map(({ number }) => number)).toEqual(cluster.events.map((_, at) => at + 1));
  });

  it('starts a crashed task again with a new task id, after its delay', async () => {
    const cluster = await withApp();
    const { id, taskId } = first(cluster);
    await cluster.agent.crash(id);
    expect(first(cluster)).toMatchObject({ routing: 'out', placed: false });
    expect(cluster.core.state.apps.get(WEB)?.lastTaskFailure?.message).toContain('exit code 1');
    await cluster.advance(3_000);
    const again = first(cluster);
    expect(again).toMatchObject({ id, incarnation: 2, placed: true, routing: 'in' });
    expect(again.taskId).not.toBe(taskId);
  });

  it('scales up and down', async () => {
    const cluster = await withApp();
    await cluster.core.apps.update(WEB, { instances: 3 }, PATCH, CALL);
    await cluster.advance(2_000);
    expect(instances(cluster).filter(({ routing }) => routing === 'in')).toHaveLength(3);
    await cluster.core.apps.update(WEB, { instances: 1 }, PATCH, CALL);
    await cluster.advance(4_000);
    expect(instances(cluster)).toHaveLength(1);
    expect(cluster.agent.assigned.size).toBe(1);
  });

  it('replaces instances without ever leaving the table empty', async () => {
    const cluster = await withApp({ instances: 2 });
    await cluster.core.apps.update(WEB, { env: { A: '1' } }, PATCH, CALL);
    for (let turn = 0; turn < 40; turn += 1) {
      await cluster.advance(500);
      expect(instances(cluster).filter(({ routing }) => routing === 'in').length).toBeGreaterThanOrEqual(2);
    }
    const current = cluster.core.state.apps.get(WEB)?.current.version;
    expect(instances(cluster).map(({ version }) => version)).toEqual([current, current]);
    expect([...cluster.core.state.deployments.keys()]).toEqual([]);
  });

  it('removes an app only after its tasks are gone', async () => {
    const cluster = await withApp();
    await cluster.core.apps.remove(WEB, true);
    expect(cluster.core.state.apps.get(WEB)?.removing).toBe(true);
    await cluster.advance(4_000);
    expect(cluster.core.state.apps.has(WEB)).toBe(false);
    expect(cluster.agent.assigned.size).toBe(0);
    const types = cluster.types();
    expect(types.indexOf('app_terminated_event')).toBeLessThan(types.lastIndexOf('deployment_success'));
  });

  it('kills a task and brings the same instance back as its next incarnation', async () => {
    const cluster = await withApp();
    const { id, taskId } = first(cluster);
    await cluster.core.tasks.kill((state) => state.instancesOf(WEB), false);
    await cluster.advance(4_000);
    expect(first(cluster)).toMatchObject({ id, incarnation: 2, placed: true });
    expect(first(cluster).taskId).not.toBe(taskId);
  });

  it('takes a deployment back', async () => {
    const cluster = await withApp();
    const started = await cluster.core.apps.update(WEB, { cpus: 1000 }, PATCH, CALL);
    await cluster.advance(1_000);
    expect(cluster.core.loop.waiting(WEB)?.perAgent[0]?.reasons[0]?.reason).toBe('InsufficientCpus');
    await cluster.core.deployments.rollBack(started.deploymentId);
    await cluster.advance(MIN_READY_MS);
    expect(cluster.core.state.apps.get(WEB)?.current.spec.cpus).toBe(0.5);
    expect([...cluster.core.state.deployments.keys()]).toEqual([]);
    expect(instances(cluster)).toHaveLength(1);
    expect(cluster.types()).toContain('deployment_failed');
  });

  it('says of a list of updates first what is malformed, then what is unknown, then what breaks a rule', async () => {
    const cluster = await withApp();
    const patch = { force: false, partial: true, mayCreate: false };
    const sent = (...bodies: object[]) => cluster.core.apps.updateMany(bodies, patch);
    const unknown = { id: '/nope', instances: 1 };
    const broken = { id: WEB, args: ['a'] };
    await expect(sent(unknown, broken)).rejects.toMatchObject({ code: 'not-found' });
    await expect(sent(broken)).rejects.toMatchObject({ details: [{ path: '(0)' }] });
    const malformed = { ...unknown, instances: -1 };
    await expect(sent(broken, malformed)).rejects.toMatchObject({ details: [{ path: '(1)/instances' }] });
  });

  it('ends a deployment that got nowhere and starts its rollback in one commit', async () => {
    const cluster = await withApp();
    const commits = recordedCommits(cluster);
    const started = await cluster.core.apps.update(WEB, { cpus: 1000 }, PATCH, CALL);
    await cluster.advance(DEADLINE_MS);
    const rows = commits.map((commit) => deploymentsIn(commit));
    const end = rows.find((each) => each.some(({ status }) => status === 'failed'));
    expect(end).toMatchObject([
      { id: started.deploymentId, status: 'failed' },
      { revertOf: started.deploymentId, status: 'running' },
    ]);
    expect(cluster.core.state.apps.get(WEB)?.current.spec.cpus).toBe(0.5);
    expect([...cluster.core.state.deployments.keys()]).toEqual([]);
    expect(first(cluster).routing).toBe('in');
  });

  it('does not roll back a rollback, not even in the next process', async () => {
    const cluster = await withApp();
    await cluster.core.apps.update(WEB, { cpus: 1000 }, PATCH, CALL);
    cluster.agent.silent = true;
    await cluster.advance(DEADLINE_MS);
    const [rollback] = [...cluster.core.state.deployments.values()];
    expect(rollback?.revertOf).toBeDefined();
    await cluster.core.stop();
    await cluster.boot();
    await cluster.advance(2 * DEADLINE_MS);
    expect([...cluster.core.state.deployments.keys()]).toEqual([]);
    expect((await cluster.store.deployment(rollback?.id as DeploymentId))?.status).toBe('failed');
    expect(cluster.core.state.apps.get(WEB)?.current.spec.cpus).toBe(0.5);
  });

  it('refuses a change of an app that is being deployed, and tells it', async () => {
    const cluster = await withApp({ cpus: 1000 });
    const refused = cluster.core.apps.update(WEB, { instances: 2 }, PATCH, CALL);
    await expect(refused).rejects.toMatchObject({ code: 'deployment-lock' });
    expect(cluster.types()).toContain('group_change_failed');
    await cluster.core.apps.update(WEB, { cpus: 0.1 }, { ...PATCH, force: true }, CALL);
    await cluster.advance(MIN_READY_MS + 3_000);
    expect([...cluster.core.state.deployments.keys()]).toEqual([]);
    expect(first(cluster).routing).toBe('in');
  });

  it('takes neither changes nor restarts while its disk is nearly full, but a removal', async () => {
    const cluster = await withApp();
    cluster.checkDisk = () => {
      throw failures.diskFull('/data', 3);
    };
    await expect(cluster.core.apps.restart(WEB, false)).rejects.toMatchObject({ code: 'disk-full' });
    const created = cluster.core.apps.create({ id: '/b', cmd: 'x' }, false, CALL);
    await expect(created).rejects.toThrow('3.0 % free');
    await cluster.core.apps.remove(WEB, false);
  });

  it('shuts down all tasks, launches nothing, and starts them again in the next process', async () => {
    const cluster = await withApp({ instances: 2 });
    await cluster.core.shutdown.begin();
    await cluster.advance(5_000);
    expect(cluster.core.shutdown.progress(cluster.core.state)).toEqual({ left: 0, away: [] });
    expect(cluster.core.state.apps.get(WEB)?.launchDelay).toBeUndefined();
    await cluster.core.stop();
    await cluster.boot();
    await cluster.agent.connect();
    await cluster.advance(4_000);
    expect(instances(cluster).filter(({ routing }) => routing === 'in')).toHaveLength(2);
  });
});

describe('when the store or another leader gets in the way', () => {
  it('answers writes with 503 while the store is away, keeps what it knew, and goes on when it is back', async () => {
    const cluster = await withApp();
    cluster.store.setReachable(false);
    const refused = cluster.core.apps.update(WEB, { instances: 2 }, PATCH, CALL);
    await expect(refused).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(cluster.core.hasState).toBe(true);
    expect(cluster.officesLost).toBe(0);
    await cluster.advance(2_000);
    cluster.store.setReachable(true);
    await cluster.advance(5_000);
    expect(cluster.core.leads).toBe(true);
    await cluster.core.apps.update(WEB, { instances: 2 }, PATCH, CALL);
    await cluster.advance(3_000);
    expect(instances(cluster)).toHaveLength(2);
  });

  it('takes a commit whose answer was lost for what it became', async () => {
    const cluster = await withApp();
    cluster.store.loseNextAnswer();
    const lost = cluster.core.apps.update(WEB, { instances: 2 }, PATCH, CALL);
    await expect(lost).rejects.toBeInstanceOf(LongrunError);
    await cluster.advance(6_000);
    expect(cluster.core.state.apps.get(WEB)?.current.spec.instances).toBe(2);
    expect(instances(cluster)).toHaveLength(2);
  });

  it('steps down when another process leads, and writes nothing any more', async () => {
    const cluster = await withApp();
    const fenced = cluster.core;
    const other = cluster.store.connect();
    cluster.store.setReachable(false);
    await cluster.advance(11_000);
    const leader = await other.campaign('other', 'other:8080', 60_000);
    expect(leader.holder).toBe('other');
    cluster.store.setReachable(true);
    await cluster.settle();
    const refused = fenced.apps.update(WEB, { instances: 5 }, PATCH, CALL);
    await expect(refused).rejects.toBeInstanceOf(LongrunError);
    await cluster.advance(4_000);
    expect(fenced.leads).toBe(false);
    expect(fenced.leadership.leader?.address).toBe('other:8080');
    const stored = await other.load();
    expect(stored.apps[0]?.current.spec.instances).toBe(1);
  });

  it('keeps agents and streams while the store is away for a moment, and lets go of them when its lease is over', async () => {
    const cluster = await withApp();
    const { core } = cluster;
    const outlet = { needsDrain: false, write: () => true };
    const follow = () => new RouteSubscription(core, { epoch: 0, number: -1 }, outlet).close();
    cluster.store.setReachable(false);
    await cluster.advance(LEASE_MS - RENEW_MS);
    expect(core.leads).toBe(false);
    expect(cluster.cutOffs).toBe(0);
    expect(follow).not.toThrow();
    // it may be this process alone that does not reach the store
    await cluster.advance(RENEW_MS + 1_000);
    expect(cluster.cutOffs).toBe(1);
    expect(follow).toThrow(failures.notLeading().message);
    expect(core.hasState).toBe(true);
    cluster.store.setReachable(true);
    await cluster.advance(3_000);
    expect(core.leads).toBe(true);
    expect(follow).not.toThrow();
    await cluster.advance(2 * LEASE_MS);
    expect([cluster.cutOffs, cluster.officesLost]).toEqual([1, 0]);
  });

  it('forgets what it knew of a time before the store was away, once another process leads', async () => {
    const cluster = await withApp();
    cluster.store.setReachable(false);
    await cluster.advance(11_000);
    expect(cluster.core.leads).toBe(false);
    expect(cluster.officesLost).toBe(0);
    await cluster.store.connect().campaign('other', 'other:8080', 60_000);
    cluster.store.setReachable(true);
    await cluster.advance(4_000);
    expect(cluster.core.leadership.leader?.address).toBe('other:8080');
    expect(cluster.officesLost).toBe(1);
    expect(cluster.core.hasState).toBe(false);
    await cluster.advance(20_000);
    expect(cluster.officesLost).toBe(1);
  });

  it('calls a silent agent disconnected after 10 s and lost after 30 s', async () => {
    const cluster = await withApp();
    cluster.agent.silent = true;
    await cluster.advance(12_000);
    expect(cluster.core.state.agents.get(cluster.agent.info.id)?.liveness).toBe('disconnected');
    await cluster.advance(20_000);
    expect(cluster.core.state.agents.get(cluster.agent.info.id)?.liveness).toBe('lost');
  });
});
