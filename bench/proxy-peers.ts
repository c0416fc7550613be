// The processes of bench/proxy: a backend (nginx, two workers), and the proxies that are compared in front of it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, until } from '#libs/testkit';

/** What the fast path prefers: all peers encrypt alike. Left alone OpenSSL takes AES-256, and nginx 1.22 no more than TLS 1.2. */
export const SUITE = 'TLS_AES_128_GCM_SHA256';

export interface Running {
  readonly name: string;
  readonly port: number;
  /** HTTP/1.1 and HTTP/2 over TLS. */
  readonly tlsPort?: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export const isInstalled = (command: string): boolean => {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

async function run(name: string, command: string, args: readonly string[], port: number): Promise<Running> {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'] });
  await until(`${name} to listen`, () => child.exitCode !== null || answers(port), { withinMs: 30_000 });
  return running(name, child, port);
}

function running(name: string, child: ChildProcess, port: number): Running {
  if (child.exitCode !== null || child.pid === undefined) throw new Error(`${name} ended at once`);
  return {
    name,
    port,
    pid: child.pid,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

const NGINX = `daemon off; pid PREFIX/nginx.pid; error_log PREFIX/error.log crit;
worker_rlimit_nofile 20000;
events { worker_connections 8000; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 75s; client_max_body_size 0;
client_body_temp_path PREFIX/body; proxy_temp_path PREFIX/proxy; fastcgi_temp_path PREFIX/f; uwsgi_temp_path PREFIX/u; scgi_temp_path PREFIX/s;
`;

function nginxFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o777 });
  return NGINX.replaceAll('PREFIX', folder);
}

/** Two ports; `/` answers 200 B, `/64k` a file, `/post` takes a body and answers 2 B. */
export async function startBackend(folder: string): Promise<{ running: Running; ports: number[] }> {
  const ports = [await freePort(), await freePort()];
  const root = join(folder, 'backend');
  const head = nginxFolder(root);
  writeFileSync(join(root, '64k'), Buffer.alloc(65_536, 'x'));
  const body = 'x'.repeat(200);
  const servers = ports.map(
    (port) => `server { listen 127.0.0.1:${port} backlog=4096;
location / { return 200 "${body}"; }
location /64k { root ${root}; }
location /post { client_body_buffer_size 64k; return 200 "ok"; } }`,
  );
  writeFileSync(
    join(root, 'nginx.conf'),
    `worker_processes 2; user root; ${head}sendfile on; ${servers.join('\n')} }`,
  );
  return {
    running: await run('backend', 'nginx', ['-p', root, '-c', join(root, 'nginx.conf')], ports[0] ?? 0),
    ports,
  };
}

export async function startNginx(
  folder: string,
  backends: readonly number[],
  pem?: string,
): Promise<Running> {
  const port = await freePort();
  const tlsPort = await freePort();
  const tls = pem
    ? `listen 127.0.0.1:${tlsPort} ssl http2 backlog=4096; ssl_certificate ${pem}; ssl_certificate_key ${pem}; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites ${SUITE};`
    : '';
  const root = join(folder, 'nginx');
  const head = nginxFolder(root);
  writeFileSync(
    join(root, 'nginx.conf'),
    `worker_processes 1; user root; ${head}
upstream tasks { ${backends.map((each) => `server 127.0.0.1:${each};`).join(' ')} keepalive 1024; keepalive_requests 100000000; }
server { listen 127.0.0.1:${port} backlog=4096; ${tls} location / { proxy_pass http://tasks; proxy_http_version 1.1; proxy_request_buffering off;
proxy_set_header Host $host; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }`,
  );
  const started = await run('nginx', 'nginx', ['-p', root, '-c', join(root, 'nginx.conf')], port);
  return pem ? { ...started, tlsPort } : started;
}

/** What the HAProxy engine adds, and when it repeats a request, in a configuration by hand. */
const AS_OURS = {
  defaults: '  retries 2\n  retry-on conn-failure empty-response\n',
  frontend: (port: number): string =>
    [
      'add-header x-forwarded-proto %[ssl_fc,iif(https,http)] if !{ req.hdr(x-forwarded-proto) -m found }',
      `add-header x-forwarded-port ${port} if !{ req.hdr(x-forwarded-port) -m found }`,
      'add-header x-forwarded-host %[req.hdr(host)] if !{ req.hdr(x-forwarded-host) -m found }',
      'add-header forwarded for=%ci;host=%[req.hdr(host)];proto=%[ssl_fc,iif(https,http)]',
      'add-header x-request-id %[uuid()] if !{ req.hdr(x-request-id) -m found }',
    ]
      .map((rule) => `  http-request ${rule}\n`)
      .join(''),
};

/** One thread. With `apps` each has a backend of ten servers, found by a map of hosts. `asOurs`: see there; else X-Forwarded-For only. */
export async function startHaproxy(
  folder: string,
  backends: readonly number[],
  { apps, pem, asOurs = false }: { apps: number; pem?: string; asOurs?: boolean },
): Promise<Running> {
  const port = await freePort();
  const tlsPort = await freePort();
  const name = `haproxy-${apps}${asOurs ? '-as-ours' : ''}`;
  const map = join(folder, `${name}.map`);
  const nth = Array.from({ length: apps }, (_, app) => app);
  writeFileSync(map, nth.map((app) => `app-${app}.example app-${app}\n`).join(''));
  const servers = Array.from(
    { length: 10 },
    (_, server) => `  server s${server} 127.0.0.1:${backends[server % backends.length]}`,
  ).join('\n');
  const config = join(folder, `${name}.cfg`);
  writeFileSync(
    config,
    `global
  nbthread 1
  maxconn 5000
defaults
  mode http
  timeout connect 3s
  timeout client 75s
  timeout server 300s
  timeout http-request 15s
  option forwardfor
  http-reuse always
${asOurs ? AS_OURS.defaults : ''}frontend main
  bind 127.0.0.1:${port} backlog 4096
${pem ? `  bind 127.0.0.1:${tlsPort} backlog 4096 ssl crt ${pem} ciphersuites ${SUITE} alpn h2,http/1.1\n` : ''}${asOurs ? AS_OURS.frontend(port) : ''}  use_backend %[req.hdr(host),lower,map(${map})]
${nth.map((app) => `backend app-${app}\n  balance random(2)\n${servers}`).join('\n')}
`,
  );
  const started = await run(
    asOurs ? 'HAProxy with headers' : 'HAProxy',
    'haproxy',
    ['-db', '-f', config],
    port,
  );
  return pem ? { ...started, tlsPort } : started;
}

export type NodeKind = 'fast' | 'full' | 'http-proxy' | 'haproxy-engine';

export async function startNode(
  kind: NodeKind,
  backends: readonly number[],
  { apps = 1, pem = '' }: { apps?: number; pem?: string } = {},
): Promise<Running> {
  const script = fileURLToPath(new URL('proxy-node.js', import.meta.url));
  const flags = process.env['LONGRUN_BENCH_NODE_FLAGS']?.split(' ').filter(Boolean) ?? [];
  const child = spawn(
    process.execPath,
    [...flags, script, kind, String(apps), pem, ...backends.map(String)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [port = 0, tlsPort = 0, pid = 0] = line.toString().split(' ').map(Number);
  return {
    ...running(kind, child, port),
    ...(tlsPort > 0 ? { tlsPort } : {}),
    ...(pid > 0 ? { pid } : {}),
    // its standard input, not a signal: a profile is written at an orderly end
    stop: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}

/** User and system time of a process and its children, seconds (ticks of 10 ms). */
export function cpuSeconds(pid: number): number {
  const family = [pid, ...children(pid)];
  return family.reduce((sum, each) => {
    const stat = readFileSync(`/proc/${each}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / 100;
  }, 0);
}

export function rssMiB(pid: number): number {
  const total = [pid, ...children(pid)].reduce((sum, each) => {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/status`, 'latin1'))?.[1];
    return sum + Number(kib ?? 0);
  }, 0);
  return Math.round(total / 1024);
}

const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
