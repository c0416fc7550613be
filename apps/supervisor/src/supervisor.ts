// `longrun up`: starts Postgres, control plane, agent and proxy as processes of their own, keeps them running, and stops them in order.
// After a kill -9 of itself the next start takes over Postgres and proxy, and replaces control plane and agent; tasks never notice (decisions.md 25-26).
import { ConfigurationError, type Settings } from '#libs/configuration';
import { createLogger, type Logger } from '#libs/telemetry';
import { ApiClient, type ProxiesAnswer } from '#libs/api-client';
import { lockFolder, type FolderLock } from '#libs/folder-lock';
import { isAlive } from '#libs/process-identity';
import { Child } from './child.js';
import { childSpecs, proxySpec, type ChildName } from './child-specs.js';
import { DataFolder } from './data-folder.js';
import { Database } from './database.js';
import { deployFiles } from './deploy-files.js';
import { sayListeners } from './listeners.js';
import { checkPorts, checkPrograms, checkSettings } from './preflight.js';
import { stopTasks } from './stop-tasks.js';
import { waitFor } from './wait-for.js';

/** Proxies finish requests in flight for up to 30 s. */
const PROXY_STOP_MS = 35_000;
const STOP_MS = 10_000;
const READY_WITHIN_MS = 90_000;
const LOG_CHECK_MS = 60_000;
/** It reports at once and then every 3 s. */
const WARNINGS_WITHIN_MS = 4_000;

export class Supervisor {
  readonly #folder: DataFolder;
  readonly #logger: Logger;
  readonly #database: Database;
  readonly #api: ApiClient;
  readonly #url: string;
  readonly #proxyUrl: string;
  #lock: FolderLock | null = null;
  #children: Map<ChildName, Child> = new Map();
  #logTimer: NodeJS.Timeout | null = null;

  constructor(
    private readonly settings: Settings,
    private readonly say: (line: string) => void,
  ) {
    checkSettings(settings);
    this.#folder = new DataFolder(settings.text('data-dir'));
    this.#logger = createLogger('supervisor', { file: this.#folder.logPath('supervisor') });
    this.#database = new Database(
      settings.optional('database-url'),
      this.#folder.in('postgres'),
      this.#logger,
      say,
    );
    this.#url = `http://127.0.0.1:${settings.port('api-port')}`;
    this.#proxyUrl = `http://127.0.0.1:${settings.port('proxy-port')}`;
    this.#api = new ApiClient({ url: this.#url, timeoutMs: 5_000 });
  }

  /** Resolves when everything runs and the files are deployed. Throws ConfigurationError before anything was started. */
  async start(signal: AbortSignal): Promise<void> {
    this.#lock = await lockFolder(this.#folder.path, 'longrun up', this.#url);
    this.say(`Longrun keeps its data in ${this.#folder.path}`);
    const database = this.#database;
    await checkPrograms(this.settings);
    const missing = await this.#checkPorts();
    if (signal.aborted) return;

    const proxy = this.#child(proxySpec(this.settings, this.#folder));
    const wasKilled = this.#folder.record('proxy') !== null && !proxy.wasLeftRunning;
    // tasks may be running, and the proxy serves them from its last table, with nobody to tell it more
    if (wasKilled) proxy.start();
    const isOurs = !this.settings.has('database-url');
    this.say(isOurs ? 'starting PostgreSQL …' : 'using your PostgreSQL …');
    await database.open();
    if (isOurs) this.say(`PostgreSQL is up (pid ${database.pid})`);
    await database.migrate();
    if (signal.aborted) return;

    const specs = childSpecs(this.settings, this.#folder, database.url);
    for (const name of ['control-plane', 'agent'] as const)
      await this.#child(specs[name]).endLeftOver(STOP_MS);
    this.#child(specs['control-plane']).start();
    this.say(`control plane: ${this.#url} (API; its documentation at ${this.#url}/docs)`);
    await this.#until(
      'the control plane',
      signal,
      async () => (await this.#api.get<{ leader?: string }>('/v2/leader')).leader,
    );
    if (signal.aborted) return;
    if (wasKilled) this.say('proxy: started first, with its last table');
    else if (proxy.takeOver()) this.say('proxy: taken over from the last run');
    else {
      await proxy.endLeftOver(PROXY_STOP_MS);
      proxy.start();
    }
    this.#child(specs.agent).start();
    await this.#until('the agent', signal, () => this.#agentIsConnected());
    await this.#until('the proxy', signal, () => this.#proxyAnswers());
    if (signal.aborted) return;
    await sayListeners(this.settings, missing, this.say);
    await this.#sayProxyWarnings();
    this.say(
      'The API needs no credentials, so every user of this host may use it; web pages of other origins may not.',
    );
    this.#logTimer = setInterval(
      () => this.#children.forEach(({ spec }) => this.#folder.boundLog(spec.name)),
      LOG_CHECK_MS,
    );
    this.#database.keepRunning();
    if (signal.aborted || !this.settings.operands.length) return;
    await deployFiles(this.settings, { url: this.#url, proxyUrl: this.#proxyUrl }, this.say, signal);
  }

  /** The access log was moved away: the proxy opens it anew. */
  reopenLogs(): void {
    this.#children.get('proxy')?.signal('SIGHUP');
  }

  /** Tasks, agent, proxy, control plane, Postgres; resolves when all are gone. `forced` fires at the second Ctrl-C. */
  async stop(forced: AbortSignal): Promise<{ tasksLeft: number }> {
    if (this.#logTimer) clearInterval(this.#logTimer);
    const grace = (ms: number): number => (forced.aborted ? 0 : ms);
    let tasksLeft = 0;
    const agent = this.#children.get('agent');
    if (agent && !this.settings.flag('keep-tasks')) {
      if (agent.pid === null) agent.start(); // tasks that an earlier run left cannot be stopped without it
      tasksLeft = await stopTasks(this.#api, this.say, forced);
    }
    for (const [name, ms] of [
      ['agent', STOP_MS],
      ['proxy', PROXY_STOP_MS],
      ['control-plane', STOP_MS],
    ] as const) {
      const child = this.#children.get(name);
      if (!child) continue;
      this.say(`stopping ${name} …`);
      await child.stop(grace(ms));
    }
    await this.#database.close();
    await this.#lock?.release();
    return { tasksLeft };
  }

  /** Processes that the last run left behind may hold these ports; anybody else is an error. Gives the options of those that it does without. */
  async #checkPorts(): Promise<ReadonlySet<string>> {
    const leftOver = (name: ChildName): boolean => {
      const record = this.#folder.record(name);
      return record !== null && isAlive(record.identity);
    };
    const warnings = await checkPorts(this.settings, {
      controlPlane: !leftOver('control-plane'),
      proxy: !leftOver('proxy'),
    });
    for (const warning of warnings.values()) this.say(`warning: ${warning}`);
    return new Set(warnings.keys());
  }

  #child(spec: ConstructorParameters<typeof Child>[0] & { name: ChildName }): Child {
    const known = this.#children.get(spec.name);
    if (known) return known;
    const child = new Child(spec, this.#folder, this.#logger, this.say);
    this.#children.set(spec.name, child);
    return child;
  }

  #until(what: string, signal: AbortSignal, probe: () => Promise<unknown>): Promise<void> {
    const answers = (): Promise<unknown> => {
      this.#throwRefusal();
      return probe();
    };
    return waitFor(what, answers, {
      signal,
      withinMs: READY_WITHIN_MS,
      say: this.say,
      logs: this.#folder.in('logs'),
    });
  }

  /** Of a part that does not take what it was started with: there is nothing to wait for. */
  #throwRefusal(): void {
    for (const { spec, refusal } of this.#children.values())
      if (refusal !== null) throw new ConfigurationError(`${spec.name}: ${refusal}`);
  }

  async #agentIsConnected(): Promise<boolean> {
    const { agents } = await this.#api.get<{ agents: readonly { liveness: string }[] }>('/v3/agents');
    return agents.some(({ liveness }) => liveness === 'connected');
  }

  /** What keeps it from serving as asked: a low limit of open files, a certificate that expires. */
  async #sayProxyWarnings(): Promise<void> {
    const ends = AbortSignal.timeout(WARNINGS_WITHIN_MS);
    let live: ProxiesAnswer['proxies'] = [];
    await this.#until('the report of the proxy', ends, async () => {
      const { proxies } = await this.#api.get<ProxiesAnswer>('/v3/proxies');
      live = proxies.filter((proxy) => proxy.live);
      return live.length > 0;
    });
    for (const text of new Set(live.flatMap(({ warnings }) => warnings))) this.say(`warning: ${text}`);
  }

  async #proxyAnswers(): Promise<boolean> {
    const response = await fetch(`${this.#proxyUrl}/`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status > 0;
  }
}
