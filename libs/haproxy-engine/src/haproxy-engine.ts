// HAProxy as the data path. Targets, weights and drains go through its runtime API: what leaves the table is closed for new requests in
// every worker, also those that finish after a reload, before a swap is confirmed. Other changes (listeners, labels) make a new
// configuration and a reload that hands over the listening sockets.
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noneUsable } from '#libs/certificate-files';
import type { TaskId } from '#libs/model';
import type { TrafficStanding } from '#libs/agent-protocol';
import { cannotOpen, type Certified, type ServingEngine, type TrafficSums } from '#libs/proxy-core';
import { EMPTY_TABLE, type RouteTable } from '#libs/routing';
import type { Timer } from '#libs/time';
import { unsupported, type Scripts } from './backend-rules.js';
import { CertificateCopies } from './certificate-copies.js';
import { ClientWatch } from './client-watch.js';
import { ConfigFiles, isRefused, memoryFolder, refusals, type Refused } from './config-files.js';
import { nameOf } from './config-text.js';
import { Ejections } from './ejections.js';
import type { HaproxyEngineOptions } from './engine-options.js';
import { FailureLooks } from './failure-looks.js';
import { fileWarnings, needsOf } from './file-room.js';
import { measure, type Ask } from './generation.js';
import { Generations } from './generations.js';
import { portsListenedOn } from './haproxy-answers.js';
import { HaproxyProcess } from './haproxy-process.js';
import { layoutOf, type Layout } from './layout.js';
import { LOG_FD } from './log-rules.js';
import { PlaceJournal } from './place-journal.js';
import { reasonChanges, reasonsOf, type Reasons } from './reasons.js';
import { RequestLog } from './request-log.js';
import { batchesOf } from './runtime-socket.js';
import { ServicePorts, whyNotOpenable } from './service-ports.js';
import { TargetAddresses } from './target-addresses.js';

/** How often what is in flight to tasks that left is asked for, while there are any. */
const COUNT_MS = 100;
const RESTART_MS = 500;
/** Shorter than the reports to the control plane are apart. */
const MEASURE_MS = 2_000;
const SHOW_FRONTENDS = 'show stat -1 1 -1';
const CERTIFICATES_MS = 2_000;
/** How often names of targets and ports that could not be opened are looked at again, while there are any. */
const AGAIN_MS = 5_000;
/** A socket's path has at most 107 bytes, and HAProxy binds beside it first. */
const SOCKET_FOLDER_MAX = 75;

type Problem = 'end' | 'change' | 'count' | 'traffic' | 'word';
type TimerName = 'counts' | 'traffic' | 'failures' | 'certificates' | 'again';
/** Told of a target that was left out. */
const ONE_EJECTION: TrafficSums = {
  ...{ byClass: [0, 0, 0, 0, 0], broken: 0, connections: 0, retries: 0, bytesOut: 0, averageMs: 0 },
  ejections: 1,
};

export class HaproxyEngine implements ServingEngine {
  readonly #options: HaproxyEngineOptions;
  readonly #process: HaproxyProcess;
  readonly #certificates: CertificateCopies;
  readonly #files: ConfigFiles;
  readonly #ask: Ask = (worker, commands) => this.#process.command(worker, commands);
  #scripts: Scripts = {};
  readonly #log: RequestLog;
  readonly #addresses: TargetAddresses;
  readonly #ports: ServicePorts;
  readonly #ejections: Ejections;
  readonly #looks: FailureLooks;
  readonly #clients: ClientWatch;
  /** As it came. */
  #wanted: RouteTable = EMPTY_TABLE;
  /** What of it HAProxy can do: addresses instead of names, ports that can be opened. */
  #table: RouteTable = EMPTY_TABLE;
  /** Service ports that HAProxy listens on, as `ServicePorts` names them. */
  #held: ReadonlySet<string> = new Set();
  #layout: Layout = layoutOf(EMPTY_TABLE);
  readonly #generations: Generations;
  #counts: ReadonlyMap<TaskId, number> = new Map();
  #standings: readonly TrafficStanding[] = [];
  /** As HAProxy has them. */
  #reasons: Reasons = new Map();
  /** By what they are for. */
  readonly #timers = new Map<TimerName, Timer>();
  /** What is wrong, until it is right again, by what it is about: its end, a change, a look at what is in flight or at all counters, word of who has left. */
  readonly #problems = new Map<Problem, string>();
  /** Changes go one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #running = false;
  /** HAProxy has workers that we did not see come up, with places and ports that we do not know: of an earlier run, or after a reload that failed. */
  #hasStrangers = false;
  /** A newcomer could not be announced to the worker that takes connections: only a new configuration is sure to have it. */
  #mustReload = false;
  #refused: Refused = new Map();
  #isStarted = false;
  #stopping = false;

  constructor(options: HaproxyEngineOptions) {
    const socketFolder = shortFolder(options.folder);
    this.#log = new RequestLog({
      clock: options.clock,
      folder: options.folder,
      access: options.accessLog,
      onHeaderRefused: options.onHeaderRefused,
      taskAt: (...place) => this.#generations.taskAt(...place),
    });
    this.#options = { ...options, socketFolder };
    for (const each of [options.folder, socketFolder]) mkdirSync(each, { recursive: true, mode: 0o700 });
    this.#addresses = new TargetAddresses(options.clock, options.lookUp);
    this.#ports = new ServicePorts({
      bind: options.bind,
      ...(options.files === undefined ? {} : { files: options.files }),
      reserved: new Map([
        [options.port, 'it is the main port of the proxy'],
        ...(options.tls ? [[options.tls.port, 'it is the HTTPS port of the proxy'] as const] : []),
      ]),
    });
    const { clock } = options;
    this.#ejections = new Ejections({
      clock,
      onLeftOut: (service, target) => options.onCounted?.(service, target, ONE_EJECTION),
    });
    this.#clients = new ClientWatch(clock, options);
    this.#looks = new FailureLooks({ clock, ask: this.#ask, ejections: this.#ejections });
    this.#process = new HaproxyProcess({
      clock: options.clock,
      folder: options.folder,
      socketFolder,
      program: options.program ?? 'haproxy',
      onLost: () => this.#lost(),
    });
    this.#generations = new Generations({
      clock,
      process: this.#process,
      journal: new PlaceJournal(join(options.folder, 'places')),
      ejections: this.#ejections,
      isServing: () => this.#running && !this.#stopping,
      onProblem: (text) => this.#note(text, 'word'),
      ...(options.zone === undefined ? {} : { zone: options.zone }),
    });
    this.#certificates = new CertificateCopies(options.tls?.certificates ?? []);
    this.#files = new ConfigFiles({
      options: this.#options,
      certificates: this.#certificates,
      check: (path) => this.#process.check(path),
      onNotice: (text) => options.onNotice?.(text),
    });
  }

  /** A table that was swapped in before is served from the first connection on. Throws ConfigurationError for a program that it cannot use. */
  async start(): Promise<number> {
    // what is renewed while HAProxy starts is seen after that
    const certificates = this.#certificates.stamp();
    this.#scripts = await this.#process.abilities();
    await this.#log.start();
    this.#isStarted = true;
    // one that was left running serves on as it is until there is a table
    const { folder } = this.#options;
    const adopted = this.#process.adopt([folder, memoryFolder(folder)]);
    if (adopted !== undefined) {
      this.#files.adopt(adopted);
      this.#running = this.#hasStrangers = true;
      this.#log.isPossible = this.#process.hasFile(LOG_FD, this.#log.path);
    } else await this.#enqueue(() => this.#startAnew());
    if (!this.#running) throw new Error([...this.#problems.values()].join('; ') || 'HAProxy does not run');
    this.#watchCertificates(certificates);
    this.#measure();
    this.#watchFailures();
    return this.#options.port;
  }

  /**
   * Resolves when no worker gives a new request to what is not in this table, and newcomers are reached (or nothing is served at all). A
   * table that cannot be carried out is tried again until it can, or until a newer one is.
   */
  async swap(table: RouteTable): Promise<void> {
    this.#wanted = table;
    this.#log.swap(table);
    if (!this.#isStarted) return;
    while (!(await this.#enqueue(() => this.#apply())) && this.#running && !this.#stopping)
      await new Promise<void>((resolve) => void this.#options.clock.after(RESTART_MS, resolve));
  }

  inFlight(): ReadonlyMap<TaskId, number> {
    return this.#counts;
  }

  /** As of the last look at HAProxy's counters, at most MEASURE_MS ago. */
  standings(): readonly TrafficStanding[] {
    return this.#ejections.standings(this.#standings);
  }

  certificates(): readonly Certified[] {
    return this.#certificates.all;
  }

  warnings(): readonly string[] {
    return [
      ...this.#problems.values(),
      ...this.#addresses.warnings(),
      ...this.#ports.warnings(),
      ...fileWarnings(this.#options.files, needsOf(this.#table), this.#options.maxConnections),
      ...this.#clients.warnings(),
      ...this.#log.warnings(),
      ...this.#table.services.flatMap((service) => unsupported(service, this.#scripts)),
      ...refusals(this.#refused, this.#table.services),
      ...this.#certificates.warnings(),
    ];
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await this.#queue;
    for (const timer of this.#timers.values()) timer.cancel();
    await this.#process.stop(graceMs);
    await this.#log.stop();
    this.#files.leave();
  }

  /** Never rejects: resolves with whether it was done; if not, the warnings say why. */
  #enqueue(work: () => Promise<void>, what: Problem = 'change'): Promise<boolean> {
    const done = this.#queue.then(work).then(
      () => true,
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#note(`HAProxy could not be ${what === 'change' ? 'changed' : 'asked'}: ${why}`, what);
        return false;
      },
    );
    this.#queue = done.then(() => undefined);
    return done;
  }

  async #apply(): Promise<void> {
    const isMute = this.#running && this.#process.isMute;
    const held = this.#hasStrangers && !isMute ? await this.#heldByStrangers() : this.#held;
    this.#table = await this.#ports.openable(
      await this.#addresses.resolve(this.#wanted),
      this.#running ? held : new Set(),
    );
    this.#lookAgain();
    if (isMute) {
      await this.#configure('reload');
      this.#hasStrangers = true;
    }
    // gives back the places of those that have finished
    if (this.#generations.hasLeaving) await this.#count();
    if (this.#hasStrangers) await this.#generations.adopt(this.#table.services);
    if (!this.#running) await this.#startAnew();
    else
      await this.#change(
        this.#hasStrangers || this.#mustReload || layoutOf(this.#table).signature !== this.#layout.signature,
      );
    this.#log.read();
    this.#problems.clear();
    // before the swap is confirmed, for "nothing is known to be in flight" would read as "nothing is"
    if (this.#generations.hasLeaving) await this.#count();
    this.#countSoon();
  }

  async #change(mustReload: boolean): Promise<void> {
    const { needsReload, close } = await this.#generations.open(this.#table.services);
    if (mustReload || needsReload) this.#mustReload = true;
    try {
      if (this.#mustReload) await this.#configure('reload');
      else await this.#changeReasons();
    } finally {
      // whatever else failed: who has left gets nothing new
      await close();
    }
  }

  /** Answers that failed have changed who is left out, or time has. */
  async #rearrange(names: readonly string[]): Promise<void> {
    const services = this.#table.services.filter((service) => names.includes(nameOf(service)));
    if (services.length > 0 && (await this.#generations.rearrange(services))) this.#mustReload = true;
  }

  #watchFailures(): void {
    this.#later('failures', this.#ejections.pauseMs, () => {
      const next = (): void => this.#watchFailures();
      this.#enqueue(async () => {
        if (this.#running) await this.#rearrange(await this.#looks.close(this.#generations.all, this.#table));
      }).then(next, next);
    });
  }

  /** Names may come to mean other addresses, and ports may have become free. */
  #lookAgain(): void {
    if (this.#timers.has('again') || !(this.#addresses.hasNames || this.#ports.isWaiting)) return;
    this.#later('again', AGAIN_MS, () => void this.#enqueue(() => this.#apply()));
  }

  /** By the names of its frontends. */
  async #heldByStrangers(): Promise<ReadonlySet<string>> {
    const { current } = await this.#process.workers();
    if (current === undefined) return new Set();
    const ports = portsListenedOn(await this.#process.command(current, [SHOW_FRONTENDS]));
    return new Set(ports.map((port) => `* ${port}`));
  }

  /** Where nothing of ours listens. HAProxy itself would share the port with another one of the same user. */
  async #startAnew(): Promise<void> {
    // the one before may have had no pipe; this one gets it
    this.#log.isPossible = true;
    const { bind, port, tls } = this.#options;
    if (tls) {
      this.#certificates.read();
      if (this.#certificates.isEmpty) throw noneUsable(tls.certificates, this.#certificates.warnings());
    }
    const main = await whyNotOpenable(bind, port);
    if (main !== undefined) throw new Error(cannotOpen('main', bind, port, main));
    const https = tls && (await whyNotOpenable(bind, tls.port));
    if (https !== undefined) throw new Error(cannotOpen('HTTPS', bind, tls?.port ?? 0, https));
    this.#table = await this.#ports.openable(await this.#addresses.resolve(this.#wanted), new Set());
    await this.#configure('start');
  }

  async #configure(how: 'start' | 'reload'): Promise<void> {
    const layout = layoutOf(this.#table);
    const slots = this.#generations.plan(layout);
    const reasons = reasonsOf(this.#table.services);
    const { services } = this.#table;
    const config = {
      layout,
      slots,
      services,
      reasons,
      scripts: this.#scripts,
      log: this.#log.wish,
    };
    this.#refused = await (how === 'start' ? this.#files.writeAnew(config) : this.#files.write(config));
    // HAProxy has no places for these
    for (const { name, service } of layout.backends)
      if (isRefused(this.#refused, service)) slots.delete(name);
    const worker =
      how === 'start' ? await this.#process.start(this.#files.path, this.#log.fd) : await this.#reload();
    this.#running = true;
    this.#hasStrangers = false;
    this.#mustReload = false;
    this.#held = this.#ports.keysOf(this.#table);
    this.#layout = layout;
    this.#reasons = reasons;
    this.#generations.add(worker, slots);
    this.#log.read();
    this.#problems.clear();
  }

  /** One that fails may yet have made a worker that takes connections. */
  async #reload(): Promise<number> {
    try {
      return await this.#process.reload();
    } catch (error) {
      this.#hasStrangers = true;
      throw error;
    }
  }

  async #changeReasons(): Promise<void> {
    const reasons = reasonsOf(this.#table.services);
    const { newest } = this.#generations;
    const commands = reasonChanges(reasons, this.#reasons, this.#files.reasonsPath);
    if (newest) for (const batch of batchesOf(commands)) await this.#process.command(newest.worker, batch);
    this.#reasons = reasons;
  }

  #countSoon(): void {
    if (this.#timers.has('counts') || !this.#generations.hasLeaving) return;
    this.#later('counts', COUNT_MS, () => {
      const again = (): void => this.#countSoon();
      this.#enqueue(() => this.#count(), 'count').then(again, again);
    });
  }

  async #count(): Promise<void> {
    const counts = await this.#generations.count();
    this.#counts = new Map([...counts].filter(([, count]) => count > 0));
    for (const [task, count] of counts) if (count === 0) this.#options.onIdle?.(task);
    this.#note(undefined, 'count');
  }

  #lost(): void {
    if (this.#stopping) return;
    this.#running = false;
    this.#generations.clear();
    this.#hasStrangers = false;
    this.#counts = new Map();
    for (const what of ['count', 'traffic', 'word'] as const) this.#note(undefined, what);
    this.#note('HAProxy has ended and is started again', 'end');
    const again = (): void => {
      // its ports may not be free yet
      if (!this.#running && !this.#stopping) this.#options.clock.after(RESTART_MS, () => this.#lost());
    };
    this.#enqueue(() => (this.#running ? Promise.resolve() : this.#startAnew())).then(again, again);
  }

  #later(what: TimerName, ms: number, work: () => void): void {
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(what);
      if (!this.#stopping) work();
    });
    this.#timers.set(what, timer);
  }

  #measure(): void {
    this.#later('traffic', MEASURE_MS, () => {
      const next = (): void => this.#measure();
      this.#enqueue(() => this.#countTraffic(), 'traffic').then(next, next);
    });
  }

  /** Without one, a HAProxy of an earlier run serves by a table that nobody has told us: it must not be given another configuration. */
  get #hasTable(): boolean {
    return this.#wanted !== EMPTY_TABLE || !this.#hasStrangers;
  }

  async #countTraffic(): Promise<void> {
    if (!this.#running) return;
    if (this.#process.isMute) return this.#hasTable ? this.#apply() : undefined;
    const onCounted = this.#options.onCounted ?? ((): void => undefined);
    const changed = await this.#looks.all(this.#generations.all, this.#table, async (onRows) => {
      this.#standings = await measure(this.#generations.all, this.#table, this.#ask, { onCounted, onRows });
    });
    await this.#rearrange(changed);
    const { newest } = this.#generations;
    if (newest) await this.#clients.look(newest, this.#ask);
    this.#note(undefined, 'traffic');
  }

  /** Files that changed are read again by a reload; broken ones are refused, and the old ones stay. */
  #watchCertificates(before: string): void {
    if (!this.#options.tls) return;
    this.#later('certificates', CERTIFICATES_MS, () => {
      const now = this.#certificates.stamp();
      if (now === before || !this.#running || !this.#hasTable) return this.#watchCertificates(before);
      // a disk that takes nothing may take it later
      const next = (isDone: boolean): void => this.#watchCertificates(isDone ? now : before);
      const reload = (): Promise<void> => (this.#hasStrangers ? this.#apply() : this.#configure('reload'));
      this.#enqueue(reload).then(next, () => next(false));
    });
  }

  #note(problem: string | undefined, what: Problem = 'change'): void {
    if (problem === undefined) {
      this.#problems.delete(what);
      return;
    }
    if (problem !== this.#problems.get(what)) this.#options.onNotice?.(problem);
    this.#problems.set(what, problem);
  }
}

function shortFolder(folder: string): string {
  if (Buffer.byteLength(folder) <= SOCKET_FOLDER_MAX) return folder;
  return join(tmpdir(), `longrun-haproxy-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
}
