// Timestamps in requests: ISO 8601 date and time with an offset or Z, brought to the one form the API shows.
import { timestampOf, type Timestamp } from '../ids.js';

const ISO_DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)$/;

/** Null for anything else, impossible dates included. Digits below a millisecond are cut off. */
export function parseTimestamp(text: string): Timestamp | null {
  if (!ISO_DATE_TIME.test(text)) return null;
  const epochMs = Date.parse(text);
  return Number.isNaN(epochMs) ? null : timestampOf(epochMs);
}
