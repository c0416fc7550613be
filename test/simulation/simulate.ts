// Runs scripts/simulate.mjs and scripts/mutants.mjs as a person does.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';

export interface ScriptEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runScript(
  script: 'simulate' | 'mutants',
  ...words: readonly string[]
): Promise<ScriptEnd> {
  const child = spawn(process.execPath, [`scripts/${script}.mjs`, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { status: child.exitCode, stdout, stderr };
}

/** Throws with all that was said, seeds and story included, unless it ended well. */
export function expectWell({ status, stdout, stderr }: ScriptEnd): void {
  if (status !== 0) throw new Error(`it ended with ${status}:\n${stderr}\n${stdout}`);
}
