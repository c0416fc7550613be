// Starts `longrun up` as a person would, on a data folder and ports of its own, and knows how to look at it and how to hurt it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ApiClient, type AppAnswer, type TaskAnswer } from '#libs/api-client';
import { isAlive, type ProcessIdentity } from '#libs/process-identity';
import { freePorts, until } from '#libs/testkit';
import { expectNothingLeft } from './left-over.js';

export const LONGRUN = resolve('bin/longrun.mjs');

export interface UpOptions {
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Reused after a restart, so that addresses stay. */
  readonly ports?: UpPorts;
  /** Not `process.execPath bin/longrun.mjs up`, but this. */
  readonly command?: readonly string[];
}
export interface UpPorts {
  readonly api: number;
  readonly proxy: number;
  readonly services: string;
  readonly tasks: string;
}

export async function somePorts(): Promise<UpPorts> {
  const [api = 0, proxy = 0, first = 0] = await freePorts(202);
  return { api, proxy, services: `${first}-${first + 99}`, tasks: `${first + 100}-${first + 199}` };
}

export class LongrunUp {
  readonly api: ApiClient;
  readonly url: string;
  readonly proxyUrl: string;
  output = '';
  #ended: Promise<number | null>;

  private constructor(
    readonly process: ChildProcess,
    readonly dataDir: string,
    readonly ports: UpPorts,
  ) {
    this.url = `http://127.0.0.1:${ports.api}`;
    this.proxyUrl = `http://127.0.0.1:${ports.proxy}`;
    this.api = new ApiClient({ url: this.url });
    process.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    process.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#ended = once(process, 'exit').then(([code]) => code as number | null);
  }

  /** Starts and returns at once; `ready()` waits. */
  static async start(options: UpOptions = {}): Promise<LongrunUp> {
    const ports = options.ports ?? (await somePorts());
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'longrun-e2e-'));
    const [command = process.execPath, ...prefix] = options.command ?? [process.execPath, LONGRUN, 'up'];
    const docker = process.env['DOCKER_HOST']?.replace('unix://', '');
    const child = spawn(
      command,
      [
        ...prefix,
        ...['--data-dir', dataDir, '--api-port', String(ports.api), '--proxy-port', String(ports.proxy)],
        ...['--service-ports', ports.services, '--task-ports', ports.tasks],
        // most tests are not about it, and each upgrade would take so much longer; one that is says so in its own arguments
        ...(options.args?.includes('--min-ready-seconds') ? [] : ['--min-ready-seconds', '0']),
        ...(docker ? ['--docker-socket', docker] : []),
        ...(options.args ?? []),
      ],
      { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    return new LongrunUp(child, dataDir, ports);
  }

  async ready(): Promise<this> {
    await until(
      `longrun up to be ready (it said: ${this.output.slice(-2000)})`,
      () => {
        if (this.process.exitCode !== null)
          throw new Error(`it ended with ${this.process.exitCode}: ${this.output}`);
        return this.output.includes('Longrun is up.');
      },
      { withinMs: 180_000 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.output}\n${this.logs()}`);
    });
    return this;
  }

  /** Exit code of the supervisor. */
  exited(): Promise<number | null> {
    return this.#ended;
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
    return this.#ended;
  }

  /** Stops, fails when that left anything on the host, and removes the data folder. For afterEach. */
  async dispose(): Promise<void> {
    await this.stop();
    await expectNothingLeft(this.dataDir, join(this.dataDir, 'agent'));
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  identity(child: 'control-plane' | 'agent' | 'proxy'): ProcessIdentity {
    const file = join(this.dataDir, 'records', `${child}.json`);
    return (JSON.parse(readFileSync(file, 'utf8')) as { identity: ProcessIdentity }).identity;
  }
  postgresPid(): number {
    const [pid] = readFileSync(join(this.dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n');
    return Number(pid);
  }
  /** Null while it is down. */
  postgresPidOrNull(): number | null {
    try {
      return this.postgresPid();
    } catch {
      return null;
    }
  }
  async killChild(child: 'control-plane' | 'agent' | 'proxy'): Promise<void> {
    const identity = this.identity(child);
    process.kill(identity.pid, 'SIGKILL');
    await until(`${child} to be gone`, () => !isAlive(identity));
  }

  async app(id: string): Promise<AppAnswer> {
    return (await this.api.get<{ app: AppAnswer }>(`/v2/apps${id}`)).app;
  }
  async tasks(id: string): Promise<readonly TaskAnswer[]> {
    return (await this.api.get<{ tasks: TaskAnswer[] }>(`/v2/apps${id}/tasks`)).tasks;
  }
  /** Waits until that many run (and are healthy, where there are checks), and no deployment is under way. */
  settled(id: string, count: number): Promise<readonly TaskAnswer[]> {
    return until(
      `${id} to settle at ${count}`,
      async () => {
        const app = await this.app(id);
        const healthy = app.healthChecks?.length ? app.tasksHealthy === count : true;
        const tasks = app.tasks ?? [];
        const running = app.tasksRunning === count && tasks.length === count;
        if (running && healthy && app.deployments.length === 0) return tasks;
        throw new Error(JSON.stringify({ ...app, healthChecks: undefined, cmd: undefined }).slice(0, 1500));
      },
      { withinMs: 90_000, everyMs: 100 },
    );
  }
  async deploymentEnded(id: string): Promise<void> {
    await until(
      `deployment ${id} to end`,
      async () => !(await this.api.get<{ id: string }[]>('/v2/deployments')).some((each) => each.id === id),
      { withinMs: 120_000, everyMs: 100 },
    );
  }

  logs(): string {
    const folder = join(this.dataDir, 'logs');
    try {
      return readdirSync(folder)
        .map((name) => `--- ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-3000)}`)
        .join('\n');
    } catch {
      return '(no logs)';
    }
  }
}

/** A service of node that answers with its task id, on $PORT0. */
export function httpCommand({ text = '1', startDelayMs = 0 } = {}): string {
  const code = `setTimeout(()=>require('node:http').createServer((q,s)=>{if(q.url==='/slow')setTimeout(()=>s.end('slow'),800);else s.end('${text} '+process.env.MESOS_TASK_ID)}).listen(process.env.PORT0),${startDelayMs})`;
  return `exec ${process.execPath} -e "${code}"`;
}

export const httpApp = (id: string, more: object = {}): object => ({
  id,
  cmd: httpCommand(),
  instances: 2,
  cpus: 0.1,
  mem: 64,
  portDefinitions: [{ port: 0, protocol: 'tcp', name: 'http' }],
  healthChecks: [
    {
      protocol: 'HTTP',
      path: '/',
      gracePeriodSeconds: 30,
      intervalSeconds: 1,
      timeoutSeconds: 5,
      maxConsecutiveFailures: 5,
    },
  ],
  ...more,
});
