// Starts one task: sandbox, records, cgroups, shim; resolves when the task's own record says that it runs. Nothing is left
// behind when that fails. The agent holds no pipe to it and may die at any moment: from the spawn on everything is on disk.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { idPathOf } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import type { TaskLaunch } from '#libs/runtime';
import type { Clock } from '#libs/time';
import type { CgroupTree } from './cgroups.js';
import { checkLaunch, checkPorts } from './launch-check.js';
import type { RecordWatch } from './record-watch.js';
import type { ShimScripts } from './shim.js';
import { awkwardEnvironment, commandOf, environmentOf } from './task-command.js';
import type { LaunchRecord, TaskRecords } from './task-records.js';
import { Task } from './task.js';

export interface LauncherParts {
  readonly sandboxes: string;
  readonly records: TaskRecords;
  readonly watch: RecordWatch;
  readonly cgroups: CgroupTree;
  readonly clock: Clock;
  readonly bootId: string;
}

/** How long a shell may take to write two lines before the start is given up; starts of a full host are slow. */
const START_MS = 30_000;
/** Safety net when a notice of the file system is lost. */
const LOOK_MS = 100;

export class Launcher {
  constructor(private readonly parts: LauncherParts) {}

  /** `onShimExit` is called when the shim ends; its record is on disk by then, unless it was killed. */
  async launch(launch: TaskLaunch, shim: ShimScripts, onShimExit: (task: Task) => void): Promise<Task> {
    await checkLaunch(launch);
    const command = commandOf(launch.spec);
    await checkPorts(launch.spec.ports);
    const record = this.#recordOf(launch);
    const task = new Task(record);
    try {
      await this.#prepare(record);
      const child = this.#spawn(record, command, shim);
      await this.#untilStarted(task, child);
      child.once('exit', () => onShimExit(task));
      if (child.exitCode !== null) onShimExit(task);
      return task;
    } catch (error) {
      await this.parts.records.remove(launch.taskId);
      await rm(record.sandbox, { recursive: true, force: true });
      this.parts.cgroups.remove(record.cgroups);
      if (error instanceof RuntimeError) throw error;
      if ((error as NodeJS.ErrnoException).code === 'E2BIG') {
        throw new RuntimeError(
          'rejected',
          'invalid',
          `cmd, args and env of ${launch.taskId} are too long for a process`,
        );
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new RuntimeError(
        'temporary',
        'temporary',
        `task ${launch.taskId} could not be started: ${reason}`,
        undefined,
        {
          cause: error,
        },
      );
    }
  }

  #recordOf({ taskId, instanceId, appId, incarnation, spec }: TaskLaunch): LaunchRecord {
    const { sandboxes, cgroups, clock, bootId } = this.parts;
    const sandbox = join(sandboxes, idPathOf(appId), taskId);
    return {
      taskId,
      instanceId,
      appId,
      incarnation,
      startedAt: clock.now(),
      bootId,
      sandbox,
      env: environmentOf(spec, sandbox),
      cgroups: cgroups.create(taskId, spec),
      mem: spec.mem,
    };
  }

  async #prepare(record: LaunchRecord): Promise<void> {
    const { records } = this.parts;
    // first: whatever happens from here on is found again by it
    await records.write(record.taskId, 'launch', JSON.stringify(record));
    const awkward = awkwardEnvironment(record.env);
    if (awkward) await records.write(record.taskId, 'env', awkward);
    // open to others: tasks may give up root, and then still need their folder; the logs are closed
    await mkdir(record.sandbox, { recursive: true, mode: 0o755 });
  }

  #spawn(record: LaunchRecord, command: readonly string[], shim: ShimScripts): ChildProcess {
    const out = openSync(join(record.sandbox, 'stdout'), 'a', 0o600);
    const err = openSync(join(record.sandbox, 'stderr'), 'a', 0o600);
    try {
      const { cgroups, taskId, env, sandbox } = record;
      const base = this.parts.records.base(taskId);
      const args = [shim.shim, shim.task, base, String(cgroups.length), ...cgroups, ...command];
      const child = spawn('/bin/sh', args, {
        cwd: sandbox,
        env,
        detached: true,
        stdio: ['ignore', out, err],
      });
      child.unref();
      return child;
    } finally {
      closeSync(out);
      closeSync(err);
    }
  }

  async #untilStarted(task: Task, child: ChildProcess): Promise<void> {
    const { records, watch, clock } = this.parts;
    const { taskId } = task.launch;
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
      watch.wake(taskId);
    });
    child.once('exit', (code) => {
      failure = new Error(`its shim ended at once (${code}): is the disk full, or setsid(1) missing?`);
      watch.wake(taskId);
    });
    const deadline = clock.now() + START_MS;
    for (;;) {
      const failed = failure; // read first: the record of a quick task is there before its shim ends
      task.started = records.startedOf(taskId);
      if (task.started) return;
      if (failed) throw failed;
      if (clock.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`no sign of it within ${START_MS / 1000} s`);
      }
      await watch.next(taskId, LOOK_MS);
    }
  }
}
