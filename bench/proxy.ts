// What proxying costs: Longrun's fast path beside HAProxy (one thread), nginx (one worker) and bare http-proxy with a keep-alive agent, in
// interleaved rounds of one run, with wrk in front and nginx behind. All share the machine: CPU-seconds per 100,000 requests
// and ratios of one run are what to compare, not requests per second.
// LONGRUN_BENCH_ROUNDS (3), LONGRUN_BENCH_SECONDS (4), LONGRUN_BENCH_LOADS and LONGRUN_BENCH_PROXIES (parts of names, by semicolon).
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { selfSigned } from '#libs/testkit';
import {
  cpuSeconds,
  isInstalled,
  rssMiB,
  startBackend,
  startHaproxy,
  startNginx,
  startNode,
  type Running,
} from './proxy-peers.js';

const ROUNDS = Number(process.env['LONGRUN_BENCH_ROUNDS'] ?? 3);
const SECONDS = Number(process.env['LONGRUN_BENCH_SECONDS'] ?? 4);
const APPS = 1_000;

/** Requests before the first round, or as many as come in WARM_SECONDS: code in Node is slow until it has been compiled. */
const WARM_REQUESTS = 100_000;
const WARM_SECONDS = 16;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const isChosen = (variable: string, name: string): boolean => {
  const wanted = process.env[variable];
  return !wanted || wanted.split(';').some((each) => name.toLowerCase().includes(each.toLowerCase()));
};

interface Load {
  readonly name: string;
  readonly connections: number;
  readonly path: string;
  readonly args?: readonly string[];
  /** Lua for wrk. */
  readonly script?: string;
  readonly over?: 'tls' | 'h2';
  /** Which proxies take part: those with the large table, or the others. */
  readonly large?: boolean;
  /** Of HAProxy's CPU, the goal for the fast path. */
  readonly goal: number;
  /**
   * Requests per second of all connections together, by pauses between a connection's requests. Without it each asks again at once, and the
   * slowest answers tell of the queue in front of a proxy that is given more than it can do.
   */
  readonly rate?: number;
}

const POST = 'wrk.method = "POST"\nwrk.body = string.rep("x", 16384)\n';
const CLOSE = ['-H', 'Connection: close'];

const LOADS: readonly Load[] = [
  { name: 'GET 200 B, keep-alive', connections: 64, path: '/', goal: 1.6 },
  { name: 'GET 64 KiB, keep-alive', connections: 64, path: '/64k', goal: 1.6 },
  {
    name: 'POST 16 KiB, keep-alive',
    connections: 64,
    path: '/post',
    script: POST,
    goal: 1.6,
  },
  {
    name: 'GET 200 B, connection close',
    connections: 64,
    path: '/',
    args: CLOSE,
    goal: 2.5,
  },
  { name: 'GET 200 B, 1,000 connections', connections: 1_000, path: '/', goal: 1.6 },
  { name: 'GET 200 B, TLS, keep-alive', connections: 64, path: '/', over: 'tls', goal: 1.6 },
  { name: 'GET 64 KiB, TLS, keep-alive', connections: 64, path: '/64k', over: 'tls', goal: 1.6 },
  { name: 'GET 200 B, HTTP/2, 8 streams each', connections: 8, path: '/', over: 'h2', goal: Infinity },
  {
    name: `GET 200 B, ${APPS} apps x 10 targets`,
    connections: 64,
    path: '/',
    script: `local n = 0\nrequest = function()\n  n = (n * 7919 + 13) % ${APPS}\n  return wrk.format("GET", "/", {["Host"] = "app-" .. n .. ".example"})\nend\n`,
    large: true,
    goal: 1.6,
  },
  { name: 'GET 200 B at 3,000/s', connections: 64, path: '/', rate: 3_000, goal: Infinity },
  {
    name: 'POST 16 KiB at 1,500/s',
    connections: 64,
    path: '/post',
    script: POST,
    rate: 1_500,
    goal: Infinity,
  },
  {
    name: 'Connection close at 1,000/s',
    connections: 64,
    path: '/',
    args: CLOSE,
    rate: 1_000,
    goal: Infinity,
  },
  { name: '1,000 connections at 3,000/s', connections: 1_000, path: '/', rate: 3_000, goal: Infinity },
];

/** For wrk, or none. */
function scriptOf({ script = '', rate, connections }: Load): string {
  if (rate === undefined) return script;
  const pause = (connections / rate) * 1_000;
  return `${script}delay = function() return math.random(${Math.round(pause * 0.5)}, ${Math.round(pause * 1.5)}) end\n`;
}

interface Shot {
  readonly rps: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the proxy, per 100,000 requests. */
  readonly cpu: number;
  readonly errors: number;
}

async function shoot(load: Load, proxy: Running, script: string, seconds: number): Promise<Shot> {
  if (load.over === 'h2') return shootH2(load, proxy, seconds);
  const before = cpuSeconds(proxy.pid);
  const lua = scriptOf(load);
  if (lua !== '') writeFileSync(script, lua);
  const scripted = lua === '' ? [] : ['-s', script];
  const { stdout } = await promisify(execFile)('wrk', [
    ...['-t1', `-c${load.connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s'],
    ...['-H', 'Host: app-0.example', ...(load.args ?? []), ...scripted],
    load.over
      ? `https://127.0.0.1:${proxy.tlsPort}${load.path}`
      : `http://127.0.0.1:${proxy.port}${load.path}`,
  ]);
  const cpu = cpuSeconds(proxy.pid) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const took = /requests in ([\d.]+)s/.exec(stdout)?.[1];
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  return {
    rps: requests / Number(took ?? seconds),
    p50: milliseconds(/\s50%\s+(\S+)/.exec(stdout)?.[1]),
    p99: milliseconds(/\s99%\s+(\S+)/.exec(stdout)?.[1]),
    cpu: (cpu / requests) * 100_000,
    errors: refused + (socketErrors?.slice(1).reduce((sum, each) => sum + Number(each), 0) ?? 0),
  };
}

/** By h2load; its percentiles are not those of wrk, so only its rate, its mean and its errors are taken. */
async function shootH2(load: Load, proxy: Running, seconds: number): Promise<Shot> {
  const before = cpuSeconds(proxy.pid);
  const { stdout } = await promisify(execFile)('h2load', [
    ...['-t1', `-c${load.connections}`, '-m8', `-D${seconds}`, '-H', ':authority: app-0.example'],
    `https://127.0.0.1:${proxy.tlsPort}${load.path}`,
  ]);
  const cpu = cpuSeconds(proxy.pid) - before;
  const [, done = '0', failed = '0'] = /(\d+) done, \d+ succeeded, (\d+) failed/.exec(stdout) ?? [];
  const refused = /(\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(stdout)?.slice(1) ?? [];
  const requests = Number(done);
  return {
    rps: requests / seconds,
    p50: milliseconds(/time for request:\s+\S+\s+\S+\s+(\S+)/.exec(stdout)?.[1]),
    p99: NaN,
    cpu: (cpu / requests) * 100_000,
    errors: refused.reduce((sum, each) => sum + Number(each), Number(failed)),
  };
}

async function warm({ rate: _rate, ...load }: Load, proxy: Running, script: string): Promise<void> {
  let requests = 0;
  for (let second = 0; second < WARM_SECONDS && requests < WARM_REQUESTS; second += 2)
    requests += 2 * (await shoot(load, proxy, script, 2)).rps;
}

function milliseconds(text = ''): number {
  const [, number = 'NaN', unit = 'ms'] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Number(number) * (unit === 'us' ? 0.001 : unit === 's' ? 1_000 : 1);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

function report(load: Load, shots: ReadonlyMap<Running, Shot[]>): void {
  say(`**${load.name}** (${ROUNDS} interleaved rounds of ${SECONDS} s, ${load.connections} connections)\n`);
  say('| proxy | rps | p50 ms | p99 ms | CPU-s/100k median (rounds) | x HAProxy | RSS MiB | errors |');
  say('|---|---|---|---|---|---|---|---|');
  const cpuOf = (name: string): number => {
    const found = [...shots].find(([proxy]) => proxy.name === name);
    return found ? median(found[1].map(({ cpu }) => cpu)) : NaN;
  };
  const haproxy = cpuOf('HAProxy');
  for (const [proxy, each] of shots) {
    const of = (key: keyof Shot): number => median(each.map((shot) => shot[key]));
    const rounds = each.map(({ cpu }) => cpu.toFixed(2)).join(', ');
    const errors = each.reduce((sum, shot) => sum + shot.errors, 0);
    const ratio = Number.isNaN(haproxy) ? '' : (of('cpu') / haproxy).toFixed(2);
    say(
      `| ${proxy.name} | ${Math.round(of('rps'))} | ${of('p50').toFixed(2)} | ${of('p99').toFixed(1)} | ${of('cpu').toFixed(2)} (${rounds}) | ${ratio} | ${rssMiB(proxy.pid)} | ${errors} |`,
    );
  }
  const fast = cpuOf('fast');
  const bare = cpuOf('http-proxy');
  const compared = Number.isNaN(bare)
    ? ''
    : `; http-proxy costs ${(bare / fast).toFixed(1)}x the fast path (goal: at least 3)`;
  if (!Number.isNaN(haproxy) && load.goal < Infinity)
    say(
      `\nGoal: fast path at most ${load.goal}x HAProxy's CPU; seen ${(fast / haproxy).toFixed(2)}${compared}.\n`,
    );
  else say('');
}

const missing = ['wrk', 'nginx'].filter((each) => !isInstalled(each));
if (missing.length > 0) {
  say(`Not run: ${missing.join(' and ')} not installed (apt install ${missing.join(' ')}).`);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-proxy-'));
  chmodSync(folder, 0o755);
  const all: Running[] = [];
  const start = async (name: string, make: () => Promise<Running>): Promise<void> => {
    if (isChosen('LONGRUN_BENCH_PROXIES', name)) all.push(await make());
  };
  const backend = await startBackend(folder);
  try {
    const { ports } = backend;
    const hasHaproxy = isInstalled('haproxy');
    if (!hasHaproxy) say('HAProxy is not installed (apt install haproxy): no ratios.\n');
    const tls = { pem: join(folder, 'bench.pem') };
    writeFileSync(tls.pem, selfSigned(['*.example']).pem);
    const canRun = ({ name, over }: Load): boolean => {
      const why = over === 'h2' && !isInstalled('h2load') ? 'h2load' : '';
      if (why !== '') say(`Not run: ${name}: ${why} is not installed.\n`);
      return why === '';
    };
    const proxiesFor = async (large: boolean): Promise<Running[]> => {
      const from = all.length;
      if (hasHaproxy)
        await start('HAProxy', () => startHaproxy(folder, ports, { apps: large ? APPS : 1, ...tls }));
      if (hasHaproxy)
        await start('HAProxy with headers', () =>
          startHaproxy(folder, ports, { apps: large ? APPS : 1, asOurs: true, ...tls }),
        );
      if (hasHaproxy)
        await start('haproxy-engine', () =>
          startNode('haproxy-engine', ports, { apps: large ? APPS : 1, ...tls }),
        );
      if (!large) await start('nginx', () => startNginx(folder, ports, tls.pem));
      await start('fast', () => startNode('fast', ports, { apps: large ? APPS : 1, ...tls }));
      await start('full', () => startNode('full', ports, { apps: large ? APPS : 1, ...tls }));
      if (!large) await start('http-proxy', () => startNode('http-proxy', ports, tls));
      return all.slice(from);
    };
    const loads = LOADS.filter((each) => isChosen('LONGRUN_BENCH_LOADS', each.name) && canRun(each));
    for (const large of [false, true]) {
      const chosen = loads.filter((each) => (each.large ?? false) === large);
      if (chosen.length === 0) continue;
      const proxies = await proxiesFor(large);
      for (const load of chosen) {
        const script = join(folder, 'wrk.lua');
        // http-proxy speaks no HTTP/2 to clients
        const taking = proxies.filter(({ name }) => load.over !== 'h2' || name !== 'http-proxy');
        for (const proxy of taking) await warm(load, proxy, script);
        const shots = new Map<Running, Shot[]>(taking.map((proxy) => [proxy, []]));
        for (let round = 0; round < ROUNDS; round += 1)
          for (const [proxy, list] of shots) list.push(await shoot(load, proxy, script, SECONDS));
        report(load, shots);
      }
    }
    say(
      `Load average at the end: ${loadavg()
        .map((each) => each.toFixed(1))
        .join(' ')}.`,
    );
  } finally {
    for (const each of all) await each.stop();
    await backend.running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
