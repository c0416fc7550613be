// Hands committed events to the open streams (events.md 1). A slow client has a queue of 1024; one more and it is closed, for a
// stream that silently skips would be worse. Its own attachment is the first thing a client reads.
import type { ServerResponse } from 'node:http';
import { lightPlan, MARATHON_EVENT_TYPES, type NewEvent, type StoredEvent } from '#libs/events';
import { timestampOf } from '#libs/model';
import type { Clock, Timer } from '#libs/time';

const QUEUE_MAX = 1024;
/** Comments in between keep proxies and clients from giving up; clients wait 30 s at least. */
const KEEP_ALIVE_MS = 10_000;

const MARATHON_TYPES: ReadonlySet<string> = new Set(MARATHON_EVENT_TYPES);

export interface StreamOptions {
  readonly remoteAddress: string;
  /** Exact names; empty: all. */
  readonly types: readonly string[];
  readonly lightPlans: boolean;
  /** `/v3/events` has Longrun's own types too. */
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
    stream.send(attached);
    for (const other of this.#streams) if (other !== stream) other.send(attached);
    this.#armKeepAlive();
  }

  publish(events: readonly StoredEvent[]): void {
    for (const event of events) for (const stream of this.#streams) stream.send(event);
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
    const event = this.#streamEvent(type, remoteAddress);
    for (const stream of this.#streams) stream.send(event);
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
  #blocked = false;

  constructor(
    private readonly response: ServerResponse,
    readonly options: StreamOptions,
  ) {
    response.on('drain', () => this.#flush());
  }

  send(event: NewEvent | StoredEvent): void {
    if (!this.#wants(event.type)) return;
    this.#push(frameOf(this.options.lightPlans ? lightPlan(event) : event));
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
    if (this.#blocked && this.#queue.length >= QUEUE_MAX) {
      this.response.destroy();
      return;
    }
    this.#queue.push(text);
    if (!this.#blocked) this.#flush();
  }

  #flush(): void {
    this.#blocked = false;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.response.write(next)) continue;
      this.#blocked = true;
      return;
    }
  }
}

function frameOf(event: NewEvent | StoredEvent): string {
  const id = 'number' in event ? `id: ${event.number}\n` : '';
  const data = JSON.stringify({ ...event.payload, eventType: event.type, timestamp: event.timestamp });
  return `${id}event: ${event.type}\ndata: ${data}\n\n`;
}
