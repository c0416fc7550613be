// A person declares an agent lost that is alive: what ran there is replaced, and the agent comes back instead of being lost for ever.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { Agent } from '#libs/agent-core';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(120_000);

let folder: string;
let database: TempDatabase;
let running: ControlPlaneProcess;
let agent: Agent;

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  database = await tempDatabase();
  running = await ControlPlaneProcess.start(folder, database.url);
  agent = await startFakeRuntimeAgent(running.url, 'agent-token');
});
afterEach(async () => {
  await agent.close();
  await running.end('SIGKILL');
  await database.drop();
});

const tasks = async (): Promise<readonly { state: string }[]> =>
  ((await running.send('GET', '/v2/tasks')).body as { tasks: { state: string }[] }).tasks;
const agents = async (): Promise<readonly { id: string; liveness: string }[]> =>
  ((await running.send('GET', '/v3/agents')).body as { agents: { id: string; liveness: string }[] }).agents;

it('comes back, and has its task, after it was declared lost', async () => {
  await running.send('POST', '/v2/apps', { id: '/web', cmd: 'serve', cpus: 0.1 });
  const runs = async (): Promise<boolean> => (await tasks()).some(({ state }) => state === 'TASK_RUNNING');
  await until('the task', runs);
  const [known] = await agents();
  expect((await running.send('DELETE', `/v3/agents/${known?.id}?dryRun=true`)).status).toBe(422);
  expect(await agents()).toEqual([expect.objectContaining({ liveness: 'connected' })]);

  expect((await running.send('DELETE', `/v3/agents/${known?.id}`)).status).toBe(200);
  await until('the agent to come back', async () => (await agents())[0]?.liveness === 'connected');
  await until('a task', runs);
});
