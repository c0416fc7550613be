// The proxy as a process, against a control plane that the test speaks for.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort, selfSigned, until } from '#libs/testkit';
import { aTable, compileProxy, ProxyBed, removeProxy, ScriptedControlPlane } from './fixtures/proxy-bed.js';

const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0;
const ENGINES = ['builtin', ...(hasHaproxy ? ['haproxy'] : [])];

describe('the proxy process', () => {
  let folder: string;
  let bed: ProxyBed;

  beforeAll(() => {
    folder = compileProxy();
  }, 60_000);
  afterAll(() => removeProxy(folder));
  beforeEach(async () => {
    bed = await ProxyBed.open(folder);
  });
  afterEach(() => bed.close());

  it('routes again after kill -9 without a control plane, and keeps its name', async () => {
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const first = bed.start();
    await until('the table to be confirmed', () => bed.controlPlane.confirmed(1).length === 1);
    expect(await bed.get()).toBe('200 hello');
    const id = bed.controlPlane.confirmed(1);
    first.child.kill('SIGKILL');
    await first.ended;
    bed.controlPlane.stop();

    const second = bed.start();
    await second.ready();
    expect(await bed.get()).toBe('200 hello');
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);

    const url = bed.controlPlane.url;
    bed.controlPlane = new ScriptedControlPlane();
    await bed.controlPlane.start();
    expect(bed.controlPlane.url).not.toBe(url);
    bed.start();
    await until('a report', () => bed.controlPlane.confirmed(1).length === 1);
    expect(bed.controlPlane.confirmed(1)).toEqual(id);
  }, 60_000);

  it('swaps what the stream brings, and finishes what is in flight when it is stopped', async () => {
    bed.controlPlane.table = aTable(1, []);
    const proxy = bed.start();
    await proxy.ready();
    await until('the reason', async () => (await bed.get()).startsWith('503'));
    bed.controlPlane.send(aTable(2, [bed.backendPort]));
    await until('the confirmation', () => bed.controlPlane.confirmed(2).length === 1);
    expect(await bed.get()).toBe('200 hello');
    const slow = bed.get('/slow');
    await until('the request in flight', () => bed.finishSlow);
    bed.controlPlane.send(aTable(3, []));
    await until('its count', () =>
      bed.controlPlane.reports.some(({ report }) => report.inFlight[`t${bed.backendPort}`] === 1),
    );
    proxy.child.kill('SIGTERM');
    await until('no new connections', () =>
      bed.get().then(
        () => false,
        () => true,
      ),
    );
    expect(proxy.child.exitCode).toBeNull();
    bed.finishSlow?.();
    expect(await slow).toBe('200 slow');
    expect(await proxy.ended).toBe(0);
    expect(bed.controlPlane.reports.at(-1)?.report).toMatchObject({ leaving: true, inFlight: {} });
  }, 60_000);

  it('refuses a data folder in use, a taken port and options that it cannot honour, with a sentence', async () => {
    const first = bed.start();
    await first.ready();
    const refusals: [string[], RegExp, number][] = [
      [[], /held by another proxy \(pid \d+, .*--data-dir/, 2],
      [['--data-dir', join(folder, 'other')], /the main port \d+ cannot be opened/, 1],
      [['--proxy-https-port', '8443'], /--proxy-https-port needs a certificate.*--proxy-certs/, 2],
      [
        ['--engine', 'haproxy', '--haproxy-program', '/bin/true', '--data-dir', join(folder, 'wrong')],
        /--haproxy-program \/bin\/true is not HAProxy; install HAProxy .* or use --engine builtin/,
        2,
      ],
      [['--prox-port', '1'], /did you mean --proxy-port/, 2],
    ];
    for (const [args, message, status] of refusals) {
      const proxy = bed.start(...args);
      expect(await proxy.ended).toBe(status);
      await until('the message', () => message.test(proxy.log));
    }
    expect(first.log).not.toContain('secret');
  }, 60_000);

  it('names every address that listens with what it is for, and a limit of open files that is too low', async () => {
    const [dnsPort, adminPort] = [await freePort(), await freePort()];
    const proxy = bed.start(
      ...['--dns-port', String(dnsPort), '--proxy-admin-port', String(adminPort)],
      ...['--max-connections', '1000000'],
    );
    await proxy.ready();
    const named = proxy.log
      .split('\n')
      .filter((line) => line.includes('"listens"'))
      .map((line) => JSON.parse(line) as { address: string; msg: string });
    expect(named.map(({ address, msg }) => `${address} ${msg.split(/[ :]/)[0]}`)).toEqual([
      `http://127.0.0.1:${bed.port} apps`,
      expect.stringMatching(/-\d+ service$/),
      `http://127.0.0.1:${adminPort} admin`,
      `127.0.0.1:${dnsPort} DNS`,
    ]);
    const low = /1000000 connections \(--max-connections\) may need 2000128: .*LimitNOFILE=2000128/;
    expect(proxy.log).toMatch(low);
    await until('the control plane to be told', () =>
      bed.controlPlane.reports.some(({ report }) => report.warnings.some((text) => low.test(text))),
    );
  }, 60_000);

  it('tells the control plane where it is reached: at the address that it opens, of all addresses at its host', async () => {
    const toldAt = async (...bind: string[]): Promise<string | undefined> => {
      bed.controlPlane.reports.length = 0;
      const proxy = bed.start(...bind);
      await proxy.ready();
      await until('a report', () => bed.controlPlane.reports.length > 0);
      proxy.child.kill('SIGTERM');
      await proxy.ended;
      return bed.controlPlane.reports[0]?.report.address;
    };
    expect(await toldAt()).toBe(`127.0.0.1:${bed.port}`);
    expect(await toldAt('--proxy-bind', '127.0.0.2')).toBe(`127.0.0.2:${bed.port}`);
    expect(await toldAt('--proxy-bind', '0.0.0.0')).toBe(`${hostname()}:${bed.port}`);
  }, 60_000);

  it('tells at its admin port what all workers did, tells the control plane too, and logs it', async () => {
    const adminPort = await freePort();
    const log = join(bed.data, 'access.log');
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = bed.start(
      ...['--workers', '2', '--proxy-admin-port', String(adminPort), '--access-log', log],
    );
    await proxy.ready();
    await until('both confirmations', () => bed.controlPlane.confirmed(1).length === 2);
    for (let times = 0; times < 20; times += 1) expect(await bed.get(`/a?secret=${times}`)).toBe('200 hello');
    const ask = async (path: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    expect(await ask('/ping')).toBe('200 pong\n');
    const series = `longrun_proxy_requests_total{app="/web",port="0",task="t${bed.backendPort}",code="2xx"} 20`;
    await until('all of them to be counted', async () => (await ask('/metrics')).includes(series));
    expect(await ask('/metrics')).toContain('longrun_proxy_workers 2\n');
    expect(await ask('/table')).toMatch(/^200 .*"confirmed":\{"epoch":1,"number":1\}.*"appId":"\/web"/);
    expect(await ask('/traffic')).toContain('"requests":20');
    expect(await ask('/none')).toMatch(/^404/);
    const told = (): number =>
      bed.controlPlane.reports
        .flatMap(({ report }) => report.traffic?.series ?? [])
        .reduce((sum, { counts }) => sum + (counts[0] ?? 0), 0);
    await until('the control plane to be told', () => told() === 20);
    proxy.child.kill('SIGHUP');
    proxy.child.kill('SIGTERM');
    expect(await proxy.ended).toBe(0);
    expect(told()).toBe(20);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(20);
    expect(lines.join()).not.toContain('secret');
  }, 60_000);

  it('with another proxy of its identity beside it: asks for the newest table once its lease is over', async () => {
    const other = await bed.serve(createServer((_req, res) => res.end('other')));
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = bed.start();
    await proxy.ready();
    await until('the confirmation', () => bed.controlPlane.confirmed(1).length === 1);
    bed.controlPlane.refusal = 'another proxy uses this identity';
    // its stream says nothing of it
    bed.controlPlane.table = aTable(2, [other]);
    const beats = setInterval(() => bed.controlPlane.heartbeat(), 1_000);
    try {
      expect(await bed.get()).toBe('200 hello');
      await until('requests to go by the newest table', async () => (await bed.get()) === '200 other', {
        withinMs: 30_000,
      });
      expect(proxy.log).toContain('another proxy uses this identity');
    } finally {
      clearInterval(beats);
    }
  }, 60_000);

  it('tells the control plane what it is, and of a port and a log that it cannot have, while these last', async () => {
    const other = createServer();
    const adminPort = await bed.serve(other);
    const folder = join(bed.data, 'logs');
    bed.controlPlane.table = aTable(1, [bed.backendPort]);
    const proxy = bed.start(
      ...['--workers', '2', '--proxy-admin-port', String(adminPort)],
      ...['--access-log', join(folder, 'access.log')],
    );
    await proxy.ready();
    const said = (id: string): string =>
      bed.controlPlane.reports
        .filter((each) => each.id === id)
        .at(-1)
        ?.report.warnings.join('; ') ?? '';
    const ids = (): string[] => [...new Set(bed.controlPlane.reports.map(({ id }) => id))];
    const each = (matches: RegExp): boolean =>
      ids().length === 2 && ids().every((id) => matches.test(said(id)));
    await until('both to be told', () =>
      each(
        /the access log .* cannot be written.*SIGHUP.*admin endpoint .* choose another --proxy-admin-port/,
      ),
    );
    const workers = bed.controlPlane.reports.map(({ report }) => report.about?.worker?.index);
    expect([...new Set(workers)].sort()).toEqual([1, 2]);
    expect(bed.controlPlane.reports[0]?.report.about).toMatchObject({
      ...{ engine: 'builtin', host: hostname(), worker: { of: 2 } },
    });
    mkdirSync(folder);
    proxy.child.kill('SIGHUP');
    await until('the log to be no problem any more', () => each(/^(?!.*access log).*admin endpoint/));
  }, 60_000);

  it.each(ENGINES)(
    'tells what its certificates are for, also when they change (%s)',
    async (engine) => {
      const certificates = join(bed.data, 'certs');
      mkdirSync(certificates);
      writeFileSync(join(certificates, 'a.pem'), selfSigned(['a.example', '*.a.example']).pem);
      writeFileSync(join(certificates, 'old.pem'), selfSigned(['old.example'], -3_600_000).pem);
      const httpsPort = await freePort();
      bed.controlPlane.table = aTable(1, [bed.backendPort]);
      const tls = ['--proxy-certs', certificates, '--proxy-https-port', String(httpsPort)];
      bed.start('--engine', engine, ...tls);
      const told = (): unknown => bed.controlPlane.reports.at(-1)?.report.listens;
      const isTold = (httpsNames: readonly string[]) => (): boolean =>
        JSON.stringify(told()).includes(JSON.stringify({ httpsPort, httpsNames }).slice(1, -1));
      await until('the names to be told', isTold(['*.a.example', 'a.example']));
      writeFileSync(join(certificates, 'b.pem'), selfSigned(['b.example']).pem);
      await until('the new one to be told', isTold(['*.a.example', 'a.example', 'b.example']));
    },
    60_000,
  );

  const itWithHaproxy = hasHaproxy ? it : it.skip;
  itWithHaproxy(
    'with HAProxy: serves on after a kill -9 of itself, and takes over again with the newest table',
    async () => {
      bed.controlPlane.table = aTable(1, [bed.backendPort]);
      const log = join(bed.data, 'access.log');
      const options = ['--engine', 'haproxy', '--workers', '2', '--access-log', log];
      const first = bed.start(...options, '--connections-per-client', '500');
      await until('the table to be confirmed', () => bed.controlPlane.confirmed(1).length === 1);
      expect(bed.controlPlane.reports.at(-1)?.report.warnings).toEqual([]);
      expect(await bed.get()).toBe('200 hello');
      const stream = bed.stream(1, () => bed.get().catch((error: unknown) => String(error)));
      first.child.kill('SIGKILL');
      await first.ended;
      const before = stream.outcomes.length;
      // more than the pipe of the access log has room for
      await until('requests without it', () => stream.outcomes.length > before + 1_000);
      const otherPort = await bed.serve(createServer((_req, res) => res.end('hello')));
      bed.controlPlane.table = aTable(2, [otherPort]);
      const second = bed.start(...options);
      await until('the new table to be confirmed', () => bed.controlPlane.confirmed(2).length === 1);
      bed.backend.closeAllConnections();
      bed.backend.close();
      const then = stream.outcomes.length;
      await until('requests to the new target', () => stream.outcomes.length > then + 20);
      await stream.stop();
      expect(new Set(stream.outcomes)).toEqual(new Set(['200 hello']));
      second.child.kill('SIGTERM');
      expect(await second.ended).toBe(0);
      await expect(bed.get()).rejects.toThrow();
      const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
      const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(logged[0]).toMatchObject({
        ...{ app: '/web', port: 0, task: `t${bed.backendPort}`, via: 'haproxy', client: '127.0.0.1' },
        ...{ method: 'GET', path: '/_app/web/', status: 200, retries: 0 },
      });
      expect(logged.filter(({ task }) => task === `t${otherPort}`).length).toBeGreaterThan(20);
      expect(logged.length).toBeLessThan(stream.outcomes.length);
    },
    60_000,
  );
});
