// Hands committed events to the open streams (events.md 1). A slow client has a queue of 1024 events and 8 MiB, whichever is full
// first (an event with a large plan has megabytes); one more and it is closed, for a stream that silently skips would be worse.
// Streams share the text of an event. Its own attachment is the first thing a client reads.
import type { ServerResponse } from 'node:http';
import { lightPlan, MARATHON_EVENT_TYPES, type NewEvent, type StoredEvent } from '#libs/events';
import { timestampOf } from '#libs/model';
import type { Clock, Timer } from '#libs/time';

const QUEUE_MAX = 1024;
/** Characters. A single larger event still passes when nothing else waits. */
const QUEUE_LENGTH_MAX = 8 * 1024 * 1024;
/** Comments in between keep proxies and clients from giving up; clients wait 30 s at least. */
const KEEP_ALIVE_MS = 10_000;

const MARATHON_TYPES: ReadonlySet<string> = new Set(MARATHON_EVENT_TYPES);

export interface StreamOptions {
  readonly remoteAddress: string;
  /** Exact names; empty: all. */
  readonly types: readonly string[];
  readonly lightPlans: boolean;
  /** `/v3/events` has Longrun's own types too, and the events' numbers as ids. */
  readonly allTypes: boolean;
}

export class EventHub {
  readonly #streams = new Set<EventStream>();
  #timer: Timer | null = null;

  constructor(private readonly clock: Clock) {}

  get count(): number {
    return this.#streams.size;
  }

  /** Takes over the answer; headers are sent at once. */
  attach(response: ServerResponse, options: StreamOptions): void {
    const stream = new EventStream(response, options);
    this.#streams.add(stream);
    response.once('close', () => this.#detach(stream));
    const attached = this.#streamEvent('event_stream_attached', options.remoteAddress);
    const frames = new Frames(attached);
    stream.send(frames);
    for (const other of this.#streams) if (other !== stream) other.send(frames);
    this.#armKeepAlive();
  }

  publish(events: readonly StoredEvent[]): void {
    for (const event of events) this.#sendAll(event);
  }

  /** All streams end: this node no longer leads, or stops. */
  closeAll(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  #detach(stream: EventStream): void {
    if (!this.#streams.delete(stream)) return;
    this.#publishOwn('event_stream_detached', stream.options.remoteAddress);
    if (this.#streams.size) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #publishOwn(type: 'event_stream_detached', remoteAddress: string): void {
    this.#sendAll(this.#streamEvent(type, remoteAddress));
  }

  #sendAll(event: NewEvent | StoredEvent): void {
    const frames = new Frames(event);
    for (const stream of this.#streams) stream.send(frames);
  }

  #streamEvent(type: 'event_stream_attached' | 'event_stream_detached', remoteAddress: string): NewEvent {
    return { type, timestamp: timestampOf(this.clock.now()), payload: { remoteAddress } };
  }

  #armKeepAlive(): void {
    this.#timer ??= this.clock.after(KEEP_ALIVE_MS, () => {
      this.#timer = null;
      for (const stream of this.#streams) stream.comment();
      if (this.#streams.size) this.#armKeepAlive();
    });
  }
}

class EventStream {
  readonly #queue: string[] = [];
  #queuedLength = 0;
  #blocked = false;

  constructor(
    private readonly response: ServerResponse,
    readonly options: StreamOptions,
  ) {
    response.on('drain', () => this.#flush());
  }

  send(frames: Frames): void {
    if (!this.#wants(frames.event.type)) return;
    const { lightPlans, allTypes } = this.options;
    const frame = lightPlans ? frames.light : frames.full;
    // Marathon's frames begin with the type and have no id (events.md 1)
    this.#push(allTypes ? frames.id + frame : frame);
  }
  comment(): void {
    this.#push(':\n\n');
  }
  end(): void {
    this.response.end();
  }

  #wants(type: string): boolean {
    const { types, allTypes } = this.options;
    return (allTypes || MARATHON_TYPES.has(type)) && (!types.length || types.includes(type));
  }

  #push(text: string): void {
    const isFull =
      this.#queue.length >= QUEUE_MAX ||
      (this.#queuedLength > 0 && this.#queuedLength + text.length > QUEUE_LENGTH_MAX);
    if (this.#blocked && isFull) {
      this.response.destroy();
      this.#queue.length = 0;
      this.#queuedLength = 0;
      return;
    }
    this.#queue.push(text);
    this.#queuedLength += text.length;
    if (!this.#blocked) this.#flush();
  }

  #flush(): void {
    this.#blocked = false;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#queuedLength -= next.length;
      if (this.response.write(next)) continue;
      this.#blocked = true;
      return;
    }
  }
}

/** An event as text, made once for all streams that want it. */
class Frames {
  #full: string | null = null;
  #light: string | null = null;

  constructor(readonly event: NewEvent | StoredEvent) {}

  /** The line before the frame, where there is a number. */
  get id(): string {
    return 'number' in this.event ? `id: ${this.event.number}\n` : '';
  }
  get full(): string {
    return (this.#full ??= frameOf(this.event));
  }
  get light(): string {
    return (this.#light ??= frameOf(lightPlan(this.event)));
  }
}

function frameOf(event: NewEvent | StoredEvent): string {
  const data = JSON.stringify({ ...event.payload, eventType: event.type, timestamp: event.timestamp });
  return `event: ${event.type}\ndata: ${data}\n\n`;
}
