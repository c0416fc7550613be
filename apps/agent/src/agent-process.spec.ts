// The agent as a process of its own, against a control plane that the spec plays over a real WebSocket, with real tasks: what its death
// leaves running is found again.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import type { FromAgent, Hello, ToAgent } from '#libs/agent-protocol';
import { asAppId, asClusterId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { Assignment, InstanceStatus } from '#libs/model';
import { aLaunchSpec, compileProgram, freePort, until } from '#libs/testkit';

const TOKEN = 'the-token-of-this-spec';
const CGROUPS = '/sys/fs/cgroup';
const INSTANCE = asInstanceId('spec_sleeper.instance-1');

/** A control plane of one agent. */
class PlayedControlPlane {
  readonly hellos: Hello[] = [];
  readonly statuses: InstanceStatus[] = [];
  /** What came, in order: phases of tasks, and answers to `ask`. */
  readonly words: (InstanceStatus['phase'] | number)[] = [];
  set: readonly Assignment[] = [];
  #socket: WebSocket | null = null;
  #number = 0;

  private constructor(
    private readonly server: WebSocketServer,
    readonly url: string,
  ) {
    server.on('connection', (socket, request) => {
      if (request.headers.authorization !== `Bearer ${TOKEN}`) return socket.close();
      this.#socket = socket;
      this.#number = 0;
      socket.on('message', (data) => this.#take(JSON.parse(data.toString()) as FromAgent));
    });
  }

  static async start(): Promise<PlayedControlPlane> {
    const port = await freePort();
    const server = new WebSocketServer({ port, host: '127.0.0.1', path: '/v3/agents/session' });
    await once(server, 'listening');
    return new PlayedControlPlane(server, `http://127.0.0.1:${port}`);
  }

  send(frame: ToAgent): void {
    this.#socket?.send(JSON.stringify(frame));
  }
  assign(set: readonly Assignment[]): void {
    this.set = set;
    this.#number += 1;
    this.send({
      type: 'assignments',
      number: this.#number,
      full: true,
      more: false,
      items: set,
      removed: [],
    });
  }
  last(phase: InstanceStatus['phase'], run: number): InstanceStatus | undefined {
    return this.statuses.filter((each) => each.phase === phase && each.run === run).at(-1);
  }
  async close(): Promise<void> {
    for (const each of this.server.clients) each.terminate();
    await new Promise((done) => this.server.close(done));
  }

  #take(frame: FromAgent): void {
    if (frame.type === 'hello') {
      this.hellos.push(frame);
      this.send({ type: 'welcome', protocol: 1, cluster: asClusterId('cluster-of-spec'), epoch: 1 });
      this.assign(this.set);
    }
    if (frame.type === 'heartbeat') {
      if (frame.heard !== undefined) this.words.push(frame.heard);
      this.send({ type: 'heartbeat' });
    }
    if (frame.type !== 'statuses') return;
    this.statuses.push(...frame.items);
    this.words.push(...frame.items.map(({ phase }) => phase));
    this.send({ type: 'statuses-ack', sequence: Math.max(...frame.items.map((each) => each.sequence)) });
  }
}

interface Agent {
  readonly child: ChildProcess;
  readonly errors: () => string;
}

let build: string;
let folder: string;
let controlPlane: PlayedControlPlane;
const children: ChildProcess[] = [];

function startAgent(env: NodeJS.ProcessEnv = { LONGRUN_TOKEN: TOKEN }): Agent {
  const child = spawn(
    process.execPath,
    [
      join(build, 'apps/agent/src/main.js'),
      ...['--control-plane', controlPlane.url, '--data-dir', join(folder, 'data')],
      ...['--address', '127.0.0.1', '--docker-socket', join(folder, 'no-docker.sock')],
    ],
    { cwd: folder, env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'inherit', 'pipe'] },
  );
  children.push(child);
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, errors: () => text };
}
async function ended({ child }: Agent): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}
function sleeper(goal: 'run' | 'stop', cmd: string): Assignment {
  return {
    instanceId: INSTANCE,
    appId: asAppId('/spec/sleeper'),
    appVersion: timestampOf(1_700_000_000_000),
    incarnation: 1,
    taskId: asTaskId('spec_sleeper.task-1'),
    goal,
    launch: aLaunchSpec({ cmd, env: { PATH: process.env['PATH'] ?? '/bin' }, killGraceMs: 2_000 }),
    backoff: { delayMs: 0, initialMs: 1_000, factor: 1.15, maxMs: 300_000 },
    cause: { kind: 'deployment', text: 'a spec wants it' },
  };
}
/** What is left of this agent where cgroups are; no test leaves a task. */
function cgroupLevels(): string[] {
  const identity = join(folder, 'data', 'journal', 'identity.json');
  if (!existsSync(identity)) return [];
  const { agentId } = JSON.parse(readFileSync(identity, 'utf8')) as { agentId: string };
  const trees = ['', ...(existsSync(CGROUPS) ? readdirSync(CGROUPS) : [])];
  return trees.map((tree) => join(CGROUPS, tree, 'longrun', agentId)).filter((level) => existsSync(level));
}
const isAlive = (pid: string | undefined): boolean => existsSync(`/proc/${pid ?? 'none'}/stat`);

beforeAll(() => {
  build = mkdtempSync(join(tmpdir(), 'longrun-agent-build-'));
  compileProgram(build, ['apps/agent/src/main.ts']);
}, 60_000);
afterAll(() => rmSync(build, { recursive: true, force: true }));
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-agent-'));
  controlPlane = await PlayedControlPlane.start();
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    // in order, for a killed one leaves its cgroups to the next start
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await controlPlane.close();
  expect(cgroupLevels()).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

describe('the agent process', () => {
  it('finds its task again after kill -9, with the same pid, and knows its real exit', async () => {
    const go = resolve(folder, 'go');
    const cmd = `until [ -e ${go} ]; do sleep 0.05; done; echo bye >&2; exit 7`;
    controlPlane.set = [sleeper('run', cmd)];
    const first = startAgent();
    const { handle } = await until('the task to run', () => controlPlane.last('running', 1));
    first.child.kill('SIGKILL');
    await ended(first);
    expect(isAlive(handle)).toBe(true);
    startAgent();
    const again = await until('the task to be found', () => controlPlane.last('running', 2));
    expect(again).toMatchObject({ handle, incarnation: 1, autonomous: false });
    expect(controlPlane.hellos.map(({ run, cluster }) => ({ run, cluster }))).toEqual([
      { run: 1, cluster: null },
      { run: 2, cluster: 'cluster-of-spec' },
    ]);
    writeFileSync(go, '');
    const end = await until('the exit', () => controlPlane.last('ended', 2));
    expect(end.exit).toMatchObject({ code: 7, requested: false });
    expect(end.exit?.message).toContain('bye');
  }, 60_000);

  it('has noticed what ended while it stood still before it answers what it was asked meanwhile', async () => {
    controlPlane.set = [sleeper('run', 'exec sleep 1000')];
    const { child } = startAgent();
    const { handle } = await until('the task to run', () => controlPlane.last('running', 1));
    const record = join(folder, 'data', 'process', 'records', 'spec_sleeper.task-1.exit');
    child.kill('SIGSTOP');
    process.kill(Number(handle), 'SIGKILL');
    await until('its end to be on record', () => existsSync(record));
    controlPlane.send({ type: 'heartbeat', at: 7_000 });
    child.kill('SIGCONT');
    await until('the answer', () => controlPlane.words.includes(7_000));
    expect(controlPlane.words.filter((each) => each === 'ended' || each === 7_000)).toEqual(['ended', 7_000]);
  }, 60_000);

  it('leaves its task running when it is asked to end, reports an exit that it did not see, and stops what it is told to', async () => {
    controlPlane.set = [sleeper('run', 'exec sleep 1000')];
    const first = startAgent();
    const { handle } = await until('the task to run', () => controlPlane.last('running', 1));
    first.child.kill('SIGTERM');
    expect(await ended(first)).toBe(0);
    expect(isAlive(handle)).toBe(true);
    startAgent();
    await until('the task to be found', () => controlPlane.last('running', 2));
    controlPlane.assign([]);
    controlPlane.assign([sleeper('stop', 'exec sleep 1000')]);
    const end = await until('the stop', () => controlPlane.last('ended', 2));
    expect(end.exit).toMatchObject({ requested: true });
    expect(isAlive(handle)).toBe(false);
  }, 60_000);

  it('fetches again what it was fetching when it was killed, whole, and ends a download for a stop', async () => {
    const answers: ServerResponse[] = [];
    const server = createServer((_, response) => {
      response.write('half ');
      answers.push(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/words`;
    const fetching = (goal: 'run' | 'stop'): Assignment => {
      const assignment = sleeper(goal, 'cat words; exec sleep 1000');
      const fetch = [{ uri, extract: true, executable: false, cache: true }];
      return { ...assignment, launch: { ...assignment.launch, fetch } };
    };
    try {
      controlPlane.set = [fetching('run')];
      const first = startAgent();
      const status = await until(
        'the progress',
        () => controlPlane.last('pulling', 1)?.pull && controlPlane.last('pulling', 1),
      );
      expect(status.pull).toMatchObject({ doneBytes: 5, text: `fetching ${uri}` });
      first.child.kill('SIGKILL');
      await ended(first);
      startAgent();
      await until('the second download', () => controlPlane.last('pulling', 2)?.pull && answers.length === 2);
      answers[1]?.end('and whole');
      await until('the task to run', () => controlPlane.last('running', 2));
      const sandboxes = join(folder, 'data', 'process', 'sandboxes');
      const [words = ''] = readdirSync(sandboxes, { recursive: true, encoding: 'utf8' }).filter((path) =>
        path.endsWith('/words'),
      );
      expect(readFileSync(join(sandboxes, words), 'utf8')).toBe('half and whole');
      controlPlane.assign([fetching('stop')]);
      await until('the stop', () => controlPlane.last('ended', 2));

      const other = {
        instanceId: asInstanceId('spec_sleeper.instance-2'),
        taskId: asTaskId('spec_sleeper.task-2'),
      };
      const next = (goal: 'run' | 'stop'): Assignment => {
        const { launch, ...rest } = fetching(goal);
        const fetch = [{ uri: `${uri}-2`, extract: true, executable: false, cache: false }];
        return { ...rest, ...other, launch: { ...launch, fetch } };
      };
      controlPlane.assign([next('run')]);
      const answer = await until('the third download', () => answers[2]);
      const closed = once(answer, 'close');
      controlPlane.assign([next('stop')]);
      await closed;
      await until('the end', () => controlPlane.last('ended', 2)?.taskId === other.taskId);
      expect(readdirSync(join(folder, 'data', 'process', 'fetching'))).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }, 60_000);

  it('never shares its data folder, and names the holder', async () => {
    const first = startAgent();
    await until('the first one to be up', () => controlPlane.hellos.length);
    const second = startAgent();
    expect(await ended(second)).toBe(2);
    expect(second.errors()).toContain(`pid ${first.child.pid}`);
    expect(first.child.exitCode).toBeNull();
  }, 60_000);

  it('ends with an error and the remedy when it has no token', async () => {
    const agent = startAgent({});
    expect(await ended(agent)).toBe(2);
    expect(agent.errors()).toContain('LONGRUN_TOKEN');
  }, 60_000);

  it('ends with an error when it is refused for good and has no task to watch over', async () => {
    controlPlane.set = [];
    const first = startAgent();
    await until('a session', () => controlPlane.hellos.length);
    controlPlane.send({ type: 'refused', reason: 'the ports overlap with agent b', final: true });
    expect(await ended(first)).toBe(1);
    expect(first.errors()).toContain('the ports overlap with agent b');
    expect(first.errors()).not.toContain(TOKEN);
  }, 60_000);
});
