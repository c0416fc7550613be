// The classic way to put HAProxy before an orchestrator, as marathon-lb does it: on each event the apps are read again, the configuration
// is written whole, and when it differs HAProxy is started anew with `-x` (listening sockets are passed on) and `-sf` (the old process
// finishes what it has). Nobody waits for it. Its defaults are those of marathon-lb's template.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { AppAnswer } from '#libs/api-client';
import { until } from '#libs/testkit';
import { EventTail } from '../../test/e2e/event-tail.js';
import type { LongrunUp } from '../../test/e2e/longrun-up.js';
import type { Front } from './requests.js';

const LOOK_MS = 20;

export class ConfigReload {
  reloads = 0;
  readonly #children: ChildProcess[] = [];
  #timer: NodeJS.Timeout | undefined;
  #seen = 0;
  #config = '';
  #busy: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly up: LongrunUp,
    readonly front: Front,
    readonly folder: string,
    readonly pem: string,
    readonly events: EventTail,
  ) {}

  static async start(up: LongrunUp, front: Front, folder: string, pem: string): Promise<ConfigReload> {
    const driver = new ConfigReload(up, front, folder, pem, await EventTail.open(up.url));
    await driver.reload(true);
    driver.#timer = setInterval(() => driver.#look(), LOOK_MS);
    return driver;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.events.close();
    await this.#busy;
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** `force`: also when nothing differs, e.g. for a new certificate. One at a time: each hands its sockets to the next. */
  reload(force = false): Promise<void> {
    const reloaded = this.#last.then(() => this.#reload(force));
    this.#last = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(force: boolean): Promise<void> {
    const { apps } = await this.up.api.get<{ apps: AppAnswer[] }>('/v2/apps?embed=apps.tasks');
    const config = this.#configOf(apps);
    if (config === this.#config && !force) return;
    this.#config = config;
    const file = join(this.folder, 'haproxy.cfg');
    writeFileSync(file, config);
    execFileSync('haproxy', ['-c', '-q', '-f', file]);
    const before = this.#children.at(-1);
    const takeOver = before?.pid === undefined ? [] : ['-x', this.#socket(), '-sf', String(before.pid)];
    const child = spawn('haproxy', ['-db', '-f', file, ...takeOver], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    this.#children.push(child);
    this.reloads += 1;
    // the next one asks this one for its sockets
    await until('HAProxy to have taken over', () => child.exitCode !== null || this.#isServing(child));
    if (child.exitCode !== null) throw new Error(`HAProxy ended with ${child.exitCode}: ${said}`);
  }

  #look(): void {
    if (this.#busy || this.events.events.length === this.#seen) return;
    this.#seen = this.events.events.length;
    this.#busy = this.reload()
      .catch((error: unknown) => void process.stderr.write(`config reload: ${String(error)}\n`))
      .finally(() => (this.#busy = undefined));
  }

  #socket(): string {
    return join(this.folder, 'haproxy.sock');
  }

  /** Its own process number, asked at the socket that it has taken over. */
  #isServing(child: ChildProcess): Promise<boolean> {
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(this.#socket(), () => socket.write('show info\n'));
      socket.on('error', () => resolve(false));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text.includes(`\nPid: ${child.pid}\n`)));
    });
  }

  #configOf(apps: readonly AppAnswer[]): string {
    const vhosts: string[] = [];
    const backends = apps.map((app) => {
      const name = app.id.slice(1).replaceAll('/', '_');
      for (const host of (app.labels['HAPROXY_0_VHOST'] ?? '').split(','))
        vhosts.push(`  use_backend ${name} if { hdr(host),field(1,:) -i ${host} }`);
      const servers = (app.tasks ?? [])
        .filter(({ healthCheckResults }) => healthCheckResults.some(({ alive }) => alive))
        .filter(({ state }) => state === 'TASK_RUNNING')
        .map(({ ports: [port] }) => `  server 127_0_0_1_${port} 127.0.0.1:${port}`)
        .sort();
      return `backend ${name}\n  balance roundrobin\n  option forwardfor\n${servers.join('\n')}\n`;
    });
    return `global
  maxconn 8000
  stats socket ${this.#socket()} expose-fd listeners
defaults
  mode http
  retries 3
  backlog 10000
  maxconn 8000
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  timeout tunnel 3600s
  timeout http-keep-alive 1s
  timeout http-request 15s
  timeout queue 30s
  option dontlognull
  option http-server-close
  option redispatch
frontend main
  bind 127.0.0.1:${this.front.http}
  bind 127.0.0.1:${this.front.https} ssl crt ${this.pem} alpn h2,http/1.1
${vhosts.join('\n')}
${backends.join('\n')}`;
  }
}
