// Why, over HTTP and on real Postgres: each way in which an instance starts, ends or is replaced, asked afterwards, also in a new
// process after kill -9.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Agent, Probes } from '#libs/agent-core';
import type { WhyAnswer } from '#libs/api-contract';
import { asTaskId } from '#libs/model';
import { FakeRuntime, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(120_000);

interface Task {
  readonly id: string;
  readonly host: string;
  readonly state: string;
  readonly ports: readonly number[];
  readonly healthCheckResults: readonly { readonly alive: boolean; readonly instanceId: string }[];
}

const CHECK = {
  protocol: 'HTTP',
  path: '/health',
  gracePeriodSeconds: 0,
  intervalSeconds: 1,
  timeoutSeconds: 1,
  maxConsecutiveFailures: 1,
  delaySeconds: 0,
};
const APP = {
  id: '/web',
  cmd: 'serve',
  cpus: 0.1,
  mem: 16,
  healthChecks: [CHECK],
  labels: { 'longrun.io/progress-deadline-seconds': '10' },
};

let folder: string;
let database: TempDatabase;
let plane: ControlPlaneProcess;
let agents: Map<string, { readonly agent: Agent; readonly runtime: FakeRuntime }>;
/** Ports that answer 500. */
let sick: Set<number>;

const probes: Probes = {
  http: ({ port }) =>
    Promise.resolve(
      sick.has(port) ? { kind: 'failure', cause: '500 Internal Server Error' } : { kind: 'success' },
    ),
  tcp: () => Promise.resolve({ kind: 'success' }),
  ask: () => Promise.resolve({ kind: 'answer', status: 200, contentType: 'text/plain', body: 'ready' }),
};

async function startAgent(hostname: string, from: number): Promise<void> {
  const runtime = new FakeRuntime(new SystemClock(), 'process');
  const resources = { cpus: 8, mem: 8_000, disk: 8_000, ports: [{ from, to: from + 50 }] };
  const agent = await startFakeRuntimeAgent(
    plane.url,
    'agent-token',
    { hostname, resources },
    { probes, runtime },
  );
  agents.set(hostname, { agent, runtime });
}

const get = async <T>(path: string): Promise<T> => (await plane.send('GET', path)).body as T;
const tasks = async (): Promise<readonly Task[]> => (await get<{ tasks: Task[] }>('/v2/tasks')).tasks;
const why = (id: string): Promise<WhyAnswer> => get<WhyAnswer>(`/v3/instances/${id}/why`);
const steps = ({ chain }: WhyAnswer): string[] => chain.map(({ what }) => what);

/** All healthy, and none of them among those that are not wanted any more. */
const healthy = (count: number, ...gone: readonly string[]): Promise<readonly Task[]> =>
  until(`${count} healthy tasks`, async () => {
    const all = await tasks();
    const good = all.filter(({ healthCheckResults }) => healthCheckResults.some(({ alive }) => alive));
    const isDone = all.length === count && good.length === count && !all.some(({ id }) => gone.includes(id));
    return isDone && (await get<unknown[]>('/v2/deployments')).length === 0 && all;
  });
async function only(...gone: readonly string[]): Promise<Task> {
  const [task] = await healthy(1, ...gone);
  if (!task) throw new Error('there is no task');
  return task;
}
const runtimeOf = ({ host }: Task): FakeRuntime => {
  const known = agents.get(host);
  if (!known) throw new Error(`there is no agent ${host}`);
  return known.runtime;
};

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  agents = new Map();
  sick = new Set();
  database = await tempDatabase();
  plane = await ControlPlaneProcess.start(folder, database.url);
  await startAgent('host-1', 41_000);
  await startAgent('host-2', 41_100);
  expect((await plane.send('POST', '/v2/apps', APP)).status).toBe(201);
});
afterEach(async () => {
  await Promise.all([...agents.values()].map(({ agent }) => agent.close()));
  await plane.end('SIGKILL');
  await database.drop();
});

describe('GET /v3/instances/ID/why', () => {
  it('leads from a task to the request that deployed it, also after kill -9 of the control plane', async () => {
    const task = await only();
    const answer = await until('it to be routed', async () => {
      const told = await why(task.id);
      return told.chain[0]?.what === 'routed' && told;
    });
    expect(steps(answer)).toEqual(['routed', 'launched', 'created', 'deployment', 'request']);
    expect(answer.root).toMatchObject({ kind: 'request', text: 'POST /v2/apps from 127.0.0.1' });
    expect(answer.chain[1]?.text).toContain(`launched on agent ${task.host}, ports ${task.ports.join(', ')}`);
    await plane.end('SIGKILL');
    await plane.start();
    expect((await why(task.id)).reasons).toEqual(answer.reasons);
    expect(await why(answer.instanceId)).toMatchObject({ root: answer.root, isGone: false });
  });

  it('leads to a crash with its exit code, and tells the pages of the app', async () => {
    const task = await only();
    runtimeOf(task).crash(asTaskId(task.id), 3);
    const next = await only(task.id);
    // nothing more is told of it after that
    const answer = await until('the next one to be routed', async () => {
      const told = await why(task.id);
      return told.reasons[0]?.what === 'routed' && told.reasons[0].taskId === next.id && told;
    });
    expect(answer.root).toMatchObject({ kind: 'crash', text: 'the task ended: exit code 3' });
    expect(steps(answer).slice(-2)).toEqual(['launched', 'ended']);
    expect((await why(next.id)).instanceId).toBe(answer.instanceId);

    const first = await plane.send('GET', '/v3/apps/web/why?limit=2');
    const { reasons } = first.body as { reasons: WhyAnswer['reasons'] };
    expect(reasons).toEqual(answer.reasons.slice(0, 2));
    const link = /<(.*)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1];
    const second = await get<{ reasons: WhyAnswer['reasons'] }>(link ?? '');
    expect(second.reasons).toEqual(answer.reasons.slice(2, 4));
  });

  it('leads to the health check that failed', async () => {
    const task = await only();
    task.ports.forEach((port) => sick.add(port));
    await until('the kill', async () => (await tasks()).every(({ id }) => id !== task.id));
    sick.clear();
    await only(task.id);
    const answer = await why(task.id);
    expect(answer.reasons.map(({ what }) => what)).toContain('unrouted');
    expect(steps(answer).slice(-2)).toEqual(['ended', 'stop-requested']);
    expect(answer.root).toMatchObject({
      kind: 'health',
      text: 'health check HTTP /health failed 2 times: 500 Internal Server Error',
    });
  });

  it('leads to the person who killed a task, by path and address', async () => {
    const task = await only();
    expect((await plane.send('DELETE', `/v2/apps/web/tasks/${task.id}`)).status).toBe(200);
    await only(task.id);
    const text = `killed by a person: DELETE /v2/apps/web/tasks/${task.id} from 127.0.0.1`;
    expect((await why(task.id)).root).toMatchObject({ kind: 'kill', text });

    const again = await only(task.id);
    await plane.send('POST', '/v2/tasks/delete?wipe=true', { ids: [again.id] });
    const third = await only(task.id, again.id);
    const replaced = await why(third.id);
    expect(replaced.root).toMatchObject({
      kind: 'kill',
      text: 'killed by a person: POST /v2/tasks/delete from 127.0.0.1',
    });
    expect(replaced.chain.map(({ instanceId }) => instanceId)).toContain((await why(again.id)).instanceId);
  });

  it('leads from a replaced one to the update, and from a bad new one through the rollback to its request', async () => {
    const old = await only();
    await plane.send('PUT', '/v2/apps/web', { env: { RELEASE: '2' } });
    const good = await only(old.id);
    const replaced = await why(old.id);
    expect(replaced).toMatchObject({ isGone: true, root: { kind: 'request' } });
    expect(steps(replaced)).toEqual(['removed', 'stop-requested', 'deployment', 'request']);
    expect(replaced.root.text).toBe('PUT /v2/apps/web from 127.0.0.1');

    for (let port = 41_000; port <= 41_150; port += 1) if (!good.ports.includes(port)) sick.add(port);
    await plane.send('PATCH', '/v2/apps/web', { env: { RELEASE: '3' } });
    const bad = await until('the bad one', async () => (await tasks()).find(({ id }) => id !== good.id));
    await until('the rollback', async () => {
      const { deployments } = await get<{ deployments: { status: string; reason?: string }[] }>(
        '/v3/deployments',
      );
      return deployments.some(({ status }) => status === 'failed');
    });
    await healthy(1, bad.id);
    const answer = await why(bad.id);
    expect(steps(answer)).toEqual(['removed', 'stop-requested', 'deployment', 'deployment', 'request']);
    expect(answer.chain[3]?.text).toContain('(failed: no progress for ');
    expect(answer.root).toMatchObject({ kind: 'request', text: 'PATCH /v2/apps/web from 127.0.0.1' });
  });

  it('leads from the one that took its place to the host that was lost', async () => {
    const task = await only();
    const { agents: known } = await get<{ agents: { id: string; hostname: string }[] }>('/v3/agents');
    const lost = known.find(({ hostname }) => hostname === task.host);
    await agents.get(task.host)?.agent.close();
    await plane.send('DELETE', `/v3/agents/${lost?.id}`);
    const next = await only(task.id);
    expect(next.host).not.toBe(task.host);
    const answer = await why(next.id);
    expect(steps(answer).slice(0, 3)).toEqual(['routed', 'launched', 'created']);
    expect(answer.chain[2]?.text).toContain(`takes the place of ${(await why(task.id)).instanceId}`);
    expect(answer.root).toMatchObject({ kind: 'lost-agent' });
    expect(answer.root.text).toContain(
      `agent ${task.host} is lost: a person declared it lost: DELETE /v3/agents/${lost?.id} from 127.0.0.1`,
    );
  });

  it('knows the instances of an app that is gone, and says what is not known and for how long', async () => {
    const task = await only();
    await plane.send('DELETE', '/v2/apps/web');
    await until('the app to be gone', async () => (await plane.send('GET', '/v2/apps/web')).status === 404);
    await until('the task to be gone', async () => (await tasks()).length === 0);
    const answer = await until('the end of it', async () => {
      const told = await why(task.id);
      return told.isGone && told;
    });
    expect(answer.root).toMatchObject({ kind: 'request', text: 'DELETE /v2/apps/web from 127.0.0.1' });
    const { reasons } = await get<{ reasons: WhyAnswer['reasons'] }>('/v3/apps/web/why');
    expect(reasons).toEqual(answer.reasons);

    const unknown = await plane.send('GET', '/v3/instances/web.instance-none/why');
    expect(unknown.status).toBe(404);
    expect((unknown.body as { message: string }).message).toContain("'web.instance-none' is known");
    expect((unknown.body as { message: string }).message).toContain('7 days');
    expect((await plane.send('GET', '/v3/apps/never/why')).status).toBe(404);
  });
});
