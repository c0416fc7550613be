// Keeps task output from filling the disk that Postgres may share (decisions.md 24): below 5 % free it is dropped, and said.
import type { Clock, Timer } from '#libs/time';
import { wordsOf } from './pause.js';
import type { AgentLog, DiskWatcher } from './seams.js';

const LOOK_EVERY_MS = 5_000;
export const LOW_BELOW = 0.05;
/** A little above, so that it does not flap at the edge. */
const FINE_FROM = 0.055;

export class DiskWatch {
  #low = false;
  #timer: Timer | null = null;
  #closed = false;

  constructor(
    private readonly parts: { readonly clock: Clock; readonly disk: DiskWatcher; readonly log: AgentLog },
    /** Called on each change. */
    private readonly changed: (low: boolean) => void,
  ) {}

  get low(): boolean {
    return this.#low;
  }

  /** Looks at once, then every few seconds. */
  async look(): Promise<void> {
    try {
      const share = await this.parts.disk.freeShare();
      const low = share < (this.#low ? FINE_FROM : LOW_BELOW);
      if (low !== this.#low && !this.#closed) {
        this.#low = low;
        this.parts.log.warn(
          { freePercent: Math.round(share * 1000) / 10 },
          low ? 'the disk is nearly full: task output is dropped' : 'the disk has room again',
        );
        this.changed(low);
      }
    } catch (error) {
      this.parts.log.warn({ error: wordsOf(error) }, 'free disk space could not be read');
    }
    if (!this.#closed) this.#timer = this.parts.clock.after(LOOK_EVERY_MS, () => void this.look());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
