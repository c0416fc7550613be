// How a task ended, in words. A shell tells a death by signal as 128 + signal, which a program may also return by itself:
// both readings are shown (decisions.md 21). After a failure the end of stderr follows; never the environment.
import { constants } from 'node:os';
import type { TaskExit } from '#libs/model';

export interface ExitFacts {
  /** As the shell gives it; absent: unknown. */
  readonly status?: number;
  /** Why the status is unknown. */
  readonly unknownBecause?: string;
  readonly requested: boolean;
  readonly outOfMemory: boolean;
  /** MiB */
  readonly mem: number;
  /** The end of stderr, already bounded. */
  readonly stderr: string;
}

const SIGNALS = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  if (!SIGNALS.has(number)) SIGNALS.set(number, name); // SIGABRT before SIGIOT
}

function headline(facts: ExitFacts, signal: string | undefined): string {
  const { status } = facts;
  if (status === undefined) return `exit unknown: ${facts.unknownBecause ?? 'nobody saw it end'}`;
  if (facts.outOfMemory)
    return `out of memory: the kernel killed it at its limit of ${facts.mem} MiB (exit code ${status})`;
  if (signal) {
    return `killed by signal ${status - 128} (${signal}); an exit code of ${status} can also be the program's own`;
  }
  const hint = status === 127 ? ' (command not found)' : status === 126 ? ' (command not executable)' : '';
  return `exited with code ${status}${hint}`;
}

export function reportExit(facts: ExitFacts): TaskExit {
  const { status, requested, outOfMemory } = facts;
  const signal = status !== undefined && status > 128 ? SIGNALS.get(status - 128) : undefined;
  const isFailure = !requested && status !== 0;
  const stderr = facts.stderr.trimEnd();
  const tail = isFailure && stderr ? `; stderr ends with:\n${stderr}` : '';
  return {
    ...(status !== undefined && { code: status }),
    ...(signal && { signal }),
    requested,
    outOfMemory,
    message: headline(facts, signal) + tail,
  };
}
