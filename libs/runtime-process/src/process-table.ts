// Who runs on this host, from /proc: finds what is left of a task whose main process is gone, by session and by environment.
// Asked only where there is no cgroup to ask. A look at /proc costs about 30 us per process, so looks are shared: everybody
// who asks before a look begins gets its answer.
import { readFileSync, readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

export interface SeenProcess {
  readonly pid: number;
  readonly startTime: string;
  readonly group: number;
  readonly session: number;
}

const CHUNK = 200;

function seen(pid: number): SeenProcess | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, , group, session, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return null;
    return { pid, startTime: more[15] ?? '', group: Number(group), session: Number(session) };
  } catch {
    return null; // it ended in between
  }
}

async function look(): Promise<readonly SeenProcess[]> {
  await turn();
  const found: SeenProcess[] = [];
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  for (const [index, pid] of pids.entries()) {
    if (index % CHUNK === CHUNK - 1) await turn();
    const process = seen(pid);
    if (process) found.push(process);
  }
  return found;
}

/** `NAME=value` is in the environment that the process was started with; false when that may not be read. */
export function hasInEnvironment(pid: number, entry: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(entry);
  } catch {
    return false;
  }
}

export class ProcessTable {
  #next: Promise<readonly SeenProcess[]> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  /** All living processes, from a look that began after this call. */
  processes(): Promise<readonly SeenProcess[]> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      const current = look();
      this.#current = current;
      return current;
    });
    return this.#next;
  }
}
