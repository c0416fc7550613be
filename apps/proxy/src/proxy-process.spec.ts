// The proxy as a process, against a control plane that the test speaks for. The sources are translated into a folder of their own, so
// that nothing has to be built before.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProxyReport } from '#libs/agent-protocol';
import { compileProgram, freePort, until } from '#libs/testkit';

/** The two endpoints of a control plane, answered from fields. */
class ScriptedControlPlane {
  readonly reports: { id: string; report: ProxyReport }[] = [];
  readonly #streams = new Set<ServerResponse>();
  readonly #server: Server;
  table: object | undefined;
  url = '';

  constructor() {
    this.#server = createServer((req, res) => {
      if (req.headers.authorization !== 'Bearer secret') {
        res.writeHead(401).end('{"message":"the token is not accepted"}');
      } else if (req.url?.startsWith('/v3/routes')) {
        res.writeHead(200, { 'content-type': 'application/x-ndjson' });
        res.flushHeaders();
        this.#streams.add(res);
        if (this.table) res.write(`${JSON.stringify({ type: 'table', table: this.table })}\n`);
      } else {
        let body = '';
        req.on('data', (chunk: Buffer) => (body += chunk.toString()));
        req.on('end', () => {
          const report = JSON.parse(body) as ProxyReport;
          this.reports.push({ id: req.url ?? '', report });
          res.end(JSON.stringify({ cluster: 'c1', epoch: 1, number: 1 }));
        });
      }
    });
  }
  async start(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  send(table: object): void {
    this.table = table;
    for (const stream of this.#streams) stream.write(`${JSON.stringify({ type: 'table', table })}\n`);
  }
  confirmed(number: number): string[] {
    return [
      ...new Set(this.reports.filter(({ report }) => report.confirmed.number === number).map(({ id }) => id)),
    ];
  }
  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const aTable = (number: number, ports: number[], servicePort?: number): object => ({
  cluster: 'c1',
  epoch: 1,
  number,
  madeAt: '2026-01-01T00:00:00.000Z',
  services: [
    {
      appId: '/web',
      portIndex: 0,
      mode: 'auto',
      hosts: [],
      sticky: false,
      redirectToHttps: false,
      emptyReason: 'nothing runs',
      ...(servicePort === undefined ? {} : { servicePort }),
      targets: ports.map((port) => ({
        taskId: `t${port}`,
        instanceId: `i${port}`,
        host: '127.0.0.1',
        port,
        suspect: false,
      })),
    },
  ],
});

describe('the proxy process', () => {
  let folder: string;
  let data: string;
  let port: number;
  let controlPlane: ScriptedControlPlane;
  let running: ChildProcess[];
  let backend: Server;
  let others: Server[];
  let backendPort: number;
  let finishSlow: (() => void) | undefined;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-proxy-spec-'));
    compileProgram(folder, ['apps/proxy/src/main.ts']);
    // as bin/longrun.mjs does
    const start = "process.argv.splice(2, 1);\nawait import('./apps/proxy/src/main.js');\n";
    writeFileSync(join(folder, 'longrun.mjs'), start);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    running = [];
    others = [];
    finishSlow = undefined;
    data = mkdtempSync(join(folder, 'data-'));
    port = await freePort();
    controlPlane = new ScriptedControlPlane();
    await controlPlane.start();
    backend = createServer((req, res) => {
      if (req.url === '/slow') finishSlow = () => void res.end('slow');
      else res.end('hello');
    });
    await new Promise<void>((done) => backend.listen(0, '127.0.0.1', done));
    backendPort = (backend.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const child of running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    controlPlane.stop();
    for (const each of [backend, ...others]) {
      each.closeAllConnections();
      each.close();
    }
  });

  const start = (...args: string[]): { child: ChildProcess; log: () => string } => {
    const child = spawn(
      process.execPath,
      [
        join(folder, 'longrun.mjs'),
        'proxy',
        ...['--control-plane', controlPlane.url, '--data-dir', data, '--proxy-port', String(port), ...args],
      ],
      {
        cwd: folder,
        env: { PATH: process.env['PATH'], LONGRUN_TOKEN: 'secret' },
        stdio: ['ignore', 'inherit', 'pipe'],
      },
    );
    running.push(child);
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return { child, log: () => text };
  };
  const ready = (log: () => string): Promise<unknown> =>
    until('the proxy to be ready', () => log().includes('"event":"ready"'));
  const get = async (path = '/'): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/_app/web${path}`);
    return `${response.status} ${await response.text()}`;
  };

  it('routes again after kill -9 without a control plane, and keeps its name', async () => {
    controlPlane.table = aTable(1, [backendPort]);
    const first = start();
    await until('the table to be confirmed', () => controlPlane.confirmed(1).length === 1);
    expect(await get()).toBe('200 hello');
    const id = controlPlane.confirmed(1);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    controlPlane.stop();

    const second = start();
    await ready(second.log);
    expect(await get()).toBe('200 hello');
    second.child.kill('SIGTERM');
    await once(second.child, 'exit');
    expect(second.child.exitCode).toBe(0);

    const url = controlPlane.url;
    controlPlane = new ScriptedControlPlane();
    await controlPlane.start();
    expect(controlPlane.url).not.toBe(url);
    start();
    await until('a report', () => controlPlane.confirmed(1).length === 1);
    expect(controlPlane.confirmed(1)).toEqual(id);
  }, 60_000);

  it('swaps what the stream brings, and finishes what is in flight when it is stopped', async () => {
    controlPlane.table = aTable(1, []);
    const { child, log } = start();
    await ready(log);
    await until('the reason', async () => (await get()).startsWith('503'));
    controlPlane.send(aTable(2, [backendPort]));
    await until('the confirmation', () => controlPlane.confirmed(2).length === 1);
    expect(await get()).toBe('200 hello');
    const slow = get('/slow');
    await until('the request in flight', () => finishSlow);
    controlPlane.send(aTable(3, []));
    await until('its count', () =>
      controlPlane.reports.some(({ report }) => report.inFlight[`t${backendPort}`] === 1),
    );
    child.kill('SIGTERM');
    await until('no new connections', () =>
      get().then(
        () => false,
        () => true,
      ),
    );
    expect(child.exitCode).toBeNull();
    finishSlow?.();
    expect(await slow).toBe('200 slow');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(controlPlane.reports.at(-1)?.report).toMatchObject({ leaving: true, inFlight: {} });
  }, 60_000);

  it('refuses a data folder in use, a taken port and options that it cannot honour, with a sentence', async () => {
    const first = start();
    await ready(first.log);
    const refusals: [string[], RegExp, number][] = [
      [[], /held by another proxy \(pid \d+, .*--data-dir/, 2],
      [['--data-dir', join(folder, 'other')], /the main port \d+ cannot be opened/, 1],
      [['--proxy-https-port', '8443'], /--proxy-https-port needs a certificate.*--proxy-certs/, 2],
      [['--prox-port', '1'], /did you mean --proxy-port/, 2],
    ];
    for (const [args, message, status] of refusals) {
      const { child, log } = start(...args);
      await once(child, 'exit');
      await until('the message', () => log().length > 0);
      expect(log()).toMatch(message);
      expect(child.exitCode).toBe(status);
    }
    expect(first.log()).not.toContain('secret');
  }, 60_000);

  it('serves with several workers, each confirming for itself', async () => {
    const servicePort = await freePort();
    controlPlane.table = aTable(1, [backendPort], servicePort);
    const dnsPort = await freePort();
    const ports = ['--service-ports', `${servicePort}-${servicePort}`, '--dns-port', String(dnsPort)];
    const { child, log: said } = start('--workers', '2', ...ports);
    await ready(said);
    await until('both confirmations', () => controlPlane.confirmed(1).length === 2);
    expect(await get()).toBe('200 hello');
    const answer = await fetch(`http://127.0.0.1:${servicePort}/`);
    expect(await answer.text()).toBe('hello');
    const resolver = new Resolver({ tries: 1 });
    resolver.setServers([`127.0.0.1:${dnsPort}`]);
    expect(await resolver.resolveSrv('web.longrun')).toMatchObject([{ port: backendPort }]);
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(controlPlane.reports.filter(({ report }) => report.leaving)).toHaveLength(2);
  }, 60_000);

  /** By a worker's number. */
  const workerPids = (child: ChildProcess): Map<number, number> =>
    new Map(
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
        .trim()
        .split(' ')
        .filter(Boolean)
        .map((pid) => {
          const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
          return [Number(/LONGRUN_WORKER_INDEX=(\d+)/.exec(environment)?.[1]), Number(pid)] as const;
        }),
    );
  const countOf = (log: () => string, text: string): number => log().split(text).length - 1;

  it('finishes what is in flight when workers get the signal of the whole group and that of their primary', async () => {
    controlPlane.table = aTable(1, [backendPort]);
    const { child, log } = start('--workers', '2');
    await ready(log);
    await until('both confirmations', () => controlPlane.confirmed(1).length === 2);
    const answer = get('/slow');
    const finish = await until('the request to be in flight', () => finishSlow);
    for (const signal of ['SIGINT', 'SIGINT'] as const)
      for (const pid of workerPids(child).values()) process.kill(pid, signal);
    child.kill('SIGINT');
    await until('the primary to stop', () => log().includes('"stopping"'));
    finish();
    expect(await answer).toBe('200 slow');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  }, 60_000);

  it('names every address that listens with what it is for, and a limit of open files that is too low', async () => {
    const [dnsPort, adminPort] = [await freePort(), await freePort()];
    const { log } = start(
      ...['--dns-port', String(dnsPort), '--proxy-admin-port', String(adminPort)],
      ...['--max-connections', '1000000'],
    );
    await ready(log);
    const named = log()
      .split('\n')
      .filter((line) => line.includes('"listens"'))
      .map((line) => JSON.parse(line) as { address: string; msg: string });
    expect(named.map(({ address, msg }) => `${address} ${msg.split(/[ :]/)[0]}`)).toEqual([
      `http://127.0.0.1:${port} apps`,
      expect.stringMatching(/-\d+ service$/),
      `http://127.0.0.1:${adminPort} admin`,
      `127.0.0.1:${dnsPort} DNS`,
    ]);
    const low = /1000000 connections \(--max-connections\) may need 2000128: .*LimitNOFILE=2000128/;
    expect(log()).toMatch(low);
    await until('the control plane to be told', () =>
      controlPlane.reports.some(({ report }) => report.warnings.some((text) => low.test(text))),
    );
  }, 60_000);

  it('a worker that is killed costs its own connections only, and comes back with the newest table', async () => {
    const finish: (() => void)[] = [];
    const patient = createServer((_req, res) => finish.push(() => void res.end('old')));
    const other = createServer((_req, res) => res.end('new'));
    others.push(patient, other);
    for (const each of others) await new Promise<void>((done) => each.listen(0, '127.0.0.1', done));
    const portOf = (server: Server): number => (server.address() as AddressInfo).port;
    controlPlane.table = aTable(1, [portOf(patient)]);
    const { child, log } = start('--workers', '2');
    await ready(log);
    await until('both confirmations', () => controlPlane.confirmed(1).length === 2);
    const outcomes = Array.from({ length: 10 }, () => get().catch(() => 'broken'));
    await until('all to be in flight', () => finish.length === 10);
    process.kill(workerPids(child).get(1) ?? 0, 'SIGKILL');
    await until('its end to be seen', () => log().includes('a worker ended'));
    // while it is away
    controlPlane.send(aTable(2, [portOf(other)]));
    const fresh: string[] = [];
    await until('the one that is left to have the table', () => controlPlane.confirmed(2).length >= 1);
    for (let times = 0; times < 20; times += 1) fresh.push(await get());
    await until('both to have it', () => controlPlane.confirmed(2).length === 2);
    for (let times = 0; times < 40; times += 1) fresh.push(await get());
    expect(workerPids(child).size).toBe(2);
    expect(new Set(fresh)).toEqual(new Set(['200 new']));
    // what the one that is left says is in flight to the task that left: its own connections, all of them
    const task = `t${portOf(patient)}`;
    const left = Math.max(...controlPlane.reports.map(({ report }) => report.inFlight[task] ?? 0));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(10);
    for (const each of finish) each();
    const ends = await Promise.all(outcomes);
    expect(ends.filter((each) => each === '200 old')).toHaveLength(left);
    expect(ends.filter((each) => each === 'broken')).toHaveLength(10 - left);
  }, 60_000);

  it('a worker that cannot live is started again ever more rarely and named, until it lives', async () => {
    controlPlane.table = aTable(1, [backendPort]);
    const { child, log } = start('--workers', '2');
    await ready(log);
    await until('both confirmations', () => controlPlane.confirmed(1).length === 2);
    // a file where its folder should be
    renameSync(join(data, 'worker-1'), join(data, 'aside'));
    writeFileSync(join(data, 'worker-1'), '');
    process.kill(workerPids(child).get(1) ?? 0, 'SIGKILL');
    const told = (): readonly string[] => controlPlane.reports.at(-1)?.report.warnings ?? [];
    await until('the control plane to be told', () =>
      told().some((each) => each.startsWith('worker 1 of this')),
    );
    for (let times = 0; times < 20; times += 1) expect(await get()).toBe('200 hello');
    // 0.5 s, 1 s, 2 s, 4 s
    expect(countOf(log, 'a worker ended')).toBeLessThanOrEqual(5);
    rmSync(join(data, 'worker-1'));
    renameSync(join(data, 'aside'), join(data, 'worker-1'));
    controlPlane.send(aTable(2, [backendPort]));
    await until('both to serve again', () => controlPlane.confirmed(2).length === 2);
  }, 60_000);

  it('tells at its admin port what all workers did, tells the control plane too, and logs it', async () => {
    const adminPort = await freePort();
    const log = join(data, 'access.log');
    controlPlane.table = aTable(1, [backendPort]);
    const { child, log: said } = start(
      ...['--workers', '2', '--proxy-admin-port', String(adminPort), '--access-log', log],
    );
    await ready(said);
    await until('both confirmations', () => controlPlane.confirmed(1).length === 2);
    for (let times = 0; times < 20; times += 1) expect(await get(`/a?secret=${times}`)).toBe('200 hello');
    const ask = async (path: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    expect(await ask('/ping')).toBe('200 pong\n');
    const series = `longrun_proxy_requests_total{app="/web",port="0",task="t${backendPort}",code="2xx"} 20`;
    await until('all of them to be counted', async () => (await ask('/metrics')).includes(series));
    expect(await ask('/metrics')).toContain('longrun_proxy_workers 2\n');
    expect(await ask('/table')).toMatch(/^200 .*"confirmed":\{"epoch":1,"number":1\}.*"appId":"\/web"/);
    expect(await ask('/traffic')).toContain('"requests":20');
    expect(await ask('/none')).toMatch(/^404/);
    const told = (): number =>
      controlPlane.reports
        .flatMap(({ report }) => report.traffic?.series ?? [])
        .reduce((sum, { counts }) => sum + (counts[0] ?? 0), 0);
    await until('the control plane to be told', () => told() === 20);
    child.kill('SIGHUP');
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(told()).toBe(20);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(20);
    expect(lines.join()).not.toContain('secret');
  }, 60_000);

  const itWithHaproxy = spawnSync('haproxy', ['-v']).status === 0 ? it : it.skip;
  itWithHaproxy(
    'with HAProxy: serves on after a kill -9 of itself, and takes over again with the newest table',
    async () => {
      controlPlane.table = aTable(1, [backendPort]);
      const first = start('--engine', 'haproxy', '--workers', '2', '--connections-per-client', '500');
      await until('the table to be confirmed', () => controlPlane.confirmed(1).length === 1);
      expect(controlPlane.reports.at(-1)?.report.warnings).toEqual([
        expect.stringMatching(/^--connections-per-client has no effect with --engine haproxy/),
      ]);
      expect(await get()).toBe('200 hello');
      const failures: string[] = [];
      let asked = 0;
      let stop = false;
      const client = (async () => {
        while (!stop) {
          asked += 1;
          const answer = await get().catch((error: unknown) => String(error));
          if (answer !== '200 hello') failures.push(answer);
        }
      })();
      first.child.kill('SIGKILL');
      await once(first.child, 'exit');
      const before = asked;
      await until('requests without it', () => asked > before + 20);
      const other = createServer((_req, res) => res.end('hello'));
      await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
      const otherPort = (other.address() as AddressInfo).port;
      controlPlane.table = aTable(2, [otherPort]);
      const second = start('--engine', 'haproxy', '--workers', '2');
      await until('the new table to be confirmed', () => controlPlane.confirmed(2).length === 1);
      backend.closeAllConnections();
      backend.close();
      const then = asked;
      await until('requests to the new target', () => asked > then + 20);
      stop = true;
      await client;
      expect(failures).toEqual([]);
      second.child.kill('SIGTERM');
      await once(second.child, 'exit');
      expect(second.child.exitCode).toBe(0);
      await expect(get()).rejects.toThrow();
      other.closeAllConnections();
      other.close();
    },
    60_000,
  );
});
