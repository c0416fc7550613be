// Limits for memory and processor, the surest way to find all of a task, and the kernel's word on out-of-memory kills:
// one cgroup per task under `longrun/<agent>/` at the top of the tree, for below the agent's own cgroup an init system would
// end the tasks together with the agent. v1 (a tree per controller) and v2; without either, tasks run unlimited and say so.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ResourceLimits } from '#libs/model';
import type { Clock } from '#libs/time';

export interface CgroupMount {
  readonly version: 1 | 2;
  /** memory, cpu; both for v2. */
  readonly controller: 'memory' | 'cpu' | 'unified';
  readonly path: string;
}

export interface Limits {
  readonly cpus: number;
  /** MiB; 0 = no limit. */
  readonly mem: number;
  /** Instead of the request as the limit: more, or none (app.md A1, `resourceLimits`). */
  readonly limits?: ResourceLimits;
}

/** MiB that a task may have before it is killed; 0 = no limit. */
export const memoryLimitOf = ({ mem, limits }: Omit<Limits, 'cpus'>): number =>
  limits?.mem === 'unlimited' ? 0 : (limits?.mem ?? mem);

/** Length of the span that a share of processor time is of. */
const CPU_PERIOD_US = 100_000;
/** The kernel takes no shorter one. */
const CPU_QUOTA_US_MIN = 1_000;

/** At the end of an agent, for groups that are still busy. */
const BUSY_MS_MAX = 2_000;
const BUSY_LOOK_MS = 20;

/** Mesos's floor: below it not even a shell starts reliably. */
const MEM_MIB_MIN = 32;

/** Where the controllers we use are mounted, from /proc/self/mounts. A v2 tree without them (hybrid) does not count. */
export function cgroupMounts(mounts: string): readonly CgroupMount[] {
  const found: CgroupMount[] = [];
  for (const line of mounts.split('\n')) {
    const [, path, type, options] = line.split(' ');
    if (!path || !options) continue;
    const controllers = options.split(',');
    if (type === 'cgroup2' && read(join(path, 'cgroup.controllers')).split(/\s/).includes('memory')) {
      found.push({ version: 2, controller: 'unified', path });
    } else if (type === 'cgroup' && controllers.includes('memory')) {
      found.push({ version: 1, controller: 'memory', path });
    } else if (type === 'cgroup' && controllers.includes('cpu')) {
      found.push({ version: 1, controller: 'cpu', path });
    }
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // gone, or not offered by this kernel
  }
}

const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

export class CgroupTree {
  #warning: string | undefined;
  /** Whoever still asks how the host is must not make the agent's level again. */
  #isClosed = false;
  /** Could not be removed yet: a process ends a moment after it left the list. */
  readonly #busy = new Set<string>();

  constructor(
    private readonly mounts: readonly CgroupMount[],
    private readonly agent: string,
    private readonly withoutMounts = 'no cgroup limits: no memory or cpu controller is mounted on this host',
  ) {}

  static detect(agent: string): CgroupTree {
    return new CgroupTree(cgroupMounts(read('/proc/self/mounts')), agent);
  }

  /** Makes the groups of a task with their limits and gives their folders; none where that is not allowed. */
  create(taskId: string, limits: Limits): readonly string[] {
    const made: string[] = [];
    for (const mount of this.mounts) {
      try {
        const folder = join(this.#level(mount), taskId);
        mkdirSync(folder, { recursive: true });
        made.push(folder);
        this.#limit(mount, folder, limits);
      } catch (error) {
        this.#note(mount, error);
        this.remove(made);
        return [];
      }
    }
    return made;
  }

  /** What health says about limits: undefined when tasks can be limited. */
  probe(): string | undefined {
    if (!this.mounts.length) return this.withoutMounts;
    if (this.#isClosed) return this.#warning;
    this.#warning = undefined;
    for (const mount of this.mounts) {
      try {
        accessSync(this.#level(mount), constants.W_OK);
      } catch (error) {
        this.#note(mount, error);
      }
    }
    return this.#warning;
  }

  /** Everything of the task that lives; the shim is in no cgroup of ours. */
  processes(folders: readonly string[]): readonly number[] {
    const pids = folders.flatMap((folder) => read(join(folder, 'cgroup.procs')).split('\n'));
    return [...new Set(pids.filter(Boolean).map(Number))];
  }

  /** The kernel killed something in it for its memory limit. */
  sawOutOfMemory(folders: readonly string[]): boolean {
    return folders.some((folder) => {
      const v1 = read(join(folder, 'memory.oom_control'));
      const v2 = read(join(folder, 'memory.events'));
      return /^oom_kill [1-9]/m.test(v1) || /^oom_kill [1-9]/m.test(v2);
    });
  }

  /** After the last process ended. A group that is still busy is tried again by the next call. */
  remove(folders: readonly string[]): void {
    for (const folder of [...folders, ...this.#busy]) {
      try {
        this.#busy.delete(folder);
        rmdirSync(folder);
      } catch {
        if (existsSync(folder)) this.#busy.add(folder);
      }
    }
  }

  /** Groups of tasks that nobody knows, e.g. of an agent that was killed while it made one. */
  prune(known: ReadonlySet<string>): void {
    for (const mount of this.mounts) {
      const level = join(mount.path, 'longrun', this.agent);
      if (!existsSync(level)) continue;
      const folders = readdirSync(level, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      this.remove(folders.filter(({ name }) => !known.has(name)).map(({ name }) => join(level, name)));
    }
  }

  /**
   * Removes the agent's own level when no task is left in it, and makes none from now on. Waits, at most 2 s, for groups of tasks that have
   * ended and are still busy: nobody would come back for them.
   */
  async close(clock: Clock): Promise<void> {
    this.#isClosed = true;
    this.remove([]);
    for (let waited = 0; this.#busy.size > 0 && waited < BUSY_MS_MAX; waited += BUSY_LOOK_MS) {
      await new Promise<void>((resolve) => void clock.after(BUSY_LOOK_MS, resolve));
      this.remove([]);
    }
    for (const mount of this.mounts) {
      for (const folder of [join(mount.path, 'longrun', this.agent), join(mount.path, 'longrun')]) {
        try {
          rmdirSync(folder);
        } catch {
          break; // still in use, by tasks that live on or by another agent
        }
      }
    }
  }

  /** The agent's level in this tree, made if need be. */
  #level({ version, path }: CgroupMount): string {
    const parent = join(path, 'longrun', this.agent);
    mkdirSync(parent, { recursive: true });
    if (version === 2) this.#delegate(path, parent);
    return parent;
  }

  #note({ path }: CgroupMount, error: unknown): void {
    this.#warning = `no cgroup limits: ${join(path, 'longrun', this.agent)} cannot be used (${reasonOf(error)})`;
  }

  #limit({ version }: CgroupMount, folder: string, wish: Limits): void {
    const { cpus, mem, limits } = wish;
    const most = memoryLimitOf(wish);
    const bytes = String(Math.max(most, MEM_MIB_MIN) * 1024 * 1024);
    const shares = Math.max(2, Math.round(cpus * 1024));
    const set = (file: string, value: string): void => {
      if (existsSync(join(folder, file))) writeFileSync(join(folder, file), value);
    };
    if (most > 0) {
      set('memory.limit_in_bytes', bytes);
      set('memory.memsw.limit_in_bytes', bytes); // only with swap accounting
      set('memory.max', bytes);
      set('memory.swap.max', '0');
    }
    if (limits?.mem !== undefined && mem > 0) {
      // what it asked for is the last to be taken from it when the host runs short
      const wanted = String(Math.floor(mem * 1024 * 1024));
      set('memory.soft_limit_in_bytes', wanted);
      set('memory.low', wanted);
    }
    if (typeof limits?.cpus === 'number') {
      const quota = String(Math.max(CPU_QUOTA_US_MIN, Math.round(limits.cpus * CPU_PERIOD_US)));
      set('cpu.cfs_period_us', String(CPU_PERIOD_US));
      set('cpu.cfs_quota_us', quota);
      set('cpu.max', `${quota} ${CPU_PERIOD_US}`);
    }
    set('cpu.shares', String(shares));
    // the kernel's own mapping of v1 shares (2..262144) to v2 weights (1..10000)
    if (version === 2)
      set('cpu.weight', String(1 + Math.floor(((Math.min(shares, 262_144) - 2) * 9_999) / 262_142)));
  }

  /** v2 hands a controller down level by level. */
  #delegate(root: string, parent: string): void {
    for (const folder of [root, join(parent, '..'), parent]) {
      const control = join(folder, 'cgroup.subtree_control');
      const enabled = read(control).split(/\s/);
      const missing = ['memory', 'cpu'].filter((controller) => !enabled.includes(controller));
      if (missing.length) writeFileSync(control, missing.map((controller) => `+${controller}`).join(' '));
    }
  }
}
