// The processes of one task: which live, and signals to them. Every signal first compares pid and start time, for a pid may be
// somebody else's by now. All of a task = its main process's group, and its cgroup; without a cgroup its session and
// whoever was started with its MESOS_SANDBOX in the environment (a daemon that left group and session still has it).
import { bootId, identityOf, isAlive, signalProcess } from '#libs/process-identity';
import type { ProcessIdentity } from '#libs/process-identity';
import type { CgroupTree } from './cgroups.js';
import { hasInEnvironment } from './process-table.js';
import type { ProcessTable } from './process-table.js';
import type { Task } from './task.js';

export class TaskProcesses {
  readonly boot = bootId();

  constructor(
    private readonly cgroups: CgroupTree,
    private readonly table: ProcessTable,
  ) {}

  isShimAlive({ started }: Task): boolean {
    if (!started) return false;
    return isAlive({ pid: started.shimPid, startTime: started.shimStartTime, bootId: started.bootId });
  }

  isMainAlive({ started }: Task): boolean {
    return started !== undefined && isAlive(started);
  }

  /** To the process group; false when the main process is gone. */
  signalGroup(task: Task, signal: NodeJS.Signals): boolean {
    if (!task.started || !this.isMainAlive(task)) return false;
    try {
      process.kill(-task.started.pid, signal);
      return true;
    } catch {
      return false; // it ended in between
    }
  }

  /** Everything of the task that lives, the shim excepted. */
  async living(task: Task): Promise<readonly ProcessIdentity[]> {
    if (task.started && task.started.bootId !== this.boot) return [];
    if (task.started?.joinedCgroups && task.launch.cgroups.length) {
      const pids = this.cgroups.processes(task.launch.cgroups);
      return pids.map(identityOf).filter((identity) => identity !== null);
    }
    return this.#search(task);
  }

  /** SIGKILL to everything of it that lives. */
  async kill(task: Task): Promise<void> {
    this.signalGroup(task, 'SIGKILL');
    for (const identity of await this.living(task)) signalProcess(identity, 'SIGKILL');
  }

  async #search({ launch, started }: Task): Promise<readonly ProcessIdentity[]> {
    const marker = `MESOS_SANDBOX=${launch.sandbox}`;
    const processes = await this.table.processes();
    const holder = processes.find((each) => each.pid === started?.pid);
    // the main process's pid may be another one's session by now
    const session = started && (!holder || holder.startTime === started.startTime) ? started.pid : undefined;
    return (
      processes
        // the shim and its own short commands have the environment too, in a session of theirs
        .filter(({ pid, session: of }) => pid !== process.pid && of !== started?.shimPid)
        .filter((each) => each.session === session || hasInEnvironment(each.pid, marker))
        .map(({ pid, startTime }) => ({ pid, startTime, bootId: this.boot }))
    );
  }
}
