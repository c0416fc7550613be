// Writes what must survive about one instance: one write at a time, always of the newest state, so that many changes cost few writes.
import { wordsOf } from './pause.js';
import type { AgentLog, Journal, JournalEntry } from './seams.js';

export class EntrySaver {
  #writing: Promise<void> = Promise.resolve();
  /** The newest state is not known to be on disk. */
  #unsaved = false;

  constructor(
    private readonly parts: { readonly journal: Journal; readonly log: AgentLog },
    private readonly newest: () => JournalEntry,
  ) {}

  /** Resolves when the state of this moment, or a newer one, is on disk; rejects when it could not be written. */
  save(): Promise<void> {
    this.#unsaved = true;
    return this.settled();
  }

  /** The same, for who need not wait for it: a failure is logged, and the next save makes it good. */
  soon(): void {
    this.save().catch((error: unknown) => this.#unwritten(error));
  }

  /** Resolves when there is nothing to write; tries again what failed before. */
  settled(): Promise<void> {
    const before = this.#writing.catch(() => undefined);
    this.#writing = before.then(() => this.#write());
    return this.#writing;
  }

  /** The last word; never rejects. */
  async close(): Promise<void> {
    await this.#writing.catch((error: unknown) => this.#unwritten(error));
  }

  async #write(): Promise<void> {
    if (!this.#unsaved) return;
    this.#unsaved = false;
    try {
      await this.parts.journal.saveInstance(this.newest());
    } catch (error) {
      this.#unsaved = true;
      throw error;
    }
  }

  #unwritten(error: unknown): void {
    const { instanceId } = this.newest();
    this.parts.log.error({ instance: instanceId, error: wordsOf(error) }, 'the journal could not be written');
  }
}
