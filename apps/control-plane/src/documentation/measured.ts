// The shapes of what proxies measured.
import type { Schema } from './endpoint.js';
import { count, listOf, object } from './shapes.js';

const amount: Schema = { type: 'number', minimum: 0 };
const ms: Schema = { type: ['number', 'null'] };
const name: Schema = { type: ['string', 'null'] };

/** Of anything that has traffic. */
export const MEASURED: Readonly<Record<string, Schema>> = {
  requests: count,
  perSecond: amount,
  status: object({ '1xx': count, '2xx': count, '3xx': count, '4xx': count, '5xx': count }),
  broken: count,
  aborted: object({ target: count, client: count, drain: count }),
  retries: count,
  ejections: count,
  inFlight: count,
  waiting: count,
  leftOut: count,
  bytesPerSecond: amount,
  p50Ms: ms,
  p95Ms: ms,
  p99Ms: ms,
};

const targets = listOf(object({ ...MEASURED, taskId: name, portIndex: count }));
export const measuredVersion = object({ ...MEASURED, targets });
export const measuredApp = object({
  ...MEASURED,
  appId: { type: 'string' },
  versions: listOf(object({ ...MEASURED, version: name, targets })),
});
