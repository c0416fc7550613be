// What a Longrun that is gone must not leave on its host: processes, cgroups and mounts, found by its data folder and its agent's id.
// Suites that kill an agent and never start it again end its tasks themselves, for an agent that ends leaves them running.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '#libs/testkit';

const CGROUPS = '/sys/fs/cgroup';

/** Those that name the folder in their words or their environment, or run in it; zombies left out. Lowest first. */
export function processesOf(folder: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.filter((pid) => isOf(pid, folder)).map(Number);
}

function isOf(pid: string, folder: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
    if (!words.includes(folder) && !readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) return false;
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false; // ended while we looked
  }
}

const mountsIn = (folder: string): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));

/** Levels of the agent in the trees of this host; none when its folder says not who it is. */
function cgroupsOf(agentDir: string): string[] {
  const id = agentIdIn(agentDir);
  if (id === null) return [];
  return [CGROUPS, ...list(CGROUPS).map((tree) => join(CGROUPS, tree))]
    .map((tree) => join(tree, 'longrun', id))
    .filter((path) => existsSync(path));
}

function agentIdIn(agentDir: string): string | null {
  try {
    const text = readFileSync(join(agentDir, 'journal', 'identity.json'), 'utf8');
    return (JSON.parse(text) as { agentId: string }).agentId;
  } catch {
    return null;
  }
}

/** Fails when anything is left of a Longrun, or an agent, that has ended; call it while its data folder is still there. */
export async function expectNothingLeft(dataDir: string, agentDir: string): Promise<void> {
  let left: readonly unknown[] = [];
  await until(
    `everything of ${dataDir} to be gone`,
    () => {
      left = [...processesOf(dataDir).map(told), ...cgroupsOf(agentDir), ...mountsIn(dataDir)];
      if (left.length) throw new Error(left.join('; '));
      return true;
    },
    { withinMs: 15_000, everyMs: 50 },
  );
}

const told = (pid: number): string => {
  try {
    return `process ${pid}: ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`;
  } catch {
    return `process ${pid}, just gone`;
  }
};

/** kill -9 of an agent's tasks and shims, its agent being gone, and its cgroups with them. */
export async function endTasksOf(agentDir: string): Promise<void> {
  await until('the tasks of an agent that is gone to end', () => {
    const pids = processesOf(agentDir);
    for (const pid of pids) kill(pid);
    if (pids.length) return false;
    for (const level of cgroupsOf(agentDir)) removeLevel(level);
    return cgroupsOf(agentDir).length === 0;
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone meanwhile
  }
}

/** Busy for a moment longer than its last process lives: then the next round removes it. */
function removeLevel(level: string): void {
  const tasks = list(level).map((name) => join(level, name));
  for (const folder of [...tasks, level]) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}

/** Names of the folders in it. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
