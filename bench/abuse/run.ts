// One run: a real `longrun proxy` process, a crowd of bad clients, table after table, and good clients all the while. The proxy's memory
// is looked at once a second; what counts is its growth after the crowd has arrived and everything has been done for a while.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import { createServer as listenAnywhere, type AddressInfo } from 'node:net';
import { idlers, neverReading, rapidReset, slowHeads } from './attackers.js';
import { TableSource, tableOf } from './control-plane.js';

export interface AbuseOptions {
  /** To run, without its options: a program and arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly dataDir: string;
  /** Clients with slow heads, and as many idle ones. */
  readonly clients: number;
  readonly apps: number;
  readonly changes: number;
  readonly changesPerSecond: number;
  /** Of the answer that nobody reads. */
  readonly bigBytes: number;
  /** Requests per second of the good clients. */
  readonly perSecond: number;
}

export interface AbuseResult {
  readonly asked: number;
  /** What good clients got instead of an answer, each once. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
  readonly p99Ms: number;
  /** Of the proxy, MiB: after the crowd arrived, and the most and the last afterwards. */
  readonly memory: { readonly warm: number; readonly peak: number; readonly end: number };
  readonly crowd: { readonly slow: number; readonly idle: number; readonly slowCutOff: number };
  readonly resets: { readonly streams: number; readonly sessionsEnded: number };
  readonly tables: {
    readonly made: number;
    readonly sent: number;
    readonly lastConfirmed: boolean;
    readonly p50Ms: number;
    readonly p99Ms: number;
  };
  /** CPU seconds of the proxy over seconds of the run. */
  readonly cpuShare: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

export async function abuse(options: AbuseOptions): Promise<AbuseResult> {
  const backends = await Promise.all(Array.from({ length: 4 }, () => backend(options.bigBytes)));
  const source = new TableSource(tableOf(options.apps, backends.map(portOf)));
  const url = await source.start();
  const port = await freePort();
  const proxy = start(options, url, port);
  try {
    await ready(proxy, source);
    return await underAbuse(options, { proxy, port, source });
  } finally {
    proxy.kill('SIGKILL');
    source.stop();
    for (const each of backends) {
      each.closeAllConnections();
      each.close();
    }
  }
}

interface Running {
  readonly proxy: ChildProcess;
  readonly port: number;
  readonly source: TableSource;
}

async function underAbuse(options: AbuseOptions, { proxy, port, source }: Running): Promise<AbuseResult> {
  const { clients, changes, changesPerSecond, perSecond } = options;
  const good = goodClients(port, perSecond);
  const slow = slowHeads(clients, port);
  const idle = idlers(clients, port);
  const unread = neverReading(port, '/big');
  const resets = rapidReset(port);
  const pid = proxy.pid ?? 0;
  for (let waited = 0; waited < 600 && slow.open() + idle.open() < 2 * clients; waited += 1) await pause(50);
  // a sixth of the changes first: buffers, heap and code have their size then
  await change(source, Math.ceil(changes / 6), changesPerSecond);
  const warm = memoryOf(pid);
  const [cpuBefore, since] = [cpuSecondsOf(pid), performance.now()];
  let peak = warm;
  const watch = setInterval(() => (peak = Math.max(peak, memoryOf(pid))), 1_000);
  await change(source, changes - Math.ceil(changes / 6), changesPerSecond);
  const crowd = { slow: slow.open(), idle: idle.open(), slowCutOff: slow.closed() };
  const cpuShare = ((cpuSecondsOf(pid) - cpuBefore) * 1_000) / (performance.now() - since);
  for (let waited = 0; waited < 200 && source.confirmed < source.number; waited += 1) await pause(50);
  clearInterval(watch);
  const end = memoryOf(pid);
  const { asked, failures, ms } = await good.stop();
  for (const each of [slow, idle, unread, resets]) each.stop();
  return {
    asked,
    failures: [...new Set(failures)],
    slowestMs: Math.max(...ms),
    p99Ms: quantile(ms, 0.99),
    memory: { warm, peak: Math.max(peak, end), end },
    crowd,
    resets: { streams: resets.streams(), sessionsEnded: resets.ended() },
    tables: {
      made: source.number,
      sent: source.written,
      lastConfirmed: source.confirmed === source.number,
      p50Ms: quantile(source.latencies, 0.5),
      p99Ms: quantile(source.latencies, 0.99),
    },
    cpuShare,
  };
}

/** So many changes at this rate, in bunches of a hundredth of a second. */
async function change(source: TableSource, count: number, perSecond: number): Promise<void> {
  const since = performance.now();
  for (let done = 0; done < count;) {
    const due = Math.min(count, Math.ceil(((performance.now() - since) / 1_000) * perSecond));
    for (; done < due; done += 1) source.change();
    await pause(10);
  }
}

function goodClients(port: number, perSecond: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const failures: string[] = [];
  const ms: number[] = [];
  let [asked, open, turn] = [0, 0, 0];
  const ask = (): void => {
    const since = performance.now();
    asked += 1;
    open += 1;
    turn += 1;
    const done = (failure?: string): void => {
      open -= 1;
      if (failure === undefined) ms.push(performance.now() - since);
      else failures.push(failure);
    };
    const host = `app-${turn % 7}.example`;
    // every fourth on a connection of its own
    const sent = request({ port, headers: { host }, agent: turn % 4 === 0 ? false : agent }, (response) => {
      response.resume();
      response.once('end', () =>
        done(response.statusCode === 200 ? undefined : `status ${response.statusCode}`),
      );
      response.once('error', (error) => done(error.message));
    });
    sent.once('error', (error) => done(error.message));
    sent.end();
  };
  const since = performance.now();
  // as many as are due, for a timer of a busy machine fires too seldom
  const asking = setInterval(() => {
    const due = ((performance.now() - since) / 1_000) * perSecond;
    while (asked < due) ask();
  }, 1_000 / perSecond);
  return {
    stop: async () => {
      clearInterval(asking);
      for (let waited = 0; waited < 200 && open > 0; waited += 1) await pause(50);
      agent.destroy();
      return { asked, failures: open > 0 ? [...failures, `${open} without an answer`] : failures, ms };
    },
  };
}

function start({ command, cwd, dataDir }: AbuseOptions, url: string, port: number): ChildProcess {
  const [program = '', ...args] = command;
  const own = ['--control-plane', url, '--data-dir', dataDir, '--proxy-port', String(port)];
  return spawn(program, [...args, ...own, '--proxy-admin-port', '0'], {
    cwd,
    env: { PATH: process.env['PATH'], LONGRUN_TOKEN: 'secret' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function ready(proxy: ChildProcess, source: TableSource): Promise<void> {
  let said = '';
  proxy.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)));
  for (let waited = 0; waited < 600; waited += 1) {
    if (proxy.exitCode !== null) throw new Error(`the proxy ended: ${said}`);
    if (said.includes('"event":"ready"') && source.confirmed > 0) return;
    await pause(50);
  }
  throw new Error(`the proxy was not ready in time: ${said}`);
}

/** `/big` never ends before `bigBytes`. */
async function backend(bigBytes: number): Promise<Server> {
  const piece = Buffer.alloc(64 * 1024);
  const server = createServer((req, res) => {
    if (req.url !== '/big') return void res.end('ok');
    res.writeHead(200, { 'content-length': bigBytes });
    let left = bigBytes;
    const more = (): void => {
      while (left > 0) {
        const next = piece.subarray(0, Math.min(left, piece.length));
        left -= next.length;
        if (!res.write(next)) return void res.once('drain', more);
      }
      res.end();
    };
    more();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function freePort(): Promise<number> {
  const server = listenAnywhere().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Resident, MiB. */
function memoryOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(found?.[1] ?? 0) / 1_024);
}

/** Linux counts in hundredths. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
