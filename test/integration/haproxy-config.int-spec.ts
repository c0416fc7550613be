// What HAProxy does not take, of labels, files and disks, hurts nobody but whom it comes from: with a real HAProxy.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HaproxyEngine, type HaproxyEngineOptions } from '#libs/haproxy-engine';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RoutePolicy, RouteService, RouteTable } from '#libs/routing';
import { ask, freePort, selfSigned, until, type Answered } from '#libs/testkit';
import { SystemClock } from '#libs/time';

const folder = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const describeHere = spawnSync('haproxy', ['-v']).status === 0 ? describe : describe.skip;

describeHere('the configuration of HAProxy', () => {
  let backend: Server;
  let target: number;
  let port: number;
  let at: string;
  let engines: HaproxyEngine[];
  let seen: IncomingHttpHeaders;
  let held: ServerResponse[];
  let count = 0;

  beforeEach(async () => {
    backend = createServer((request, response) => {
      seen = request.headers;
      request.resume();
      if (request.url === '/slow') held.push(response);
      else response.end(`hello ${request.url}`);
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    target = (backend.address() as AddressInfo).port;
    port = await freePort();
    at = join(folder, String((count += 1)));
    engines = [];
    held = [];
  });
  afterEach(async () => {
    for (const engine of engines) await engine.stop(0);
    backend.closeAllConnections();
    backend.close();
  });

  const newEngine = (more: Partial<HaproxyEngineOptions> = {}): HaproxyEngine => {
    const engine = new HaproxyEngine({
      ...{ clock: new SystemClock(), bind: '127.0.0.1', port, appPaths: true, folder: at, threads: 2 },
      ...more,
    });
    engines.push(engine);
    return engine;
  };
  const startedEngine = async (more: Partial<HaproxyEngineOptions> = {}): Promise<HaproxyEngine> => {
    const engine = newEngine(more);
    await engine.start();
    return engine;
  };
  const service = (
    name: string,
    policy: RoutePolicy = {},
    more: Partial<RouteService> = {},
  ): RouteService => ({
    appId: asAppId(`/${name}`),
    portIndex: 0,
    mode: 'http',
    hosts: [`${name}.example`],
    sticky: false,
    redirectToHttps: false,
    emptyReason: '',
    policy,
    targets: [targetOf(`${name}-1`)],
    ...more,
  });
  const targetOf = (task: string): RouteService['targets'][number] => ({
    ...{
      taskId: asTaskId(task),
      instanceId: asInstanceId(task),
      host: '127.0.0.1',
      port: target,
      suspect: false,
    },
  });
  let number = 0;
  const tableOf = (...services: RouteService[]): RouteTable => ({
    ...{ cluster: 'c', epoch: 1, number: (number += 1), madeAt: timestampOf(0), services },
  });
  const get = (
    name: string,
    path = '/',
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<Answered> => ask({ port, path, method, headers: { host: `${name}.example`, ...headers } });
  const masterPid = (): number =>
    (JSON.parse(readFileSync(join(at, 'haproxy.json'), 'utf8')) as { pid: number }).pid;

  it('confirms tables after one whose labels HAProxy refused, and says its words', async () => {
    const notices: string[] = [];
    const engine = await startedEngine({ onNotice: (text) => notices.push(text) });
    await engine.swap(tableOf(service('web'), service('other')));
    const bad = { allow: ['not-a-network/99'] };
    await engine.swap(tableOf(service('web', bad, { targets: [targetOf('web-2')] }), service('other')));
    expect(engine.warnings()).toEqual([
      expect.stringMatching(/^app \/web is not served: HAProxy refuses .*not-a-network/),
    ]);
    await engine.swap(tableOf(service('web', bad, { targets: [targetOf('web-3')] }), service('other')));
    await engine.swap(tableOf(service('web', {}, { targets: [targetOf('web-3')] })));
    expect(await get('web')).toMatchObject({ status: 200 });
    expect(engine.warnings()).toEqual([]);
    // else a worker that has requests to finish is told again and again of places that it does not have
    expect(notices.join()).not.toMatch(/refuses a command/);
  }, 60_000);

  it('leaves out a service port that it cannot open, by the labels of one app, and serves the rest', async () => {
    const engine = await startedEngine();
    const [odd, good] = [await freePort(), await freePort()];
    await engine.swap(
      tableOf(
        service('odd', { bind: '::1%lo' }, { servicePort: odd }),
        service('good', { timeouts: { silenceMs: 5_000 } }, { servicePort: good, mode: 'tcp' }),
      ),
    );
    expect(engine.warnings().join()).toMatch(new RegExp(`app /odd.*${odd}|${odd}.*::1%lo`));
    expect(await ask({ port: good })).toMatchObject({ status: 200 });
    expect(await get('odd')).toMatchObject({ status: 200 });
  }, 60_000);

  it('uses what it can of values that HAProxy takes in part, and names the label', async () => {
    const engine = await startedEngine();
    await engine.swap(
      tableOf(
        service('some', { retries: { on: [409, 418, 500] } }),
        service('none', { retries: { on: [409] } }),
        service('long', { timeouts: { tunnelMs: 30 * 86_400_000 } }),
        service('odd', { balance: { by: 'header', name: '$!#' } }),
      ),
    );
    for (const name of ['some', 'none', 'long', 'odd'])
      expect(await get(name)).toMatchObject({ status: 200 });
    const warnings = engine.warnings().join('\n');
    for (const text of [
      /app \/some: longrun.io\/retry-on: .* 409, 418$/m,
      /app \/none: longrun.io\/retry-on: .* 409$/m,
      /app \/long: longrun.io\/tunnel-timeout: .*24 days/,
      /app \/odd: longrun.io\/balance: .*header "\$!#"/,
    ])
      expect(warnings).toMatch(text);
  }, 60_000);

  it('names a body limit that its HAProxy cannot carry out for bodies without a length', async () => {
    const old = join(folder, 'haproxy-2.5');
    const about = 'haproxy -vv | sed "s/^HAProxy version [0-9.]*/HAProxy version 2.5.0/"';
    writeFileSync(old, `#!/bin/sh\nif [ "$1" = -vv ]; then ${about}; else exec haproxy "$@"; fi\n`, {
      mode: 0o755,
    });
    const engine = await startedEngine({ program: old });
    await engine.swap(tableOf(service('big', { limits: { bodyBytes: 10 } }), service('free')));
    expect(await get('big')).toMatchObject({ status: 200 });
    expect(engine.warnings()).toEqual([
      expect.stringMatching(/^app \/big: longrun.io\/body-limit: HAProxy before 2.6, .*chunked/),
    ]);
  }, 60_000);

  it('serves as much as the limit of open files has room for, and says what does not fit and what to do', async () => {
    const files = 480;
    const limited = join(folder, 'haproxy-limited');
    writeFileSync(limited, `#!/bin/sh\nulimit -n ${files}\nexec haproxy "$@"\n`, { mode: 0o755 });
    const engine = await startedEngine({ program: limited, files });
    // five places each
    const many = Array.from({ length: 120 }, (_, at) => service(`app${at}`));
    const low = new RegExp(
      `^the limit of open files is ${files}: .* 120 targets .* 100 connections .*LimitNOFILE=65536`,
    );
    await engine.swap(tableOf(...many));
    expect(await get('app7')).toMatchObject({ status: 200 });
    expect(engine.warnings()).toEqual([expect.stringMatching(low)]);
    const ports = await Promise.all(Array.from({ length: 26 }, () => freePort()));
    const withPorts = (some: readonly number[]): RouteTable =>
      tableOf(...some.map((each, at) => service(`app${at}`, {}, { servicePort: each })));
    await engine.swap(withPorts(ports));
    expect(await get('app25')).toMatchObject({ status: 200 });
    for (const each of ports.slice(0, 24)) expect(await ask({ port: each })).toMatchObject({ status: 200 });
    await expect(ask({ port: ports[25] ?? 0 })).rejects.toThrow();
    const beyond = `which has room for 24 service ports: 2 are not opened (${ports[24]}, ${ports[25]}); raise it: `;
    expect(engine.warnings().join()).toContain(beyond);
    await engine.swap(withPorts(ports.slice(2)));
    for (const each of ports.slice(2)) expect(await ask({ port: each })).toMatchObject({ status: 200 });
    expect(engine.warnings().join()).not.toContain('not opened');
  }, 60_000);

  it('lets nobody wait where the labels allow no queue', async () => {
    const engine = await startedEngine();
    await engine.swap(
      tableOf(service('web', { limits: { connectionsPerTarget: 1, queue: 0, queueMs: 600_000 } })),
    );
    const first = get('web', '/slow');
    await until('the first one to be there', () => held.length === 1);
    // the first one is answered only after the others were
    for (let turn = 0; turn < 3; turn += 1) expect(await get('web', '/slow')).toMatchObject({ status: 503 });
    held[0]?.end();
    expect(await first).toMatchObject({ status: 200 });
  }, 60_000);

  it('answers cross-origin requests and tells prefixes as the built-in engine does', async () => {
    const engine = await startedEngine();
    const cors = { origins: ['https://a.example'], credentials: true };
    await engine.swap(
      tableOf(service('web', { cors, limits: { bodyBytes: 3 } }), service('cut', { stripPrefix: '/v1' })),
    );
    const asks = (origin: string): Promise<Answered> =>
      get('web', '/', { origin, 'access-control-request-method': 'PUT' }, 'OPTIONS');
    expect(await asks('https://A.example')).toMatchObject({ status: 200 });
    expect(await asks('https://b.example')).toMatchObject({ status: 403 });
    const large = await ask({
      ...{ port, method: 'POST', body: 'large' },
      headers: { host: 'web.example', origin: 'https://a.example' },
    });
    expect(large).toMatchObject({
      status: 413,
      headers: { 'access-control-allow-origin': 'https://a.example', vary: 'Origin' },
    });
    for (const [path, url, prefix] of [
      ['/v1/x', '/x', '/v1'],
      ['/v1', '/', '/v1'],
      ['/v10', '/v10', undefined],
      ['/_app/cut/v1/x', '/x', '/_app/cut/v1'],
    ] as const) {
      const answer = await get('cut', path);
      expect([answer.text, seen['x-forwarded-prefix']]).toEqual([`hello ${url}`, prefix]);
      expect(answer.headers['keep-alive']).toBeUndefined();
    }
  }, 60_000);

  it('serves its first table from the first connection on', async () => {
    const engine = newEngine();
    await engine.swap(tableOf(service('web')));
    const statuses = new Set<number>();
    const asking = (async () => {
      while (!statuses.has(200)) statuses.add((await get('web').catch(() => ({ status: 0 }))).status);
    })();
    await engine.start();
    await asking;
    expect(statuses).not.toContain(404);
  }, 60_000);

  it('goes on by its last certificates when a file is broken, over a restart too, and says so', async () => {
    const certificates = `${at}-certs`;
    mkdirSync(certificates);
    writeFileSync(join(certificates, 'a.pem'), selfSigned(['a.example']).pem);
    writeFileSync(join(certificates, 'b.pem'), selfSigned(['b.example']).pem);
    const tls = { port: await freePort(), certificates: [certificates] };
    const named = (servername: string): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        const socket = connect(
          { host: '127.0.0.1', port: tls.port, servername, rejectUnauthorized: false },
          () => {
            resolve(String(socket.getPeerCertificate().subject.CN));
            socket.destroy();
          },
        ).once('error', reject);
      });
    const engine = await startedEngine({ tls });
    await engine.swap(tableOf(service('web')));
    expect(await named('b.example')).toBe('b.example');
    writeFileSync(join(certificates, 'b.pem'), 'garbage');
    spawnSync('mkfifo', [join(certificates, 'c.pem')]);
    await engine.swap(tableOf(service('web', { compress: true })));
    expect(await get('web')).toMatchObject({ status: 200 });
    expect(await named('b.example')).toBe('b.example');
    expect(engine.warnings().join()).toMatch(
      /b\.pem has no certificate.*old one stays in use.*c\.pem is no regular file/,
    );
    await engine.stop(0);
    const next = await startedEngine({ tls });
    await next.swap(tableOf(service('web')));
    expect(await named('b.example')).toBe('b.example');
    rmSync(join(certificates, 'b.pem'));
    await until('the other one to be used', async () => (await named('b.example')) === 'a.example');
  }, 60_000);

  it('is started again where its folder takes nothing, and taken over from there', async () => {
    const notices: string[] = [];
    const engine = await startedEngine({ onNotice: (text) => notices.push(text) });
    await engine.swap(tableOf(service('web', {}, { targets: [] })));
    const before = masterPid();
    const config = join(at, 'haproxy.cfg');
    rmSync(config);
    mkdirSync(config);
    await engine.swap(tableOf(service('web')));
    process.kill(before, 'SIGKILL');
    await until('another place', () => notices.some((text) => text.includes('takes nothing: EISDIR')));
    await until('HAProxy', () => engine.warnings().length === 0);
    await until('traffic again', async () => (await get('web').catch(() => ({ status: 0 }))).status === 200);
    const later = newEngine();
    await later.start();
    await later.swap(tableOf(service('web'), service('new')));
    expect(await get('new')).toMatchObject({ status: 200 });
  }, 60_000);

  it('lets nobody fail while its only target refuses connections for a moment', async () => {
    let downs = 0;
    const engine = await startedEngine({
      onCounted: (_service, _target, { ejections }) => (downs += ejections),
    });
    await engine.swap(tableOf(service('web')));
    expect(await get('web')).toMatchObject({ status: 200 });
    // a busy machine may take longer than the moment for which HAProxy waits, or ask the target only when it is there again
    const oneRound = async (): Promise<boolean> => {
      const before = downs;
      backend.closeAllConnections();
      await new Promise((resolve) => backend.close(resolve));
      const all: Promise<Answered>[] = [];
      // the first one is refused, and with that the target is left out
      await until('three to be on their way', () => all.push(get('web')) >= 3);
      await new Promise<void>((resolve) => backend.listen(target, '127.0.0.1', resolve));
      const statuses = (await Promise.all(all)).map(({ status }) => status);
      await until('it to be told that it was left out', () => downs > before, { withinMs: 8_000 });
      await until('it to be back', async () => (await get('web')).status === 200);
      return statuses.every((status) => status === 200);
    };
    await until('all of three to be answered', oneRound, { withinMs: 45_000 });
  }, 60_000);

  it('counts what it answers itself, beside what its targets do', async () => {
    const counted: [task: string | undefined, byClass: readonly number[]][] = [];
    const engine = await startedEngine({
      onCounted: (_service, to, { byClass }) => counted.push([to?.taskId, byClass]),
    });
    await engine.swap(tableOf(service('web'), service('closed', { allow: [] })));
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await get('web')).toMatchObject({ status: 200 });
      expect(await get('closed')).toMatchObject({ status: 403 });
    }
    await until('its counts', () => counted.length >= 2);
    expect(counted.sort()).toEqual(
      [
        [undefined, [0, 0, 0, 3, 0]],
        ['web-1', [0, 3, 0, 0, 0]],
      ].sort(),
    );
  }, 60_000);

  it('says what is wrong with a program that is no HAProxy', async () => {
    await expect(startedEngine({ program: '/nope' })).rejects.toThrow(
      /--haproxy-program \/nope is not there; install HAProxy/,
    );
    await expect(startedEngine({ program: '/bin/true' })).rejects.toThrow(/\/bin\/true is not HAProxy/);
  }, 60_000);
});
