// What one proxy process measured and holds at a moment, as plain data: it goes from workers to their primary. Sums over workers, and the
// text that Prometheus reads (exposition format 0.0.4).
import {
  latencyBound,
  TRAFFIC_ABORTS,
  TRAFFIC_COUNTS,
  type TrafficSeries,
  type TrafficStanding,
} from '#libs/agent-protocol';
import type { HeaderRefusalCount } from './header-refusals.js';

export interface ProcessSnapshot {
  readonly totals: readonly TrafficSeries[];
  /** By task. */
  readonly inFlight: Readonly<Record<string, number>>;
  /** Absent: an engine that does not know it. */
  readonly standing?: readonly TrafficStanding[];
  readonly table: TableState;
  readonly log?: { readonly written: number; readonly dropped: number };
  /** Absent: an engine that does not know them. */
  readonly headerRefusals?: readonly HeaderRefusalCount[];
}

export interface TableState {
  readonly epoch: number;
  readonly number: number;
  readonly madeAt: string | null;
  readonly confirmed: { readonly epoch: number; readonly number: number };
  /** ms since this process got it. */
  readonly ageMs: number;
  /** ms that the lease still holds; 0: it has ended, requests wait for a fresh table. */
  readonly leaseMs: number;
  readonly services: number;
  readonly targets: number;
}

/** Sums by app, port, version and task. */
export function mergeTotals(snapshots: readonly ProcessSnapshot[]): readonly TrafficSeries[] {
  return merged(
    snapshots.flatMap(({ totals }) => totals),
    ({ appId, portIndex, version = '', taskId = '' }) => `${portIndex} ${version} ${taskId} ${appId}`,
  );
}

export function mergeInFlight(snapshots: readonly ProcessSnapshot[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { inFlight } of snapshots)
    for (const [task, count] of Object.entries(inFlight)) sums[task] = (sums[task] ?? 0) + count;
  return sums;
}

/** Upper bounds of the histogram that is shown, s. Ours is finer, so a bound cuts one of our buckets at most. */
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function prometheusText(snapshots: readonly ProcessSnapshot[]): string {
  const totals = mergeTotals(snapshots);
  const lines: string[] = [];
  const metric = (name: string, type: string, help: string, samples: readonly string[]): void => {
    lines.push(`# HELP longrun_proxy_${name} ${help}`, `# TYPE longrun_proxy_${name} ${type}`);
    for (const sample of samples) lines.push(`longrun_proxy_${name}${sample}`);
  };
  const counter = (name: string, help: string, index: number): void =>
    metric(
      name,
      'counter',
      help,
      totals.map((each) => `${labels(each)} ${each.counts[index] ?? 0}`),
    );
  metric(
    'requests_total',
    'counter',
    'Requests that ended, by class of the answer; TCP connections and requests without an answer have none.',
    totals.flatMap((each) => byClass(each)),
  );
  counter('broken_total', 'Requests that ended without an answer.', at('broken'));
  metric(
    'aborted_total',
    'counter',
    'Requests that were broken off before their answer was whole, by whom.',
    totals.flatMap((each) => byWhom(each)),
  );
  counter('retries_total', 'Tasks asked after the first one.', at('retries'));
  counter('response_bytes_total', 'Bytes to clients.', at('bytesOut'));
  metric(
    'request_duration_seconds',
    'histogram',
    'From the first byte of a request to the last of its answer.',
    [
      ...merged(totals, ({ appId, portIndex, version = '' }) => `${portIndex} ${version} ${appId}`).flatMap(
        durations,
      ),
    ],
  );
  counter('ejections_total', 'Times that a task was left out for failing.', at('ejections'));
  metric(
    'header_refusals_total',
    'counter',
    'Connections that were closed for want of a right PROXY header, by what was wrong.',
    refusals(snapshots),
  );
  standingMetrics(snapshots, metric);
  tableMetrics(snapshots, metric);
  return `${lines.join('\n')}\n`;
}

function refusals(snapshots: readonly ProcessSnapshot[]): readonly string[] {
  const sums = new Map<string, number>();
  for (const { appId, portIndex, fault, count } of snapshots.flatMap((each) => each.headerRefusals ?? [])) {
    const names = labels({ appId, portIndex }, `reason="${fault}"`);
    sums.set(names, (sums.get(names) ?? 0) + count);
  }
  return [...sums].map(([names, count]) => `${names} ${count}`);
}

/** Sums by app, port, version and task. */
export function mergeStanding(snapshots: readonly ProcessSnapshot[]): readonly TrafficStanding[] {
  const sums = new Map<string, TrafficStanding>();
  for (const each of snapshots.flatMap(({ standing = [] }) => standing)) {
    const key = `${each.portIndex} ${each.version ?? ''} ${each.taskId ?? ''} ${each.appId}`;
    const sum = sums.get(key);
    sums.set(key, {
      ...each,
      inFlight: each.inFlight + (sum?.inFlight ?? 0),
      waiting: each.waiting + (sum?.waiting ?? 0),
      leftOut: each.leftOut + (sum?.leftOut ?? 0),
    });
  }
  return [...sums.values()];
}

function standingMetrics(snapshots: readonly ProcessSnapshot[], metric: Metric): void {
  const standing = mergeStanding(snapshots);
  const samples = (name: 'inFlight' | 'waiting' | 'leftOut'): string[] =>
    standing.filter((each) => each[name] > 0).map((each) => `${labels(each)} ${each[name]}`);
  // of tasks that are not in the table any more the app is not known
  const named = new Set(standing.flatMap(({ taskId, inFlight }) => (inFlight > 0 ? (taskId ?? []) : [])));
  const others = Object.entries(mergeInFlight(snapshots)).filter(([task]) => !named.has(task));
  metric('in_flight', 'gauge', 'Requests and connections in flight to a task.', [
    ...samples('inFlight'),
    ...others.map(([task, count]) => `{task="${escaped(task)}"} ${count}`),
  ]);
  metric('waiting', 'gauge', 'Requests that wait for a target of an app.', samples('waiting'));
  metric('left_out', 'gauge', 'Processes that leave a task out for failing.', samples('leftOut'));
}

type Metric = (name: string, type: string, help: string, samples: readonly string[]) => void;

/** With several processes the one that is furthest behind is told. */
function tableMetrics(snapshots: readonly ProcessSnapshot[], metric: Metric): void {
  const tables = snapshots.map(({ table }) => table);
  const least = (of: (table: TableState) => number): string[] =>
    tables.length ? [` ${Math.min(...tables.map(of))}`] : [];
  metric('workers', 'gauge', 'Processes that answered.', [` ${snapshots.length}`]);
  metric(
    'table_number',
    'gauge',
    'Number of the route table in use.',
    least(({ number }) => number),
  );
  metric(
    'table_epoch',
    'gauge',
    'Epoch of the route table in use.',
    least(({ epoch }) => epoch),
  );
  metric('table_confirmed_number', 'gauge', 'Number of the last table that was confirmed.', [
    ...least(({ confirmed }) => confirmed.number),
  ]);
  metric(
    'lease_seconds',
    'gauge',
    'How long the lease still holds.',
    least(({ leaseMs }) => leaseMs / 1_000),
  );
  const logs = snapshots.flatMap(({ log }) => log ?? []);
  if (!logs.length) return;
  const sum = (of: 'written' | 'dropped'): string[] => [` ${logs.reduce((all, each) => all + each[of], 0)}`];
  metric('access_log_lines_total', 'counter', 'Lines written to the access log.', sum('written'));
  metric('access_log_dropped_total', 'counter', 'Lines left out because the disk was slow.', sum('dropped'));
}

const at = (name: (typeof TRAFFIC_COUNTS)[number]): number => TRAFFIC_COUNTS.indexOf(name);

function byClass(series: TrafficSeries): readonly string[] {
  const { counts } = series;
  const samples = [1, 2, 3, 4, 5]
    .filter((digit) => (counts[digit] ?? 0) > 0)
    .map((digit) => `${labels(series, `code="${digit}xx"`)} ${counts[digit]}`);
  const answered = [1, 2, 3, 4, 5].reduce((all, digit) => all + (counts[digit] ?? 0), 0);
  const without = (counts[at('requests')] ?? 0) - answered;
  return without > 0 ? [...samples, `${labels(series, 'code=""')} ${without}`] : samples;
}

function byWhom(series: TrafficSeries): readonly string[] {
  return TRAFFIC_ABORTS.flatMap((by, index) => {
    const count = series.aborted?.[index] ?? 0;
    return count > 0 ? [`${labels(series, `by="${by}"`)} ${count}`] : [];
  });
}

function durations(series: TrafficSeries): readonly string[] {
  const { taskId: _, ...group } = series;
  const sums = BOUNDS_S.map(() => 0);
  let [count, seconds] = [0, 0];
  for (let index = 0; index + 1 < series.latency.length; index += 2) {
    const [bucket, times] = [series.latency[index] ?? 0, series.latency[index + 1] ?? 0];
    const bound = latencyBound(bucket) / 1_000;
    count += times;
    seconds += times * ((bound + (bucket > 0 ? latencyBound(bucket - 1) / 1_000 : 0)) / 2);
    BOUNDS_S.forEach((upper, place) => {
      if (bound <= upper) sums[place] = (sums[place] ?? 0) + times;
    });
  }
  return [
    ...BOUNDS_S.map((upper, place) => `_bucket${labels(group, `le="${upper}"`)} ${sums[place]}`),
    `_bucket${labels(group, 'le="+Inf"')} ${count}`,
    `_sum${labels(group)} ${seconds}`,
    `_count${labels(group)} ${count}`,
  ];
}

type Names = Pick<TrafficSeries, 'appId' | 'portIndex' | 'version' | 'taskId'>;

function labels({ appId, portIndex, version, taskId }: Names, more?: string): string {
  const all = [`app="${escaped(appId)}"`, `port="${portIndex}"`];
  if (version !== undefined) all.push(`version="${escaped(version)}"`);
  if (taskId !== undefined) all.push(`task="${escaped(taskId)}"`);
  if (more !== undefined) all.push(more);
  return `{${all.join(',')}}`;
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

interface Merged {
  readonly series: TrafficSeries;
  readonly counts: number[];
  readonly aborted: number[];
  readonly latency: Map<number, number>;
}
const emptyMerged = (series: TrafficSeries): Merged => ({
  series,
  counts: TRAFFIC_COUNTS.map(() => 0),
  aborted: TRAFFIC_ABORTS.map(() => 0),
  latency: new Map(),
});

function merged(
  all: readonly TrafficSeries[],
  keyOf: (series: TrafficSeries) => string,
): readonly TrafficSeries[] {
  const sums = new Map<string, Merged>();
  for (const series of all) {
    const key = keyOf(series);
    let sum = sums.get(key);
    if (!sum) sums.set(key, (sum = emptyMerged(series)));
    const { counts, aborted, latency } = sum;
    series.counts.forEach((count, index) => (counts[index] = (counts[index] ?? 0) + count));
    series.aborted?.forEach((count, index) => (aborted[index] = (aborted[index] ?? 0) + count));
    for (let index = 0; index + 1 < series.latency.length; index += 2) {
      const bucket = series.latency[index] ?? 0;
      latency.set(bucket, (latency.get(bucket) ?? 0) + (series.latency[index + 1] ?? 0));
    }
  }
  return [...sums.values()].map(({ series, counts, aborted, latency }) => ({
    ...series,
    counts,
    aborted,
    latency: [...latency].sort(([a], [b]) => a - b).flat(),
  }));
}
