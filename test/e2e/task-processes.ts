// The processes of a task as /proc shows them: those with its MESOS_TASK_ID in their environment, its shim left out.
import { readdirSync, readFileSync } from 'node:fs';

/** pids, lowest first. */
export function pidsOfTask(dataDir: string, taskId: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const isZombie = /^\d+ \(.*\) Z/.test(stat);
        return !isZombie && environment.includes(`MESOS_TASK_ID=${taskId}`) && !isShim(name, dataDir)
          ? [Number(name)]
          : [];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a - b);
}

/** The shim carries the data folder among its arguments; the task does not. */
function isShim(pid: string, dataDir: string): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataDir);
}

/** pid and start time of every process of these tasks: equal before and after means not one was restarted. */
export function fingerprints(dataDir: string, taskIds: readonly string[]): string[] {
  return taskIds
    .flatMap((task) =>
      pidsOfTask(dataDir, task).map((pid) => {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return `${task} ${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
      }),
    )
    .sort();
}
