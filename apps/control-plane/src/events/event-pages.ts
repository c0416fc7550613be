// Reads stored events for the streams that are behind: one page at a time for all of them, in turn, so that however many catch up,
// and however large their events are, no more than a page is in memory besides the cache.
import type { StoredEvent } from '#libs/events';
import { StoreUnavailable, type EventPage, type Store } from '#libs/store';
import type { Clock } from '#libs/time';
import type { EventStream } from './event-stream.js';

const PAGE_EVENTS = 100;
/** As stored, where text is often compressed to a tenth. */
const PAGE_BYTES = 128 * 1024;
/** The store is away: streams stay, and go on when it is back. */
const RETRY_MS = 1_000;

export type EventLog = Pick<Store, 'eventsAfter'>;

export class EventPages {
  readonly #waiting = new Set<EventStream>();
  #isReading = false;

  /** `take` gets what follows the stream's cursor; never an empty page. */
  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
    private readonly take: (stream: EventStream, events: readonly StoredEvent[]) => void,
  ) {}

  request(stream: EventStream): void {
    this.#waiting.add(stream);
    if (!this.#isReading) void this.#readAll();
  }

  forget(stream: EventStream): void {
    this.#waiting.delete(stream);
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    // a stream that asks again joins the end of the set
    for (const stream of this.#waiting) {
      if (!stream.isReady) {
        this.#waiting.delete(stream); // asks anew when it reads again
        continue;
      }
      const page = await this.#page(stream.cursor);
      if (page === 'away') {
        this.clock.after(RETRY_MS, () => void this.#readAll());
        return;
      }
      this.#waiting.delete(stream);
      if (page?.kind === 'events' && page.events.length) this.take(stream, page.events);
      // what it needs is gone, or cannot be read: its client comes back with its cursor and is told so
      else stream.abort();
    }
    this.#isReading = false;
  }

  async #page(after: number): Promise<EventPage | 'away' | null> {
    try {
      return await this.log.eventsAfter(after, PAGE_EVENTS, PAGE_BYTES);
    } catch (error) {
      return error instanceof StoreUnavailable ? 'away' : null;
    }
  }
}
