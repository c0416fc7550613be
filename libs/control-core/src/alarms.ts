// Alarms that are on now, in clear words: the mass-kill brake, hosts that all seem lost, a bug that an invariant caught.
// Each change is an event; an alarm of an earlier office is raised anew when its reason still holds.
import { timestampOf } from '#libs/model';
import type { Lane } from './lane.js';
import type { Log } from './log.js';

export interface ActiveAlarm {
  /** Stable while it lasts: `mass-kill-brake /shop/web`. */
  readonly id: string;
  readonly kind: string;
  readonly text: string;
  /** Epoch ms. */
  readonly since: number;
}

export class Alarms {
  readonly #active = new Map<string, ActiveAlarm>();

  constructor(
    private readonly lane: Lane,
    private readonly log: Log,
  ) {}

  list(): readonly ActiveAlarm[] {
    return [...this.#active.values()];
  }

  /** Raises it, or keeps it when it is on already. */
  raise(id: string, kind: string, text: string, now: number): void {
    if (this.#active.has(id)) return;
    const alarm = { id, kind, text, since: now };
    this.#active.set(id, alarm);
    this.log.error({ alarm }, `alarm: ${text}`);
    this.#tell('alarm_raised_event', alarm);
  }

  clear(id: string): void {
    const alarm = this.#active.get(id);
    if (!alarm) return;
    this.#active.delete(id);
    this.#tell('alarm_cleared_event', alarm);
  }

  reset(): void {
    this.#active.clear();
  }

  #tell(type: 'alarm_raised_event' | 'alarm_cleared_event', { id, kind, text }: ActiveAlarm): void {
    const told = this.lane.submit((_workingSet, now) => ({
      writes: [],
      events: [{ type, timestamp: timestampOf(now), payload: { id, kind, text } }],
      value: undefined,
    }));
    // the alarm itself is on and logged; a closed lane only costs its event
    told.catch((error: unknown) => this.log.warn({ err: error, id }, 'the event of an alarm was not stored'));
  }
}
