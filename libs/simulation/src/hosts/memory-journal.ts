// The agent's journal on a simulated disk: what the real one (apps/agent) does with small files. A write takes time; it is there whole
// or not at all, and an agent that dies in the middle of one may or may not find it. The disk outlives everything.
import type { AgentIdentity, Journal, JournalEntry } from '#libs/agent-core';
import type { InstanceId } from '#libs/model';
import type { SimProcess } from '../engine/sim-process.js';
import type { Random } from '../engine/random.js';

/** Mostly a few milliseconds; a busy disk takes longer. */
const WRITE_MS = [1, 60] as const;
const READ_MS = [2, 200] as const;
/** Shares of the disk that are free. */
const USUALLY_FREE = 0.5;
const LITTLE_FREE = 0.02;

export class SimDisk {
  identity: AgentIdentity | null = null;
  readonly entries = new Map<InstanceId, JournalEntry>();
  #isFull = false;
  #isLow = false;
  readonly #random: Random;
  readonly #fills: Random;

  constructor(random: Random) {
    this.#random = random.fork('disk');
    this.#fills = random.fork('disk fills');
  }

  /** Half of the time nothing can be written any more, half of the time only little is left. */
  fill(isFilled: boolean): void {
    this.#isLow = isFilled;
    this.#isFull = isFilled && this.#fills.chance(0.5);
  }
  /** Every write fails. */
  get isFull(): boolean {
    return this.#isFull;
  }
  get freeShare(): number {
    if (this.#isFull) return 0;
    return this.#isLow ? LITTLE_FREE : USUALLY_FREE;
  }
  writeMs(): number {
    return this.#random.skewed(...WRITE_MS);
  }
  readMs(): number {
    return this.#random.skewed(...READ_MS);
  }
  /** Of a write that its process did not live to see the end of. */
  hadReachedIt(): boolean {
    return this.#random.chance(0.5);
  }
}

export const noSpace = (): Error => new Error('ENOSPC: no space left on device, write');

/** The journal as one life of the agent sees it. */
export class MemoryJournal implements Journal {
  /** Under way. */
  readonly #writes = new Set<() => void>();

  constructor(
    private readonly process: SimProcess,
    private readonly disk: SimDisk,
  ) {
    process.onKilled(() => {
      for (const write of this.#writes) if (disk.hadReachedIt()) write();
      this.#writes.clear();
    });
  }

  load(): ReturnType<Journal['load']> {
    const { disk } = this;
    return this.#after(disk.readMs(), () => ({
      identity: copyOf(disk.identity),
      entries: [...disk.entries.values()].map(copyOf),
    }));
  }

  saveIdentity(identity: AgentIdentity): Promise<void> {
    return this.#write(() => (this.disk.identity = identity));
  }
  saveInstance(entry: JournalEntry): Promise<void> {
    return this.#write(() => this.disk.entries.set(entry.instanceId, entry));
  }
  /** Removing needs no space. */
  removeInstance(id: InstanceId): Promise<void> {
    return this.#after(this.disk.writeMs(), () => void this.disk.entries.delete(id));
  }

  /** What is written never changes afterwards: records of the agent are replaced, not edited. */
  #write(work: () => unknown): Promise<void> {
    if (!this.process.isAlive) return new Promise(() => undefined);
    const write = (): void => void work();
    this.#writes.add(write);
    return this.#after(this.disk.writeMs(), () => {
      this.#writes.delete(write);
      if (this.disk.isFull) throw noSpace();
      write();
    });
  }

  #after<T>(ms: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.process.clock.after(ms, () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }
}

/** Through the same form as on a real disk. */
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
