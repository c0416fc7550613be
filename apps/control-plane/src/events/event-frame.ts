// An event as the text that clients read (events.md 1), made once for all streams. The number, where there is one, is the frame's last
// line: readers older than cursors look no further than `data:`, and one that dies in between has no cursor beyond what it read.
import { lightPlan, type NewEvent, type StoredEvent } from '#libs/events';

export class EventFrame {
  readonly type: string;
  /** 0: not stored, so nobody can ask for it again. */
  readonly number: number;
  #full: Buffer | null = null;
  #light: Buffer | null = null;

  constructor(private readonly event: NewEvent | StoredEvent) {
    this.type = event.type;
    this.number = 'number' in event ? event.number : 0;
  }

  get full(): Buffer {
    return (this.#full ??= textOf(this.event));
  }
  /** Plans without the trees before and after. */
  get light(): Buffer {
    if (!('plan' in this.event.payload)) return this.full;
    return (this.#light ??= textOf(lightPlan(this.event)));
  }
}

function textOf(event: NewEvent | StoredEvent): Buffer {
  const data = JSON.stringify({ ...event.payload, eventType: event.type, timestamp: event.timestamp });
  const id = 'number' in event ? `id: ${event.number}\n` : '';
  return Buffer.from(`event: ${event.type}\ndata: ${data}\n${id}\n`);
}
