// Notices a disk that neither takes a write nor refuses it: a dead network disk, a frozen volume, a device that is away. Of an agent on such
// a disk nothing can be expected, and it must not look as if it were well.
import type { InstanceId } from '#libs/model';
import type { Clock, Timer } from '#libs/time';
import type { AgentIdentity, Journal, JournalEntry } from './seams.js';

/** Not one write has ended for so long. Disks that are just busy take seconds for one. */
export const DISK_HANGS_MS = 20_000;
/** A look so late comes after a standstill of this process, and what ended meanwhile is told behind it. */
const LATE_MS = 1_000;

export class WatchedJournal implements Journal {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #changed: (hangs: boolean) => void;
  #underWay = 0;
  /** When a write ended last, or the first of those under way began. */
  #movedAt = 0;
  #hangs = false;
  #timer: Timer | null = null;

  /** `changed` is called when the disk begins to hang, and when it answers again. */
  constructor(journal: Journal, clock: Clock, changed: (hangs: boolean) => void) {
    this.#journal = journal;
    this.#clock = clock;
    this.#changed = changed;
  }

  get hangs(): boolean {
    return this.#hangs;
  }

  load(): ReturnType<Journal['load']> {
    return this.#journal.load();
  }
  saveIdentity(identity: AgentIdentity): Promise<void> {
    return this.#watched(this.#journal.saveIdentity(identity));
  }
  saveInstance(entry: JournalEntry): Promise<void> {
    return this.#watched(this.#journal.saveInstance(entry));
  }
  removeInstance(id: InstanceId): Promise<void> {
    return this.#watched(this.#journal.removeInstance(id));
  }

  /** A write that was refused has ended, too: such a disk answers. */
  #watched(write: Promise<void>): Promise<void> {
    this.#underWay += 1;
    if (this.#underWay === 1) {
      this.#movedAt = this.#clock.now();
      this.#timer = this.#lookIn(DISK_HANGS_MS);
    }
    const ended = (): void => this.#ended();
    write.then(ended, ended);
    return write;
  }

  #ended(): void {
    this.#underWay -= 1;
    this.#movedAt = this.#clock.now();
    this.#say(false);
    if (this.#underWay > 0) this.#timer ??= this.#lookIn(DISK_HANGS_MS);
    else {
      this.#timer?.cancel();
      this.#timer = null;
    }
  }

  #lookIn(ms: number, isAgain = false): Timer {
    const dueAt = this.#clock.now() + ms;
    return this.#clock.after(ms, () => {
      const now = this.#clock.now();
      const isLate = now - dueAt >= LATE_MS && !isAgain;
      const leftMs = isLate ? LATE_MS : this.#movedAt + DISK_HANGS_MS - now;
      this.#timer = leftMs > 0 ? this.#lookIn(leftMs, isLate) : null;
      if (!this.#timer) this.#say(true);
    });
  }

  #say(hangs: boolean): void {
    if (hangs === this.#hangs) return;
    this.#hangs = hangs;
    this.#changed(hangs);
  }
}
