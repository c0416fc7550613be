// The zero-loss gate: one Longrun, one front (its own proxy, or HAProxy driven by reloads), two apps, a load of all kinds, every change
// that there is, and the count of what was lost.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePorts, until } from '#libs/testkit';
import { EventTail } from '../../test/e2e/event-tail.js';
import { LongrunUp } from '../../test/e2e/longrun-up.js';
import {
  appOf,
  certificateReplaced,
  hostOf,
  labelChanges,
  LATE_HOST,
  rollingUpdates,
  SCALED,
  scalingsAndKills,
  UPDATED,
  writeCertificate,
  type Amounts,
} from './changes.js';
import { ConfigReload, type PeerName } from './config-reload.js';
import { Load } from './load.js';
import { childrenOf, clientPortsOf, crashWorker, type Crash } from './proxy-processes.js';
import type { Front } from './requests.js';
import { reasons, type Failure, type Tally } from './tally.js';

/** The first two with `--workers 2`; the others are told by reloads. */
export type FrontKind = 'builtin' | 'haproxy' | 'config-reload' | 'nginx-reload';

const PEERS: Partial<Record<FrontKind, PeerName>> = { 'config-reload': 'haproxy', 'nginx-reload': 'nginx' };

export interface GateOptions {
  readonly front: FrontKind;
  readonly amounts: Amounts;
  readonly perSecond: number;
  readonly webSockets: number;
  readonly slowBodyMs: { readonly fromMs: number; readonly toMs: number };
  /** Another Longrun than the one of this checkout. */
  readonly command?: readonly string[];
  readonly say?: (line: string) => void;
}

export interface GateResult {
  readonly tallies: readonly Tally[];
  /** Failures that nothing excuses. */
  readonly lost: readonly Failure[];
  /** Those of requests whose connection was in the hands of the worker that was killed. */
  readonly ofCrashed: readonly Failure[];
  readonly crash: Crash | undefined;
  /** WebSockets that got their 1001 after the drain time. */
  readonly drained: number;
  /** HTTP/2 streams that were refused unseen and asked again on another session. */
  readonly askedAgain: number;
  readonly seconds: number;
  /** Of the driver with config reload. */
  readonly reloads: number;
}

/** As a worker that is stopped in order gives it to its connections. */
const WORKER_GRACE_MS = 30_000;
const TOLD_MAX = 40;

export async function zeroLossGate(options: GateOptions): Promise<GateResult> {
  const gate = await Gate.start(options);
  try {
    return await gate.run();
  } finally {
    await gate.dispose();
  }
}

class Gate {
  readonly #leaves = new Map<string, { readonly at: number; readonly drainMs: number }>();
  readonly #proxyLeaves: { readonly at: number; readonly ports: ReadonlySet<number> }[] = [];
  #seen = 0;
  #crash: Crash | undefined;

  private constructor(
    readonly options: GateOptions,
    readonly up: LongrunUp,
    readonly events: EventTail,
    readonly folder: string,
    readonly front: Front,
    readonly driver: ConfigReload | undefined,
  ) {}

  static async start(options: GateOptions): Promise<Gate> {
    const folder = mkdtempSync(join(tmpdir(), 'longrun-zero-loss-'));
    writeCertificate(folder, 'first');
    const pem = join(folder, 'front.pem');
    const [https = 0, ...own] = await freePorts(3);
    const up = await LongrunUp.start({
      args: [
        ...['--proxy-certs', pem, '--proxy-https-port', String(https), '--proxy-admin-port', '0'],
        ...['--workers', '2', ...(options.front === 'haproxy' ? ['--engine', 'haproxy'] : [])],
      ],
      ...(options.command ? { command: options.command } : {}),
    });
    try {
      return await Gate.#prepare(options, up, { folder, pem, https, own });
    } catch (error) {
      await up.dispose();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  static async #prepare(
    options: GateOptions,
    up: LongrunUp,
    { folder, pem, https, own }: { folder: string; pem: string; https: number; own: readonly number[] },
  ): Promise<Gate> {
    await up.ready();
    const service = resolve('dist/bench/zero-loss/service.js');
    await up.api.put(
      '/v2/apps',
      [UPDATED, SCALED].map((id) => appOf(id, service, options.amounts)),
    );
    for (const id of [UPDATED, SCALED]) await up.settled(id, options.amounts.instances);
    const peer = PEERS[options.front];
    const front = peer ? { http: own[0] ?? 0, https: own[1] ?? 0 } : { http: up.ports.proxy, https };
    const driver = peer ? await ConfigReload.start(up, peer, { front, folder, pem }) : undefined;
    return new Gate(options, up, await EventTail.open(up.url), folder, front, driver);
  }

  async run(): Promise<GateResult> {
    const { amounts, say = () => undefined } = this.options;
    const load = new Load({
      ...this.options,
      front: this.front,
      hosts: [hostOf(UPDATED), hostOf(SCALED)],
      leaveOf: (task) => this.#leaveOf(task),
      leaveOfProxy: (port) => this.#leaveOfProxy(port),
    });
    const startedAt = performance.now();
    const told = async (what: string, work: Promise<unknown>): Promise<void> => {
      await work;
      say(
        `${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${what} done; ${load.failures.length} failures so far`,
      );
    };
    await until(
      'some answers of each kind',
      () => load.tallies.every(({ ok }) => ok > 0 || ok === 0) && load.answered > 100,
    );
    const { up } = this;
    const lanes = [
      told(`${amounts.updates} rolling updates`, rollingUpdates(up, amounts)),
      told(
        `${amounts.scalings} scalings, ${amounts.kills} kills, 2 changes of labels`,
        scalingsAndKills(up, amounts).then(() => labelChanges(up, amounts)),
      ),
      told('certificate, worker crash, worker restart', this.#hurtProxy(say)),
    ];
    // all lanes are over before anything is disposed of, also when one of them failed
    const failed = (await Promise.allSettled(lanes)).filter((each) => each.status === 'rejected');
    const more = load.answered + this.options.perSecond;
    await until('some more answers', () => load.answered > more, { withinMs: 30_000 });
    const seconds = (performance.now() - startedAt) / 1000;
    await load.stop();
    if (failed[0]) throw failed[0].reason;
    this.#tellLost(load, say);
    await this.#lateHost();
    return this.#result(load, seconds);
  }

  /** One line each, for whoever looks for the cause. */
  #tellLost(load: Load, say: (line: string) => void): void {
    const lost = load.failures.filter((each) => !this.#isOfCrashed(each));
    for (const { kind, startedAt, endedAt, why } of lost.slice(0, TOLD_MAX))
      say(
        `lost: ${kind}, ${new Date(startedAt).toISOString()} to ${new Date(endedAt).toISOString()}: ${why}`,
      );
  }

  async dispose(): Promise<void> {
    this.events.close();
    await this.driver?.stop();
    await this.up.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #hurtProxy(say: (line: string) => void): Promise<void> {
    const replaced = certificateReplaced(this.folder, this.front.https, 'second');
    await this.driver?.reload(true);
    await replaced;
    if (this.options.front !== 'builtin') return;
    const ports = [this.front.http, this.front.https];
    const primary = this.up.identity('proxy').pid;
    const [first] = childrenOf(primary);
    if (first === undefined) throw new Error('the proxy has no worker');
    this.#crash = await crashWorker(primary, first, ports);
    say(`worker ${first} was killed with ${this.#crash.held.size} connections`);
    // whichever was not the one before
    const [second] = childrenOf(primary).filter((pid) => pid !== first);
    if (second === undefined) throw new Error('the proxy has no other worker');
    await until('two workers', () => childrenOf(primary).length === 2);
    this.#proxyLeaves.push({ at: Date.now(), ports: clientPortsOf(second, ports) });
    process.kill(second, 'SIGTERM');
    say(`worker ${second} was asked to stop at ${new Date().toISOString()}`);
    const isBack = (): boolean => childrenOf(primary).length === 2 && !childrenOf(primary).includes(second);
    await until('the worker to be replaced', isBack, { withinMs: 60_000 });
  }

  /** The host that was added on the way is served. */
  async #lateHost(): Promise<void> {
    const { clients, host } = await import('./requests.js').then(({ makeClients }) => ({
      clients: makeClients(this.front, { fromMs: 100, toMs: 100 }),
      host: LATE_HOST,
    }));
    await clients.kinds['GET, new connection']?.(host);
    clients.close();
  }

  #leaveOf(task: string): { readonly at: number; readonly drainMs: number } | undefined {
    const { events } = this.events;
    for (; this.#seen < events.length; this.#seen += 1) {
      const { type, payload } = events[this.#seen] ?? { type: '', payload: {} };
      if (type !== 'status_update_event' || payload['taskStatus'] !== 'TASK_KILLING') continue;
      this.#leaves.set(String(payload['taskId']), {
        at: Date.parse(String(payload['timestamp'])),
        drainMs: this.options.amounts.drainSeconds * 1000,
      });
    }
    return this.#leaves.get(task);
  }

  #leaveOfProxy(port: number): { readonly at: number; readonly drainMs: number } | undefined {
    const leave = this.#proxyLeaves.find(({ ports }) => ports.has(port));
    return leave && { at: leave.at, drainMs: WORKER_GRACE_MS };
  }

  #result(load: Load, seconds: number): GateResult {
    const ofCrashed = load.failures.filter((each) => this.#isOfCrashed(each));
    const lost = load.failures.filter((each) => !ofCrashed.includes(each));
    return {
      ...{ tallies: load.tallies, lost, ofCrashed, crash: this.#crash, drained: load.flock.drained, seconds },
      askedAgain: load.askedAgain,
      reloads: this.driver?.reloads ?? 0,
    };
  }

  #isOfCrashed({ localPort, startedAt, endedAt }: Failure): boolean {
    const crash = this.#crash;
    if (!crash || localPort === undefined || endedAt < crash.at) return false;
    // a kept connection may be used in the moment in which its end is on its way; a port may be used again later
    const isThen = startedAt < crash.at + 2_000;
    return isThen && (crash.held.has(localPort) || crash.handedOver.has(localPort));
  }
}

/** A line per kind. */
export function gateTable({ tallies, lost, ofCrashed }: GateResult): string {
  const lines = tallies.map(({ kind, sent, ok, longestMs }) => {
    const mine = lost.filter((each) => each.kind === kind);
    const crashed = ofCrashed.filter((each) => each.kind === kind).length;
    return `| ${kind} | ${sent} | ${ok} | ${mine.length} | ${crashed} | ${kind === 'WebSockets' ? '' : Math.round(longestMs)} | ${reasons(mine)} |`;
  });
  return [
    '| kind | sent | ok | lost | with the crashed worker | longest ms | why lost |',
    '|---|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}
