// Which process a pid means: a pid alone may be somebody else's by now, so pid, start time and boot id together name it
// (decisions: every signal first compares them). Linux only, from /proc.
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly startTime: string;
  readonly bootId: string;
}

/** Changes with every boot of the host. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Fields of /proc/PID/stat after the command name (which may hold blanks and parentheses); null when there is no such process. */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Null when no such process lives; one that ended and was not collected yet does not live. */
export function identityOf(pid: number): ProcessIdentity | null {
  const fields = statFields(pid);
  const startTime = fields?.[19];
  if (!fields || startTime === undefined || fields[0] === 'Z' || fields[0] === 'X') return null;
  return { pid, startTime, bootId: bootId() };
}

export function parentOf(pid: number): number | null {
  const parent = Number(statFields(pid)?.[1]);
  return Number.isInteger(parent) && parent > 0 ? parent : null;
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== null && now.startTime === identity.startTime && now.bootId === identity.bootId;
}

/** Sends the signal if that very process still lives; tells whether it did. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false; // it ended in between
  }
}
