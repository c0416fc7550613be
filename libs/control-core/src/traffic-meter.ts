// What proxies measured, summed over all of them and kept in memory for a minute at most: for people, nothing is decided by it and nothing
// is stored. Two generations of 30 s: the one that grows and the one before, so that a figure is of the last 30 to 60 s.
import {
  LATENCY_BUCKETS,
  latencyQuantile,
  PROXY_LEASE_MS,
  TRAFFIC_ABORTS,
  TRAFFIC_COUNTS,
  type TrafficAbort,
  type TrafficReport,
  type TrafficSeries,
  type TrafficStanding,
} from '#libs/agent-protocol';
import type { AppId, ProxyId } from '#libs/model';

export const TRAFFIC_GENERATION_MS = 30_000;
/** Tasks and ports beyond it are not told apart from others of their app. */
const SERIES_MAX = 5_000;

export interface MeasuredTraffic {
  readonly requests: number;
  readonly perSecond: number;
  readonly status: {
    readonly '1xx': number;
    readonly '2xx': number;
    readonly '3xx': number;
    readonly '4xx': number;
    readonly '5xx': number;
  };
  /** Ended without an answer. */
  readonly broken: number;
  /** Broken off before the answer was whole, by whom. */
  readonly aborted: Readonly<Record<TrafficAbort, number>>;
  readonly retries: number;
  /** Times that a proxy process left a target out for failing. */
  readonly ejections: number;
  /** Requests and connections at the moment, by the last reports. */
  readonly inFlight: number;
  /** Requests that wait for a target; they are of no version yet. */
  readonly waiting: number;
  /** By how many proxy processes targets are left out at the moment. */
  readonly leftOut: number;
  readonly bytesPerSecond: number;
  /** ms; null: no request has ended. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}
/** Undefined members: of requests that no task got. */
export interface MeasuredTarget extends MeasuredTraffic {
  readonly taskId: string | null;
  readonly portIndex: number;
}
export interface MeasuredVersion extends MeasuredTraffic {
  readonly version: string | null;
  readonly targets: readonly MeasuredTarget[];
}
export interface MeasuredApp extends MeasuredTraffic {
  readonly appId: string;
  readonly versions: readonly MeasuredVersion[];
}

/** Whom a figure is about. */
export type MeasuredNames = Pick<TrafficSeries, 'appId' | 'portIndex' | 'version' | 'taskId'>;
/** A service by its id: of an app, or of a deployment group. */
export interface MeasuredService {
  readonly id: string;
  /** Of its figures only these; absent: all. */
  readonly isOf?: (names: MeasuredNames) => boolean;
}
type Names = MeasuredNames;

interface Sums {
  readonly counts: Float64Array;
  readonly aborted: Float64Array;
  readonly latency: Float64Array;
}
interface Kept {
  readonly series: Names;
  now: Sums;
  before: Sums | null;
}
type Standing = Pick<TrafficStanding, 'inFlight' | 'waiting' | 'leftOut'>;

export class TrafficMeter {
  readonly #apps = new Map<string, Map<string, Kept>>();
  readonly #heard = new Map<ProxyId, number>();
  readonly #standing = new Map<ProxyId, { readonly at: number; readonly list: readonly TrafficStanding[] }>();
  #size = 0;
  #since = -Infinity;
  #hasBefore = false;

  /** Of each report, also of one without figures. `now`: ms of any clock that does not go back. Series of apps and deployment groups that do not exist are none of ours. */
  note(
    proxy: ProxyId,
    report: TrafficReport | undefined,
    now: number,
    isKnown: (service: AppId) => boolean,
  ): void {
    this.#turn(now);
    const { series = [], standing = [] } = report ?? {};
    const list = standing.filter(({ appId }) => isKnown(appId as AppId));
    if (list.length > 0) this.#standing.set(proxy, { at: now, list });
    else this.#standing.delete(proxy);
    for (const each of list) this.#find(each);
    if (!report) return;
    this.#heard.set(proxy, now);
    for (const each of series) {
      if (!isKnown(each.appId as AppId)) continue;
      const { now: sums } = this.#find(each);
      each.counts.forEach((count, index) => add(sums.counts, index, count));
      each.aborted?.forEach((count, index) => add(sums.aborted, index, count));
      for (let at = 0; at + 1 < each.latency.length; at += 2)
        add(sums.latency, each.latency[at] ?? 0, each.latency[at + 1] ?? 0);
    }
  }

  /** Seconds that the figures are of. */
  windowSeconds(now: number): number {
    this.#turn(now);
    const ms = now - this.#since + (this.#hasBefore ? TRAFFIC_GENERATION_MS : 0);
    return Math.max(1, Math.round(ms / 1_000));
  }

  /** Proxies that told something in that time. */
  proxies(now: number): number {
    this.#turn(now);
    return this.#heard.size;
  }

  /** Those with traffic, by id. */
  apps(now: number): readonly string[] {
    this.#turn(now);
    return [...this.#apps.keys()].sort();
  }

  /** All zeros when it had none. `services`: what counts as its own; absent: the service that has its id. */
  app(appId: string, now: number, services: readonly MeasuredService[] = [{ id: appId }]): MeasuredApp {
    const seconds = this.windowSeconds(now);
    const kept = services.flatMap(({ id, isOf = isAny }) =>
      [...(this.#apps.get(id)?.values() ?? [])].filter(({ series }) => isOf(series)),
    );
    const standing = this.#standingOf(new Set(services.map(({ id }) => id)), now);
    const summary = (of: readonly Kept[]): MeasuredTraffic => summed(of, { seconds, standing });
    const versions = [...new Set(kept.map(({ series }) => series.version ?? null))].sort(newestFirst);
    return {
      appId,
      ...summary(kept),
      versions: versions.map((version) => {
        const own = kept.filter(({ series }) => (series.version ?? null) === version);
        return {
          version,
          ...summary(own),
          targets: own.map((each) => ({
            taskId: each.series.taskId ?? null,
            portIndex: each.series.portIndex,
            ...summary([each]),
          })),
        };
      }),
    };
  }

  /** By the key of their series; those of proxies that are not heard any more are none. */
  #standingOf(ids: ReadonlySet<string>, now: number): ReadonlyMap<string, Standing> {
    const sums = new Map<string, Standing>();
    for (const { at, list } of this.#standing.values()) {
      if (now - at > PROXY_LEASE_MS || now < at) continue;
      for (const each of list) {
        if (!ids.has(each.appId)) continue;
        const key = standingKeyOf(each);
        const sum = sums.get(key) ?? NOTHING_STANDS;
        sums.set(key, {
          inFlight: sum.inFlight + each.inFlight,
          waiting: sum.waiting + each.waiting,
          leftOut: sum.leftOut + each.leftOut,
        });
      }
    }
    return sums;
  }

  #find({ appId, portIndex, version, taskId }: Names): Kept {
    let ofApp = this.#apps.get(appId);
    if (!ofApp) this.#apps.set(appId, (ofApp = new Map()));
    const task = this.#size < SERIES_MAX ? taskId : undefined;
    const key = keyOf({ portIndex, version, taskId: task });
    let kept = ofApp.get(key);
    if (!kept) {
      const series = {
        appId,
        portIndex,
        ...(version === undefined ? {} : { version }),
        ...(task === undefined ? {} : { taskId: task }),
      };
      kept = { series, now: noSums(), before: null };
      ofApp.set(key, kept);
      this.#size += 1;
    }
    return kept;
  }

  /** Begins a new generation when the time has come; what had nothing in two of them is forgotten. */
  #turn(now: number): void {
    const age = now - this.#since;
    if (age < TRAFFIC_GENERATION_MS && age >= 0) return;
    this.#hasBefore = age < 2 * TRAFFIC_GENERATION_MS && age >= 0;
    this.#since = now;
    for (const [proxy, at] of this.#heard)
      if (now - at > 2 * TRAFFIC_GENERATION_MS || now < at) this.#heard.delete(proxy);
    for (const [proxy, { at }] of this.#standing)
      if (now - at > PROXY_LEASE_MS || now < at) this.#standing.delete(proxy);
    for (const [appId, ofApp] of this.#apps) {
      for (const [key, kept] of ofApp) {
        const isIdle = !kept.now.counts[0];
        kept.before = this.#hasBefore && !isIdle ? kept.now : null;
        kept.now = noSums();
        if (kept.before) continue;
        ofApp.delete(key);
        this.#size -= 1;
      }
      if (ofApp.size === 0) this.#apps.delete(appId);
    }
  }
}

const NOTHING_STANDS: Standing = { inFlight: 0, waiting: 0, leftOut: 0 };

const isAny = (): boolean => true;

const standingKeyOf = (names: Names): string => `${names.appId} ${keyOf(names)}`;

const keyOf = (names: {
  readonly portIndex: number;
  readonly version?: string | undefined;
  readonly taskId?: string | undefined;
}): string => `${names.portIndex} ${names.version ?? ''} ${names.taskId ?? ''}`;

const noSums = (): Sums => ({
  counts: new Float64Array(TRAFFIC_COUNTS.length),
  aborted: new Float64Array(TRAFFIC_ABORTS.length),
  latency: new Float64Array(LATENCY_BUCKETS),
});

function add(sums: Float64Array, index: number, count: number): void {
  if (index < sums.length) sums[index] = (sums[index] ?? 0) + count;
}

const newestFirst = (a: string | null, b: string | null): number => ((a ?? '') < (b ?? '') ? 1 : -1);

function summed(
  kept: readonly Kept[],
  { seconds, standing }: { seconds: number; standing: ReadonlyMap<string, Standing> },
): MeasuredTraffic {
  const stands = (name: keyof Standing): number =>
    kept.reduce((all, { series }) => all + (standing.get(standingKeyOf(series))?.[name] ?? 0), 0);
  const { counts, aborted, latency } = noSums();
  for (const { now, before } of kept) {
    for (const sums of before ? [now, before] : [now]) {
      sums.counts.forEach((count, index) => add(counts, index, count));
      sums.aborted.forEach((count, index) => add(aborted, index, count));
      sums.latency.forEach((count, index) => add(latency, index, count));
    }
  }
  const of = (name: (typeof TRAFFIC_COUNTS)[number]): number => counts[TRAFFIC_COUNTS.indexOf(name)] ?? 0;
  const brokenOff = (by: TrafficAbort): number => aborted[TRAFFIC_ABORTS.indexOf(by)] ?? 0;
  const quantile = (share: number): number | null => {
    const ms = latencyQuantile(latency, share);
    return ms === undefined ? null : Math.round(ms * 1_000) / 1_000;
  };
  return {
    requests: of('requests'),
    perSecond: Math.round((of('requests') / seconds) * 10) / 10,
    status: {
      '1xx': of('status1xx'),
      '2xx': of('status2xx'),
      '3xx': of('status3xx'),
      '4xx': of('status4xx'),
      '5xx': of('status5xx'),
    },
    broken: of('broken'),
    aborted: { target: brokenOff('target'), client: brokenOff('client'), drain: brokenOff('drain') },
    retries: of('retries'),
    ejections: of('ejections'),
    inFlight: stands('inFlight'),
    waiting: stands('waiting'),
    leftOut: stands('leftOut'),
    bytesPerSecond: Math.round(of('bytesOut') / seconds),
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
  };
}
