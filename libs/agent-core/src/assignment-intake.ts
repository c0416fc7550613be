// Puts the frames of assignments together: a full set over several frames counts only when it is whole, later frames are changes,
// numbers must grow by one. Gives the number that may be acknowledged once everything up to it is on disk.
import type { Assignments } from '#libs/agent-protocol';
import type { Assignment } from '#libs/model';
import type { InstanceSet } from './instance-set.js';

/** A set larger than this is not ours: an agent has no room for so many instances. */
const SET_ITEMS_MAX = 20_000;

export class AssignmentIntake {
  readonly #instances: InstanceSet;
  #number = 0;
  #partial: Assignment[] | null = null;
  #complete = false;

  /** One per session. */
  constructor(instances: InstanceSet) {
    this.#instances = instances;
  }

  /** Resolves with the number to acknowledge, or null while a set is not whole; rejects when the session must end. */
  async take(frame: Assignments): Promise<number | null> {
    if (frame.number !== this.#number + 1)
      throw new Error(`assignments ${frame.number} came after ${this.#number}: a frame is missing`);
    this.#number = frame.number;
    if (!frame.full) return this.#change(frame);
    const items = [...(this.#partial ?? []), ...frame.items];
    if (items.length > SET_ITEMS_MAX) throw new Error(`a set of more than ${SET_ITEMS_MAX} assignments`);
    this.#partial = frame.more ? items : null;
    if (frame.more) return null;
    this.#complete = true;
    await this.#instances.replaceAll(items);
    return frame.number;
  }

  async #change(frame: Assignments): Promise<number> {
    if (!this.#complete || this.#partial) throw new Error('a change of assignments came before the full set');
    await this.#instances.change(frame.items, frame.removed);
    return frame.number;
  }
}
