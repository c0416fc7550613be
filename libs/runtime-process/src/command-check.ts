// Runs one COMMAND health check beside a task: its environment and folder, a group of its own, output bounded, killed whole
// when it takes too long. The only place with pipes: a check does not outlive the agent.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Clock } from '#libs/time';
import type { Account } from './account.js';
import { wrappingOf } from './task-command.js';

export interface CommandCheck {
  readonly command: string;
  /** The task's; absent: the agent's. */
  readonly account?: Account | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly timeoutMs: number;
}

/** What is kept of the output: enough for a message, never enough to hurt. */
const OUTPUT_BYTES = 4_096;
/** For output still in the pipes when the check has ended. */
const PIPE_MS = 200;

export function runCheck(
  { command, account, env, folder, timeoutMs }: CommandCheck,
  clock: Clock,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const wrapping = account ? wrappingOf(env, account) : { before: [], env };
    const [program = '', ...args] = [...wrapping.before, '/bin/sh', '-c', command];
    const child = spawn(program, args, {
      cwd: folder,
      env: wrapping.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = Buffer.alloc(0);
    const keep = (chunk: Buffer): void =>
      void (output = Buffer.concat([output, chunk]).subarray(-OUTPUT_BYTES));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);

    const killGroup = (): void => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // nothing of it is left
      }
    };
    let isLate = false;
    let isDone = false;
    const timer = clock.after(timeoutMs, () => {
      isLate = true;
      killGroup();
    });
    const finish = (code: number): void => {
      if (isDone) return;
      isDone = true;
      timer.cancel();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: isLate ? null : code, output: output.toString('utf8') });
    };
    child.once('error', (error) => {
      timer.cancel();
      reject(error);
    });
    // 'close' waits for everybody who holds the pipes. What the check left in its group is killed, and then the pipes end;
    // what left the group too is not waited for.
    child.once('exit', (code, signal) => {
      const status = code ?? 128 + (signal ? constants.signals[signal] : 0);
      killGroup();
      const late = clock.after(PIPE_MS, () => finish(status));
      child.once('close', () => {
        late.cancel();
        finish(status);
      });
    });
  });
}
