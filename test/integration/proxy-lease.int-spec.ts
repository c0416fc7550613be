// A proxy's session over real sockets, a control plane process on Postgres and an agent: from the first table on a stop waits for the
// proxy that has asked for it, although no report of it has arrived; for readers that do not say that they are one nothing waits.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { Agent } from '#libs/agent-core';
import { asProxyId, type TaskId } from '#libs/model';
import { TableSession, type ReportOutcome } from '#libs/proxy-core';
import type { RouteTable } from '#libs/routing';
import { FakeRuntime, tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { SystemClock } from '#libs/time';
import { ControlPlaneLink } from '../../apps/proxy/src/control-plane-link.js';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';

jest.setTimeout(120_000);

const LEASE_MS = 10_000;
const clock = new SystemClock();

let folder: string;
let database: TempDatabase;
let plane: ControlPlaneProcess;
let agent: Agent;
let runtime: FakeRuntime;

/** A proxy whose reports are held back until they are let through. */
class HeldProxy {
  table: RouteTable | null = null;
  /** Lines of the stream, of all kinds. */
  lines = 0;
  askedAt = 0;
  readonly session: TableSession;
  #letThrough = (): void => undefined;
  readonly #open = new Promise<void>((resolve) => (this.#letThrough = resolve));

  constructor(at: string) {
    const link = new ControlPlaneLink('proxy-token');
    this.session = new TableSession({
      clock,
      network: {
        followRoutes: (query, listener) => {
          this.askedAt ||= clock.now();
          const onLine = (line: unknown): void => {
            this.lines += 1;
            listener.onLine(line);
          };
          return link.followRoutes(query, { ...listener, onLine });
        },
        report: async (...report): Promise<ReportOutcome> => {
          await this.#open;
          return link.report(...report);
        },
        fetchTable: (url, timeoutMs) => link.fetchTable(url, timeoutMs),
      },
      journal: { save: () => Promise.resolve() },
      user: {
        swap: (table) => Promise.resolve(void (this.table = table)),
        inFlight: () => new Map<TaskId, number>(),
        warnings: () => [],
      },
      proxyId: asProxyId('p1'),
      run: 'run 1',
      address: 'proxy-host:8000',
      controlPlanes: [at],
      memory: { cluster: null, epoch: 0, table: null },
    });
  }

  get targets(): number {
    return (this.table?.services ?? []).reduce((sum, each) => sum + each.targets.length, 0);
  }
  /** The reports go on their way. */
  letThrough(): void {
    this.#letThrough();
  }
}

beforeAll(() => void (folder = compileControlPlane()));
afterAll(() => removeFolder(folder));
beforeEach(async () => {
  database = await tempDatabase();
  plane = await ControlPlaneProcess.start(folder, database.url);
  runtime = new FakeRuntime(clock, 'process');
  const resources = { cpus: 8, mem: 8_000, disk: 8_000, ports: [{ from: 41_400, to: 41_450 }] };
  const host = { hostname: 'host-1', resources };
  agent = await startFakeRuntimeAgent(plane.url, 'agent-token', host, { runtime });
  const app = { id: '/web', cmd: 'serve', cpus: 0.1, mem: 16, portDefinitions: [{ port: 0 }] };
  expect((await plane.send('POST', '/v2/apps', app)).status).toBe(201);
  await until('the app to be routed', async () => {
    const { body } = await plane.send('GET', '/v3/apps/web/traffic');
    return (body as { versions: { routed: number }[] }).versions[0]?.routed === 1;
  });
});
afterEach(async () => {
  await agent.close();
  await plane.end('SIGKILL');
  await database.drop();
});

const stopAll = async (): Promise<void> =>
  void expect((await plane.send('PUT', '/v2/apps/web?force=true', { instances: 0 })).status).toBe(200);
const proxies = async (): Promise<unknown> =>
  ((await plane.send('GET', '/v3/proxies')).body as { proxies: unknown }).proxies;

it('a stop waits for a proxy that has its table and has not been heard', async () => {
  const proxy = new HeldProxy(plane.url);
  await proxy.session.start();
  await until('the first table', () => proxy.targets === 1);
  expect(await proxies()).toMatchObject([{ id: 'p1', address: 'proxy-host:8000', live: true, inFlight: {} }]);

  await stopAll();
  await until('the table without it', () => proxy.table !== null && proxy.targets === 0);
  const { lines } = proxy;
  await until('a heartbeat behind it', () => proxy.lines > lines);
  const mayBeOver = clock.now() - proxy.askedAt >= LEASE_MS;
  expect(runtime.stopped.length === 0 || mayBeOver).toBe(true);
  proxy.letThrough();
  await until('the stop', () => runtime.running().length === 0);
  await proxy.session.leave();
  expect(await proxies()).toEqual([]);
});

it('nothing waits for a reader that does not say that it is a proxy, and half a name is refused', async () => {
  const headers = { authorization: 'Bearer proxy-token' };
  const reader = await fetch(`${plane.url}/v3/routes`, { headers });
  expect(reader.status).toBe(200);
  expect(await proxies()).toEqual([]);
  await stopAll();
  await until('the stop', () => runtime.running().length === 0);
  await reader.body?.cancel();

  const half = await plane.send('GET', '/v3/routes?proxy=p1&run=r1', undefined, headers);
  expect(half).toMatchObject({
    status: 422,
    body: { message: expect.stringContaining('address is missing') as unknown },
  });
  const later = await plane.send('GET', '/v3/routes?proxy=p1&run=r1&address=a&epoch=9', undefined, headers);
  expect(later.status).toBe(409);
  expect(await proxies()).toEqual([]);
});
