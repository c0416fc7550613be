// Reading and changing a large cluster over the API: 5,000 apps with 20,000 instances in an embedded PostgreSQL, the control plane as a
// process, 20 simulated agents. Beside it, from the same run, the limits: JSON.stringify of the same answer, and the same rows asked
// of PostgreSQL. For every load: the longest delay of the control plane's event loop and the longest silence its agents saw.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddedPostgres } from '#libs/embedded-postgres';
import { PostgresStore } from '#libs/persistence';
import { silentLogger } from '#libs/telemetry';
import { freePort, until } from '#libs/testkit';
import { loadFigures, type LoadFigure } from './figures.js';
import { ask, load, type Question } from './http-load.js';
import { AGENTS, APPS, appIdAt, fill, INSTANCES_PER_APP } from './large-cluster.js';
import { SimulatedAgents } from './simulated-agents.js';

const CLIENTS = 16;
const ROUNDS = Number(process.env['LONGRUN_BENCH_ROUNDS'] ?? 10);
const MAIN = fileURLToPath(new URL('../apps/control-plane/src/main.js', import.meta.url));
const TOKEN = 'bench-token';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function startControlPlane(databaseUrl: string): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, [MAIN, '--api-port', String(port), '--log-level', 'error'], {
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, LONGRUN_AGENT_TOKEN: TOKEN },
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

/** One figure of `/metrics/prometheus`; the largest delay of the event loop starts anew with each look. */
async function metric(url: string, name: string): Promise<number> {
  const { body } = await ask({ url: `${url}/metrics/prometheus` });
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body.toString())?.[1]);
}
const rssMiB = async (url: string): Promise<number> =>
  Math.round((await metric(url, 'longrun_process_resident_memory_bytes')) / 1024 / 1024);
const loopDelayMs = async (url: string): Promise<number> =>
  Math.round((await metric(url, 'longrun_nodejs_eventloop_lag_max_seconds')) * 1000);

async function timed(rounds: number, what: () => unknown): Promise<number[]> {
  const ms: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    await what();
    ms.push(performance.now() - startedAt);
  }
  return ms;
}

const folder = mkdtempSync(join(tmpdir(), 'longrun-bench-'));
const postgres = await EmbeddedPostgres.open({ dataDir: folder, logger: silentLogger });
const rows: LoadFigure[] = [];
let child: ChildProcess | null = null;
let agents: SimulatedAgents | null = null;
try {
  const store = await PostgresStore.connect({ url: postgres.url });
  const cluster = await store.clusterId();
  await fill(store, Date.now());
  await store.close();
  const control = await startControlPlane(postgres.url);
  child = control.child;
  const { url } = control;
  const rssStart = await rssMiB(url);
  agents = new SimulatedAgents({ url, token: TOKEN, cluster });
  const seen = agents;
  await until('the agents', async () => (await seen.ask()).welcomed === AGENTS, { withinMs: 60_000 });
  await pause(12_000); // two of the passes that look at everything
  const rssIdle = await rssMiB(url);
  await seen.ask();
  await loopDelayMs(url);
  await pause(12_000);
  const idle = { loopMs: await loopDelayMs(url), silenceMs: (await seen.ask()).longestMs };

  const measure = async (what: string, rounds: number, question: (n: number) => Question, wanted = [200]) => {
    await load(2, 2, question, wanted);
    await loopDelayMs(url);
    await seen.ask();
    const ms = await load(CLIENTS, rounds, question, wanted);
    rows.push({ what, ms, loopMs: await loopDelayMs(url), silenceMs: (await seen.ask()).longestMs });
  };
  const read =
    (path: string, headers = {}) =>
    (): Question => ({ url: url + path, headers });
  const anApp = (n: number): string => appIdAt((n * 7919) % APPS);
  const pages = async (): Promise<Question[]> => {
    const all: Question[] = [];
    let path: string | undefined = '/v2/apps?limit=100';
    while (path !== undefined) {
      all.push({ url: url + path });
      const answer = await fetch(url + path);
      await answer.arrayBuffer();
      path = /<([^>]+)>/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    return all;
  };
  const whole = await ask({ url: `${url}/v2/apps` });
  const groups =
    '/v2/groups?embed=group.groups&embed=group.apps&embed=group.apps.counts&embed=group.apps.tasks';
  const tree = await ask({ url: url + groups });
  await measure('GET /v2/apps', ROUNDS, read('/v2/apps'));
  await measure('GET /v2/apps, gzip', ROUNDS, read('/v2/apps', { 'accept-encoding': 'gzip' }));
  await measure(
    'GET /v2/apps, If-None-Match',
    ROUNDS * 20,
    read('/v2/apps', { 'if-none-match': whole.etag }),
    [200, 304],
  );
  await measure('GET /v2/apps?embed=apps.tasks', ROUNDS, read('/v2/apps?embed=apps.tasks'));
  const paged = await pages();
  await measure('GET /v2/apps?limit=100, any page', ROUNDS * 20, (n) => paged[n % paged.length] ?? { url });
  await measure('GET /v2/apps/ID', ROUNDS * 50, (n) => ({ url: `${url}/v2/apps${anApp(n)}` }));
  await measure('GET /v2/groups, apps with counts and tasks', ROUNDS, read(groups));
  await measure('GET /v2/tasks', ROUNDS, read('/v2/tasks'));
  const update = (n: number): Question => ({
    url: `${url}/v2/apps${anApp(n)}?force=true`,
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: INSTANCES_PER_APP - 1 - (n % 2) }),
  });
  // each one is a deployment under way for a while, and Marathon's limit is 100 of them
  await measure('PUT /v2/apps/ID, scaling', Math.min(ROUNDS, 5), update);

  const answer = JSON.parse(whole.body.toString()) as object;
  rows.push({
    what: `JSON.stringify of GET /v2/apps (${(whole.bytes / 1e6).toFixed(1)} MB)`,
    ms: await timed(30, () => JSON.stringify(answer)),
  });
  const treeAnswer = JSON.parse(tree.body.toString()) as object;
  rows.push({
    what: `JSON.stringify of GET /v2/groups (${(tree.bytes / 1e6).toFixed(1)} MB)`,
    ms: await timed(30, () => JSON.stringify(treeAnswer)),
  });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const bare = async (): Promise<void> => {
    await client.query('select document from apps order by id');
    await client.query('select control, status from instances');
  };
  rows.push({ what: 'pg: the rows of all apps and instances', ms: await timed(10, bare) });
  rows.push({
    what: 'pg: the row of one app',
    ms: await timed(300, () => client.query('select document from apps where id = $1', [appIdAt(17)])),
  });
  await client.end();

  say(
    `${APPS} apps, ${APPS * INSTANCES_PER_APP} instances, ${AGENTS} agents; ${CLIENTS} clients; load average ${loadavg()
      .map((each) => each.toFixed(1))
      .join(' ')}\n`,
  );
  say(loadFigures(rows));
  say(
    `Event loop without any client: longest delay ${idle.loopMs} ms, longest silence ${Math.round(idle.silenceMs)} ms.`,
  );
  say(
    `Memory of the control plane (RSS): ${rssStart} MiB once it leads, ${rssIdle} MiB with its agents, ${await rssMiB(url)} MiB after all of it.`,
  );
  const { ended } = await seen.ask();
  const { leader } = JSON.parse((await ask({ url: `${url}/v2/leader` })).body.toString()) as {
    leader: string;
  };
  say(
    `Agents' sessions that ended: ${ended}. Leader: ${leader}, epoch at the end ${(await ask({ url: `${url}/v2/apps` })).etag?.slice(3).split('-')[0]}.`,
  );
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
