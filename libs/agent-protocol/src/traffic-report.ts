// What a proxy measured, as its reports carry it: counts per task since its last report that was answered, and latencies in buckets that
// proxy and control plane share. Optional and bounded; nothing depends on it but what people are shown.

/** In this order in `TrafficSeries.counts`. `broken`: ended without an answer, whole or not. TCP connections count as requests of no status. */
export const TRAFFIC_COUNTS = [
  'requests',
  'status1xx',
  'status2xx',
  'status3xx',
  'status4xx',
  'status5xx',
  'broken',
  'retries',
  'bytesOut',
  // left out for failing; a control plane of before takes no count behind `bytesOut`, so zeros at the end are not sent. What is new from
  // now on goes into members of its own, which it does not look at
  'ejections',
] as const;
export type TrafficCount = (typeof TRAFFIC_COUNTS)[number];

/**
 * In this order in `TrafficSeries.aborted`: who broke requests off before their answer was whole. `target`: it broke its answer off, or was
 * silent in the middle of it; `client`: it left, also before an answer; `drain`: the target's drain time was over, or the proxy stopped.
 */
export const TRAFFIC_ABORTS = ['target', 'client', 'drain'] as const;
export type TrafficAbort = (typeof TRAFFIC_ABORTS)[number];

export interface TrafficSeries {
  readonly appId: string;
  readonly portIndex: number;
  /** Absent: no task was asked, or the table does not say. */
  readonly version?: string;
  /** Absent: the proxy answered itself, or tasks were summed for size. */
  readonly taskId?: string;
  /** As `TRAFFIC_COUNTS`; zeros at the end may be left out. */
  readonly counts: readonly number[];
  /** As `TRAFFIC_ABORTS`. Absent: none, or a proxy of an older release. */
  readonly aborted?: readonly number[];
  /** Pairs of bucket and count, by bucket; requests that ended whole. */
  readonly latency: readonly number[];
}

/** How a target, or the line of a service (no task), stands at the moment of a report. What is all zero is not told. */
export interface TrafficStanding {
  readonly appId: string;
  readonly portIndex: number;
  readonly version?: string;
  readonly taskId?: string;
  /** Requests and connections. */
  readonly inFlight: number;
  /** Requests that wait for a target. */
  readonly waiting: number;
  /** 1: this process leaves it out for failing. */
  readonly leftOut: number;
}

export interface TrafficReport {
  readonly series: readonly TrafficSeries[];
  /** At most `TRAFFIC_SERIES_MAX`. Absent: nothing in flight, nobody waits, none left out; or a proxy of an older release. */
  readonly standing?: readonly TrafficStanding[];
}

/** Busiest first; the rest of an app's version is summed, and beyond that left out. */
export const TRAFFIC_SERIES_MAX = 500;

/** Log-linear: eight buckets for each power of two of microseconds, so a bucket is at most 12.5 % wide; up to 35 minutes. */
export const LATENCY_BUCKETS = 232;

/** No logarithm and no allocation, for each request pays for it. */
export function latencyBucket(ms: number): number {
  // also NaN and what is below 0
  if (!(ms > 0)) return 0;
  const us = ms >= LATENCY_MS_MAX ? 0x7f_ff_ff_ff : (ms * 1_000) | 0;
  if (us < 8) return us;
  const power = 31 - Math.clz32(us);
  return (power - 2) * 8 + ((us >>> (power - 3)) & 7);
}
const LATENCY_MS_MAX = 2_147_483;

/** The upper end of a bucket, ms. */
export function latencyBound(bucket: number): number {
  if (bucket < 8) return (bucket + 1) / 1_000;
  const power = Math.floor(bucket / 8) + 2;
  return ((8 + (bucket % 8) + 1) * 2 ** (power - 3)) / 1_000;
}

/** Middle of the bucket that holds this share (0 to 1) of all; undefined when there are none. ms */
export function latencyQuantile(counts: ArrayLike<number>, share: number): number | undefined {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket += 1) total += counts[bucket] ?? 0;
  if (total === 0) return undefined;
  let left = Math.max(1, Math.ceil(total * share));
  for (let bucket = 0; bucket < counts.length; bucket += 1) {
    left -= counts[bucket] ?? 0;
    if (left <= 0) return (latencyBound(bucket) + (bucket > 0 ? latencyBound(bucket - 1) : 0)) / 2;
  }
  return undefined;
}
