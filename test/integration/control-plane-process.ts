// The control plane as a process of its own, compiled from the sources as they are, so that a spec needs no build and never
// runs a stale one. It can be killed like any process.
import { transformSync } from '@swc/core';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort, until } from '#libs/testkit';

const ROOT = process.cwd();
const MAIN = 'apps/control-plane/src/main.ts';

/** Compiles the process and all it imports into a new folder; remove it afterwards. */
export function compileControlPlane(): string {
  const target = mkdtempSync(join(tmpdir(), 'longrun-control-plane-'));
  const waiting = [MAIN];
  const seen = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const { code } = transformSync(readFileSync(join(ROOT, file), 'utf8'), {
      jsc: {
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
        target: 'es2022',
      },
      module: { type: 'es6' },
    });
    const out = join(target, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, code);
    for (const [, name = ''] of code.matchAll(/(?:from|import)\s*\(?\s*['"]([.#][^'"]*)['"]/g)) {
      const next = sourceOf(name, dirname(file));
      if (!seen.has(next) && existsSync(join(ROOT, next))) waiting.push(next);
      seen.add(next);
    }
  }
  const imports = { '#libs/*': './libs/*/src/index.js', '#migrations': './migrations/index.js' };
  writeFileSync(join(target, 'package.json'), JSON.stringify({ type: 'module', version: '9.9.9', imports }));
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  return target;
}

function sourceOf(name: string, folder: string): string {
  if (name === '#migrations') return 'migrations/index.ts';
  if (name.startsWith('#libs/')) return `${name.slice(1)}/src/index.ts`;
  return join(folder, name.replace(/\.js$/, '.ts'));
}

export class ControlPlaneProcess {
  #child: ChildProcess | null = null;
  #log = '';

  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly databaseUrl: string,
  ) {}

  static async start(folder: string, databaseUrl: string): Promise<ControlPlaneProcess> {
    const process = new ControlPlaneProcess(folder, await freePort(), databaseUrl);
    await process.start();
    return process;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const main = join(this.folder, MAIN.replace(/\.ts$/, '.js'));
    const child = spawn(process.execPath, [main, '--api-port', String(this.port)], {
      env: {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: this.databaseUrl,
        LONGRUN_AGENT_TOKEN: 'agent-token',
        LONGRUN_PROXY_TOKEN: 'proxy-token',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#log = (this.#log + String(chunk)).slice(-4_000)));
    await until('the API', async () => {
      if (child.exitCode !== null) throw new Error(`the control plane ended: ${this.#log}`);
      return (await fetch(`${this.url}/v2/apps`)).ok;
    });
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
