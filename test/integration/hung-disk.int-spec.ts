// The disk of an agent hangs: writes neither end nor fail. What it is told waits for ever, while its heartbeats go on; so it counts as lost in
// time, and what cannot start there starts on another host.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { Agent, Journal } from '#libs/agent-core';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { forgetful, startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(240_000);
/** Until the disk is given up, and then the agent. */
const LOST = { withinMs: 120_000, everyMs: 200 } as const;

class Disk {
  #answer: Promise<void> = Promise.resolve();
  goOn = (): void => undefined;

  readonly journal: Journal = {
    ...forgetful,
    saveIdentity: () => this.#answer,
    saveInstance: () => this.#answer,
    removeInstance: () => this.#answer,
  };
  hang(): void {
    this.#answer = new Promise((resolve) => (this.goOn = resolve));
  }
}

let folder: string;
let database: TempDatabase;
let running: ControlPlaneProcess;
let agents: Agent[];
let disk: Disk;

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  disk = new Disk();
  database = await tempDatabase();
  running = await ControlPlaneProcess.start(folder, database.url);
  const resources = { cpus: 8, mem: 8_192, disk: 10_000 };
  const join = (hostname: string, from: number, journal: Journal): Promise<Agent> =>
    startFakeRuntimeAgent(
      running.url,
      'agent-token',
      { hostname, resources: { ...resources, ports: [{ from, to: from + 20 }] } },
      { journal },
    );
  agents = [await join('hangs', 31_000, disk.journal), await join('well', 31_100, forgetful)];
});
afterEach(async () => {
  disk.goOn();
  for (const agent of agents) await agent.close();
  await running.end('SIGKILL');
  await database.drop();
});

interface Shown {
  readonly hostname: string;
  readonly liveness: string;
  readonly warnings: readonly string[];
}
const shown = async (hostname: string): Promise<Shown | undefined> =>
  ((await running.send('GET', '/v3/agents')).body as { agents: Shown[] }).agents.find(
    (each) => each.hostname === hostname,
  );
const hosts = async (): Promise<readonly string[]> => {
  const { tasks } = (await running.send('GET', '/v2/tasks')).body as {
    tasks: { host: string; state: string }[];
  };
  return tasks.map(({ host, state }) => `${host} ${state}`).sort();
};
const isConnected = async (hostname: string): Promise<boolean> =>
  (await shown(hostname))?.liveness === 'connected';

it('counts as lost, with a word about its disk, what was placed there starts elsewhere, and it comes back when the disk answers', async () => {
  await until('both agents', async () => (await isConnected('hangs')) && (await isConnected('well')));
  disk.hang();
  const constraints = [['hostname', 'UNIQUE']];
  await running.send('POST', '/v2/apps', {
    id: '/unique',
    cmd: 'serve',
    cpus: 0.1,
    instances: 2,
    constraints,
  });
  await running.send('POST', '/v2/apps', { id: '/web', cmd: 'serve', cpus: 0.1, instances: 4 });
  await until('the agent to be lost', async () => (await shown('hangs'))?.liveness === 'lost', LOST);
  expect((await shown('hangs'))?.warnings.join()).toContain('disk');
  await until(
    'all that may run elsewhere to do so',
    async () => {
      const on = await hosts();
      return on.filter((each) => each === 'well TASK_RUNNING').length === 5;
    },
    LOST,
  );

  disk.goOn();
  await until('the agent to come back', () => isConnected('hangs'));
  expect((await shown('hangs'))?.warnings.join()).not.toContain('disk');
  await until('what only it can run', async () => (await hosts()).includes('hangs TASK_RUNNING'));
});
