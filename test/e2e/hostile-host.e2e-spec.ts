// A host that is no friend: a nearly full disk, everything killed at once, a Docker Engine that goes away, containers that nobody
// asked for, data folders of other clusters, an agent that is lost and comes back.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canStartDockerd, freePorts, importBusyboxImage, PrivateDockerd, until } from '#libs/testkit';
import { endTasksOf, expectNothingLeft } from './left-over.js';
import { httpApp, LONGRUN, LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';
import { fingerprints, pidsOfTask } from './task-processes.js';

interface AgentView {
  readonly hostname: string;
  readonly liveness: string;
  readonly diskLow: boolean;
  readonly warnings: readonly string[];
}
const agentsOf = async (up: LongrunUp): Promise<readonly AgentView[]> =>
  (await up.api.get<{ agents: AgentView[] }>('/v3/agents')).agents;
const routed = (up: LongrunUp, id: string): Promise<boolean> =>
  until(`${id} to be routed`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok);

/** Ends what a test started by hand, whatever became of it. */
const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
});

class Part {
  output = '';
  constructor(readonly process: ChildProcess) {
    started.push(process);
    for (const stream of [process.stdout, process.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }
  ended(): Promise<number | null> {
    return until('it to end', () => this.process.exitCode !== null, { withinMs: 30_000 }).then(
      () => this.process.exitCode,
    );
  }
}

/** A part of a fleet, started by hand against this `up`. */
function startPart(up: LongrunUp, verb: 'agent' | 'proxy', args: readonly string[]): Part {
  const tokens = JSON.parse(readFileSync(join(up.dataDir, 'tokens.json'), 'utf8')) as Record<string, string>;
  const child = spawn(process.execPath, [LONGRUN, verb, '--control-plane', up.url, ...args], {
    env: { ...process.env, LONGRUN_TOKEN: tokens[verb] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Part(child);
}

describe('everything killed at once', () => {
  let up: LongrunUp;
  afterAll(() => up?.dispose(), 120_000);

  it('leaves the tasks alone, and the next up serves them before anything else', async () => {
    up = await (await LongrunUp.start()).ready();
    await up.api.post('/v2/apps', httpApp('/all'));
    const before = (await up.settled('/all', 2)).map(({ id }) => id);
    await routed(up, '/all');
    const marks = fingerprints(up.dataDir, before);
    const pids = (['control-plane', 'agent', 'proxy'] as const).map((part) => up.identity(part).pid);
    up.process.kill('SIGKILL');
    for (const pid of [...pids, up.postgresPid()]) process.kill(pid, 'SIGKILL');
    await up.exited();
    up = await LongrunUp.start({ dataDir: up.dataDir, ports: up.ports });
    await routed(up, '/all');
    expect(up.output).not.toContain('Longrun is up.');
    await up.ready();
    const after = (await up.settled('/all', 2)).map(({ id }) => id);
    expect(fingerprints(up.dataDir, after)).toEqual(marks);
  }, 180_000);
});

/** A small disk of our own; null where we may not mount. */
function smallDisk(): string | null {
  const path = mkdtempSync(join(tmpdir(), 'longrun-small-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=320m', 'none', path]).status === 0) return path;
  rmSync(path, { recursive: true });
  return null;
}
function removeDisk(path: string): void {
  spawnSync('umount', ['-l', path]);
  rmSync(path, { recursive: true, force: true });
}
function canMount(): boolean {
  const path = smallDisk();
  if (path !== null) removeDisk(path);
  return path !== null;
}

(canMount() ? describe : describe.skip)('a nearly full disk', () => {
  let up: LongrunUp;
  let folder: string;
  beforeAll(() => {
    folder = smallDisk() ?? '';
  });
  afterAll(async () => {
    await up?.stop();
    if (up) await expectNothingLeft(folder, join(folder, 'agent'));
    if (folder) removeDisk(folder);
  }, 120_000);

  /** Leaves so many MiB free. */
  function fill(name: string, free: number): void {
    const { bavail, bsize } = statfsSync(folder);
    const bytes = Math.max(0, bavail * bsize - free * 1_048_576);
    const dd = ['if=/dev/zero', `of=${join(folder, name)}`, 'bs=1M', `count=${Math.ceil(bytes / 1_048_576)}`];
    spawnSync('dd', dd);
  }
  const isLow = async (): Promise<boolean> => (await agentsOf(up)).some(({ diskLow }) => diskLow);

  it('refuses deploys with the path, drops task output, repairs a crash, and is forgotten when there is room', async () => {
    up = await (await LongrunUp.start({ dataDir: folder })).ready();
    await up.api.post('/v2/apps', httpApp('/full'));
    const [victim] = await up.settled('/full', 2);
    const postgres = up.postgresPid();

    fill('most', 10);
    await until('the agent to see it', isLow, { withinMs: 20_000 });
    expect((await agentsOf(up)).flatMap(({ warnings }) => warnings).join()).toContain(
      'task output is dropped',
    );
    for (const refused of [
      up.api.post('/v2/apps', httpApp('/new')),
      up.api.put('/v2/apps/full', { instances: 3 }),
      up.api.post('/v2/apps/full/restart'),
    ])
      await expect(refused).rejects.toMatchObject({ status: 507, message: expect.stringContaining(folder) });
    for (const pid of pidsOfTask(folder, victim?.id ?? '')) process.kill(pid, 'SIGKILL');
    await until('the killed task to be replaced', async () => {
      const tasks = await up.settled('/full', 2);
      return !tasks.some(({ id }) => id === victim?.id);
    });

    // not one byte is left: every log line of ours is lost, and nobody falls over it
    fill('rest', -5);
    await expect(up.api.post('/v2/apps', httpApp('/new'))).rejects.toMatchObject({ status: 507 });
    expect((await fetch(`${up.url}/ping`)).status).toBe(200);
    await routed(up, '/full');

    rmSync(join(folder, 'most'));
    rmSync(join(folder, 'rest'), { force: true });
    await until('the agent to see room', async () => !(await isLow()), { withinMs: 30_000 });
    await until('a deploy to be taken', () => up.api.post('/v2/apps', httpApp('/new')), { withinMs: 30_000 });
    await up.settled('/new', 2);
    await up.settled('/full', 2);
    expect(up.postgresPid()).toBe(postgres);
  }, 240_000);
});

describe('parts of several hosts', () => {
  let up: LongrunUp;
  let other: string;
  const dirs: string[] = [];
  const newDir = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'longrun-part-'));
    dirs.push(path);
    return path;
  };
  beforeAll(async () => {
    up = await (await LongrunUp.start()).ready();
    const [first = 0] = await freePorts(50);
    other = `${first}-${first + 49}`;
  }, 200_000);
  afterAll(async () => {
    await up?.dispose();
    for (const dir of dirs) {
      await endTasksOf(dir);
      rmSync(dir, { recursive: true, force: true });
    }
  }, 120_000);

  const agent = (name: string, dataDir: string, taskPorts = other): Part =>
    startPart(up, 'agent', [
      ...['--data-dir', dataDir, '--hostname', name, '--address', '127.0.0.1', '--task-ports', taskPorts],
      ...['--docker-socket', join(dataDir, 'none.sock')],
    ]);

  it('refuse each other when they belong to different clusters, and say both', async () => {
    const foreign = newDir();
    mkdirSync(join(foreign, 'journal'));
    writeFileSync(
      join(foreign, 'journal', 'identity.json'),
      JSON.stringify({ agentId: 'foreign', run: 4, epoch: 2, cluster: 'another-cluster' }),
    );
    const refused = agent('foreign', foreign);
    expect(await refused.ended()).toBe(1);
    expect(refused.output).toContain('this agent belongs to cluster another-cluster');
    expect((await agentsOf(up)).map(({ hostname }) => hostname)).not.toContain('foreign');
  }, 60_000);

  it('refuse overlapping task ports, naming the other', async () => {
    const refused = agent('greedy', newDir(), up.ports.tasks);
    expect(await refused.ended()).toBe(1);
    const [first] = await agentsOf(up);
    expect(refused.output).toContain(`(${first?.hostname}) on 127.0.0.1 hands out the same task ports`);
  }, 60_000);

  it('take over from a lost agent without a failed request, and clear up when it comes back', async () => {
    const dataDir = newDir();
    const second = agent('second', dataDir);
    const liveness = async (): Promise<string | undefined> =>
      (await agentsOf(up)).find(({ hostname }) => hostname === 'second')?.liveness;
    await until('the second agent', async () => (await liveness()) === 'connected');
    await up.api.post('/v2/apps', httpApp('/moved', { instances: 4 }));
    const there = (await up.settled('/moved', 4)).filter(({ host }) => host === 'second');
    expect(there).toHaveLength(2);
    await routed(up, '/moved');
    const steady = new SteadyLoad([`${up.proxyUrl}/_app/moved/`], 50);

    second.process.kill('SIGKILL'); // its tasks live on
    await until('it to be lost', async () => (await liveness()) === 'lost', { withinMs: 60_000 });
    await until('four to run elsewhere', async () => {
      const tasks = await up.settled('/moved', 4);
      return tasks.every(({ host }) => host !== 'second');
    });
    const alive = (): number => there.flatMap(({ id }) => pidsOfTask(dataDir, id)).length;
    expect(alive()).toBeGreaterThan(0);
    agent('second', dataDir);
    await until('it to be back', async () => (await liveness()) === 'connected');
    await until('its surplus tasks to be stopped', () => alive() === 0, { withinMs: 90_000, everyMs: 500 });
    await steady.stop();
    expect(steady.failures).toEqual([]);
    expect(await up.settled('/moved', 4)).toHaveLength(4);
  }, 240_000);
});

const IMAGE = 'longrun-test/hostile:e2e';

(canStartDockerd() ? describe : describe.skip)('a Docker Engine that misbehaves', () => {
  const engine = new PrivateDockerd(`/tmp/longrun-hostile-${process.pid}`);
  const docker = new Docker({ socketPath: engine.socketPath });
  let up: LongrunUp;

  beforeAll(async () => {
    await engine.start();
    await importBusyboxImage(engine, IMAGE);
    const args = ['--docker-socket', engine.socketPath];
    up = await (await LongrunUp.start({ args })).ready();
    await up.api.post('/v2/apps', dockerApp('/engine'));
    await up.settled('/engine', 2);
  }, 300_000);
  afterAll(async () => {
    await up?.dispose();
    await engine.stop();
  }, 180_000);

  const dockerApp = (id: string, more: object = {}): object => ({
    id,
    cmd: 'mkdir -p /www && echo ok > /www/index.html && exec httpd -f -p $PORT0 -h /www',
    instances: 2,
    cpus: 0.1,
    mem: 32,
    container: { type: 'DOCKER', docker: { image: IMAGE } },
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: 0, name: 'http' }],
    healthChecks: [{ protocol: 'HTTP', path: '/', gracePeriodSeconds: 30, intervalSeconds: 1 }],
    ...more,
  });
  const containers = async (id: string): Promise<Docker.ContainerInfo[]> =>
    (await docker.listContainers()).filter(({ Labels }) => Labels['io.longrun.app'] === id);
  const containerIds = async (id: string): Promise<string[]> =>
    (await containers(id)).map(({ Id }) => Id).sort();

  it('may be killed and be away: no container is restarted, and a deploy under way goes on', async () => {
    await routed(up, '/engine');
    const steady = new SteadyLoad([`${up.proxyUrl}/_app/engine/`], 50);
    const before = await containerIds('/engine');
    await engine.killHard();
    const { deploymentId } = await up.api.put<{ deploymentId: string }>('/v2/apps/engine', {
      env: { ROUND: '2' },
    });
    await until('requests while it is away', () => steady.answered > 200);
    await engine.start();
    await up.deploymentEnded(deploymentId);
    await up.settled('/engine', 2);
    await steady.stop();
    expect(steady.failures).toEqual([]);
    const after = await containerIds('/engine');
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  }, 240_000);

  it('has a container removed by a person: it is replaced', async () => {
    const [victim] = await containers('/engine');
    // as that person would: an Engine that still wrote into the container's folder fails the first time, and is asked again
    await until('the Engine to have removed it', async () => {
      const removal = docker.getContainer(victim?.Id ?? '').remove({ force: true });
      await removal.catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404) throw error;
      });
      return true;
    });
    await until('another container', async () => {
      const now = await containerIds('/engine');
      return now.length === 2 && !now.includes(victim?.Id ?? '');
    });
    await up.settled('/engine', 2);
  }, 120_000);

  it('has containers that nobody asked for: ours is listed and stopped after a minute, others are left alone', async () => {
    const [model] = await containers('/engine');
    const start = async (name: string, labels: Record<string, string>): Promise<void> => {
      const Labels = { ...model?.Labels, ...labels, 'io.longrun.task': name, MESOS_TASK_ID: name };
      const made = await docker.createContainer({ name, Image: IMAGE, Cmd: ['sleep', '1000'], Labels });
      await made.start();
    };
    await start('ghost', { 'io.longrun.instance': 'engine.ghost' });
    await start('ghost-malformed', { 'io.longrun.instance': 'engine.m', 'io.longrun.incarnation': 'many' });
    await start('ghost-of-others', { 'io.longrun.instance': 'engine.o', 'io.longrun.cluster': 'another' });
    await up.killChild('agent'); // it looks every half minute, and at once when it starts
    await until('the warning', async () => {
      const [agent] = await agentsOf(up);
      return agent?.warnings.some((text) => text.includes('engine.ghost'));
    });
    await until('the log to say so', () => up.logs().includes('no assignment names this task'));
    const running = async (): Promise<string[]> =>
      (await docker.listContainers())
        .flatMap(({ Names }) => Names)
        .filter((name) => name.startsWith('/ghost'))
        .sort();
    expect(await running()).toEqual(['/ghost', '/ghost-malformed', '/ghost-of-others']);
    await until('the ghost to be stopped', async () => !(await running()).includes('/ghost'), {
      withinMs: 90_000,
      everyMs: 500,
    });
    expect(await running()).toEqual(['/ghost-malformed', '/ghost-of-others']);
    expect(await up.settled('/engine', 2)).toHaveLength(2);
  }, 180_000);
});
