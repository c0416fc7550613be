// HAProxy as the data path, through the suite that every engine passes; and what is particular to it: a process beside ours, which
// may die alone or outlive us.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { engineConformance } from '#libs/engine-conformance';
import { HaproxyEngine, type HaproxyEngineOptions } from '#libs/haproxy-engine';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import { freePort, until } from '#libs/testkit';
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
  engineConformance('HAProxy', ({ port, onIdle }) => make(port, String((count += 1)), { onIdle }));
});

describeHere('the process of HAProxy', () => {
  let backend: Server;
  let target: number;
  let port: number;
  let at: string;
  let engines: HaproxyEngine[];

  beforeEach(async () => {
    backend = createServer((_req, res) => res.end('hello'));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    target = (backend.address() as AddressInfo).port;
    port = await freePort();
    at = `own-${(count += 1)}`;
    engines = [];
  });
  afterEach(async () => {
    for (const engine of engines) await engine.stop(0);
    backend.closeAllConnections();
    backend.close();
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

  it('tells what went to whom, over a reload too', async () => {
    const told: Record<string, number> = {};
    const engine = await engineAt({
      onCounted: (_service, { taskId }, { byClass }) => (told[taskId] = (told[taskId] ?? 0) + byClass[1]),
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
});
