// What the Engine knows about the end of a container, as the exit of a task.
// The Engine gives one number: 128 + n may be an exit code or a signal. After a stop of ours it is read as our signal.
import type { TaskExit } from '#libs/model';
import type { Inspected } from './engine-client.js';

const SIGNAL: Readonly<Record<number, string>> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  131: 'SIGQUIT',
  134: 'SIGABRT',
  135: 'SIGBUS',
  136: 'SIGFPE',
  137: 'SIGKILL',
  138: 'SIGUSR1',
  139: 'SIGSEGV',
  140: 'SIGUSR2',
  141: 'SIGPIPE',
  143: 'SIGTERM',
};

export const isEnded = (seen: Inspected): boolean =>
  ['exited', 'dead', 'removing'].includes(seen.State.Status);

export interface ExitCircumstances {
  readonly requested: boolean;
  /** Last lines of stderr; shown after a failure only. */
  readonly stderrTail: string;
}

export function exitOf(seen: Inspected, { requested, stderrTail }: ExitCircumstances): TaskExit {
  const { ExitCode: code, OOMKilled, Error: engineError } = seen.State;
  // the flag is also set when a child was killed and the task ended well later
  const outOfMemory = OOMKilled && code !== 0;
  const signal = requested ? SIGNAL[code] : undefined;
  return {
    code,
    ...(signal ? { signal } : {}),
    requested,
    outOfMemory,
    message: [
      headline(code, requested) + (outOfMemory ? memoryNote(seen) : ''),
      ...(engineError ? [`Docker Engine: ${engineError}`] : []),
      ...(code !== 0 && stderrTail ? [stderrTail] : []),
    ].join('\n'),
  };
}

/** Removed by somebody else: its code is gone with it. */
export const exitOfVanished = (requested: boolean): TaskExit => ({
  requested,
  outOfMemory: false,
  message: 'its container was removed from outside; the exit code is unknown',
});

function headline(code: number, requested: boolean): string {
  const signal = SIGNAL[code];
  const plain = `exited with code ${code}`;
  if (!signal) return plain;
  return requested ? `${plain} (${signal})` : `${plain} (an exit code of its own, or ended by ${signal})`;
}

function memoryNote(seen: Inspected): string {
  const limit = seen.HostConfig.Memory;
  return limit ? `, out of memory: its limit is ${Math.round(limit / 1024 / 1024)} MiB` : ', out of memory';
}
