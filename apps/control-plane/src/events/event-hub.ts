// Hands committed events to the open streams (events.md 1), each in the order of the numbers and without a gap: a stream gets what is
// published when it has everything before it, and otherwise reads the store. Nothing is sent before its state can be read: the store
// may know newer events than were published. The text of an event is made once.
import type { ServerResponse } from 'node:http';
import { failures } from '#libs/api-contract';
import type { NewEvent, StoredEvent } from '#libs/events';
import { timestampOf } from '#libs/model';
import type { Clock, Timer } from '#libs/time';
import { EventFrame } from './event-frame.js';
import { EventPages, type EventLog } from './event-pages.js';
import { EventStream, type FrameSource, type StreamOptions } from './event-stream.js';
import { FrameCache } from './frame-cache.js';

/** Comments in between keep proxies and clients from giving up; clients wait 30 s at least. */
const KEEP_ALIVE_MS = 10_000;

export class EventHub implements FrameSource {
  readonly #streams = new Set<EventStream>();
  readonly #cache = new FrameCache();
  readonly #pages: EventPages;
  #newest = 0;
  #timer: Timer | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly log: EventLog,
  ) {
    this.#pages = new EventPages(log, clock, (stream, events) => this.#take(stream, events));
  }

  get count(): number {
    return this.#streams.size;
  }
  get newest(): number {
    return this.#newest;
  }
  /** Bytes that wait for clients. */
  get heldBytes(): number {
    return [...this.#streams].reduce((sum, each) => sum + each.heldBytes, 0);
  }

  /** Rejects with 410 when the events after the cursor are no longer kept, or when there never was such a number. */
  async checkCursor(after: number): Promise<void> {
    const page = await this.log.eventsAfter(after, 1, 0);
    if (page.kind === 'too-old') throw failures.cursorGone(page.oldest);
    if (page.kind === 'ahead') throw failures.cursorAhead(after, page.newest);
  }

  /** Takes over the answer; its headers are sent. */
  attach(response: ServerResponse, options: StreamOptions): void {
    const stream = new EventStream(response, options, this, this.clock);
    const attached = this.#streamEvent('event_stream_attached', options);
    this.#streams.add(stream);
    response.once('close', () => this.#detach(stream));
    // its own attachment is the first thing a client reads
    stream.tell(attached);
    for (const other of this.#streams) if (other !== stream) other.tell(attached);
    // what its cursor has missed, also when it does not want to hear of attachments
    stream.pump();
    this.#armKeepAlive();
  }

  publish(events: readonly StoredEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    this.#newest = Math.max(this.#newest, last.number);
    if (!this.#streams.size) return;
    const frames = events.map((event) => new EventFrame(event));
    for (const frame of frames) this.#cache.put(frame);
    for (const stream of this.#streams) stream.publish(frames);
  }

  /** Events up to this number are stored and their state can be read, whoever wrote them. */
  stateLoaded(newest: number): void {
    // a database that went back has given these numbers to other events
    if (newest < this.#newest) this.closeAll();
    this.#newest = newest;
    for (const stream of this.#streams) stream.pump();
  }

  cached(number: number): EventFrame | undefined {
    return this.#cache.get(number);
  }
  fetch(stream: EventStream): void {
    this.#pages.request(stream);
  }

  /** All streams end: this node no longer leads, or stops. */
  closeAll(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
    this.#cache.clear();
  }

  #take(stream: EventStream, events: readonly StoredEvent[]): void {
    const visible = events.filter(({ number }) => number <= this.#newest);
    const frames = visible.map((event) => new EventFrame(event));
    for (const frame of frames) stream.offer(frame);
    // from the end, so that what comes next is the last to be dropped
    for (const frame of frames.reverse()) if (frame.number > stream.cursor) this.#cache.put(frame);
    stream.pump();
  }

  #detach(stream: EventStream): void {
    this.#pages.forget(stream);
    if (!this.#streams.delete(stream)) return;
    stream.abort();
    const detached = this.#streamEvent('event_stream_detached', stream.options);
    for (const other of this.#streams) other.tell(detached);
    if (this.#streams.size) return;
    this.#cache.clear();
    this.#timer?.cancel();
    this.#timer = null;
  }

  #streamEvent(
    type: 'event_stream_attached' | 'event_stream_detached',
    { remoteAddress }: StreamOptions,
  ): EventFrame {
    const event: NewEvent = { type, timestamp: timestampOf(this.clock.now()), payload: { remoteAddress } };
    return new EventFrame(event);
  }

  #armKeepAlive(): void {
    this.#timer ??= this.clock.after(KEEP_ALIVE_MS, () => {
      this.#timer = null;
      for (const stream of this.#streams) stream.beat();
      if (this.#streams.size) this.#armKeepAlive();
    });
  }
}
