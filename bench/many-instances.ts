// One app of many instances: how long heartbeats, reports and requests wait in the control plane while one PUT creates 20,000 of them, and
// during a rolling restart of 2,000. The control plane is a process on an embedded PostgreSQL; 20 agents do at once what they are told, and a
// proxy confirms every table. Meanwhile one client asks for one small app, again and again: *request* is what it waits.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EmbeddedPostgres } from '#libs/embedded-postgres';
import { PostgresStore } from '#libs/persistence';
import { silentLogger } from '#libs/telemetry';
import { freePort, until } from '#libs/testkit';
import { ask } from './http-load.js';
import { AGENTS } from './large-cluster.js';
import { WorkingAgents } from './working-agents.js';

const CREATED = Number(process.env['LONGRUN_BENCH_INSTANCES'] ?? 20_000);
const RESTARTED = Math.ceil(CREATED / 10);
const MAIN = fileURLToPath(new URL('../apps/control-plane/src/main.js', import.meta.url));
const [AGENT_TOKEN, PROXY_TOKEN] = ['bench-agent', 'bench-proxy'];
const ASK_EVERY_MS = 20;
const PHASE_MS_MAX = 900_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function startControlPlane(databaseUrl: string): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, [MAIN, '--api-port', String(port), '--log-level', 'warn'], {
    env: {
      ...{ PATH: process.env['PATH'], DATABASE_URL: databaseUrl },
      ...{ LONGRUN_AGENT_TOKEN: AGENT_TOKEN, LONGRUN_PROXY_TOKEN: PROXY_TOKEN },
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error('the control plane ended');
    return (await ask({ url: `${url}/v2/apps/none` })).status === 404;
  };
  await until('the control plane', async () => answers().catch(() => false), { withinMs: 60_000 });
  return { child, url };
}

interface Load {
  readonly url: string;
  readonly agents: WorkingAgents;
}

/** ms; the delays of the event loop start anew with each look. */
async function loopDelays(url: string): Promise<{ readonly p99: number; readonly max: number }> {
  const text = (await ask({ url: `${url}/metrics/prometheus` })).body.toString();
  const of = (name: string): number =>
    Math.round(
      1000 * Number(new RegExp(`^longrun_nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]),
    );
  return { p99: of('p99'), max: of('max') };
}

async function json<T>(url: string, path: string, method = 'GET', body?: object): Promise<T> {
  const sent = body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {};
  const answer = await ask({ url: url + path, method, ...sent });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`);
  return JSON.parse(answer.body.toString()) as T;
}

const app = (id: string, instances: number, servicePort: number): object => ({
  ...{ id, cmd: 'exec serve', cpus: 0.01, mem: 1, disk: 0, instances },
  portDefinitions: [{ port: servicePort }],
  labels: { 'longrun.io/min-ready-seconds': '1', HAPROXY_0_VHOST: `${id.slice(1)}.example` },
  upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
});

interface Counts {
  readonly app: { readonly tasksRunning: number; readonly deployments: readonly unknown[] };
}

/** Does it, and tells what agents and a client saw until it was done. */
async function measured(
  what: string,
  { url, agents }: Load,
  act: () => Promise<unknown>,
  of: string,
): Promise<string> {
  await agents.ask();
  await loopDelays(url);
  const startedAt = performance.now();
  let isOver = false;
  const waits: number[] = [];
  const client = (async () => {
    while (!isOver) {
      const askedAt = performance.now();
      // one that fails is one that waited, too
      await ask({ url: `${url}/v2/apps/small` }).catch(() => undefined);
      waits.push(performance.now() - askedAt);
      await pause(ASK_EVERY_MS);
    }
  })();
  const answerMs = -performance.now() + (await act().then(() => performance.now()));
  const isDone = async (): Promise<boolean> => {
    const { app: now } = await json<Counts>(url, `/v2/apps${of}?embed=app.counts&embed=app.deployments`);
    return now.deployments.length === 0;
  };
  await until(what, () => isDone().catch(() => false), { withinMs: PHASE_MS_MAX, everyMs: 500 }).finally(
    () => (isOver = true),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  await client;
  const delays = await loopDelays(url);
  const { silenceMs, storedMs, tables, tableBytes } = await agents.ask();
  const at = (all: readonly number[], share: number): number =>
    Math.round([...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0);
  const cells = [
    ...[what, seconds.toFixed(0), Math.round(answerMs), delays.p99, delays.max],
    ...[at(waits, 0.5), at(waits, 0.99), at(waits, 1)],
    ...[at(storedMs, 0.5), at(storedMs, 0.99), at(storedMs, 1), Math.round(silenceMs)],
    `${tables} (${(tableBytes / 1e6).toFixed(0)} MB)`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const folder = mkdtempSync(join(tmpdir(), 'longrun-bench-'));
const postgres = await EmbeddedPostgres.open({ dataDir: folder, logger: silentLogger });
let child: ChildProcess | null = null;
let agents: WorkingAgents | null = null;
try {
  const store = await PostgresStore.connect({ url: postgres.url });
  const cluster = await store.clusterId();
  await store.close();
  const control = await startControlPlane(postgres.url);
  child = control.child;
  const { url } = control;
  const working = new WorkingAgents({ url, agentToken: AGENT_TOKEN, proxyToken: PROXY_TOKEN, cluster });
  agents = working;
  await until('the agents', async () => (await working.ask()).welcomed === AGENTS, { withinMs: 60_000 });
  const load = { url, agents: working };
  await json(url, '/v2/apps', 'POST', app('/small', 1, 10_001));
  const create = (id: string, count: number, port: number) => (): Promise<unknown> =>
    json(url, `/v2/apps${id}`, 'PUT', app(id, count, port));
  const rows = [
    await measured(`one PUT creates ${RESTARTED}`, load, create('/many', RESTARTED, 10_002), '/many'),
    await measured(
      `rolling restart of ${RESTARTED}`,
      load,
      () => json(url, '/v2/apps/many/restart', 'POST', {}),
      '/many',
    ),
    await measured(`one PUT creates ${CREATED}`, load, create('/vast', CREATED, 10_003), '/vast'),
    await measured(
      `rolling restart of ${RESTARTED} beside ${CREATED}`,
      load,
      () => json(url, '/v2/apps/many/restart', 'POST', {}),
      '/many',
    ),
  ];
  const average = loadavg().map((each) => each.toFixed(1));
  say(`${AGENTS} agents, one proxy; load average ${average.join(' ')}\n`);
  say(
    '| what | seconds | PUT ms | loop delay p99 ms | max ms | request p50 ms | p99 ms | max ms | report stored p50 ms | p99 ms | max ms | silence ms | tables |',
  );
  say('|---|---|---|---|---|---|---|---|---|---|---|---|---|');
  for (const row of rows) say(row);
  say(`\nSessions of agents that ended: ${(await working.ask()).ended}.`);
} finally {
  await agents?.stop();
  if (child) {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
