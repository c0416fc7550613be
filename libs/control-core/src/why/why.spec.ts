// From what an instance does, or why it is gone, to the root of it: each way of starting, stopping and leaving the table once.
import { describe, expect, it } from '@jest/globals';
import { presentWhy, type WhyAnswer } from '#libs/api-contract';
import { asAppId, type Cause, type Instance } from '#libs/model';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/shop/web');
const request = (text: string): Cause => ({ kind: 'request', text: `${text} from 10.0.0.9` });
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps', by: request('POST /v2/apps') };
const PUT = { clientIp: '10.0.0.9', uri: '/v2/apps/shop/web', by: request('PUT /v2/apps/shop/web') };
const PATCH = { force: false, partial: true, mayCreate: true };
const CHECK = { protocol: 'HTTP', path: '/health', gracePeriodSeconds: 0, intervalSeconds: 1 };
const body = (more: object = {}): object => ({ id: '/shop/web', cmd: 'serve', cpus: 0.5, mem: 64, ...more });
const failing = {
  alive: false,
  consecutiveFailures: 4,
  lastFailureCause: '500 Internal Server Error',
  lastSuccessAt: 1,
};

const withApp = (more: object = {}): Promise<ScriptedCluster> =>
  ScriptedCluster.serving(body(more), 2_000, CALL);
const instances = (cluster: ScriptedCluster): readonly Instance[] => cluster.core.state.instancesOf(WEB);
function first(cluster: ScriptedCluster): Instance {
  const [instance] = instances(cluster);
  if (!instance) throw new Error('there is no instance');
  return instance;
}
async function why(cluster: ScriptedCluster, id: string): Promise<WhyAnswer> {
  const { state } = cluster.core;
  const facts = await cluster.core.why.of(id, state);
  if (!facts) throw new Error(`nothing is known of ${id}`);
  return presentWhy(facts, (agent) => state.agents.get(agent)?.info.hostname ?? agent);
}
const steps = ({ chain }: WhyAnswer): string[] => chain.map(({ what }) => what);

describe('why', () => {
  it('an instance serves leads to the request that deployed it', async () => {
    const cluster = await withApp();
    const { id, taskId } = first(cluster);
    const answer = await why(cluster, id);
    expect(steps(answer)).toEqual(['routed', 'launched', 'created', 'deployment', 'request']);
    expect(answer).toMatchObject({
      isGone: false,
      now: 'it is running on agent host-1, in the route table',
      root: { kind: 'request', text: 'POST /v2/apps from 10.0.0.9' },
    });
    expect(answer.chain[1]?.text).toContain(`task ${taskId} was launched on agent host-1, ports 310`);
    expect(answer.chain[3]?.text).toMatch(/^deployment \S+ brought \/shop\/web, version \S+ \(succeeded\)$/);
    expect(await why(cluster, String(taskId))).toEqual(answer);
  });

  it('it runs again leads to the crash, also asked by the task that crashed', async () => {
    const cluster = await withApp();
    const { id, taskId } = first(cluster);
    await cluster.agent.crash(id, 3);
    const waiting = await why(cluster, id);
    expect(steps(waiting)).toEqual(['ended']);
    expect(waiting).toMatchObject({ now: 'it waits to be launched', root: { kind: 'crash' } });
    await cluster.advance(3_000);
    const again = await why(cluster, String(taskId));
    expect(steps(again)).toEqual(['routed', 'launched', 'ended']);
    expect(again).toMatchObject({
      instanceId: id,
      root: { kind: 'crash', text: 'the task ended: exit code 3' },
    });
    // a cause that two links share is told by the one below
    expect(again.chain[1]?.text).toMatch(/^task \S+ was launched on agent host-1, ports \d+$/);
    expect(again.chain[2]?.text).toMatch(/^task \S+ is over: the task ended: exit code 3$/);
    const [ended, launched] = ['ended', 'launched'].map((each) =>
      again.reasons.find(({ what }) => what === each),
    );
    expect(Date.parse(launched?.at ?? '') - Date.parse(ended?.at ?? '')).toBeGreaterThanOrEqual(1_000);
  });

  it('it left the table, and was killed, leads to the check that failed', async () => {
    const cluster = await withApp({ healthChecks: [CHECK] });
    const { id } = first(cluster);
    const alive = { alive: true, consecutiveFailures: 0, lastSuccessAt: 1 };
    await cluster.agent.report(id, { health: [alive] });
    await cluster.advance(1_000);
    await cluster.agent.report(id, { health: [{ ...failing, consecutiveFailures: 1 }] });
    const out = await why(cluster, id);
    expect(steps(out)).toEqual(['unrouted']);
    expect(out.root).toMatchObject({ kind: 'health', text: 'it is not ready: 500 Internal Server Error' });
    expect(out.now).toBe('it is running on agent host-1, not in the route table');
    await cluster.agent.report(id, { health: [failing] });
    await cluster.advance(4_000);
    const killed = await why(cluster, id);
    expect(steps(killed)).toEqual(['launched', 'ended', 'stop-requested']);
    expect(killed.root).toMatchObject({
      kind: 'health',
      text: 'health check HTTP /health failed 4 times: 500 Internal Server Error',
    });
  });

  it('it was killed leads to the person who did it', async () => {
    const cluster = await withApp();
    const by = request('DELETE /v2/apps/shop/web/tasks');
    await cluster.core.tasks.kill((state) => state.instancesOf(WEB), false, false, by);
    await cluster.advance(4_000);
    const answer = await why(cluster, first(cluster).id);
    expect(steps(answer)).toEqual(['routed', 'launched', 'ended', 'stop-requested']);
    expect(answer.root).toMatchObject({ kind: 'kill', text: `killed by a person: ${by.text}` });
  });

  it('another one took its place leads to the person who killed it for good', async () => {
    const cluster = await withApp();
    const old = first(cluster).id;
    const by = request('DELETE /v2/apps/shop/web/tasks');
    await cluster.core.tasks.kill((state) => state.instancesOf(WEB), true, false, by);
    await cluster.advance(4_000);
    const answer = await why(cluster, first(cluster).id);
    expect(steps(answer)).toEqual(['routed', 'launched', 'created', 'stop-requested']);
    expect(answer.chain[2]?.text).toContain(`it takes the place of ${old}`);
    expect(answer.root).toMatchObject({ kind: 'kill', text: `killed by a person: ${by.text}` });
  });

  it('it was killed and scaled away leads through the deployment to the request', async () => {
    const cluster = await withApp({ instances: 2 });
    const { id } = first(cluster);
    const select = () => [first(cluster)];
    await cluster.core.tasks.killAndScale(select, [WEB], false, false, request('DELETE /v2/apps/x/tasks'));
    await cluster.advance(4_000);
    const answer = await why(cluster, id);
    expect(steps(answer)).toEqual(['removed', 'stop-requested', 'deployment', 'request']);
    expect(answer.chain[2]?.text).toContain('scaled /shop/web from 2 to 1');
    expect(answer.root).toMatchObject({ kind: 'request', text: 'DELETE /v2/apps/x/tasks from 10.0.0.9' });
  });

  it('it was killed, and a scaling at once let it not come back, tells of both', async () => {
    const cluster = await withApp({ instances: 2 });
    const { id } = first(cluster);
    const by = request('DELETE /v2/apps/shop/web/tasks');
    await cluster.core.tasks.kill(() => [first(cluster)], false, false, by);
    await cluster.core.apps.update(WEB, { instances: 1 }, PATCH, PUT);
    await cluster.advance(4_000);
    const answer = await why(cluster, id);
    expect(steps(answer)).toEqual(['removed', 'stop-requested', 'stop-requested', 'deployment', 'request']);
    expect(answer.chain[2]?.text).toContain(`killed by a person: ${by.text}`);
    expect(answer.chain[3]?.text).toContain('scaled /shop/web from 2 to 1');
    expect(answer.root).toMatchObject({ kind: 'request', text: PUT.by.text });
  });

  it('an old one is gone leads to the update that replaced it', async () => {
    const cluster = await withApp();
    const { id, taskId, version } = first(cluster);
    await cluster.core.apps.update(WEB, { env: { A: '1' } }, PATCH, PUT);
    await cluster.advance(30_000);
    const answer = await why(cluster, String(taskId));
    expect(answer).toMatchObject({ instanceId: id, isGone: true, now: 'it is gone' });
    expect(steps(answer)).toEqual(['removed', 'stop-requested', 'deployment', 'request']);
    const { version: next } = first(cluster);
    expect(answer.chain[2]?.text).toContain(`replaced version ${version} of /shop/web by ${next}`);
    expect(answer.root).toMatchObject({ kind: 'request', text: 'PUT /v2/apps/shop/web from 10.0.0.9' });
  });

  it('a new one is gone leads through the rollback and the failed release to its request', async () => {
    const cluster = await withApp({ healthChecks: [CHECK] });
    await cluster.agent.report(first(cluster).id, {
      health: [{ alive: true, consecutiveFailures: 0, lastSuccessAt: 1 }],
    });
    await cluster.advance(1_000);
    const good = first(cluster).id;
    // never healthy
    await cluster.core.apps.update(WEB, { env: { A: '1' } }, PATCH, PUT);
    await cluster.advance(2_000);
    const bad = instances(cluster).find(({ id }) => id !== good);
    await cluster.advance(700_000);
    expect(instances(cluster).map(({ id }) => id)).toEqual([good]);
    const answer = await why(cluster, bad?.id ?? '');
    expect(steps(answer)).toEqual(['removed', 'stop-requested', 'deployment', 'deployment', 'request']);
    expect(answer.chain[3]?.text).toMatch(/\(failed: no progress for /);
    expect(answer.root).toMatchObject({ kind: 'request', text: 'PUT /v2/apps/shop/web from 10.0.0.9' });
  });

  it('a new one waits leads to the host that was lost, and how it was', async () => {
    const cluster = await withApp();
    const old = first(cluster).id;
    cluster.agent.silent = true;
    await cluster.advance(33_000);
    const waiting = instances(cluster).find(({ id }) => id !== old);
    const answer = await why(cluster, waiting?.id ?? '');
    expect(steps(answer)).toEqual(['created', 'suspect']);
    expect(answer.root).toMatchObject({ kind: 'lost-agent' });
    expect(answer.root.text).toMatch(/^agent host-1 is lost: it was silent for 3\d s$/);
    const lost = await why(cluster, old);
    expect(steps(lost)).toEqual(['suspect']);
    expect(lost.now).toBe('its agent host-1 is lost');
  });

  it('a host was declared lost names who said so', async () => {
    const cluster = await withApp();
    const { id } = first(cluster);
    await cluster.core.agents.declareLost(cluster.agent.info.id, request('DELETE /v3/agents/agent-1'));
    await cluster.settle();
    const { root } = await why(cluster, id);
    expect(root.text).toContain('a person declared it lost: DELETE /v3/agents/agent-1 from 10.0.0.9');
  });

  it('all tasks stop names the end of Longrun', async () => {
    const cluster = await withApp();
    await cluster.core.shutdown.begin();
    await cluster.advance(4_000);
    const answer = await why(cluster, first(cluster).id);
    expect(steps(answer)).toEqual(['ended', 'stop-requested']);
    expect(answer.root).toMatchObject({ kind: 'shutdown' });
  });

  it('is still told by the row of an instance that is older than reasons are', async () => {
    const cluster = await withApp();
    cluster.store.reasonsOf = async () => [];
    const answer = await why(cluster, first(cluster).id);
    expect(steps(answer)).toEqual(['launched', 'deployment', 'request']);
  });

  it('says that a deployment is no longer kept', async () => {
    const cluster = await withApp();
    cluster.store.deployment = async () => null;
    const answer = await why(cluster, first(cluster).id);
    expect(steps(answer)).toEqual(['routed', 'launched', 'created', 'deployment']);
    expect(answer.root.text).toMatch(/^deployment \S+, which is no longer kept$/);
  });

  it('is unknown of an id that never was', async () => {
    const cluster = await withApp();
    expect(await cluster.core.why.of('shop_web.instance-none', cluster.core.state)).toBeNull();
  });
});
