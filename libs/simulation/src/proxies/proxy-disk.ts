// The disk of a proxy: it outlives the process. A save takes time and counts from its end on (written aside, flushed, renamed); the
// one that was under way when the process died never was.
import type { ProxyJournal, ProxyMemory } from '#libs/proxy-core';
import type { Random } from '../engine/random.js';
import type { SimProcess } from '../engine/sim-process.js';

/** Of one save: mostly some, seldom most of it, as with a disk that others use as well. */
const SAVE_MS = [1, 400] as const;

export class ProxyDisk {
  #memory: ProxyMemory = { cluster: null, epoch: 0, table: null };

  constructor(private readonly random: Random) {}

  /** What a process that starts now finds. */
  get memory(): ProxyMemory {
    return this.#memory;
  }

  /** For one life of the process; saves come one after the other, in the order of the calls. */
  journal(process: SimProcess): ProxyJournal {
    let last = Promise.resolve();
    const write = (memory: ProxyMemory): Promise<void> =>
      new Promise((resolve) => {
        process.clock.after(this.random.skewed(...SAVE_MS), () => {
          this.#memory = memory;
          resolve();
        });
      });
    return { save: (memory) => (last = last.then(() => write(memory))) };
  }
}
