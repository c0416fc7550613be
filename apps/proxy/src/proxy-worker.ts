// One serving process: data path, session with the control plane, disk, signals' work. It serves from the table on disk before it
// reaches any control plane, and ends in order: no new connections, what is in flight finishes (its counts are still reported, so
// that nobody stops those tasks), then it leaves.
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { hostPort, isWildcard } from '#libs/configuration';
import { DnsServer } from '#libs/dns-server';
import { HaproxyEngine } from '#libs/haproxy-engine';
import { ProxyEngine, type Listen, type ProcessSnapshot, type ProxyEngineOptions } from '#libs/proxy-engine';
import { CertifiedNames, TableSession, type ServingEngine } from '#libs/proxy-core';
import { servedBy, withinRange, type RouteTable } from '#libs/routing';
import type { Logger } from '#libs/telemetry';
import { randomIds, SystemClock } from '#libs/time';
import type { AdminSource } from './admin-server.js';
import { ControlPlaneLink } from './control-plane-link.js';
import { DataFolder } from './data-folder.js';
import { fileLimit, roomFor } from './file-limit.js';
import { Observing } from './observing.js';
import type { ProxySettings } from './options.js';

export interface ProxyWorkerParts {
  readonly settings: ProxySettings;
  /** Of this worker alone. */
  readonly folder: DataFolder;
  readonly logger: Logger;
  /** Which of several, from 1. Absent: it is the only one. */
  readonly index?: number;
  /** Of one of several workers. Absent: it listens itself. */
  readonly listen?: Listen;
}

/** In flight requests get this long when the proxy is stopped. */
const STOP_GRACE_MS = 30_000;

export class ProxyWorker implements AdminSource {
  readonly #observing: Observing;
  readonly #engine: ServingEngine;
  readonly #session: TableSession;
  readonly #dns: DnsServer | undefined;
  readonly #remembered: () => Promise<void>;
  #notices: readonly string[] = [];

  constructor({ settings, folder, logger, index, listen }: ProxyWorkerParts) {
    const clock = new SystemClock();
    const observing = new Observing({
      ...(settings.accessLog ? { accessLog: settings.accessLog } : {}),
      onProblem: (text) => logger.warn({}, text),
    });
    this.#observing = observing;
    const engine = makeEngine(settings, {
      clock,
      observer: observing,
      folder: folder.path,
      ...(listen ? { listen } : {}),
      onNotice: (text, level) => logger[level ?? 'warn']({}, text),
      freshen: () => this.#session.freshen(),
      onIdle: (task) => this.#session.taskIdle(task),
    });
    this.#engine = engine;
    const dns = settings.dns && new DnsServer({ ...settings.dns, ...(listen ? { listen } : {}) });
    this.#dns = dns;
    const memory = folder.memory();
    // HAProxy reckons otherwise
    const { warning } = settings.engine === 'builtin' ? roomFor(fileLimit(), settings.maxConnections) : {};
    // what is wrong from the start, so that it stands where people look, not in the log alone
    const fromStart = [...settings.warnings, ...(warning === undefined ? [] : [warning])];
    const swap = (table: RouteTable): Promise<void> => {
      dns?.swap(table);
      observing.swap(table);
      return engine.swap(withinRange(servedBy(table, settings.groups), settings.servicePorts));
    };
    this.#remembered = async () => {
      if (memory.table) await swap(memory.table);
    };
    const names = new CertifiedNames();
    this.#session = new TableSession({
      clock,
      network: new ControlPlaneLink(settings.token),
      journal: folder,
      user: {
        swap,
        inFlight: () => engine.inFlight(),
        warnings: () => [...engine.warnings(), ...observing.warnings(), ...this.#notices, ...fromStart],
      },
      traffic: observing.source(() => this.#engine.standings()),
      proxyId: folder.identity(randomIds),
      run: randomIds.uuid(),
      address: hostPort(reachedAt(settings.bind), settings.port),
      listens: () => ({
        ...(settings.tls
          ? { httpsPort: settings.tls.port, ...names.told(engine.certificates(), clock.now()) }
          : {}),
        appPaths: settings.appPaths,
        ...(settings.groups.length > 0 ? { groups: settings.groups } : {}),
        servicePorts: settings.servicePorts,
      }),
      about: {
        engine: settings.engine,
        host: hostname(),
        ...(index === undefined ? {} : { worker: { index, of: settings.workers } }),
      },
      controlPlanes: settings.controlPlanes,
      memory,
      onNotice: (text) => logger.warn({}, text),
    });
  }

  /** Resolves with the main port when it serves; rejects when that port is taken. */
  async start(): Promise<number> {
    // before the first connection, which else would find no app at all
    await this.#remembered();
    const port = await this.#engine.start();
    await this.#dns?.start();
    await this.#session.start();
    return port;
  }

  async stop(): Promise<void> {
    this.#dns?.stop();
    await this.#engine.stop(STOP_GRACE_MS);
    await this.#session.leave();
    await this.#observing.close();
  }

  /** What the primary says, of the other workers for example, for the warnings of this one's reports. */
  setNotices(notices: readonly string[]): void {
    this.#notices = notices;
  }

  /** After the access log was moved away. */
  reopenLog(): void {
    this.#observing.reopenLog();
  }

  snapshot(): ProcessSnapshot {
    const { confirmed } = this.#session;
    return this.#observing.snapshot({
      ...this.#session.state(),
      confirmed,
      inFlight: this.#engine.inFlight(),
      standing: this.#engine.standings(),
    });
  }

  snapshots(): Promise<readonly ProcessSnapshot[]> {
    return Promise.resolve([this.snapshot()]);
  }

  table(): Promise<RouteTable | null> {
    return Promise.resolve(this.#session.state().table);
  }
}

type Hooks = Required<Pick<ProxyEngineOptions, 'clock' | 'freshen' | 'onIdle' | 'onNotice'>> & {
  readonly observer: Observing;
  readonly listen?: Listen;
};

function makeEngine(
  settings: ProxySettings,
  { folder, ...hooks }: Hooks & { folder: string },
): ServingEngine {
  const { bind, port, appPaths, tls } = settings;
  const listening = { bind, port, appPaths, ...(tls ? { tls } : {}) };
  if (settings.engine === 'builtin')
    return new ProxyEngine({
      ...hooks,
      ...listening,
      ...(settings.zone === undefined ? {} : { zone: settings.zone }),
      ...connectionLimits(settings),
    });
  const { clock, onIdle, onNotice, observer } = hooks;
  const files = fileLimit();
  return new HaproxyEngine({
    ...{ clock, onIdle, onNotice },
    onCounted: (service, target, sums) => observer.counted(service, target, sums),
    onHeaderRefused: (service, fault) => observer.headerRefused(service, fault),
    ...listening,
    folder: join(resolve(folder), 'haproxy'),
    threads: settings.workers,
    ...(files === undefined ? {} : { files }),
    ...(settings.accessLog
      ? {
          accessLog: {
            share: settings.accessLog.sample,
            onEnded: (request, taken) => observer.logged(request, taken),
          },
        }
      : {}),
    ...(settings.maxConnections === undefined ? {} : { maxConnections: settings.maxConnections }),
    ...perClientOf(settings),
    program: settings.haproxyProgram,
    ...(settings.zone === undefined ? {} : { zone: settings.zone }),
  });
}

function connectionLimits({
  connectionsPerClient,
  maxConnections,
}: ProxySettings): Partial<ProxyEngineOptions> {
  const { most } = roomFor(fileLimit(), maxConnections);
  return {
    ...(most === undefined ? {} : { connectionsMax: most }),
    ...perClientOf({ connectionsPerClient }),
  };
}

/** 0 stands for any number. */
const perClientOf = ({
  connectionsPerClient,
}: Pick<ProxySettings, 'connectionsPerClient'>): { connectionsPerClient?: number } =>
  connectionsPerClient > 0 ? { connectionsPerClient } : {};

/** What others reach a listener by: an address of its own as it is, of all addresses the name of the host. */
const reachedAt = (bind: string): string => (isWildcard(bind) ? hostname() : bind);
