// The folder of each container on the host, mounted at /mnt/mesos/sandbox (behaviour.md 18). Flat and named by task, so that it can be
// removed also when its container is gone. Every account of a container may write in it, for the accounts of images are not those
// of the host; the folder above is closed to everybody else.
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { own, type ArtifactFetcher, type Owner } from '#libs/artifact-fetch';
import type { TaskId } from '#libs/model';
import { RuntimeError, type PullProgress, type TaskLaunch } from '#libs/runtime';
import type { Logger } from '#libs/telemetry';
import { invalid } from './engine-errors.js';

const FOLDER_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,239}$/;
const OPEN_TO_ALL = 0o777;

export class Sandboxes {
  readonly #folder: string;
  /** Sandboxes are filled here, and moved when they are whole. */
  readonly #fetching: string;
  /** Begun by this agent since it was started: their containers may not be there yet. */
  readonly #begun = new Set<TaskId>();
  #opening: Promise<void> | undefined;

  constructor(
    dataDir: string,
    private readonly fetcher: ArtifactFetcher,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {
    this.#folder = join(resolve(dataDir), 'sandboxes');
    this.#fetching = join(resolve(dataDir), 'fetching');
  }

  /** Throws for a task id that cannot name a folder. */
  pathOf(taskId: TaskId): string {
    if (FOLDER_NAME.test(taskId)) return join(this.#folder, taskId);
    throw invalid(`task id '${taskId}' cannot name a folder: at most 240 letters, digits, '.', '_' and '-'`);
  }

  /** Fetches into the sandbox of this launch; nothing to do when it fetches nothing. */
  async fill(
    { taskId, spec }: TaskLaunch,
    progress: (pull: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (!spec.fetch?.length) return;
    await this.#open();
    this.#begun.add(taskId);
    const place = { sandbox: this.pathOf(taskId), workFolder: this.#fetching, mode: OPEN_TO_ALL };
    await this.fetcher.fill({ items: spec.fetch, diskMib: spec.disk, ...place }, progress, signal);
  }

  /** The folder, there for the start: what was fetched, or empty. Also the folders in it that are volumes. */
  async ready({ taskId, spec }: TaskLaunch, volumes: readonly string[]): Promise<string> {
    await this.#open();
    this.#begun.add(taskId);
    const path = this.pathOf(taskId);
    if (spec.fetch?.length && !(await isThere(path))) {
      const message = `task ${taskId}: what it fetches is not there; it is fetched again with the next try`;
      throw new RuntimeError('temporary', 'temporary', message);
    }
    for (const folder of [path, ...volumes]) {
      const first = await mkdir(folder, { recursive: true });
      if (first) await chmod(folder, OPEN_TO_ALL);
    }
    return path;
  }

  /** Only root can give files away; without it they stay readable for all. */
  async giveTo(taskId: TaskId, owner: Owner): Promise<void> {
    if (process.geteuid?.() === 0) await own(this.pathOf(taskId), owner);
  }

  /** What an agent that is not root may not remove stays, and is said. */
  async remove(taskId: TaskId): Promise<void> {
    this.#begun.delete(taskId);
    if (!FOLDER_NAME.test(taskId)) return;
    const path = join(this.#folder, taskId);
    await rm(path, { recursive: true, force: true }).catch((error: NodeJS.ErrnoException) => {
      const remedy = 'remove it as root; an agent that runs as root does so itself';
      this.logger.warn(
        { path, error: error.code },
        `the sandbox of an ended task could not be removed; ${remedy}`,
      );
    });
  }

  /** Removes those whose container is gone; `kept` are all tasks that have one. */
  async tidy(kept: ReadonlySet<string>): Promise<void> {
    await this.#open();
    for (const name of await readdir(this.#folder)) {
      if (!kept.has(name) && !this.#begun.has(name as TaskId)) await this.remove(name as TaskId);
    }
  }

  /** What an agent that was killed had half fetched goes. */
  #open(): Promise<void> {
    this.#opening ??= this.#make().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #make(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
    await rm(this.#fetching, { recursive: true, force: true });
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
