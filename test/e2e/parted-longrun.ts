// Longrun as on several hosts (docs/fleet.md), on one: control planes on a Postgres of their own, an agent and a proxy, each a process
// that a test starts, stops and freezes by itself. A part may see another wall clock than the rest (libfaketime).
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient, type AppAnswer, type TaskAnswer } from '#libs/api-client';
import { freePorts, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { endTasksOf, expectNothingLeft } from './left-over.js';
import { LONGRUN } from './longrun-up.js';

const TOKENS = { LONGRUN_AGENT_TOKEN: 'agent-token', LONGRUN_PROXY_TOKEN: 'proxy-token' };
/** A part that was started answers by then, also on a machine that does a lot besides. */
export const STARTED = { withinMs: 120_000 } as const;

/** One process that can be started again with the same words. */
export class Part {
  #child: ChildProcess | null = null;
  output = '';

  constructor(
    readonly words: readonly string[],
    readonly env: Readonly<Record<string, string>>,
  ) {}

  start(): void {
    const child = spawn(process.execPath, [LONGRUN, ...this.words], {
      env: { PATH: process.env['PATH'] ?? '', ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (chunk: Buffer): void => void (this.output = (this.output + String(chunk)).slice(-200_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
  }
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await gone;
  }
}

export interface PartedOptions {
  readonly planes: number;
  /** Environment of the control plane with this number. */
  readonly planeEnv?: (index: number) => Readonly<Record<string, string>>;
  readonly agentEnv?: Readonly<Record<string, string>>;
}

export class PartedLongrun {
  readonly #service: number;
  readonly #proxyPort: number;
  readonly #planePorts: readonly number[];
  readonly planes: readonly Part[];
  readonly agent: Part;
  readonly proxies: readonly Part[];

  private constructor(
    readonly folder: string,
    readonly database: TempDatabase,
    ports: readonly number[],
    { planes, planeEnv = () => ({}), agentEnv = {} }: PartedOptions,
  ) {
    const [first = 0, proxyPort = 0, proxyAdmin = 0, ...rest] = ports;
    this.#service = first;
    this.#proxyPort = proxyPort;
    this.#planePorts = rest.slice(0, planes);
    const taskPorts = rest.slice(planes);
    const urls = this.#planePorts.map((_, index) => this.url(index));
    this.planes = this.#planePorts.map(
      (port, index) =>
        new Part(['control-plane', '--api-port', String(port), '--min-ready-seconds', '0'], {
          ...{ ...TOKENS, DATABASE_URL: database.url, LONGRUN_SERVICE_PORTS: `${first}-${first}` },
          ...planeEnv(index),
        }),
    );
    this.agent = new Part(
      [
        ...[
          'agent',
          '--control-plane',
          urls.join(','),
          '--data-dir',
          this.agentDir,
          '--address',
          '127.0.0.1',
        ],
        ...['--task-ports', `${taskPorts[0]}-${taskPorts.at(-1)}`],
      ],
      { LONGRUN_TOKEN: TOKENS.LONGRUN_AGENT_TOKEN, ...agentEnv },
    );
    this.proxies = [
      new Part(
        [
          ...['proxy', '--control-plane', urls.join(','), '--data-dir', join(folder, 'proxy')],
          ...['--proxy-port', String(proxyPort), '--proxy-admin-port', String(proxyAdmin)],
          ...['--service-ports', `${first}-${first}`],
        ],
        { LONGRUN_TOKEN: TOKENS.LONGRUN_PROXY_TOKEN },
      ),
    ];
  }

  static async start(options: PartedOptions): Promise<PartedLongrun> {
    const folder = mkdtempSync(join(tmpdir(), 'longrun-parted-'));
    const parted = new PartedLongrun(
      folder,
      await tempDatabase(),
      await freePorts(3 + options.planes + 60),
      options,
    );
    for (const part of [...parted.planes, parted.agent, ...parted.proxies]) part.start();
    await until(
      'all parts to work together',
      async () => {
        const agents = await parted.api().get<{ agents: { liveness: string }[] }>('/v3/agents');
        const proxy = await fetch(`${parted.proxyUrl}/`).then(() => true);
        return proxy && agents.agents.length > 0;
      },
      { ...STARTED, everyMs: 200 },
    ).catch((error: unknown) => {
      throw new Error(
        `${String(error)}\n${[...parted.planes, parted.agent].map((each) => each.output).join('\n')}`,
      );
    });
    return parted;
  }

  async dispose(): Promise<void> {
    await this.agent.end('SIGTERM');
    for (const part of [...this.proxies, ...this.planes]) await part.end('SIGTERM');
    await this.database.drop();
    await endTasksOf(this.agentDir);
    await expectNothingLeft(this.folder, this.agentDir);
    rmSync(this.folder, { recursive: true, force: true });
  }

  get agentDir(): string {
    return join(this.folder, 'agent');
  }
  get proxyUrl(): string {
    return `http://127.0.0.1:${this.#proxyPort}`;
  }
  get servicePort(): number {
    return this.#service;
  }
  url(plane: number): string {
    return `http://127.0.0.1:${this.#planePorts[plane]}`;
  }
  /** Of one control plane; a standby passes on to the leader. */
  api(plane = 0): ApiClient {
    return new ApiClient({ url: this.url(plane) });
  }
  /** By whichever of them answers first that it could. Rejects with the last refusal. */
  async call<T>(ask: (api: ApiClient) => Promise<T>): Promise<T> {
    let refusal: unknown;
    for (const index of this.planes.keys()) {
      try {
        return await withinMs(5_000, ask(this.api(index)));
      } catch (error) {
        refusal = error;
      }
    }
    throw refusal;
  }
  /** Who leads, by the row that says so. */
  async leader(): Promise<{ readonly plane: number; readonly epoch: number }> {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: this.database.url });
    await client.connect();
    try {
      const { rows } = await client.query<{ address: string; epoch: string }>(
        'select address, epoch from leader',
      );
      const port = Number(rows[0]?.address.split(':').at(-1));
      return { plane: this.#planePorts.indexOf(port), epoch: Number(rows[0]?.epoch) };
    } finally {
      await client.end();
    }
  }
  settled(id: string, count: number, plane = 0): Promise<readonly TaskAnswer[]> {
    return until(
      `${id} to settle at ${count}`,
      async () => {
        const { app } = await this.api(plane).get<{ app: AppAnswer }>(`/v2/apps${id}`);
        const tasks = app.tasks ?? [];
        if (tasks.length === count && app.tasksHealthy === count && !app.deployments.length) return tasks;
        throw new Error(JSON.stringify({ ...app, cmd: undefined }).slice(0, 1500));
      },
      { withinMs: 90_000, everyMs: 100 },
    );
  }
}

/** A frozen process answers never. */
function withinMs<T>(ms: number, asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
