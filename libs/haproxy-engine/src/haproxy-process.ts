// The HAProxy master process and its workers. It outlives us on purpose: after a kill -9 of the proxy it serves on with the targets it
// has, and the next start takes it over by its record (pid, start time, boot id). A reload hands the listening sockets to a new
// worker; the old one finishes what it has.
import { spawn } from 'node:child_process';
import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { identityOf, isAlive, signalProcess, type ProcessIdentity } from '#libs/process-identity';
import type { Clock } from '#libs/time';
import { lookAtHaproxy, type HaproxyAbilities } from './haproxy-program.js';
import { ask } from './runtime-socket.js';

const run = promisify(execFile);

export interface HaproxyProcessOptions {
  readonly clock: Clock;
  readonly folder: string;
  readonly socketFolder: string;
  /** Program; default `haproxy` by PATH. */
  readonly program: string;
  /** The master is gone though nobody ended it. */
  readonly onLost: () => void;
}

/** Workers by pid; the first one takes new connections. */
export interface Workers {
  readonly current: number | undefined;
  readonly old: readonly number[];
}

const WATCH_MS = 200;
/** HAProxy's own words; beyond, they begin anew: targets that come and go are a line each time. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** To end. */
const GONE_MS = 10_000;
/** To read a configuration with tens of thousands of places and to take up work, on a busy machine. */
const READY_MS = 60_000;
/** A master that has lived through a reload that failed has old workers alone; while it reads the new configuration it does not answer. */
const WORKERLESS_MS = 3_000;
const POLL_MS = 20;
/** Thousands of complaints, each with its line. */
const SAID_MAX = 16 * 1024 * 1024;

export class HaproxyProcess {
  readonly #options: HaproxyProcessOptions;
  #master: ProcessIdentity | undefined;
  #watching = false;
  #ended = false;
  #recordFolder: string;

  constructor(options: HaproxyProcessOptions) {
    this.#options = options;
    this.#recordFolder = options.folder;
  }

  /** A master left by an earlier run of ours, by its record in one of these folders, which is the one of its configuration, too. */
  adopt(folders: readonly string[]): string | undefined {
    const folder = folders.find((each) => {
      const record = this.#readRecord(each);
      return record !== undefined && isAlive(record);
    });
    if (folder === undefined) return undefined;
    this.#master = this.#readRecord(folder);
    this.#recordFolder = folder;
    this.#watch();
    return folder;
  }

  /** Undefined when HAProxy takes the configuration at that path; otherwise what it says. */
  async check(path: string): Promise<string | undefined> {
    try {
      await run(this.#options.program, ['-c', '-f', path], { timeout: 60_000, maxBuffer: SAID_MAX });
      return undefined;
    } catch (error) {
      const said =
        typeof error === 'object' && error !== null && 'stderr' in error
          ? String(error.stderr)
          : String(error);
      return said.trim() || String(error);
    }
  }

  /** Throws ConfigurationError when it is no HAProxy that we know. */
  abilities(): Promise<HaproxyAbilities> {
    return lookAtHaproxy(this.#options.program);
  }

  /** The master has that file open under that number. */
  hasFile(fd: number, path: string): boolean {
    try {
      return readlinkSync(`/proc/${this.#master?.pid}/fd/${fd}`) === realpathSync(path);
    } catch {
      // it has none
      return false;
    }
  }

  /** A new master, with the configuration at that path; resolves with its worker's pid. `fd`: becomes its file 3. */
  async start(configPath: string, fd?: number): Promise<number> {
    const { program } = this.#options;
    // never two of them on one configuration: requests would go to both
    await this.#end();
    rmSync(this.#masterSocket, { force: true });
    const log = openSync(this.#logPath, 'a', 0o600);
    const child = spawn(program, ['-W', '-S', `${this.#masterSocket},mode,600`, '-f', configPath], {
      detached: true,
      stdio: ['ignore', log, log, fd ?? 'ignore'],
      // none of our secrets: a configuration can read the environment
      env: { PATH: process.env['PATH'] },
      cwd: '/',
    });
    closeSync(log);
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', (error) =>
        reject(
          new Error(
            `HAProxy cannot be started (${program}): ${error.message}; install it, or use --engine builtin`,
          ),
        ),
      );
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    child.unref();
    const identity = identityOf(pid);
    if (!identity) throw new Error(`HAProxy ended at once: ${this.#lastWords()}`);
    this.#master = identity;
    this.#recordFolder = dirname(configPath);
    this.#writeRecord(identity);
    try {
      const worker = await this.#workerOtherThan(undefined);
      this.#watch();
      return worker;
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  /** A master that is still there, and with it its workers. */
  async #end(): Promise<void> {
    const master = this.#master;
    if (!master || !signalProcess(master, 'SIGTERM')) return;
    await this.#gone(master, GONE_MS);
    if (signalProcess(master, 'SIGKILL')) await this.#gone(master, GONE_MS);
  }

  /** It lives, but nobody can tell it anything, for its socket was removed. A reload makes a new one. */
  get isMute(): boolean {
    return this.#master !== undefined && isAlive(this.#master) && !existsSync(this.#masterSocket);
  }

  /** Resolves with the pid of the new worker; the old one stops listening and finishes. */
  async reload(): Promise<number> {
    const { isMute } = this;
    // with its folder, perhaps
    if (isMute) mkdirSync(this.#options.socketFolder, { recursive: true, mode: 0o700 });
    const before = isMute ? undefined : (await this.workers()).current;
    if (!this.#master || !signalProcess(this.#master, 'SIGUSR2')) throw new Error('HAProxy is gone');
    return this.#workerOtherThan(before);
  }

  async workers(): Promise<Workers> {
    const text = await ask(this.#masterSocket, 'show proc');
    const workers: { current: number | undefined; old: number[] } = { current: undefined, old: [] };
    let isOld = false;
    for (const line of text.split('\n')) {
      if (line.startsWith('# old workers')) isOld = true;
      const pid = /^(\d+)\s+worker\s/.exec(line)?.[1];
      if (pid === undefined) continue;
      if (isOld) workers.old.push(Number(pid));
      else workers.current = Number(pid);
    }
    return workers;
  }

  /** Commands for one worker, old ones too: their own sockets have been taken over by the new one. */
  command(worker: number, commands: readonly string[]): Promise<string> {
    return ask(this.#masterSocket, commands.map((command) => `@!${worker} ${command}`).join(';'));
  }

  /** Stops listening, finishes what is in flight for at most so long, then ends it. */
  async stop(graceMs: number): Promise<void> {
    this.#ended = true;
    const master = this.#master;
    if (!master) return;
    signalProcess(master, 'SIGUSR1');
    await this.#gone(master, graceMs);
    if (signalProcess(master, 'SIGTERM')) await this.#gone(master, GONE_MS);
    signalProcess(master, 'SIGKILL');
    rmSync(this.#recordPath, { force: true });
  }

  get #masterSocket(): string {
    return join(this.#options.socketFolder, 'master.sock');
  }
  get #recordPath(): string {
    return recordIn(this.#recordFolder);
  }

  async #workerOtherThan(before: number | undefined): Promise<number> {
    const until = this.#options.clock.now() + READY_MS;
    let problem = 'it does not answer';
    let workerlessSince: number | undefined;
    while (this.#options.clock.now() < until) {
      if (this.#master && !isAlive(this.#master)) throw new Error(`HAProxy ended: ${this.#lastWords()}`);
      try {
        const { current } = await this.workers();
        if (current !== undefined && current !== before) {
          await this.command(current, ['show info']);
          return current;
        }
        problem = 'no new worker came up';
        const now = this.#options.clock.now();
        workerlessSince = current === undefined ? (workerlessSince ?? now) : undefined;
        if (workerlessSince !== undefined && now - workerlessSince > WORKERLESS_MS) break;
      } catch (error) {
        problem = String(error);
      }
      await this.#pause(POLL_MS);
    }
    throw new Error(`HAProxy did not get ready: ${problem}. ${this.#lastWords()}`);
  }

  async #gone(master: ProcessIdentity, ms: number): Promise<void> {
    const until = this.#options.clock.now() + ms;
    while (isAlive(master) && this.#options.clock.now() < until) await this.#pause(POLL_MS);
  }

  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const look = (): void => {
      if (this.#ended) return;
      if (this.#master && isAlive(this.#master)) {
        this.#boundLog();
        this.#options.clock.after(WATCH_MS, look);
        return;
      }
      this.#watching = false;
      this.#master = undefined;
      this.#options.onLost();
    };
    this.#options.clock.after(WATCH_MS, look);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }

  get #logPath(): string {
    return join(this.#options.folder, 'haproxy.log');
  }

  /** HAProxy appends, so it goes on at the new end. */
  #boundLog(): void {
    try {
      if (statSync(this.#logPath).size > LOG_BYTES_MAX) truncateSync(this.#logPath);
    } catch {
      // it is not there, or the disk takes nothing: looked at again
    }
  }

  #lastWords(): string {
    try {
      return readFileSync(this.#logPath, 'utf8').trim().split('\n').slice(-3).join(' ');
    } catch {
      // it has said nothing
      return '';
    }
  }

  #readRecord(folder: string): ProcessIdentity | undefined {
    try {
      return JSON.parse(readFileSync(recordIn(folder), 'utf8')) as ProcessIdentity;
    } catch {
      // none, or torn: nothing to take over
      return undefined;
    }
  }

  #writeRecord(identity: ProcessIdentity): void {
    writeFileSync(`${this.#recordPath}.new`, JSON.stringify(identity), { mode: 0o600 });
    renameSync(`${this.#recordPath}.new`, this.#recordPath);
  }
}

const recordIn = (folder: string): string => join(folder, 'haproxy.json');
