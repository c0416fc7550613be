// What must survive the agent, as small files in one flat folder: `<task id>.launch` (before the start), `.started` and `.exit`
// (by the shim), `.stop` (a stop of ours began), `.result` (the exit as it was reported), `.forgotten`. One folder, so that one
// watch and one listing serve thousands of tasks. Every file appears whole, by rename.
import { readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppId, InstanceId, TaskExit, TaskId } from '#libs/model';
import type { Account } from './account.js';

export interface LaunchRecord {
  readonly taskId: TaskId;
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly incarnation: number;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly bootId: string;
  readonly sandbox: string;
  /** Complete; kept for COMMAND checks after an adoption. The folder is closed to others. */
  readonly env: Readonly<Record<string, string>>;
  readonly cgroups: readonly string[];
  /** Whom it runs as; absent: the agent's own account. */
  readonly account?: Account;
  /** Its limit, MiB; for the message after an out-of-memory kill. */
  readonly mem: number;
}

export interface StartedRecord {
  readonly pid: number;
  readonly startTime: string;
  readonly shimPid: number;
  readonly shimStartTime: string;
  readonly bootId: string;
  readonly joinedCgroups: boolean;
}

export type RecordKind = 'launch' | 'started' | 'stop' | 'exit' | 'result' | 'forgotten' | 'env';
const KINDS: readonly RecordKind[] = ['launch', 'started', 'stop', 'exit', 'result', 'forgotten', 'env'];

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}

export class TaskRecords {
  constructor(readonly folder: string) {}

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Path without the ending; the shim appends its own. */
  base(taskId: TaskId): string {
    return join(this.folder, taskId);
  }

  /** Removes launches that an agent was killed in the middle of writing: nothing was started for them. */
  async tidy(): Promise<void> {
    for (const fileName of await readdir(this.folder)) {
      if (fileName.endsWith('.launch.tmp')) await rm(join(this.folder, fileName), { force: true });
    }
  }

  /** `shop_web.5f….exit` -> the task and the kind; null for temporary files. */
  parse(fileName: string): { taskId: TaskId; kind: RecordKind } | null {
    const dot = fileName.lastIndexOf('.');
    const kind = KINDS.find((each) => each === fileName.slice(dot + 1));
    return kind ? { taskId: fileName.slice(0, dot) as TaskId, kind } : null;
  }

  /** All tasks with the kinds of records they have: one listing of the folder. */
  async all(): Promise<Map<TaskId, Set<RecordKind>>> {
    const found = new Map<TaskId, Set<RecordKind>>();
    for (const fileName of await readdir(this.folder)) {
      const parsed = this.parse(fileName);
      if (!parsed) continue;
      const kinds = found.get(parsed.taskId) ?? new Set<RecordKind>();
      found.set(parsed.taskId, kinds.add(parsed.kind));
    }
    return found;
  }

  async write(taskId: TaskId, kind: RecordKind, text: string): Promise<void> {
    const path = `${this.base(taskId)}.${kind}`;
    await writeFile(`${path}.tmp`, text, { mode: 0o600 });
    await rename(`${path}.tmp`, path);
  }

  async launchOf(taskId: TaskId): Promise<LaunchRecord | undefined> {
    const text = await readFile(`${this.base(taskId)}.launch`, 'utf8').catch(ignoreMissing);
    return text === undefined ? undefined : (JSON.parse(text) as LaunchRecord);
  }

  async resultOf(taskId: TaskId): Promise<TaskExit | undefined> {
    const text = await readFile(`${this.base(taskId)}.result`, 'utf8').catch(ignoreMissing);
    return text === undefined ? undefined : (JSON.parse(text) as TaskExit);
  }

  startedOf(taskId: TaskId): StartedRecord | undefined {
    const [pid, startTime, shimPid, shimStartTime, bootId, joined] = this.#words(taskId, 'started');
    if (!startTime || !shimStartTime || !bootId) return undefined;
    const pids = { pid: Number(pid), shimPid: Number(shimPid) };
    return { ...pids, startTime, shimStartTime, bootId, joinedCgroups: joined === '1' };
  }

  /** Exit status as a shell gives it (128 + signal); absent while there is none. */
  exitStatusOf(taskId: TaskId): number | undefined {
    const [status] = this.#words(taskId, 'exit');
    return status ? Number(status) : undefined;
  }

  async remove(taskId: TaskId): Promise<void> {
    // the launch goes first: the shim ends its tries to write by it
    for (const kind of KINDS) {
      await rm(`${this.base(taskId)}.${kind}`, { force: true });
      await rm(`${this.base(taskId)}.${kind}.tmp`, { force: true });
    }
  }

  /** Synchronous: these are asked between a check and a signal. */
  #words(taskId: TaskId, kind: RecordKind): string[] {
    try {
      return readFileSync(`${this.base(taskId)}.${kind}`, 'utf8')
        .trim()
        .split(' ');
    } catch (error) {
      ignoreMissing(error as NodeJS.ErrnoException);
      return [];
    }
  }
}
