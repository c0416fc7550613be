// Starts one task: sandbox, records, cgroups, shim; resolves when the task's own record says that it runs. Nothing is left
// behind when that fails. The agent holds no pipe to it and may die at any moment: from the spawn on everything is on disk.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, fchownSync } from 'node:fs';
import { lchown, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { idPathOf } from '#libs/model';
import type { LaunchSpec } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import type { TaskLaunch } from '#libs/runtime';
import type { Clock } from '#libs/time';
import { accountOf } from './account.js';
import type { Account } from './account.js';
import { memoryLimitOf } from './cgroups.js';
import type { CgroupTree } from './cgroups.js';
import { checkLaunch, checkPorts } from './launch-check.js';
import { APPEND_OR_NEW, openLogFile } from './log-file.js';
import type { RecordWatch } from './record-watch.js';
import type { ShimScripts } from './shim.js';
import { commandOf, environmentOf, wrappingLine, wrappingOf } from './task-command.js';
import type { Wrapping } from './task-command.js';
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
    const { command, account } = await this.#check(launch);
    const record = this.#recordOf(launch, account);
    const wrapping = wrappingOf(record.env, account);
    const task = new Task(record);
    try {
      await this.#prepare(record, launch.spec, wrapping);
      const child = this.#spawn(record, wrapping.env, command, shim);
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

  /** Of a task of this app; only for names that `checkLaunch` allows. */
  sandboxOf({ appId, taskId }: Pick<TaskLaunch, 'appId' | 'taskId'>): string {
    return join(this.parts.sandboxes, idPathOf(appId), taskId);
  }

  /** What was fetched for a launch that is refused goes at once: the next one has another name. */
  async #check(launch: TaskLaunch): Promise<{ command: readonly string[]; account: Account | undefined }> {
    await checkLaunch(launch);
    try {
      const command = commandOf(launch.spec);
      const account = await accountOf(launch.spec.user);
      await checkPorts(launch.spec.ports);
      return { command, account };
    } catch (error) {
      if (launch.spec.fetch?.length) await rm(this.sandboxOf(launch), { recursive: true, force: true });
      throw error;
    }
  }

  #recordOf(launch: TaskLaunch, account: Account | undefined): LaunchRecord {
    const { taskId, instanceId, appId, incarnation, spec } = launch;
    const { cgroups, clock, bootId } = this.parts;
    const sandbox = this.sandboxOf(launch);
    return {
      taskId,
      instanceId,
      appId,
      incarnation,
      startedAt: clock.now(),
      bootId,
      sandbox,
      env: environmentOf(spec, sandbox, account),
      cgroups: cgroups.create(taskId, spec),
      ...(account ? { account } : {}),
      mem: memoryLimitOf(spec),
    };
  }

  async #prepare(record: LaunchRecord, { fetch, volumes }: LaunchSpec, wrapping: Wrapping): Promise<void> {
    const { records } = this.parts;
    const { sandbox, account } = record;
    if (fetch?.length && !(await stat(sandbox).catch(() => undefined))) {
      throw new Error('what it fetches is not there; it is fetched again with the next try');
    }
    // first: whatever happens from here on is found again by it
    await records.write(record.taskId, 'launch', JSON.stringify(record));
    const line = wrappingLine(wrapping);
    if (line) await records.write(record.taskId, 'env', line);
    await mkdir(dirname(sandbox), { recursive: true, mode: 0o711 });
    // without an account open to others: tasks may give up root, and then still need their folder; the logs are closed
    await mkdir(sandbox, { recursive: true, mode: account ? 0o700 : 0o755 });
    const own = volumes.filter(({ hostPath }) => !isAbsolute(hostPath)).map(({ hostPath }) => hostPath);
    for (const path of own) {
      const first = await mkdir(join(sandbox, path), { recursive: true, mode: 0o755 });
      if (account && first) await giveTo(account, first, join(sandbox, path));
    }
    if (account) await lchown(sandbox, account.uid, account.gid);
  }

  #spawn(
    record: LaunchRecord,
    env: Readonly<Record<string, string>>,
    command: readonly string[],
    shim: ShimScripts,
  ): ChildProcess {
    const out = outputOf(record, 'stdout');
    const err = outputOf(record, 'stderr');
    try {
      const { cgroups, taskId, sandbox } = record;
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

/** The task's, so that it can open it again as /dev/stdout. */
function outputOf({ sandbox, account }: LaunchRecord, name: string): number {
  const fd = openLogFile(join(sandbox, name), APPEND_OR_NEW);
  if (fd === undefined) throw new Error(`${join(sandbox, name)} is no ordinary file`);
  if (account) fchownSync(fd, account.uid, account.gid);
  return fd;
}

/** Every folder from the first new one down to the last. */
async function giveTo({ uid, gid }: Account, first: string, last: string): Promise<void> {
  for (let path = last; path.length >= first.length; path = dirname(path)) await lchown(path, uid, gid);
}
