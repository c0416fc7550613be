// HAProxy as the data path. Targets, weights and drains go through its runtime API: what leaves the table is closed for new requests in
// every worker, also those that finish after a reload, before a swap is confirmed. Other changes (listeners, labels) make a new
// configuration and a reload that hands over the listening sockets.
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskId } from '#libs/model';
import type { TrafficStanding } from '#libs/agent-protocol';
import { cannotOpen, type Certified, type ServingEngine, type TrafficSums } from '#libs/proxy-core';
import { EMPTY_TABLE, type RouteService, type RouteTable, type RouteTarget } from '#libs/routing';
import type { Clock, Timer } from '#libs/time';
import { unsupported, type Scripts } from './backend-rules.js';
import { CertificateCopies } from './certificate-copies.js';
import { Ejections } from './ejections.js';
import { placeOf } from './failure-counter.js';
import { FailureLooks } from './failure-looks.js';
import { ConfigFiles, isRefused, memoryFolder, refusals, type Refused } from './config-files.js';
import { fileWarnings, needsOf } from './file-room.js';
import { isPinBackend, messageBody, nameOf, pinBackendOf, serviceNameOf } from './config-text.js';
import {
  generationOf,
  hasLeaving,
  leavingOf,
  measure,
  placesOf,
  settle,
  type Ask,
  type Generation,
} from './generation.js';
import { portsListenedOn, refusalsIn, saysGone, serversOf } from './haproxy-answers.js';
import { HaproxyProcess } from './haproxy-process.js';
import { layoutOf, type Layout } from './layout.js';
import { LOG_FD } from './log-rules.js';
import { pinnedVersions } from './pins.js';
import { RequestLog, type EndedRequest } from './request-log.js';
import { PlaceJournal, type GivenPlace } from './place-journal.js';
import { ServicePorts, whyNotOpenable } from './service-ports.js';
import { Slots, type PlacesFor, type SlotChange } from './slots.js';
import { TargetAddresses, type LookUp } from './target-addresses.js';
import { batchesOf } from './runtime-socket.js';
import type { ConfigOptions } from './write-config.js';

export interface HaproxyEngineOptions extends ConfigOptions {
  readonly clock: Clock;
  /** Default: `haproxy` by PATH. */
  readonly program?: string;
  /** Nothing is in flight to this task any more. */
  readonly onIdle?: (task: TaskId) => void;
  /** What went to a target since the last call, now and then; without one: what HAProxy itself answered for the service. */
  readonly onCounted?: (service: RouteService, target: RouteTarget | undefined, sums: TrafficSums) => void;
  /**
   * An access log is wanted. `share`: of the requests that did not fail, 0 to 1; those that HAProxy takes for failures are all told. `onEnded`:
   * once for each that is told; `taken`: which share of such requests is told at all.
   */
  readonly accessLog?: {
    readonly share: number;
    readonly onEnded: (request: EndedRequest, taken: number) => void;
  };
  /** For the log. */
  readonly onNotice?: (text: string) => void;
  /** Default: as the system does. */
  readonly lookUp?: LookUp;
  /** Where this host stands, for services that prefer targets of their own zone. Default: nowhere, and none is preferred. */
  readonly zone?: string;
}

/** How often what is in flight to tasks that left is asked for, while there are any. */
const COUNT_MS = 100;
const RESTART_MS = 500;
/** Shorter than the reports to the control plane are apart. */
const MEASURE_MS = 2_000;
const SHOW_FRONTENDS = 'show stat -1 1 -1';
const CERTIFICATES_MS = 2_000;
/** How often names of targets and ports that could not be opened are looked at again, while there are any. */
const AGAIN_MS = 5_000;
/** The journal of places is written anew after so many. */
const JOURNAL_LINES_MAX = 50_000;
/** A socket's path has at most 107 bytes, and HAProxy binds beside it first. */
const SOCKET_FOLDER_MAX = 75;

type TimerName = 'counts' | 'traffic' | 'failures' | 'certificates' | 'again';
/** By name. */
type Wanted = ReadonlyMap<
  string,
  { readonly service: RouteService; readonly out: ReadonlySet<RouteTarget['taskId']> }
>;
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
  readonly #log: RequestLog | undefined;
  readonly #addresses: TargetAddresses;
  readonly #ports: ServicePorts;
  readonly #journal: PlaceJournal;
  readonly #ejections: Ejections;
  readonly #looks: FailureLooks;
  #journalLines = 0;
  /** As it came. */
  #wanted: RouteTable = EMPTY_TABLE;
  /** What of it HAProxy can do: addresses instead of names, ports that can be opened. */
  #table: RouteTable = EMPTY_TABLE;
  /** Service ports that HAProxy listens on, as `ServicePorts` names them. */
  #held: ReadonlySet<string> = new Set();
  #layout: Layout = layoutOf(EMPTY_TABLE);
  /** The one that takes new connections is the last. */
  #generations: Generation[] = [];
  #counts: ReadonlyMap<TaskId, number> = new Map();
  #standings: readonly TrafficStanding[] = [];
  #reasons = new Map<string, string>();
  /** By what they are for. */
  readonly #timers = new Map<TimerName, Timer>();
  #problem: string | undefined;
  /** Changes go one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #running = false;
  /** HAProxy runs by a configuration of an earlier run of ours. */
  #isAdopted = false;
  /** A newcomer could not be announced to the worker that takes connections: only a new configuration is sure to have it. */
  #mustReload = false;
  #refused: Refused = new Map();
  #isStarted = false;
  #stopping = false;

  constructor(options: HaproxyEngineOptions) {
    const socketFolder = shortFolder(options.folder);
    const { accessLog } = options;
    this.#log =
      accessLog &&
      new RequestLog({ ...accessLog, folder: options.folder, taskAt: (...place) => this.#taskAt(...place) });
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
    this.#journal = new PlaceJournal(join(options.folder, 'places'));
    const { clock } = options;
    this.#ejections = new Ejections({
      clock,
      onLeftOut: (service, target) => options.onCounted?.(service, target, ONE_EJECTION),
    });
    this.#looks = new FailureLooks({ clock, ask: this.#ask, ejections: this.#ejections });
    this.#process = new HaproxyProcess({
      clock: options.clock,
      folder: options.folder,
      socketFolder,
      program: options.program ?? 'haproxy',
      onLost: () => this.#lost(),
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
    this.#scripts = await this.#process.abilities();
    await this.#log?.start();
    this.#isStarted = true;
    // one that was left running serves on as it is until there is a table
    const { folder } = this.#options;
    const adopted = this.#process.adopt([folder, memoryFolder(folder)]);
    if (adopted !== undefined) {
      this.#files.adopt(adopted);
      this.#running = this.#isAdopted = true;
      if (this.#log) this.#log.isPossible = this.#process.hasFile(LOG_FD, this.#log.path);
    } else await this.#enqueue(() => this.#startAnew());
    if (!this.#running) throw new Error(this.#problem ?? 'HAProxy does not run');
    this.#watchCertificates(this.#certificates.stamp());
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
    this.#log?.swap(table);
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
      ...(this.#problem === undefined ? [] : [this.#problem]),
      ...this.#addresses.warnings(),
      ...this.#ports.warnings(),
      ...fileWarnings(this.#options.files, needsOf(this.#table)),
      ...(this.#log?.warnings() ?? []),
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
    await this.#log?.stop();
    this.#files.leave();
  }

  #taskAt(worker: number, backend: string, server: string): TaskId | undefined {
    const generation = this.#generations.find((each) => each.worker === worker);
    return generation?.slots.get(backend)?.taskAt(server);
  }

  /** Never rejects: resolves with whether it was done; if not, the warnings say why. */
  #enqueue(work: () => Promise<void>): Promise<boolean> {
    const done = this.#queue.then(work).then(
      () => true,
      (error: unknown) => {
        this.#note(`HAProxy could not be changed: ${error instanceof Error ? error.message : String(error)}`);
        return false;
      },
    );
    this.#queue = done.then(() => undefined);
    return done;
  }

  async #apply(): Promise<void> {
    const held = this.#isAdopted ? await this.#heldByEarlierRun() : this.#held;
    this.#table = await this.#ports.openable(
      await this.#addresses.resolve(this.#wanted),
      this.#running ? held : new Set(),
    );
    this.#lookAgain();
    // gives back the places of those that have finished
    if (this.#generations.some(hasLeaving)) await this.#count();
    if (this.#isAdopted) await this.#lookAround();
    if (!this.#running) await this.#startAnew();
    else
      await this.#change(
        this.#isAdopted || this.#mustReload || layoutOf(this.#table).signature !== this.#layout.signature,
      );
    this.#isAdopted = false;
    this.#log?.read();
    this.#note(undefined);
    // before the swap is confirmed, for "nothing is known to be in flight" would read as "nothing is"
    if (this.#generations.some(hasLeaving)) await this.#count();
    this.#countSoon();
  }

  /** In every generation, old ones too: their kept connections go on bringing requests. Newcomers are there before others leave. */
  async #change(mustReload: boolean): Promise<void> {
    const current = this.#generations.at(-1);
    const closing: [Generation, readonly string[]][] = [];
    let isFull = false;
    const wanted = this.#wants(this.#table.services);
    for (const generation of [...this.#generations]) {
      const { open, close, full } = this.#arrange(generation, wanted);
      if (generation === current) isFull = full;
      closing.push([generation, close]);
      // the others must hear of theirs all the same
      if (!(await this.#announce(generation, open)) && generation === current) this.#mustReload = true;
    }
    try {
      if (mustReload || isFull || this.#mustReload) await this.#configure('reload');
      else await this.#changeReasons();
    } finally {
      // whatever else failed: who has left gets nothing new
      for (const [generation, commands] of closing) await this.#insist(generation, commands);
    }
  }

  #wants(services: readonly RouteService[]): Wanted {
    return new Map(
      services.map((service) => [nameOf(service), { service, out: this.#ejections.outOf(service) }]),
    );
  }

  /** What it is to be told. `isPart`: only those are arranged anew; else what is not among them counts as one without targets. */
  #arrange(
    generation: Generation,
    wanted: Wanted,
    isPart = false,
  ): Pick<SlotChange, 'open' | 'close' | 'full'> {
    const changes = [...generation.slots].flatMap(([backend, slots]) => {
      const found = wanted.get(serviceNameOf(backend));
      if (!found && isPart) return [];
      return [{ backend, ...slots.change(found?.service ?? NOBODY, found?.out) }];
    });
    const given = changes.flatMap(({ backend, given }) =>
      [...given].map(([place, task]) => ({ worker: generation.worker, backend, place, task })),
    );
    for (const { backend, rested } of changes)
      for (const place of rested) generation.traffic.rested(backend, place);
    for (const { backend, place } of given) generation.failures.given(placeOf(backend, place));
    this.#remember(given);
    for (const { service, out } of wanted.values()) this.#ejections.told(service, out);
    return {
      open: changes.flatMap(({ open }) => open),
      close: changes.flatMap(({ close }) => close),
      full: changes.some(({ full }) => full),
    };
  }

  /** Answers that failed have changed who is left out, or time has. */
  async #rearrange(names: readonly string[]): Promise<void> {
    const services = this.#table.services.filter((service) => names.includes(nameOf(service)));
    if (services.length === 0) return;
    const wanted = this.#wants(services);
    for (const generation of [...this.#generations]) {
      const { open, close, full } = this.#arrange(generation, wanted, true);
      if (full) this.#mustReload = true;
      await this.#insist(generation, open);
      await this.#insist(generation, close);
    }
  }

  #watchFailures(): void {
    this.#later('failures', this.#ejections.pauseMs, () => {
      const next = (): void => this.#watchFailures();
      this.#enqueue(async () => {
        if (this.#running) await this.#rearrange(await this.#looks.close(this.#generations, this.#table));
      }).then(next, next);
    });
  }

  /** On disk, before any of them can get a request. */
  #remember(places: readonly GivenPlace[]): void {
    this.#journalLines += places.length;
    if (this.#journalLines > JOURNAL_LINES_MAX) this.#rememberAll();
    else this.#journal.append(places);
  }

  #rememberAll(): void {
    const places = this.#generations.flatMap(placesOf);
    this.#journalLines = places.length > JOURNAL_LINES_MAX / 2 ? 0 : places.length;
    this.#journal.rewrite(places);
  }

  /** False: it may not have all of them. */
  #announce(generation: Generation, commands: readonly string[]): Promise<boolean> {
    return this.#tell(generation, commands).then(
      () => true,
      (error: unknown) => {
        this.#note(`HAProxy could not be told of newcomers: ${String(error)}`);
        return false;
      },
    );
  }

  /** Names may come to mean other addresses, and ports may have become free. */
  #lookAgain(): void {
    if (this.#timers.has('again') || !(this.#addresses.hasNames || this.#ports.isWaiting)) return;
    this.#later('again', AGAIN_MS, () => void this.#enqueue(() => this.#apply()));
  }

  /** By the names of its frontends. */
  async #heldByEarlierRun(): Promise<ReadonlySet<string>> {
    const { current } = await this.#process.workers();
    if (current === undefined) return new Set();
    const ports = portsListenedOn(await this.#process.command(current, [SHOW_FRONTENDS]));
    return new Set(ports.map((port) => `* ${port}`));
  }

  /** Where nothing of ours listens. HAProxy itself would share the port with another one of the same user. */
  async #startAnew(): Promise<void> {
    const { bind, port, tls } = this.#options;
    if (tls) this.#needCertificate();
    const main = await whyNotOpenable(bind, port);
    if (main !== undefined) throw new Error(cannotOpen('main', bind, port, main));
    const https = tls && (await whyNotOpenable(bind, tls.port));
    if (https !== undefined) throw new Error(cannotOpen('HTTPS', bind, tls?.port ?? 0, https));
    this.#table = await this.#ports.openable(await this.#addresses.resolve(this.#wanted), new Set());
    await this.#configure('start');
  }

  #needCertificate(): void {
    this.#certificates.read();
    if (this.#certificates.isEmpty)
      throw new Error(
        `there is no certificate that can be used: ${this.#certificates.warnings().join('; ') || `no *.pem file in ${this.#options.tls?.certificates.join(', ')}`}`,
      );
  }

  /** Until it is done, or there is nobody to tell: a swap that is not carried out must not be confirmed. */
  async #insist(generation: Generation, commands: readonly string[]): Promise<void> {
    while (commands.length > 0 && this.#running && !this.#stopping) {
      try {
        return await this.#tell(generation, commands, true);
      } catch (error) {
        this.#note(
          `HAProxy could not be told who has left: ${error instanceof Error ? error.message : String(error)}`,
        );
        await new Promise<void>((resolve) => void this.#options.clock.after(RESTART_MS, resolve));
      }
    }
  }

  /** The places of the workers that an earlier run of ours has left, by their addresses. */
  async #lookAround(): Promise<void> {
    const services = new Map(this.#table.services.map((service) => [nameOf(service), service]));
    const { current, old } = await this.#process.workers();
    const generations: Generation[] = [];
    const left = this.#journal.read();
    for (const worker of [...old, ...(current === undefined ? [] : [current])]) {
      const seen = serversOf(await this.#process.command(worker, ['show servers state']));
      const slots = [...seen].map(([backend, servers]) => {
        const places = this.#placesFor(backend, services.get(serviceNameOf(backend)) ?? NOBODY);
        return [backend, Slots.seen(places, servers, left(worker, backend))] as const;
      });
      generations.push(generationOf(worker, new Map(slots)));
    }
    this.#generations = generations;
  }

  #placesFor(backend: string, service: RouteService): PlacesFor {
    const { zone } = this.#options;
    const pinned = pinnedVersions(service).find((each) => pinBackendOf(service, each) === backend);
    // one of an earlier table: nobody has that version, and its requests go the usual way
    const version = pinned ?? (isPinBackend(backend) ? '' : undefined);
    return {
      backend,
      service,
      preference: {
        ...(zone === undefined ? {} : { zone }),
        ...(version === undefined ? {} : { version }),
      },
    };
  }

  /** Closing: a place that is not there gets nothing, which is all that is wanted. */
  async #tell(generation: Generation, commands: readonly string[], isClosing = false): Promise<void> {
    for (const batch of batchesOf(commands)) {
      try {
        const answer = await this.#process.command(generation.worker, batch);
        const refusal = refusalsIn(answer).find((each) => !(isClosing && saysGone(each)));
        if (refusal !== undefined) throw new Error(`it refuses a command: ${refusal}`);
      } catch (error) {
        const { current, old } = await this.#process.workers();
        // one that has finished takes nothing any more
        if (current !== generation.worker && !old.includes(generation.worker)) {
          this.#generations = this.#generations.filter((each) => each !== generation);
          return;
        }
        throw error;
      }
    }
  }

  async #configure(how: 'start' | 'reload'): Promise<void> {
    const layout = layoutOf(this.#table);
    const slots = new Map(
      layout.backends.map(({ name, service }) => {
        const out = this.#ejections.outOf(service);
        this.#ejections.told(service, out);
        return [name, Slots.planned(this.#placesFor(name, service), out)];
      }),
    );
    this.#reasons = reasonsOf(this.#table.services);
    const { services } = this.#table;
    const config = {
      layout,
      slots,
      services,
      reasons: this.#reasons,
      scripts: this.#scripts,
      log: this.#log?.wish,
    };
    this.#refused = await (how === 'start' ? this.#files.writeAnew(config) : this.#files.write(config));
    // HAProxy has no places for these
    for (const { name, service } of layout.backends)
      if (isRefused(this.#refused, service)) slots.delete(name);
    const worker =
      how === 'start'
        ? await this.#process.start(this.#files.path, this.#log?.fd)
        : await this.#process.reload();
    this.#running = true;
    this.#mustReload = false;
    this.#held = this.#ports.keysOf(this.#table);
    this.#layout = layout;
    this.#generations = [...this.#generations, generationOf(worker, slots)];
    this.#rememberAll();
    this.#log?.read();
    this.#note(undefined);
  }

  async #changeReasons(): Promise<void> {
    const reasons = reasonsOf(this.#table.services);
    const current = this.#generations.at(-1);
    const file = this.#files.reasonsPath;
    const commands = [...reasons]
      .filter(([backend, body]) => this.#reasons.get(backend) !== body)
      // a body holds blanks, and `;` divides commands
      .map(([backend, body]) => `set map ${file} ${backend} ${escapeWords(body)}`);
    this.#reasons = reasons;
    if (current) for (const batch of batchesOf(commands)) await this.#process.command(current.worker, batch);
  }

  #countSoon(): void {
    if (this.#timers.has('counts') || !this.#generations.some(hasLeaving)) return;
    this.#later('counts', COUNT_MS, () => {
      const again = (): void => this.#countSoon();
      this.#enqueue(() => this.#count()).then(again, again);
    });
  }

  async #count(): Promise<void> {
    const { current, old } = await this.#process.workers();
    const alive = new Set([current, ...old]);
    const gone = this.#generations.filter(({ worker }) => !alive.has(worker));
    this.#generations = this.#generations.filter(({ worker }) => alive.has(worker));
    const counts = await settle(this.#generations, this.#ask);
    for (const task of gone.flatMap(leavingOf)) if (!counts.has(task)) counts.set(task, 0);
    this.#counts = new Map([...counts].filter(([, count]) => count > 0));
    for (const [task, count] of counts) if (count === 0) this.#options.onIdle?.(task);
  }

  #lost(): void {
    if (this.#stopping) return;
    this.#running = false;
    this.#generations = [];
    this.#counts = new Map();
    this.#note('HAProxy has ended and is started again');
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
      this.#enqueue(() => this.#countTraffic()).then(next, next);
    });
  }

  async #countTraffic(): Promise<void> {
    if (!this.#running) return;
    const onCounted = this.#options.onCounted ?? ((): void => undefined);
    const changed = await this.#looks.all(this.#generations, this.#table, async (onRows) => {
      this.#standings = await measure(this.#generations, this.#table, this.#ask, { onCounted, onRows });
    });
    await this.#rearrange(changed);
  }

  /** Files that changed are read again by a reload; broken ones are refused, and the old ones stay. */
  #watchCertificates(before: string): void {
    if (!this.#options.tls) return;
    this.#later('certificates', CERTIFICATES_MS, () => {
      const now = this.#certificates.stamp();
      const next = (): void => this.#watchCertificates(now);
      if (now === before || !this.#running) return next();
      this.#enqueue(() => this.#configure('reload')).then(next, next);
    });
  }

  #note(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) this.#options.onNotice?.(problem);
    this.#problem = problem;
  }
}

function shortFolder(folder: string): string {
  if (Buffer.byteLength(folder) <= SOCKET_FOLDER_MAX) return folder;
  return join(tmpdir(), `longrun-haproxy-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
}

/** Stands for a service that has left the table: no targets. */
const NOBODY = { appId: '/', portIndex: 0, targets: [] } as unknown as RouteService;

/** Of a service with targets. HAProxy tells by its status only that no connection could be had in time. */
function unableReason({ policy }: RouteService): string {
  const limit = policy?.limits?.connectionsPerTarget;
  const refused = 'none of its instances accepts connections';
  return limit === undefined
    ? refused
    : `${refused}, or all of them have the ${limit === 1 ? 'one request' : `${limit} requests`} in flight that its limits allow`;
}

/** Bodies of the 503 by backend. */
function reasonsOf(services: readonly RouteService[]): Map<string, string> {
  const http = services.filter(({ mode }) => mode !== 'tcp');
  return new Map(
    http.flatMap((service) => {
      const why = service.emptyReason === '' ? unableReason(service) : service.emptyReason;
      const body = messageBody(`app ${service.appId} cannot answer now: ${why}`);
      const pins = pinnedVersions(service).map((version) => pinBackendOf(service, version));
      return [nameOf(service), ...pins].map((backend) => [backend, body] as const);
    }),
  );
}

/** For the command line of HAProxy: blanks, `;` and backslashes are escaped. */
const escapeWords = (text: string): string => text.replaceAll(/[\\ ;]/g, (each) => `\\${each}`);
