// What went to which target, from HAProxy's own counters: they only grow, and begin anew with each worker, so what is told is how
// much they grew since the last look.
import type { StandingCounts, TrafficSums } from '#libs/proxy-core';

/** One line of `show stat`, for servers. */
export interface Counters {
  readonly byClass: readonly [number, number, number, number, number];
  readonly connections: number;
  readonly errors: number;
  readonly retries: number;
  readonly bytesOut: number;
  /** Answers that the server broke off, or stopped sending; those that were broken off by closing are among the errors, too. */
  readonly torn: number;
  /** Requests without an answer, or without a whole one. */
  readonly unanswered: number;
  /** Requests that were given to another server because of this one, or to this one again. */
  readonly repeated: number;
  /** Transfers that the client broke off. */
  readonly left: number;
  /** Times that it was found down. */
  readonly downs: number;
}

export interface Grown {
  readonly backend: string;
  /** Undefined: answers of HAProxy's own, for all servers of the backend. */
  readonly server: string | undefined;
  readonly sums: TrafficSums;
}

const CLASSES = ['hrsp_1xx', 'hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx'] as const;

/** Of one worker. */
export class TrafficCounter {
  readonly #before = new Map<string, Counters>();
  /** Since the last look. */
  readonly #rested = new Set<string>();
  /** Answers of HAProxy's own that were told, by backend. */
  readonly #own = new Map<string, readonly number[]>();

  /** It was taken out by us, which HAProxy counts as if it had been found down. */
  rested(backend: string, server: string): void {
    this.#rested.add(`${backend}/${server}`);
  }

  /** As of the last look. */
  last(backend: string, server: string): Counters | undefined {
    return this.#before.get(`${backend}/${server}`);
  }

  /** Only servers that something went to, and backends that HAProxy answered for. */
  grown(rows: readonly StatRow[]): Grown[] {
    const grown: Grown[] = [];
    const passed = new Map<string, readonly number[]>();
    for (const text of rows) {
      const server = text('svname');
      if (server === '' || server === 'FRONTEND') continue;
      const backend = text('pxname');
      if (server === 'BACKEND') {
        grown.push(...this.#grownByItself(text, passed.get(backend) ?? []));
        continue;
      }
      const key = `${backend}/${server}`;
      const now = readCounters(text);
      // 502 and 504 for a server are counted as its errors
      const failed = now.byClass.map((count, at) => (at === 4 ? count + now.errors : count));
      passed.set(
        backend,
        failed.map((count, at) => count + (passed.get(backend)?.[at] ?? 0)),
      );
      const before = this.#before.get(key);
      this.#before.set(key, now);
      const sums = difference(
        this.#rested.delete(key) ? { ...now, downs: Math.max(before?.downs ?? 0, now.downs - 1) } : now,
        before,
        text('hrsp_2xx') !== '',
        Number(text('ttime')),
      );
      if (sums) grown.push({ backend, server, sums });
    }
    return grown;
  }

  /** Answers of a backend that none of its servers gave. A server's are counted when they begin, the backend's when they have ended. */
  #grownByItself(text: StatRow, passed: readonly number[]): Grown[] {
    const backend = text('pxname');
    const told = this.#own.get(backend) ?? [0, 0, 0, 0, 0];
    const own = readCounters(text).byClass.map((count, at) =>
      Math.max(told[at] ?? 0, count - (passed[at] ?? 0)),
    );
    this.#own.set(backend, own);
    const byClass = own.map((count, at) => count - (told[at] ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
    ];
    if (!byClass.some((count) => count > 0)) return [];
    const none = { broken: 0, connections: 0, retries: 0, ejections: 0, bytesOut: 0, averageMs: 0 };
    return [{ backend, server: undefined, sums: { byClass, ...none } }];
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
  // answers to several questions have a head each
  const some = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return some.map((line) => {
    const fields = line.split(',');
    return (column) => fields[columns.get(column) ?? -1] ?? '';
  });
}

export function readFailures(text: StatRow): Pick<Counters, 'unanswered' | 'repeated' | 'torn'> {
  const count = (name: string): number => Number(text(name)) || 0;
  return { unanswered: count('eresp'), repeated: count('wretr'), torn: count('srv_abrt') };
}

export function readCounters(text: StatRow): Counters {
  const count = (name: string): number => Number(text(name)) || 0;
  return {
    byClass: CLASSES.map(count) as [number, number, number, number, number],
    connections: count('stot'),
    errors: count('econ') + count('eresp'),
    // what a target broke off and another one got is both
    retries: Math.max(count('wretr'), count('wredis')),
    bytesOut: count('bout'),
    ...readFailures(text),
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
