// Reading the outbox by cursor, and forgetting its old end.
import type { Pool } from 'pg';
import type { StoredEvent } from '#libs/events';
import { EVENTS_KEPT, EVENTS_KEPT_MS } from '#libs/store';
import type { EventPage } from '#libs/store';
import { runAlone } from './transaction.js';
import type { Statement } from './transaction.js';

// pg_column_size of a toasted value is read from its pointer, so large payloads are fetched only when the page has room for them
const PAGE: Statement = {
  name: 'events.page',
  text: `with page as (
           select number, type, timestamp, payload,
                  sum(pg_column_size(payload)) over (order by number) as bytes, row_number() over (order by number) as place
           from (select * from events where number > $1 order by number limit $2) next)
         select number, type, timestamp, payload from page where place = 1 or bytes <= $3::bigint order by number`,
};
const BOUNDS: Statement = {
  name: 'events.bounds',
  text: `select event_number as newest, coalesce((select min(number) from events), event_number + 1) as oldest from counters`,
};
// events_by_age finds the newest one that is too old; numbers grow with age, so what goes is a prefix. Batches keep each delete short.
const TRIM: Statement = {
  name: 'events.trim',
  text: `with bound as (
           select greatest(
             (select event_number - $1::bigint from counters),
             (select max(number) from events where recorded_at < clock_timestamp() - $2 * interval '1 millisecond')) as number)
         delete from events where number in (
           select events.number from events, bound where events.number <= bound.number order by events.number limit $3)
         returning 1`,
};
const TRIM_BATCH = 10_000;

type EventRow = Omit<StoredEvent, 'number'> & { readonly number: string };

export async function eventsAfter(
  pool: Pool,
  after: number,
  limit: number,
  bytesMax = Number.MAX_SAFE_INTEGER,
): Promise<EventPage> {
  const rows = await runAlone<EventRow>(pool, PAGE, [after, limit, bytesMax]);
  const events = rows.map((row): StoredEvent => ({ ...row, number: Number(row.number) }));
  const [first] = events;
  if (first?.number === after + 1) return { kind: 'events', events };
  // A gap, or nothing newer yet: numbers are gapless, so a gap means that older ones were trimmed.
  const [bounds] = await runAlone<{ newest: string; oldest: string }>(pool, BOUNDS);
  const oldest = first?.number ?? Number(bounds?.oldest ?? 1);
  if (after < oldest - 1) return { kind: 'too-old', oldest };
  const newest = Number(bounds?.newest ?? 0);
  if (after > newest) return { kind: 'ahead', newest };
  return { kind: 'events', events };
}

export async function trimEvents(pool: Pool): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const rows = await runAlone(pool, TRIM, [EVENTS_KEPT, EVENTS_KEPT_MS, TRIM_BATCH]);
    forgotten += rows.length;
    if (rows.length < TRIM_BATCH) return forgotten;
  }
}
