// What went to which target, from HAProxy's own counters: they only grow, and begin anew with each worker, so what is told is how
// much they grew since the last look.
import type { StandingCounts, TrafficSums } from '#libs/proxy-core';

/** One line of `show stat`, for servers. */
interface Counters {
  readonly byClass: readonly [number, number, number, number, number];
  readonly connections: number;
  readonly errors: number;
  readonly retries: number;
  readonly bytesOut: number;
  /** Answers that the server broke off, or stopped sending; those that were broken off by closing are among the errors, too. */
  readonly torn: number;
  /** Transfers that the client broke off. */
  readonly left: number;
  /** Times that it was found down. */
  readonly downs: number;
}

export interface Grown {
  readonly backend: string;
  readonly server: string;
  readonly sums: TrafficSums;
}

const CLASSES = ['hrsp_1xx', 'hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx'] as const;

/** Of one worker. */
export class TrafficCounter {
  readonly #before = new Map<string, Counters>();

  /** Only servers that something went to. */
  grown(rows: readonly StatRow[]): Grown[] {
    const grown: Grown[] = [];
    for (const text of rows) {
      const server = text('svname');
      if (server === '' || server === 'FRONTEND' || server === 'BACKEND') continue;
      const key = `${text('pxname')}/${server}`;
      const now = readCounters(text);
      const before = this.#before.get(key);
      this.#before.set(key, now);
      const sums = difference(now, before, text('hrsp_2xx') !== '', Number(text('ttime')));
      if (sums) grown.push({ backend: text('pxname'), server, sums });
    }
    return grown;
  }
}

export interface StandingServer extends StandingCounts {
  readonly backend: string;
  /** Undefined: the backend's own line, in which requests wait for any of its servers. */
  readonly server: string | undefined;
}

/** What is all zero is left away. */
export function standingServers(rows: readonly StatRow[]): StandingServer[] {
  return rows.flatMap((text) => {
    const server = text('svname') === 'BACKEND' ? undefined : text('svname');
    if (server === '' || server === 'FRONTEND') return [];
    const waiting = Number(text('qcur')) || 0;
    // sessions and downs of a backend are those of its servers
    const inFlight = server === undefined ? 0 : Number(text('scur')) || 0;
    const leftOut = server !== undefined && text('status').startsWith('DOWN') ? 1 : 0;
    return waiting + inFlight + leftOut > 0
      ? [{ backend: text('pxname'), server, inFlight, waiting, leftOut }]
      : [];
  });
}

/** A line of `show stat`: gives the text of the column of that name, '' where there is none. */
export type StatRow = (column: string) => string;

/** `csv` is the answer to `show stat -1 6 -1`: servers and backends. */
export function statRows(csv: string): StatRow[] {
  const [head = '', ...lines] = csv.trim().split('\n');
  const columns = new Map(
    head
      .replace(/^# /, '')
      .split(',')
      .map((name, at) => [name, at]),
  );
  return lines.map((line) => {
    const fields = line.split(',');
    return (column) => fields[columns.get(column) ?? -1] ?? '';
  });
}

function readCounters(text: (name: string) => string): Counters {
  const count = (name: string): number => Number(text(name)) || 0;
  return {
    byClass: CLASSES.map(count) as [number, number, number, number, number],
    connections: count('stot'),
    errors: count('econ') + count('eresp'),
    retries: count('wretr') + count('wredis'),
    bytesOut: count('bout'),
    torn: count('srv_abrt'),
    left: count('cli_abrt'),
    downs: count('chkdown'),
  };
}

function difference(
  now: Counters,
  before: Counters | undefined,
  isHttp: boolean,
  averageMs: number,
): TrafficSums | undefined {
  const ejections = now.downs - (before?.downs ?? 0);
  const [target, client] = [now.torn - (before?.torn ?? 0), now.left - (before?.left ?? 0)];
  const isQuiet = now.connections === (before?.connections ?? 0) && now.errors === (before?.errors ?? 0);
  // what began before the last look may break off after it
  if (isQuiet && ejections + target + client === 0) return undefined;
  return {
    byClass: now.byClass.map((count, at) => count - (before?.byClass[at] ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
    ],
    broken: isHttp ? now.errors - (before?.errors ?? 0) : 0,
    connections: isHttp ? 0 : now.connections - (before?.connections ?? 0),
    retries: now.retries - (before?.retries ?? 0),
    ejections,
    ...(isHttp ? { aborted: { target, client } } : {}),
    bytesOut: now.bytesOut - (before?.bytesOut ?? 0),
    averageMs,
  };
}
