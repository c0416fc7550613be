// A Docker Engine of our own for tests: own folder, socket, bridge, cgroup and containerd, with live-restore.
// Whoever uses it is a file `users/<pid>` in its folder; its keeper ends it when the last one is gone.
import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { until } from '../until.js';
import { makeEngineNetwork, type EngineNetwork } from './bridge-range.js';
import { engineAnswers } from './engine-request.js';
import { KEEPER_SCRIPT } from './keeper-script.js';

/** Needs root and an installed `dockerd`. `folder` is made and, at the end, removed; at most 60 characters, for its sockets. */
export class PrivateDockerd {
  readonly socketPath: string;
  readonly #folder: string;
  #network: EngineNetwork | null = null;
  #process: ChildProcess | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.socketPath = join(folder, 'docker.sock');
  }

  /** Resolves when it answers; also starts it again, on the same state, after `killHard`. */
  async start(): Promise<void> {
    if (!this.#network) this.#prepare();
    const log = openSync(join(this.#folder, 'dockerd.log'), 'a');
    // left by an engine that was killed; dockerd would refuse to start on it if the pid were taken again
    rmSync(join(this.#folder, 'dockerd.pid'), { force: true });
    this.#process = spawn('dockerd', this.#options(), { detached: true, stdio: ['ignore', log, log] });
    this.#process.on('error', () => undefined); // told below, with the log
    this.#process.unref();
    closeSync(log);
    try {
      await until('the private dockerd to answer', () => this.#answersOrEnded(), {
        withinMs: 60_000,
        everyMs: 100,
      });
      if (this.#process.exitCode !== null) throw new Error('dockerd ended');
    } catch (error) {
      const tail = this.#logTail();
      this.#release(); // without waiting: the caller may hold the lock that the keeper needs
      throw new Error(`no private dockerd: ${(error as Error).message}; its log ends with:\n${tail}`, {
        cause: error,
      });
    }
  }

  /** False when containers have host networking only (no iptables here). */
  get hasBridge(): boolean {
    return this.#network?.bridge !== '';
  }

  /** kill -9 of dockerd; its containerd dies with it, the containers stay. */
  async killHard(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    this.#process = null;
    // a containerd that is dying, or dead and not yet reaped, would be taken for a living one by the next dockerd
    await until('containerd to die with dockerd', () => !this.#containerdLives());
    rmSync(this.#containerdPid, { force: true });
  }

  /** Gives it up; when nobody else uses it, resolves after the engine, its containers and its folder are gone. */
  async stop(): Promise<void> {
    if (!this.#release()) return;
    await until('the private dockerd to end', () => !existsSync(this.#folder), {
      withinMs: 60_000,
      everyMs: 100,
    });
  }

  get #containerdPid(): string {
    return join(this.#folder, 'exec', 'containerd', 'containerd.pid');
  }

  #containerdLives(): boolean {
    try {
      const pid = readFileSync(this.#containerdPid, 'utf8').trim();
      return readlinkSync(`/proc/${pid}/exe`).includes('containerd'); // fails for a dead one
    } catch {
      return false;
    }
  }

  /** True when that was its last user. */
  #release(): boolean {
    const users = join(this.#folder, 'users');
    rmSync(join(users, String(process.pid)), { force: true });
    if (!existsSync(users) || readdirSync(users).length > 0) return false;
    writeFileSync(join(this.#folder, 'end-now'), '');
    return true;
  }

  #prepare(): void {
    mkdirSync(join(this.#folder, 'users'), { recursive: true, mode: 0o711 });
    writeFileSync(join(this.#folder, 'users', String(process.pid)), '');
    const suffix = process.pid.toString(36) + ((performance.now() % 1296) | 0).toString(36);
    this.#network = makeEngineNetwork(`lr${suffix}`);
    // a cgroup of its own is how the keeper finds every process of every container
    writeFileSync(
      join(this.#folder, 'daemon.json'),
      JSON.stringify({ 'live-restore': true, 'cgroup-parent': `/longrun-${suffix}` }),
    );
    const keeper = spawn(
      '/bin/sh',
      [
        '-c',
        KEEPER_SCRIPT,
        'docker-keeper',
        this.#folder,
        `${this.#folder}.lock`,
        `longrun-${suffix}`,
        this.#network.bridge,
      ],
      { detached: true, stdio: 'ignore', cwd: '/' },
    );
    keeper.unref();
  }

  #options(): string[] {
    const at = (name: string): string => join(this.#folder, name);
    return [
      ...['--config-file', at('daemon.json'), '--data-root', at('data'), '--exec-root', at('exec')],
      ...['-H', `unix://${this.socketPath}`, '-p', at('dockerd.pid')],
      ...['--exec-opt', 'native.cgroupdriver=cgroupfs'],
      ...(this.#network?.options ?? []),
    ];
  }

  async #answersOrEnded(): Promise<boolean> {
    return this.#process?.exitCode !== null || (await engineAnswers(this.socketPath));
  }

  #logTail(): string {
    const path = join(this.#folder, 'dockerd.log');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').slice(-8).join('\n') : '(none)';
  }
}
