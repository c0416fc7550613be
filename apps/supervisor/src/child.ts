// One process under supervision: started in a session of its own (a terminal's Ctrl-C hits the whole group, decisions.md 25), written to a
// record so that the next supervisor finds it, watched, and started again with a growing delay when it dies.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { identityOf, isAlive, signalProcess, type ProcessIdentity } from '#libs/process-identity';
import type { Logger } from '#libs/telemetry';
import type { DataFolder } from './data-folder.js';

const WATCH_MS = 200;
const RESTART_DELAY_FIRST_MS = 200;
const RESTART_DELAY_MAX_MS = 10_000;
/** A process that ran this long starts again without delay. */
const STABLE_MS = 30_000;
/** Exit status of a process that refuses its configuration (ConfigurationError). */
const REFUSES = 2;

export interface ChildSpec {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  /** Besides PATH, HOME and the like. */
  readonly env: Readonly<Record<string, string>>;
}

const INHERITED = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'NODE_OPTIONS',
  'NODE_EXTRA_CA_CERTS',
];

export class Child {
  #identity: ProcessIdentity | null = null;
  #wanted = false;
  #watching: Promise<void> | null = null;
  /** The exit status of the newest one that we started ourselves; null: a signal, or one taken over. */
  #ended: Promise<number | null> = Promise.resolve(null);
  #refusal: string | null = null;
  /** False while the record of the running process could not be written: a full disk. */
  #recorded = true;

  constructor(
    readonly spec: ChildSpec,
    private readonly folder: DataFolder,
    private readonly logger: Logger,
    private readonly say: (line: string) => void,
  ) {}

  get pid(): number | null {
    return this.#identity?.pid ?? null;
  }
  get isRunning(): boolean {
    return this.#identity !== null && isAlive(this.#identity);
  }

  /** Why it does not take its configuration, as it said at its last end; null when it ended otherwise, or runs. */
  get refusal(): string | null {
    return this.isRunning ? null : this.#refusal;
  }

  /** A process that an earlier supervisor left under this name runs, whatever it was started with. */
  get wasLeftRunning(): boolean {
    const record = this.folder.record(this.spec.name);
    return record !== null && isAlive(record.identity);
  }

  /** A process that an earlier supervisor left, started with the same words and environment. */
  takeOver(): boolean {
    const record = this.folder.record(this.spec.name);
    if (!record || record.signature !== this.#signature() || !isAlive(record.identity)) return false;
    this.#identity = record.identity;
    this.#watch(performance.now());
    return true;
  }

  /** Ends what an earlier supervisor left under this name. */
  async endLeftOver(graceMs: number): Promise<void> {
    const record = this.folder.record(this.spec.name);
    if (record) await endProcess(record.identity, graceMs);
    this.folder.dropRecord(this.spec.name);
  }

  start(): void {
    this.#spawn();
    this.#watch(performance.now());
  }

  /** For what it does at a signal while it runs on. */
  signal(signal: NodeJS.Signals): void {
    if (this.#identity) signalProcess(this.#identity, signal);
  }

  /** SIGTERM, and SIGKILL after the grace time; it is not started again. */
  async stop(graceMs: number): Promise<void> {
    this.#wanted = false;
    await this.#watching;
    if (this.#identity) await endProcess(this.#identity, graceMs);
    this.folder.dropRecord(this.spec.name);
    this.#identity = null;
  }

  #signature(): string {
    return createHash('sha256')
      .update(JSON.stringify([this.spec.script, this.spec.args, this.spec.env]))
      .digest('hex');
  }

  #spawn(): void {
    const log = this.folder.openLog(this.spec.name);
    const inherited = INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    try {
      const child = spawn(process.execPath, ['--enable-source-maps', this.spec.script, ...this.spec.args], {
        env: { ...Object.fromEntries(inherited), ...this.spec.env },
        stdio: ['ignore', log, log],
        detached: true,
      });
      this.#ended = new Promise((resolve) => {
        child.once('exit', resolve);
        child.on('error', (error) => {
          this.logger.error({ child: this.spec.name, error: error.message }, 'could not be started');
          resolve(null);
        });
      });
      child.unref();
      this.#identity = child.pid === undefined ? null : identityOf(child.pid);
    } finally {
      closeSync(log);
    }
    this.#recorded = false;
    this.#putRecord();
  }

  /** Without it the next supervisor would not find this process; what cannot be written now is tried again at each look. */
  #putRecord(): void {
    if (this.#recorded || !this.#identity) return;
    try {
      this.folder.putRecord(this.spec.name, { identity: this.#identity, signature: this.#signature() });
      this.#recorded = true;
    } catch (error) {
      this.logger.debug({ child: this.spec.name, error: String(error) }, 'its record could not be written');
    }
  }

  #watch(startedAt: number): void {
    this.#wanted = true;
    this.#watching = this.#keepRunning(startedAt);
  }

  async #keepRunning(firstStart: number): Promise<void> {
    let startedAt = firstStart;
    let delayMs = 0;
    while (this.#wanted) {
      if (this.isRunning) {
        this.#putRecord();
        await pause(WATCH_MS);
        continue;
      }
      delayMs =
        performance.now() - startedAt > STABLE_MS
          ? 0
          : Math.min(Math.max(RESTART_DELAY_FIRST_MS, delayMs * 2), RESTART_DELAY_MAX_MS);
      // what it refuses may be put right while we run: a program that is installed again, a file that is there again
      const isRefusing = (await this.#ended) === REFUSES;
      if (isRefusing) delayMs = RESTART_DELAY_MAX_MS;
      this.#tellEnd(isRefusing, delayMs);
      for (const until = performance.now() + delayMs; this.#wanted && performance.now() < until;)
        await pause(Math.min(50, delayMs));
      if (!this.#wanted) return;
      startedAt = performance.now();
      try {
        this.#spawn();
      } catch (error) {
        // no room for its log file, no process left for it: tried again, for nobody else would
        this.logger.error({ child: this.spec.name, error: String(error) }, 'could not be started');
      }
    }
  }

  /** What it refuses is said once, not each time that it is tried. */
  #tellEnd(isRefusing: boolean, delayMs: number): void {
    const { name } = this.spec;
    const log = this.folder.logPath(name);
    const reason = this.pid === null ? null : this.folder.lastFailure(name, this.pid);
    const before = this.#refusal;
    this.#refusal = isRefusing ? (reason ?? 'it does not say why') : null;
    if (this.#refusal === null)
      this.say(`${name} ended${reason ? `: ${reason}` : ''}; it is started again (log: ${log})`);
    else if (this.#refusal !== before)
      this.say(
        `${name} refuses its configuration: ${this.#refusal}; it is tried again every ${delayMs / 1_000} s (log: ${log})`,
      );
    this.logger.warn(
      { child: name, delayMs, log, ...(reason ? { reason } : {}) },
      'ended; it is started again',
    );
  }
}

/** Resolves when the process is gone. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  signalProcess(identity, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) signalProcess(identity, 'SIGKILL');
    await pause(20);
  }
}
