// The control plane as a process of its own, compiled from the sources as they are, so that a spec needs no build and never
// runs a stale one. It can be killed like any process.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostPort } from '#libs/configuration';
import { compileProgram, freePort, until } from '#libs/testkit';

const MAIN = 'apps/control-plane/src/main.ts';

/** Compiles the process into a new folder; remove it afterwards. */
export function compileControlPlane(): string {
  const target = mkdtempSync(join(tmpdir(), 'longrun-control-plane-'));
  compileProgram(target, [MAIN]);
  return target;
}

export class ControlPlaneProcess {
  #child: ChildProcess | null = null;
  #log = '';

  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly databaseUrl: string,
    private readonly options: Readonly<Record<string, string>>,
  ) {}

  /** `options`: further ones, as environment variables. */
  static async start(
    folder: string,
    databaseUrl: string,
    options: Readonly<Record<string, string>> = {},
  ): Promise<ControlPlaneProcess> {
    const process = new ControlPlaneProcess(folder, await freePort(), databaseUrl, options);
    await process.start();
    return process;
  }

  /** As others are told it. */
  get address(): string {
    return hostPort(this.options['LONGRUN_BIND'] ?? '127.0.0.1', this.port);
  }

  get url(): string {
    return `http://${this.address}`;
  }

  /** The last of what it logged. */
  get log(): string {
    return this.#log;
  }

  async start(): Promise<void> {
    const main = join(this.folder, MAIN.replace(/\.ts$/, '.js'));
    const child = spawn(process.execPath, [main, '--api-port', String(this.port)], {
      env: {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: this.databaseUrl,
        LONGRUN_AGENT_TOKEN: 'agent-token',
        LONGRUN_PROXY_TOKEN: 'proxy-token',
        ...this.options,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#log = (this.#log + String(chunk)).slice(-100_000)));
    // 401: with --auth
    const answers = async (): Promise<boolean> =>
      [200, 401].includes((await fetch(`${this.url}/v2/apps`)).status);
    // long, for a machine that does much besides starts it in half a minute
    await until('the API', () => child.exitCode !== null || answers(), { withinMs: 120_000 });
    if (child.exitCode !== null) throw new Error(`the control plane ended: ${this.#log}`);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    return child.exitCode;
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    };
  }
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });
