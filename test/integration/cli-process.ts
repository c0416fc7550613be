// The command line client as a process of its own, compiled from the sources as they are.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileProgram } from '#libs/testkit';

const MAIN = 'apps/cli/src/main.ts';

/** Compiles it into a new folder; remove it afterwards. */
export function compileCli(): string {
  const target = mkdtempSync(join(tmpdir(), 'longrun-cli-'));
  compileProgram(target, [MAIN]);
  return target;
}

export interface CliRun {
  /** Exit code. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in `folder` (of `compileCli`) with nothing of this process in its environment but PATH. */
export async function runCli(folder: string, ...args: readonly string[]): Promise<CliRun> {
  const child = spawn(process.execPath, [join(folder, MAIN.replace(/\.ts$/, '.js')), ...args], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...texts };
}
