// Agents that do not belong: data folders of other clusters, ports of others, an agent that is lost and comes back.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, until } from '#libs/testkit';
import { agentsOf, routed } from './agent-views.js';
import { endTasksOf } from './left-over.js';
import { httpApp, LONGRUN, LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';
import { pidsOfTask } from './task-processes.js';

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

const startAgent = (up: LongrunUp, name: string, dataDir: string, taskPorts: string): Part =>
  startPart(up, 'agent', [
    ...['--data-dir', dataDir, '--hostname', name, '--address', '127.0.0.1', '--task-ports', taskPorts],
    ...['--docker-socket', join(dataDir, 'none.sock')],
  ]);

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
    startAgent(up, name, dataDir, taskPorts);

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

describe('the end of Longrun', () => {
  let up: LongrunUp;
  const dirs = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'longrun-part-')));
  beforeAll(async () => {
    up = await (await LongrunUp.start()).ready();
  }, 200_000);
  afterAll(async () => {
    await up?.dispose();
    for (const dir of dirs) {
      await endTasksOf(dir);
      rmSync(dir, { recursive: true, force: true });
    }
  }, 120_000);

  it('does not wait for two of three agents that are gone: it names them and what runs there, and finds it again', async () => {
    const [first = 0] = await freePorts(100);
    const startBoth = (): Part[] =>
      dirs.map((dir, index) => {
        const from = first + 50 * index;
        return startAgent(up, `gone-${index + 1}`, dir, `${from}-${from + 49}`);
      });
    const gone = startBoth();
    const ofThem = async () => (await agentsOf(up)).filter(({ hostname }) => hostname.startsWith('gone-'));
    const both = async (liveness: string): Promise<boolean> =>
      (await ofThem()).filter((each) => each.liveness === liveness).length === 2;
    await until('both agents', () => both('connected'));
    await up.api.post('/v2/apps', {
      ...{ id: '/spread', cmd: 'exec sleep 100000', instances: 6, cpus: 0.01, mem: 16 },
      constraints: [
        ['hostname', 'LIKE', 'gone-.*'],
        ['hostname', 'MAX_PER', '3'],
      ],
    });
    const tasks = await up.settled('/spread', 6);
    const alive = (): number[] => dirs.flatMap((dir) => tasks.flatMap(({ id }) => pidsOfTask(dir, id)));
    const before = alive();
    gone.forEach(({ process }) => process.kill('SIGKILL')); // their tasks live on
    await until(
      'the host brake',
      async () => {
        const { hosts } = await up.api.get<{ hosts: { on: boolean } }>('/v3/brake');
        return hosts.on && (await both('disconnected'));
      },
      { withinMs: 90_000 },
    );
    expect(await up.stop('SIGTERM')).toBe(1);
    expect(up.output).not.toContain('forced');
    for (const name of ['gone-1', 'gone-2'])
      expect(up.output).toContain(`agent ${name} does not answer: 3 tasks left running there`);
    expect(up.output).toMatch(/the next "longrun up" on this folder takes them back as they are/);
    expect(up.output).toContain('6 tasks left running');
    expect(alive()).toEqual(before);

    const { dataDir, ports } = up;
    up = await (await LongrunUp.start({ dataDir, ports })).ready();
    startBoth();
    await until('both agents to be back', () => both('connected'));
    const idsOf = (some: typeof tasks): string[] => some.map(({ id }) => id).sort();
    expect(idsOf(await up.settled('/spread', 6))).toEqual(idsOf(tasks));
    expect(alive()).toEqual(before);
    expect(await up.stop('SIGTERM')).toBe(0);
    expect(alive()).toEqual([]);
  }, 300_000);
});
