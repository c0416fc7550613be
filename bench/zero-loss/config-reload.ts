// The classic way to put a proxy before an orchestrator, as marathon-lb and ingress controllers do it: on each event the apps are read
// again, the configuration is written whole, and when it differs the proxy is told to take it. Nobody waits for it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { AppAnswer } from '#libs/api-client';
import { until } from '#libs/testkit';
import { EventTail } from '../../test/e2e/event-tail.js';
import type { LongrunUp } from '../../test/e2e/longrun-up.js';
import { childrenOf } from './proxy-processes.js';
import type { Front } from './requests.js';

const LOOK_MS = 20;

/** What a configuration needs of an app. */
interface Backend {
  readonly name: string;
  readonly hosts: readonly string[];
  /** Of tasks that run and are healthy. */
  readonly ports: readonly number[];
}

/** A proxy that reads a file. */
interface ReloadedPeer {
  readonly config: string;
  write(backends: readonly Backend[]): string;
  /** Resolves when what was written is served. */
  take(): Promise<void>;
  stop(): Promise<void>;
}

export type PeerName = 'haproxy' | 'nginx';

export class ConfigReload {
  reloads = 0;
  #timer: NodeJS.Timeout | undefined;
  #seen = 0;
  #config = '';
  #busy: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly up: LongrunUp,
    readonly peer: ReloadedPeer,
    readonly events: EventTail,
  ) {}

  static async start(up: LongrunUp, name: PeerName, place: Place): Promise<ConfigReload> {
    const peer = name === 'nginx' ? new Nginx(place) : new Haproxy(place);
    const driver = new ConfigReload(up, peer, await EventTail.open(up.url));
    await driver.reload(true);
    driver.#timer = setInterval(() => driver.#look(), LOOK_MS);
    return driver;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.events.close();
    await this.#busy;
    await this.#last;
    await this.peer.stop();
  }

  /** `force`: also when nothing differs, e.g. for a new certificate. One at a time: each hands its sockets to the next. */
  reload(force = false): Promise<void> {
    const reloaded = this.#last.then(() => this.#reload(force));
    this.#last = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(force: boolean): Promise<void> {
    const { apps } = await this.up.api.get<{ apps: AppAnswer[] }>('/v2/apps?embed=apps.tasks');
    const config = this.peer.write(apps.map(backendOf));
    if (config === this.#config && !force) return;
    this.#config = config;
    writeFileSync(this.peer.config, config);
    await this.peer.take();
    this.reloads += 1;
  }

  #look(): void {
    if (this.#busy || this.events.events.length === this.#seen) return;
    this.#seen = this.events.events.length;
    this.#busy = this.reload()
      .catch((error: unknown) => void process.stderr.write(`config reload: ${String(error)}\n`))
      .finally(() => (this.#busy = undefined));
  }
}

const backendOf = (app: AppAnswer): Backend => ({
  name: app.id.slice(1).replaceAll('/', '_'),
  hosts: (app.labels['HAPROXY_0_VHOST'] ?? '').split(',').filter((host) => host !== ''),
  ports: (app.tasks ?? [])
    .filter(({ healthCheckResults }) => healthCheckResults.some(({ alive }) => alive))
    .filter(({ state }) => state === 'TASK_RUNNING')
    .map(({ ports: [port = 0] }) => port)
    .sort((a, b) => a - b),
});

interface Place {
  readonly front: Front;
  readonly folder: string;
  readonly pem: string;
}

/** Started anew with `-x` (listening sockets are passed on) and `-sf` (the old process finishes what it has). Defaults: marathon-lb's. */
class Haproxy implements ReloadedPeer {
  readonly config: string;
  readonly #socket: string;
  readonly #children: ChildProcess[] = [];

  constructor(readonly place: Place) {
    this.config = join(place.folder, 'haproxy.cfg');
    this.#socket = join(place.folder, 'haproxy.sock');
  }

  async take(): Promise<void> {
    execFileSync('haproxy', ['-c', '-q', '-f', this.config]);
    const before = this.#children.at(-1);
    const takeOver = before?.pid === undefined ? [] : ['-x', this.#socket, '-sf', String(before.pid)];
    const child = spawn('haproxy', ['-db', '-f', this.config, ...takeOver], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    this.#children.push(child);
    // the next one asks this one for its sockets
    await until('HAProxy to have taken over', () => child.exitCode !== null || this.#isServing(child));
    if (child.exitCode !== null) throw new Error(`HAProxy ended with ${child.exitCode}: ${said}`);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) await end(child);
  }

  /** Its own process number, asked at the socket that it has taken over. */
  #isServing(child: ChildProcess): Promise<boolean> {
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(this.#socket, () => socket.write('show info\n'));
      socket.on('error', () => resolve(false));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text.includes(`\nPid: ${child.pid}\n`)));
    });
  }

  write(backends: readonly Backend[]): string {
    const { front, pem } = this.place;
    const hosts = backends.flatMap(({ name, hosts: own }) =>
      own.map((host) => `  use_backend ${name} if { hdr(host),field(1,:) -i ${host} }`),
    );
    const sections = backends.map(({ name, ports }) => {
      const servers = ports.map((port) => `  server 127_0_0_1_${port} 127.0.0.1:${port}`).join('\n');
      return `backend ${name}\n  balance roundrobin\n  option forwardfor\n${servers}\n`;
    });
    return `global
  maxconn 8000
  stats socket ${this.#socket} expose-fd listeners
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
  bind 127.0.0.1:${front.http}
  bind 127.0.0.1:${front.https} ssl crt ${pem} alpn h2,http/1.1
${hosts.join('\n')}
${sections.join('\n')}`;
  }
}

/** Its own reload: the master starts workers with the new file and lets the old ones finish. As an ingress controller configures it. */
class Nginx implements ReloadedPeer {
  readonly config: string;
  readonly #root: string;
  #child: ChildProcess | undefined;

  constructor(readonly place: Place) {
    this.#root = join(place.folder, 'nginx');
    mkdirSync(join(this.#root, 'temporary'), { recursive: true });
    this.config = join(this.#root, 'nginx.conf');
  }

  async take(): Promise<void> {
    const before = this.#child?.pid === undefined ? [] : childrenOf(this.#child.pid);
    this.#child?.kill('SIGHUP');
    this.#child ??= spawn('nginx', ['-p', this.#root, '-c', this.config], { stdio: 'ignore' });
    const child = this.#child;
    await until('nginx to have new workers', () => {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
      return child.pid !== undefined && childrenOf(child.pid).some((pid) => !before.includes(pid));
    });
  }

  async stop(): Promise<void> {
    const workers = this.#child?.pid === undefined ? [] : childrenOf(this.#child.pid);
    if (this.#child) await end(this.#child);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
  }

  write(backends: readonly Backend[]): string {
    const { front, pem } = this.place;
    const root = this.#root;
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${root}/temporary/${kind};`)
      .join(' ');
    const upstreams = backends.map(({ name, ports }) => {
      const servers =
        ports.length > 0 ? ports.map((port) => `server 127.0.0.1:${port};`) : ['server 127.0.0.1:1 down;'];
      return `upstream ${name} { ${servers.join(' ')} keepalive 64; }`;
    });
    const servers = backends
      .filter(({ hosts }) => hosts.length > 0)
      .map(
        ({
          name,
          hosts,
        }) => `server { listen 127.0.0.1:${front.http}; listen 127.0.0.1:${front.https} ssl http2;
server_name ${hosts.join(' ')}; location / { proxy_pass http://${name}; } }`,
      );
    return `worker_processes 2; daemon off; user root; pid ${root}/nginx.pid; error_log ${root}/error.log crit;
events { worker_connections 8000; }
http { access_log off; ${temporary} client_max_body_size 0;
ssl_certificate ${pem}; ssl_certificate_key ${pem};
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
proxy_http_version 1.1; proxy_request_buffering off; proxy_read_timeout 3600s; proxy_next_upstream_tries 3;
proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
${upstreams.join('\n')}
${servers.join('\n')} }
`;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
