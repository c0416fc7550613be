// A PostgreSQL of our own in a data folder: made if missing, taken over if running, started otherwise; it outlives us.
// It runs in a session of its own, so that a terminal's Ctrl-C does not reach it (decisions.md 25); whoever opened it decides about
// restarts. Nothing but a unix socket leads to it.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { identityOf, isAlive, signalProcess } from '#libs/process-identity';
import type { ProcessIdentity } from '#libs/process-identity';
import type { Logger } from '#libs/telemetry';
import type { AccountKind } from './account.js';
import { commandOf, DATABASE, ensureCluster } from './cluster.js';
import { prepareLayout } from './layout.js';
import type { Layout } from './layout.js';
import { isReady, removeStaleLocks, runningPostmaster } from './postmaster.js';

export interface EmbeddedPostgresOptions {
  /** Absolute or relative; made if missing. It holds the cluster, the log and the socket. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** Root only: forces the user namespace or the unprivileged user; default: what works here. */
  readonly account?: AccountKind;
  /** For a socket path that would be too long. */
  readonly runtimeDir?: string;
  /** False only for tests: no fsync, so a power cut may lose everything. */
  readonly durable?: boolean;
  /** Until ready, crash recovery included. Default 120 s. */
  readonly startTimeoutMs?: number;
  /** Fast shutdown until then, immediate shutdown after. Default 10 s. */
  readonly stopTimeoutMs?: number;
}

/** Room for control plane (6), migrations, standbys and a person. */
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '50',
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
  timezone: 'UTC',
};
const NOT_DURABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
const LOG_BYTES = 10 * 1024 * 1024;
/** After kill -9 the last backends may hold the shared memory for a moment (decisions.md 27). */
const RETRY_MS = 30_000;
const LEFTOVERS = /lock file|shared memory block/;

export class EmbeddedPostgres {
  readonly #stopTimeoutMs: number;

  private constructor(
    /** For pg and DATABASE_URL; a unix socket in a folder that only its owner can enter. */
    readonly url: string,
    /** For a record on disk. */
    readonly identity: ProcessIdentity,
    /** True if it ran already when we opened the folder. */
    readonly takenOver: boolean,
    stopTimeoutMs: number,
  ) {
    this.#stopTimeoutMs = stopTimeoutMs;
  }

  /** Ready for connections, with an (at first empty) database. Only one process at a time may open a folder. */
  static async open(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const layout = await prepareLayout(options);
    await ensureCluster(layout, options.durable ?? true);
    if (!runningPostmaster(layout)) rotateLog(layout);
    const { identity, takenOver } = await bringUp(layout, options);
    options.logger.info(
      {
        event: takenOver ? 'database-taken-over' : 'database-started',
        pid: identity.pid,
        account: layout.account.kind,
      },
      'embedded Postgres is ready',
    );
    return new EmbeddedPostgres(urlOf(layout), identity, takenOver, options.stopTimeoutMs ?? 10_000);
  }

  get pid(): number {
    return this.identity.pid;
  }

  isAlive(): boolean {
    return isAlive(this.identity);
  }

  /** Calls back once when the process is gone, however it ended; noticed within 200 ms. Does not keep us running. */
  onExit(callback: () => void): void {
    const timer = setInterval(() => {
      if (this.isAlive()) return;
      clearInterval(timer);
      callback();
    }, 200);
    timer.unref();
  }

  /** Connections are ended and data is written out; if that takes too long, recovery does it at the next start. */
  async stop(): Promise<void> {
    const steps = [
      { name: 'SIGINT', withinMs: this.#stopTimeoutMs },
      { name: 'SIGQUIT', withinMs: 5_000 },
      { name: 'SIGKILL', withinMs: 5_000 },
    ] as const;
    for (const { name, withinMs } of steps) {
      if (!signalProcess(this.identity, name)) return;
      const deadline = performance.now() + withinMs;
      while (this.isAlive() && performance.now() < deadline) await pause(20);
    }
    if (this.isAlive()) throw new Error(`Postgres (pid ${this.pid}) does not end, not even by SIGKILL`);
  }
}

interface Running {
  readonly identity: ProcessIdentity;
  readonly takenOver: boolean;
}

/** Takes over or starts, until it answers. One that is just ending is waited for and then started anew. */
async function bringUp(layout: Layout, options: EmbeddedPostgresOptions): Promise<Running> {
  const deadline = performance.now() + RETRY_MS;
  for (;;) {
    const logStart = sizeOf(layout.log);
    const found = runningPostmaster(layout);
    const identity = found ?? (await start(layout, options));
    if (identity && (await getsReady(layout, identity, options.startTimeoutMs ?? 120_000))) {
      return { identity, takenOver: found !== null };
    }
    const said = existsSync(layout.log) ? readFileSync(layout.log).subarray(logStart).toString() : '';
    const passing = found !== null || LEFTOVERS.test(said);
    if (!passing || performance.now() > deadline) {
      const words = said.slice(-1_500).trim() || 'it said nothing';
      throw new Error(`Postgres in ${layout.data} did not start: ${words}`);
    }
    await pause(200);
  }
}

/** Null when it is gone already. */
async function start(
  layout: Layout,
  { durable = true }: EmbeddedPostgresOptions,
): Promise<ProcessIdentity | null> {
  await removeStaleLocks(layout);
  const settings = Object.entries({ ...SETTINGS, ...(durable ? {} : NOT_DURABLE) });
  const flags = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = commandOf(layout, 'postgres', ['-D', layout.data, '-k', layout.socketDir, ...flags]);
  const log = openSync(layout.log, 'a', 0o600);
  try {
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    const child = spawn(command.file, command.args, { ...command.options, stdio, detached: true });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return child.pid === undefined ? null : identityOf(child.pid);
  } finally {
    closeSync(log);
  }
}

/** False when the process ended first. */
async function getsReady(layout: Layout, identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (isReady(layout, identity)) return true;
    if (performance.now() > deadline) {
      throw new Error(
        `Postgres (pid ${identity.pid}) did not get ready within ${withinMs} ms; see ${layout.log}`,
      );
    }
    await pause(10);
  }
  return false;
}

/** Once per open, not per try: the tries compare what the log gained. */
function rotateLog({ log }: Layout): void {
  if (sizeOf(log) > LOG_BYTES) renameSync(log, `${log}.1`);
}

const urlOf = ({ socketDir }: Layout): string =>
  `postgres:///${DATABASE}?host=${encodeURIComponent(socketDir)}&user=${DATABASE}`;

const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
