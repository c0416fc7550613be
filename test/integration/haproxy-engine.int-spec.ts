// HAProxy as the data path, through the suite that every engine passes; and what is particular to it: a process beside ours, which
// may die alone or outlive us.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server, type ServerResponse } from 'node:http';
import { get as getSecurely } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { engineConformance } from '#libs/engine-conformance';
import { HaproxyEngine, type EndedRequest, type HaproxyEngineOptions } from '#libs/haproxy-engine';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RoutePolicy, RouteTable } from '#libs/routing';
import { ask as askAll, freePort, listen, selfSigned, until } from '#libs/testkit';
import { SystemClock } from '#libs/time';

const folder = mkdtempSync(join(tmpdir(), 'longrun-haproxy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const make = (port: number, at: string, more: Partial<HaproxyEngineOptions> = {}): HaproxyEngine =>
  new HaproxyEngine({
    clock: new SystemClock(),
    bind: '127.0.0.1',
    port,
    appPaths: false,
    folder: join(folder, at),
    threads: 2,
    ...more,
  });

/** Optional for users, always there in CI. */
const describeHere = spawnSync('haproxy', ['-v']).status === 0 ? describe : describe.skip;

describeHere('HAProxy as engine', () => {
  engineConformance('HAProxy', ({ port, zone, onIdle, onEnded, onHeaderRefused }) =>
    make(port, String((count += 1)), {
      ...{ zone, onIdle, onHeaderRefused },
      ...(onEnded ? { accessLog: { share: 1, onEnded } } : {}),
    }),
  );
});

describeHere('the process of HAProxy', () => {
  let backend: Server;
  let target: number;
  let port: number;
  let at: string;
  let engines: HaproxyEngine[];
  let servers: Server[];

  beforeEach(async () => {
    backend = createServer((_req, res) => res.end('hello'));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    target = (backend.address() as AddressInfo).port;
    port = await freePort();
    at = `own-${(count += 1)}`;
    engines = [];
    servers = [];
  });
  afterEach(async () => {
    for (const engine of engines) await engine.stop(0);
    for (const server of [backend, ...servers]) {
      server.closeAllConnections();
      server.close();
    }
  });

  const engineAt = async (more: Partial<HaproxyEngineOptions> = {}): Promise<HaproxyEngine> => {
    const engine = make(port, at, more);
    engines.push(engine);
    await engine.start();
    return engine;
  };
  const aTable = (number: number, ports: readonly number[]): RouteTable => ({
    cluster: 'c',
    epoch: 1,
    number,
    madeAt: timestampOf(0),
    services: [
      {
        appId: asAppId('/web'),
        portIndex: 0,
        mode: 'http',
        hosts: ['web.example'],
        sticky: false,
        redirectToHttps: false,
        emptyReason: '',
        targets: ports.map((each) => ({
          taskId: asTaskId(`t${each}`),
          instanceId: asInstanceId(`i${each}`),
          host: '127.0.0.1',
          port: each,
          suspect: false,
        })),
      },
    ],
  });
  const ask = (host = 'web.example'): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, headers: { host }, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.once('end', () => resolve(text));
      }).once('error', reject);
    });
  const masterPid = (): number =>
    (JSON.parse(readFileSync(join(folder, at, 'haproxy.json'), 'utf8')) as { pid: number }).pid;
  const workerPids = (): number[] =>
    execFileSync('ps', ['-o', 'pid=', '--ppid', String(masterPid())], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);

  it('promises TLS in its own answers, too, over TLS alone', async () => {
    const tls = { port: await freePort(), certificates: [join(folder, `${at}.pem`)] };
    writeFileSync(join(folder, `${at}.pem`), selfSigned(['web.example']).pem);
    const engine = await engineAt({ tls });
    const promised = (secure: boolean): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', headers: { host: 'web.example' }, agent: false as const };
        const asked = secure
          ? getSecurely({ ...options, port: tls.port, rejectUnauthorized: false })
          : get({ ...options, port });
        asked.once('error', reject).once('response', ({ statusCode, headers }) => {
          resolve([statusCode, headers['strict-transport-security']]);
          asked.destroy();
        });
      });
    const routed = (number: number, ports: readonly number[], policy: RoutePolicy): RouteTable => {
      const table = aTable(number, ports);
      return { ...table, services: table.services.map((each) => ({ ...each, policy })) };
    };
    const hsts = { maxAgeSeconds: 60 };
    const rounds = [
      [200, [target], { hsts }],
      [403, [target], { hsts, allow: [] }],
      [503, [], { hsts }],
    ] as const;
    for (const [nth, [status, ports, policy]] of rounds.entries()) {
      await engine.swap(routed(nth + 1, ports, policy));
      expect(await promised(true)).toEqual([status, 'max-age=60']);
      expect(await promised(false)).toEqual([status, undefined]);
    }
  }, 60_000);

  /** Who answered 30 requests, one after the other. */
  const answers = async (host?: string): Promise<string[]> => {
    const seen = new Set<string>();
    for (let turn = 0; turn < 30; turn += 1) seen.add(await ask(host));
    return [...seen];
  };
  const withServices = (number: number, ...more: Partial<RouteTable['services'][number]>[]): RouteTable => {
    const [service] = aTable(number, [target]).services;
    return {
      ...aTable(number, []),
      services: more.map((each) => ({ ...service, ...each }) as typeof service & object),
    };
  };
  const targetOn = (host: string, port: number): RouteTable['services'][number]['targets'] =>
    aTable(1, [port]).services.flatMap(({ targets }) => targets.map((each) => ({ ...each, host })));

  it('sends nothing to what left though a newcomer has a host that nobody knows, and finds hosts by name', async () => {
    const names = new Map([['agent-2.internal', '127.0.0.1']]);
    const lookUp = (name: string): Promise<string> =>
      names.has(name) ? Promise.resolve(names.get(name) ?? '') : Promise.reject(new Error('no such name'));
    const other = createServer((_req, res) => res.end('other'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const otherPort = (other.address() as AddressInfo).port;
    const engine = await engineAt({ lookUp });
    await engine.swap(aTable(1, [target, otherPort]));
    expect((await answers()).sort()).toEqual(['hello', 'other']);
    const hostile = '127.0.0.1:1 check\n  http-request deny\n#';
    const unknown = [...targetOn('agent-1.internal', target), ...targetOn(hostile, target)];
    await engine.swap(withServices(2, { targets: [...targetOn('127.0.0.1', otherPort), ...unknown] }));
    expect(await answers()).toEqual(['other']);
    expect(engine.warnings().join()).toContain('agent-1.internal');
    await engine.swap(withServices(3, { targets: targetOn('agent-2.internal', target) }));
    expect(await answers()).toEqual(['hello']);
    expect(engine.warnings()).toEqual([]);
    other.closeAllConnections();
    other.close();
  }, 60_000);

  it('leaves out a service port that somebody else has until it is free, its own ports for good, and goes on', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const taken = (blocker.address() as AddressInfo).port;
    const engine = await engineAt();
    await engine.swap(
      withServices(1, { servicePort: taken }, { appId: asAppId('/own'), hosts: [], servicePort: port }),
    );
    expect(await ask()).toBe('hello');
    expect([...engine.warnings()].sort((a, b) => b.indexOf('cannot') - a.indexOf('cannot'))).toEqual([
      `service port ${taken} cannot be opened on 127.0.0.1: another process listens on it; tried again every few seconds`,
      `service port ${port} is not opened: it is the main port of the proxy`,
    ]);
    await new Promise((resolve) => blocker.close(resolve));
    await until('the port to be opened', () =>
      fetch(`http://127.0.0.1:${taken}/`).then(
        async (answer) => (await answer.text()) === 'hello',
        () => false,
      ),
    );
    expect(engine.warnings()).toHaveLength(1);
  }, 60_000);

  it('does not say that a table is in use which could not be written, and carries it out when it can', async () => {
    const notices: string[] = [];
    const engine = await engineAt({ onNotice: (text) => notices.push(text) });
    await engine.swap(withServices(1, {}));
    const config = join(folder, at, 'haproxy.cfg');
    rmSync(config);
    mkdirSync(config);
    let isConfirmed = false;
    const swapped = engine
      .swap(withServices(2, { targets: [] }, { appId: asAppId('/new'), hosts: ['new.example'] }))
      .then(() => (isConfirmed = true));
    await until('it to be tried twice', () => notices.length > 0);
    // who left gets nothing, whatever else fails
    await until('the departure', async () => (await ask()).includes('cannot answer now'));
    expect(isConfirmed).toBe(false);
    expect(engine.warnings().join()).toContain('EISDIR');
    rmSync(config, { recursive: true });
    await swapped;
    expect(await ask('new.example')).toBe('hello');
    expect(engine.warnings()).toEqual([]);
  }, 60_000);

  it('never runs beside another one on the same port', async () => {
    await engineAt();
    const second = make(port, `own-${(count += 1)}`);
    engines.push(second);
    await expect(second.start()).rejects.toThrow(
      /main port \d+ cannot be opened.*another process listens on it/,
    );
  }, 60_000);

  it('knows in its next run which task that had left before still has something in flight', async () => {
    let finish: (() => void) | undefined;
    const slow = createServer((_req, res) => (finish = () => void res.end('slow')));
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const slowPort = (slow.address() as AddressInfo).port;
    const first = await engineAt();
    await first.swap(aTable(1, [target]));
    await first.swap(aTable(2, [slowPort]));
    const answer = ask();
    await until('the request', () => finish);
    await first.swap(aTable(3, [target]));
    expect([...first.inFlight()]).toEqual([[`t${slowPort}`, 1]]);
    const second = await engineAt();
    await second.swap(aTable(3, [target]));
    expect([...second.inFlight()]).toEqual([[`t${slowPort}`, 1]]);
    finish?.();
    expect(await answer).toBe('slow');
    await until('nothing in flight', () => second.inFlight().size === 0);
    slow.closeAllConnections();
    slow.close();
  }, 60_000);

  it('swaps many services at once, and knows of each what is still in flight', async () => {
    let finish: (() => void) | undefined;
    const slow = createServer((_req, res) => (finish = () => void res.end('slow')));
    servers.push(slow);
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const slowPort = (slow.address() as AddressInfo).port;
    const engine = await engineAt();
    const count = 120;
    const all = (number: number, port: number): RouteTable =>
      withServices(
        number,
        ...Array.from({ length: count }, (_, at) => ({
          appId: asAppId(`/many/app-with-a-name-that-fills-lines-of-commands-${at}`),
          hosts: [`h${at}.example`],
          targets: targetOn('127.0.0.1', port).map((each) => ({
            ...each,
            taskId: asTaskId(`t${port}-${at}`),
          })),
        })),
      );
    await engine.swap(all(1, slowPort));
    const answer = ask('h77.example');
    await until('the request', () => finish);
    await engine.swap(all(2, target));
    expect([...engine.inFlight()]).toEqual([[`t${slowPort}-77`, 1]]);
    for (let at = 0; at < count; at += 1) expect(await ask(`h${at}.example`)).toBe('hello');
    expect(engine.warnings()).toEqual([]);
    finish?.();
    expect(await answer).toBe('slow');
    await until('nothing in flight', () => engine.inFlight().size === 0);
  }, 60_000);

  it('serves a host by its name, in any case, with port and dot, by path, and apps by id beside it', async () => {
    const engine = await engineAt();
    const other = createServer((req, res) =>
      res.end(`${req.url} ${req.headers['x-forwarded-prefix'] ?? ''}`),
    );
    servers.push(other);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const targets = targetOn('127.0.0.1', (other.address() as AddressInfo).port);
    const table = (number: number, more: object): RouteTable =>
      withServices(
        number,
        {},
        { appId: asAppId('/other'), hosts: ['other.example'], targets },
        { appId: asAppId('/deep'), hosts: ['deep.example'], path: '/x', targets },
        { appId: asAppId('/rest'), hosts: ['deep.example'], ...more },
      );
    const page = (host: string, path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.once('end', () => resolve(text));
        }).once('error', reject);
      });
    for (const [number, more] of [{}, { matchWeight: 2, path: '/x/y' }].entries()) {
      await engine.swap(table(number + 1, more));
      for (const host of ['web.example', 'WEB.example', `web.example:${port}`, 'web.example.'])
        expect(await page(host, '/any')).toBe('hello');
      // the id wins over the host
      expect(await page('web.example', '/_app/other/p?q')).toBe('/p?q /_app/other');
      expect(await page('web.example', '/_app/nobody/p')).toContain('no app with a TCP port has this id');
      expect(await page('deep.example', '/x')).toBe('/x ');
      expect(await page('deep.example', '/x/y')).toBe(number === 0 ? '/x/y ' : 'hello');
      expect(await page('deep.example', '/xy')).toMatch(number === 0 ? /^hello$/ : /no app is routed/);
      expect(await page('nobody.example', '/')).toContain('no app is routed');
    }
  }, 60_000);

  it('serves services whose names differ only in what HAProxy does not take, and long lists of addresses', async () => {
    const engine = await engineAt();
    const allow = [...Array.from({ length: 200 }, (_, at) => `10.0.${at}.0/24`), '127.0.0.1'];
    const groups = ['/blue green', '/blue-green', '/blue:green', '/blue/green'];
    await engine.swap(
      withServices(
        1,
        ...groups.map((id, at) => ({ appId: asAppId(id), hosts: [`h${at}.example`], policy: { allow } })),
      ),
    );
    for (const at of groups.keys()) expect(await ask(`h${at}.example`)).toBe('hello');
    expect(engine.warnings()).toEqual([]);
  }, 60_000);

  it('takes no text of labels for configuration', async () => {
    const engine = await engineAt();
    const evil = `x', "%[env(PATH)] \${PATH}) } ; # \n  http-request deny`;
    const policy = {
      stripPrefix: `/${evil}`,
      proxyPass: '/',
      responseHeaders: [{ do: 'set' as const, name: 'x-evil', value: evil }],
      cors: { origins: [evil, 'https://a.example'], exposed: [evil], methods: [evil], headers: [evil] },
      auth: { realm: evil, users: [{ name: evil, secret: evil, hashed: false }] },
    };
    await engine.swap(withServices(1, { policy }, { appId: asAppId('/other'), hosts: ['other.example'] }));
    expect(engine.warnings()).toEqual([]);
    expect(await ask('other.example')).toBe('hello');
    const config = readFileSync(join(folder, at, 'haproxy.cfg'), 'utf8');
    expect(config).not.toMatch(/^\s*http-request deny/m);
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      headers: {
        host: 'web.example',
        origin: 'https://a.example',
        authorization: `Basic ${btoa(evil.replaceAll('\n', ' ') + ':' + evil.replaceAll('\n', ' '))}`,
      },
    });
    expect([...answer.headers.values()].join()).not.toContain(process.env['PATH']);
  }, 60_000);

  it('is started again with the newest table after a kill -9 of its worker or its master', async () => {
    const engine = await engineAt();
    await engine.swap(aTable(1, [1]));
    await engine.swap(aTable(2, [target]));
    expect(await ask()).toBe('hello');
    for (const victim of [() => workerPids()[0] as number, masterPid]) {
      const before = masterPid();
      process.kill(victim(), 'SIGKILL');
      await until('another master', () => masterPid() !== before);
      await until('traffic again', async () => (await ask()) === 'hello');
      await engine.swap(aTable(3, [target]));
      expect(engine.warnings()).toEqual([]);
    }
  }, 60_000);

  it('finds a way to a HAProxy whose socket was removed, with a table to tell and without', async () => {
    const engine = await engineAt();
    const other = createServer((_req, res) => res.end('other'));
    servers.push(other);
    await engine.swap(aTable(1, [target]));
    const master = masterPid();
    const path = join(folder, at, 'master.sock');
    rmSync(path);
    // to nobody that comes by a reload, and from one that leaves
    await engine.swap(aTable(2, [await listen(other)]));
    for (let turn = 0; turn < 4; turn += 1) expect(await ask()).toBe('other');
    rmSync(path);
    await until('its socket', () => existsSync(path));
    await until('it to be told', () => engine.warnings().length === 0);
    expect(await ask()).toBe('other');
    expect(masterPid()).toBe(master);
  }, 60_000);

  it('lets a service whose labels HAProxy does not take answer so, and serves the others', async () => {
    const engine = await engineAt();
    const [service] = aTable(1, [target]).services;
    if (!service) throw new Error('no service');
    const broken = {
      ...service,
      appId: asAppId('/broken'),
      hosts: ['broken.example'],
      policy: { allow: ['not-a-network/99'] },
    };
    await engine.swap({ ...aTable(1, [target]), services: [broken, service] });
    expect(engine.warnings()).toEqual([expect.stringContaining('app /broken is not served')]);
    expect(await ask()).toBe('hello');
    expect(await ask('broken.example')).toMatch(/app \/broken is not served/);
    await engine.swap(aTable(2, [target]));
    expect(engine.warnings()).toEqual([]);
    expect(await ask()).toBe('hello');
  }, 60_000);

  it('tells what is in flight, what waits for room, and whom it leaves out, how often', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = createServer((_req, res) => void released.then(() => res.end('hello')));
    servers.push(slow);
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const [service] = aTable(1, [(slow.address() as AddressInfo).port]).services;
    if (!service) throw new Error('no service');
    let ejections = 0;
    const engine = await engineAt({ onCounted: (_s, _t, sums) => (ejections += sums.ejections) });
    const policy: RoutePolicy = { limits: { connectionsPerTarget: 1, queue: 10 } };
    await engine.swap({ ...aTable(1, []), services: [{ ...service, policy }] });
    const asked = [ask(), ask(), ask()];
    const stand = () => engine.standings();
    const sum = (what: 'inFlight' | 'waiting') => stand().reduce((all, each) => all + each[what], 0);
    await until('one in flight and two waiting', () => sum('inFlight') === 1 && sum('waiting') === 2);
    expect(stand()).toContainEqual(
      expect.objectContaining({ appId: '/web', taskId: service.targets[0]?.taskId, inFlight: 1, leftOut: 0 }),
    );
    release();
    expect(await Promise.all(asked)).toEqual(['hello', 'hello', 'hello']);
    await until('nothing', () => stand().length === 0);
    slow.closeAllConnections();
    slow.close();
    await until('the target to be left out', () => stand().some(({ leftOut }) => leftOut === 1), {
      withinMs: 45_000,
    });
    expect(ejections).toBe(1);
  }, 90_000);

  it('tells what went to whom, over a reload too', async () => {
    const told: Record<string, number> = {};
    const engine = await engineAt({
      onCounted: (_service, found, { byClass }) => {
        if (found) told[found.taskId] = (told[found.taskId] ?? 0) + byClass[1];
      },
    });
    await engine.swap(aTable(1, [target]));
    for (let turn = 0; turn < 10; turn += 1) await ask();
    await until('the first ten', () => told[`t${target}`] === 10);
    const [service] = aTable(2, [target]).services;
    if (!service) throw new Error('no service');
    await engine.swap({
      ...aTable(2, [target]),
      services: [{ ...service, hosts: ['web.example', 'more.example'] }],
    });
    for (let turn = 0; turn < 5; turn += 1) await ask('more.example');
    await until('the others', () => told[`t${target}`] === 15);
  }, 60_000);

  it('tells all failures and of the others the share that is asked for, each once, also after a reload', async () => {
    const failing = createServer((_req, res) => res.writeHead(500).end());
    servers.push(failing);
    await new Promise<void>((resolve) => failing.listen(0, '127.0.0.1', resolve));
    const bad = targetOn('127.0.0.1', (failing.address() as AddressInfo).port);
    const servicePort = await freePort();
    const told: Record<string, number> = {};
    const onEnded = ({ status, service }: EndedRequest, taken: number): void => {
      const key = `${service?.appId} ${status} ${taken}`;
      told[key] = (told[key] ?? 0) + 1;
    };
    const engine = await engineAt({ accessLog: { share: 0.1, onEnded }, threads: 1 });
    const table = (number: number): RouteTable =>
      withServices(
        number,
        { hosts: ['web.example', `v${number}.example`] },
        { appId: asAppId('/bad'), hosts: ['bad.example'], targets: bad, servicePort, mode: 'auto' },
        { appId: asAppId('/none'), hosts: ['none.example'], targets: [] },
      );
    await engine.swap(table(1));
    for (let turn = 0; turn < 100; turn += 1) await ask();
    for (let turn = 0; turn < 30; turn += 1) await Promise.all([ask('bad.example'), ask('none.example')]);
    await engine.swap(table(2));
    for (let turn = 0; turn < 30; turn += 1) await askAll({ port: servicePort });
    for (let turn = 0; turn < 100; turn += 1) await ask();
    await until('the failures', () => told['/bad 500 1'] === 60);
    // of a worker one of ten, counted over all that it was asked
    await until('the others', () => (told['/web 200 0.1'] ?? 0) >= 14);
    expect(told).toEqual({ '/bad 500 1': 60, '/none 503 1': 30, '/web 200 0.1': told['/web 200 0.1'] });
    expect(told['/web 200 0.1']).toBeLessThanOrEqual(26);
    const silent = make(await freePort(), `own-${(count += 1)}`, { accessLog: { share: 0, onEnded } });
    engines.push(silent);
    await silent.start();
    expect(readFileSync(join(folder, `own-${count}`, 'haproxy.cfg'), 'utf8')).not.toMatch(/sample|info/);
  }, 60_000);

  it('answers itself when the last target that a request may have stays silent or ends it, and passes on what that one says', async () => {
    let nth = 0;
    let last: (res: ServerResponse) => unknown = () => undefined;
    const ports = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const server = createServer((req, res) => {
          nth += 1;
          if (nth < 3) req.socket.destroy();
          else last(res);
        });
        servers.push(server);
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return (server.address() as AddressInfo).port;
      }),
    );
    const engine = await engineAt();
    const [service] = aTable(1, ports).services;
    if (!service) throw new Error('no service');
    await engine.swap({
      ...aTable(1, []),
      services: [{ ...service, policy: { timeouts: { silenceMs: 1_500 } } }],
    });
    const asked = async (answer: typeof last): Promise<unknown> => {
      [nth, last] = [0, answer];
      const { status, headers, text } = await askAll({ port, headers: { host: 'web.example' } });
      expect(nth).toBe(3);
      return status === 200 ? text : [status, headers['content-type'], headers['cache-control'], text];
    };
    const own = (status: number, words: string) => [
      status,
      'application/json',
      'no-store',
      expect.stringContaining(words),
    ];
    expect(await asked((res) => void res.socket?.destroy())).toEqual(
      own(502, 'app /web closed the connection before it answered'),
    );
    expect(await asked((res) => void res.socket?.end('nonsense'))).toEqual(own(502, 'is not valid HTTP'));
    expect(await asked(() => undefined)).toEqual(own(504, 'app /web did not answer within 1.5 s'));
    let waiting: ServerResponse | undefined;
    const late = asked((res) => (waiting = res));
    (await until('the last one', () => waiting)).end('x'.repeat(100_000));
    expect(await late).toBe('x'.repeat(100_000));
  }, 60_000);

  it('counts refusals among the attempts where its HAProxy has no scripts or repeats by status, and says so', async () => {
    const without = join(folder, 'haproxy-without-lua');
    writeFileSync(
      without,
      '#!/bin/sh\nif [ "$1" = -vv ]; then haproxy -vv | grep -v LUA; else exec haproxy "$@"; fi\n',
      {
        mode: 0o755,
      },
    );
    const engine = await engineAt({ program: without });
    await engine.swap(aTable(1, [target]));
    expect(await ask()).toBe('hello');
    expect(engine.warnings()).toEqual([
      expect.stringMatching(/^app \/web: a target that refuses .* without Lua; /),
    ]);
    const other = make(await freePort(), `own-${(count += 1)}`);
    engines.push(other);
    await other.start();
    await other.swap(withServices(1, { policy: { retries: { on: [503] } } }));
    expect(other.warnings()).toEqual([expect.stringMatching(/^app \/web: .* 3 attempts.*by status/)]);
    await other.swap(withServices(2, { policy: { retries: { on: [503], attempts: 1 } } }));
    expect(other.warnings()).toEqual([]);
  }, 60_000);

  it('changes shares without a reload, keeps pins and zones over a takeover, and counts what a pin sent', async () => {
    const held: ServerResponse[] = [];
    const tasks = await Promise.all(
      ['old', 'new', 'far'].map(async (name) => {
        const server = createServer(
          (req, res) => void (req.url === '/hold' ? held.push(res) : res.end(name)),
        );
        servers.push(server);
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return { name, port: (server.address() as AddressInfo).port };
      }),
    );
    const [one, two] = [timestampOf(1), timestampOf(2)];
    const servicePort = await freePort();
    const targets = tasks.flatMap(({ name, port: at }) =>
      targetOn('127.0.0.1', at).map((each) => ({
        ...each,
        version: name === 'old' ? one : two,
        zone: name === 'far' ? 'there' : 'here',
      })),
    );
    const routed = (number: number, weights: readonly [number, number], some = targets): RouteTable =>
      withServices(number, {
        mode: 'auto',
        servicePort,
        targets: some,
        policy: { preferZone: true },
        traffic: {
          shares: [
            { version: one, weight: weights[0] },
            { version: two, weight: weights[1] },
          ],
          pins: [{ by: 'cookie', name: 'v', value: 'two', version: two }],
        },
      });
    const pinned = { host: 'web.example', cookie: 'v=two' };
    const says = async (headers: Record<string, string>, at = port, path = '/'): Promise<string> =>
      (await askAll({ port: at, headers, path })).text;
    const first = await engineAt({ zone: 'here' });
    await first.swap(routed(1, [1, 0]));
    const workers = workerPids();
    expect([await ask(), await says(pinned), await says(pinned, servicePort)]).toEqual(['old', 'new', 'new']);
    await first.swap(routed(2, [0, 1]));
    expect([await ask(), await says(pinned)]).toEqual(['new', 'new']);
    expect(workerPids()).toEqual(workers);
    const second = await engineAt({ zone: 'here' });
    await second.swap(routed(3, [1, 0]));
    expect([await ask(), await says(pinned), await says(pinned, servicePort)]).toEqual(['old', 'new', 'new']);
    const answer = says(pinned, servicePort, '/hold');
    await until('the request', () => held.length === 1);
    const without = targets.filter(({ port: each }) => each !== tasks[1]?.port);
    await second.swap(routed(4, [1, 0], without));
    expect([...second.inFlight()]).toEqual([[`t${tasks[1]?.port}`, 1]]);
    expect([await ask(), await says(pinned)]).toEqual(['old', 'far']);
    held[0]?.end('new');
    expect(await answer).toBe('new');
    await until('nothing in flight', () => second.inFlight().size === 0);
    await second.swap(routed(5, [1, 0]));
    expect(await says(pinned)).toBe('new');
    expect(second.warnings()).toEqual([]);
  }, 60_000);

  it('serves at once with a newcomer, also in the place of one that was left out', async () => {
    const engine = await engineAt();
    // more than there are places
    for (let turn = 1; turn <= 12; turn += 1) {
      const server = createServer((_req, res) => res.end(`task ${turn}`));
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      await engine.swap(aTable(turn, [(server.address() as AddressInfo).port]));
      expect(await ask()).toBe(`task ${turn}`);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      // one over a connection that ends with the task gets no words from HAProxy
      const refused = await ask().catch(() => ask());
      expect(refused).toContain('none of its instances accepts connections');
    }
    expect(workerPids()).toHaveLength(1);
  }, 60_000);

  it('names pins that it cannot carry out', async () => {
    const engine = await engineAt();
    const pins = [{ by: 'header', name: "x'y", value: '1', version: timestampOf(1) }] as const;
    await engine.swap(withServices(1, { traffic: { shares: [], pins } }));
    expect(await ask()).toBe('hello');
    expect(engine.warnings()).toEqual([expect.stringMatching(/does not carry out pins by header x'y/)]);
  }, 60_000);
});
