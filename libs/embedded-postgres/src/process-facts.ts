// What /proc tells about a process: whether a pid is still the process we mean, and whether it is the Postgres of a folder.
// A pid alone proves nothing: after a crash or a reboot it may belong to anybody.
import { readFileSync, readlinkSync } from 'node:fs';

/** Start time in clock ticks since boot, or null when there is no such process or it is a zombie. */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name in parentheses may hold spaces and parentheses itself
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** Postgres works inside its data folder, so its working directory says whose it is. `data` must be a real path. */
export function isPostgresOf(pid: number, data: string): boolean {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return name === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === data && startTimeOf(pid) !== null;
  } catch {
    return false;
  }
}

/** Sends the signal only to the process that started at that time; false when it is gone. */
export function signal(pid: number, startTime: string, name: NodeJS.Signals): boolean {
  if (startTimeOf(pid) !== startTime) return false;
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
