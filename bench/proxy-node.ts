// One Node process that proxies, for bench/proxy: Longrun's engine by its fast or its full path, HAProxy steered by Longrun, or bare
// http-proxy with a keep-alive agent. Says its ports on standard output, and whose CPU counts if not its own; ends with its standard input.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import httpProxy from 'http-proxy';
import { HaproxyEngine } from '#libs/haproxy-engine';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import { ProxyEngine } from '#libs/proxy-engine';
import type { RouteService } from '#libs/routing';
import { freePort } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { SUITE } from './proxy-peers.js';

/** `apps` services of ten targets each, which are the backends in turn; their hosts are `app-N.example`. */
function services(apps: number, backends: readonly number[]): RouteService[] {
  return Array.from({ length: apps }, (_, app) => ({
    appId: asAppId(`/bench/app-${app}`),
    portIndex: 0,
    mode: 'http',
    hosts: [`app-${app}.example`],
    sticky: false,
    redirectToHttps: false,
    emptyReason: '',
    targets: Array.from({ length: 10 }, (_each, target) => ({
      taskId: asTaskId(`bench_app-${app}.instance-${target}._app.1`),
      instanceId: asInstanceId(`bench_app-${app}.instance-${target}`),
      host: '127.0.0.1',
      port: backends[target % backends.length] ?? 0,
      suspect: false,
    })),
  }));
}

interface Ask {
  readonly backends: readonly number[];
  readonly apps: number;
  /** File of chain and key; empty: no TLS. */
  readonly pem: string;
}

async function engine(fastPath: boolean, { apps, backends, pem }: Ask): Promise<number[]> {
  const made = new ProxyEngine({
    clock: new SystemClock(),
    bind: '127.0.0.1',
    port: 0,
    appPaths: false,
    fastPath,
    ...(pem ? { tls: { port: 0, certificates: [pem] } } : {}),
  });
  const port = await made.start();
  await made.swap({
    cluster: 'bench',
    epoch: 1,
    number: 1,
    madeAt: timestampOf(0),
    services: services(apps, backends),
  });
  return [port, made.httpsPort ?? 0];
}

let stop = (): Promise<void> => Promise.resolve();

/** One thread, as HAProxy beside it. */
async function steeredHaproxy({ apps, backends, pem }: Ask): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-bench-haproxy-'));
  const [port, tlsPort] = [await freePort(), pem ? await freePort() : 0];
  const made = new HaproxyEngine({
    clock: new SystemClock(),
    bind: '127.0.0.1',
    port,
    appPaths: false,
    folder,
    threads: 1,
    ...(pem ? { tls: { port: tlsPort, certificates: [pem] } } : {}),
  });
  stop = async () => {
    await made.stop(0);
    rmSync(folder, { recursive: true, force: true });
  };
  await made.start();
  await made.swap({
    cluster: 'bench',
    epoch: 1,
    number: 1,
    madeAt: timestampOf(0),
    services: services(apps, backends),
  });
  const { pid } = JSON.parse(readFileSync(join(folder, 'haproxy.json'), 'utf8')) as { pid: number };
  return [port, tlsPort, pid];
}

/** As one would write it: targets in turn, X-Forwarded-For, connections kept. */
async function bareHttpProxy({ backends, pem }: Ask): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const proxy = httpProxy.createProxyServer({ agent, xfwd: true });
  let turn = 0;
  const serve: RequestListener = (req, res) => {
    turn += 1;
    proxy.web(req, res, { target: `http://127.0.0.1:${backends[turn % backends.length]}` }, () =>
      res.destroy(),
    );
  };
  const ports = [await listen(createServer(serve))];
  if (pem) {
    const text = readFileSync(pem);
    ports.push(
      await listen(createTlsServer({ key: text, cert: text, ciphers: SUITE, minVersion: 'TLSv1.3' }, serve)),
    );
  }
  return ports;
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) =>
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () =>
      resolve((server.address() as AddressInfo).port),
    ),
  );

const [kind = 'fast', apps = '1', pem = '', ...ports] = process.argv.slice(2);
const ask: Ask = { backends: ports.map(Number), apps: Number(apps), pem };
const start: Record<string, () => Promise<number[]>> = {
  'http-proxy': () => bareHttpProxy(ask),
  'haproxy-engine': () => steeredHaproxy(ask),
};
const open = await (start[kind] ?? (() => engine(kind === 'fast', ask)))();
process.stdout.write(`${open.join(' ')}\n`);
process.stdin.resume().once('end', () => {
  stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
