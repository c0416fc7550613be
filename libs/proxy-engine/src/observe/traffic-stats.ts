// Counts of what went to which task: totals since the start of this process, for metrics, and what came since the last report, for the
// control plane. Each request pays one lookup and a few additions into arrays that are there already, nothing is allocated for it.
import {
  LATENCY_BUCKETS,
  latencyBucket,
  TRAFFIC_ABORTS,
  TRAFFIC_COUNTS,
  TRAFFIC_SERIES_MAX,
  type TrafficAbort,
  type TrafficReport,
  type TrafficSeries,
} from '#libs/agent-protocol';
import type { TaskId } from '#libs/model';
import type { AbortedBy, RequestRecord, TrafficSums } from '#libs/proxy-core';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';
import type { Observer } from './observer.js';
import { versionOf } from './version-of.js';

/** Tasks and ports beyond it are counted with others of their app and version. About 4 KB each. */
const SERIES_MAX = 5_000;

const [REQUESTS, BROKEN, RETRIES, BYTES, EJECTIONS] = (
  ['requests', 'broken', 'retries', 'bytesOut', 'ejections'] as const
).map((name) => TRAFFIC_COUNTS.indexOf(name)) as [number, number, number, number, number];

/** A target that stays silent in the middle of its answer has broken it off, too. */
const ABORT_OF: Readonly<Record<AbortedBy, number>> = {
  target: abortAt('target'),
  silence: abortAt('target'),
  client: abortAt('client'),
  drain: abortAt('drain'),
};

interface Sums {
  readonly counts: Float64Array;
  readonly aborted: Float64Array;
  readonly latency: Float64Array;
}

interface Series extends Sums {
  /** Empty: the request was for no app. */
  readonly appId: string;
  readonly portIndex: number;
  readonly version: string | undefined;
  readonly taskId: TaskId | undefined;
  /** As the control plane has them. */
  readonly told: Sums;
  isTouched: boolean;
}

interface Taken extends Sums {
  readonly series: Series;
}

export class TrafficStats implements Observer {
  /** By task; of a task with several ports the others are in `#others`. */
  readonly #byTask = new Map<TaskId, Series>();
  /** By words: other ports, requests without a task, and what is beyond the bound. */
  readonly #others = new Map<string, Series>();
  #routed: ReadonlySet<TaskId> = new Set();
  #taken: readonly Taken[] = [];

  ended(record: RequestRecord): void {
    const { service, target, path, status, retries, bytesOut, durationMs, abortedBy } = record;
    const known = target && this.#byTask.get(target.taskId);
    const isPort = known?.portIndex === service?.portIndex;
    const series = known && isPort ? known : this.#find(service, target);
    const { counts } = series;
    series.isTouched = true;
    add(counts, REQUESTS, 1);
    if (status >= 100 && status < 600) add(counts, (status / 100) | 0, 1);
    else if (isBroken(record)) add(counts, BROKEN, 1);
    if (retries > 0) add(counts, RETRIES, retries);
    add(counts, BYTES, bytesOut);
    if (abortedBy !== undefined) return add(series.aborted, ABORT_OF[abortedBy], 1);
    // how long people keep a connection says nothing about a task
    if (status > 0 && path !== 'tcp' && path !== 'websocket')
      add(series.latency, latencyBucket(durationMs), 1);
  }

  leftOut(service: RouteService, target: RouteTarget): void {
    const known = this.#byTask.get(target.taskId);
    const series = known?.portIndex === service.portIndex ? known : this.#find(service, target);
    series.isTouched = true;
    add(series.counts, EJECTIONS, 1);
  }

  /** Sums of an engine that tells averages: each request counts as one of average length. Without a target: the engine's own answers. */
  counted(service: RouteService, target: RouteTarget | undefined, sums: TrafficSums): void {
    const known = target && this.#byTask.get(target.taskId);
    const series = known && known.portIndex === service.portIndex ? known : this.#find(service, target);
    const { counts } = series;
    const answers = sums.byClass.reduce((all, count) => all + count, 0);
    series.isTouched = true;
    add(counts, REQUESTS, answers + sums.broken + sums.connections);
    sums.byClass.forEach((count, at) => add(counts, at + 1, count));
    add(counts, BROKEN, sums.broken);
    add(counts, RETRIES, sums.retries);
    add(counts, EJECTIONS, sums.ejections);
    add(counts, BYTES, sums.bytesOut);
    for (const by of TRAFFIC_ABORTS) add(series.aborted, abortAt(by), sums.aborted?.[by] ?? 0);
    if (answers > 0 && target) add(series.latency, latencyBucket(sums.averageMs), answers);
  }

  /** Tasks that are not in it are forgotten once the control plane has been told of all that went to them. */
  swap({ services }: RouteTable): void {
    this.#routed = new Set(services.flatMap(({ targets }) => targets.map(({ taskId }) => taskId)));
  }

  /** Totals since the start; a task that has left may be missing. */
  totals(): readonly TrafficSeries[] {
    return [...this.#all()].map((series) => shown(series, series));
  }

  /** What came since the last report that was answered, the busiest first; what has no room goes with the next one. */
  take(): TrafficReport | undefined {
    this.#forget();
    const moved = [...this.#all()].filter(({ isTouched, appId }) => isTouched && appId !== '');
    moved.sort((a, b) => untold(b) - untold(a));
    this.#taken = moved.slice(0, TRAFFIC_SERIES_MAX).map((series) => ({
      series,
      counts: series.counts.slice(),
      aborted: series.aborted.slice(),
      latency: series.latency.slice(),
    }));
    if (this.#taken.length === 0) return undefined;
    return {
      series: this.#taken.map(({ series, counts, aborted, latency }) =>
        shown(series, {
          counts: less(counts, series.told.counts),
          aborted: less(aborted, series.told.aborted),
          latency: less(latency, series.told.latency),
        }),
      ),
    };
  }

  /** The control plane has what was taken last. */
  answered(): void {
    for (const { series, counts, aborted, latency } of this.#taken) {
      series.told.counts.set(counts);
      series.told.aborted.set(aborted);
      series.told.latency.set(latency);
      series.isTouched = untold(series) > 0;
    }
    this.#taken = [];
  }

  #find(service: RouteService | undefined, target: RouteTarget | undefined): Series {
    const isFull = this.#byTask.size + this.#others.size >= SERIES_MAX;
    const task = isFull ? undefined : target?.taskId;
    const [appId, portIndex, version] = [
      service?.appId ?? '',
      service?.portIndex ?? 0,
      versionOf({ service, target }),
    ];
    if (task !== undefined && !this.#byTask.has(task)) {
      const series = newSeries(appId, portIndex, version, task);
      this.#byTask.set(task, series);
      return series;
    }
    const key = `${portIndex} ${version ?? ''} ${task ?? ''} ${appId}`;
    const known = this.#others.get(key);
    if (known) return known;
    const series = newSeries(appId, portIndex, version, task);
    this.#others.set(key, series);
    return series;
  }

  #forget(): void {
    const isOver = ({ taskId, isTouched }: Series): boolean =>
      !isTouched && taskId !== undefined && !this.#routed.has(taskId);
    for (const [task, series] of this.#byTask) if (isOver(series)) this.#byTask.delete(task);
    for (const [key, series] of this.#others) if (isOver(series)) this.#others.delete(key);
  }

  *#all(): Iterable<Series> {
    yield* this.#byTask.values();
    yield* this.#others.values();
  }
}

/** Of those without a status: TCP has none, and who may not ask gets none. */
export const isBroken = ({ path, target, closedBy }: RequestRecord): boolean =>
  closedBy !== 'forbidden' && (path !== 'tcp' || target === undefined);

function newSeries(
  appId: string,
  portIndex: number,
  version: string | undefined,
  taskId: TaskId | undefined,
): Series {
  const sums = (): Sums => ({
    counts: new Float64Array(TRAFFIC_COUNTS.length),
    aborted: new Float64Array(TRAFFIC_ABORTS.length),
    latency: new Float64Array(LATENCY_BUCKETS),
  });
  return { appId, portIndex, version, taskId, ...sums(), told: sums(), isTouched: false };
}

function abortAt(name: TrafficAbort): number {
  return TRAFFIC_ABORTS.indexOf(name);
}

function add(sums: Float64Array, index: number, count: number): void {
  sums[index] = (sums[index] ?? 0) + count;
}

const untold = ({ counts, told }: Series): number =>
  [REQUESTS, EJECTIONS].reduce((all, at) => all + (counts[at] ?? 0) - (told.counts[at] ?? 0), 0);
const less = (all: Float64Array, told: Float64Array): Float64Array =>
  all.map((count, index) => count - (told[index] ?? 0));

function withoutZerosAtEnd(counts: Float64Array): number[] {
  const last = counts.findLastIndex((count) => count !== 0);
  return [...counts.subarray(0, last + 1)];
}

function shown(series: Series, { counts, aborted, latency }: Sums): TrafficSeries {
  const { appId, portIndex, version, taskId } = series;
  const pairs: number[] = [];
  latency.forEach((count, bucket) => {
    if (count > 0) pairs.push(bucket, count);
  });
  return {
    appId,
    portIndex,
    ...(version === undefined ? {} : { version }),
    ...(taskId === undefined ? {} : { taskId }),
    counts: withoutZerosAtEnd(counts),
    ...(aborted.some((count) => count > 0) ? { aborted: [...aborted] } : {}),
    latency: pairs,
  };
}
