// What went to which target, from HAProxy's own counters: they only grow, and begin anew with each worker, so what is told is how
// much they grew since the last look.
import type { TrafficSums } from '#libs/proxy-core';

/** One line of `show stat`, for servers. */
interface Counters {
  readonly byClass: readonly [number, number, number, number, number];
  readonly connections: number;
  readonly errors: number;
  readonly retries: number;
  readonly bytesOut: number;
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

  /** `csv` is the answer to `show stat -1 4 -1`. Only servers that something went to. */
  grown(csv: string): Grown[] {
    const [head = '', ...lines] = csv.trim().split('\n');
    const columns = new Map(
      head
        .replace(/^# /, '')
        .split(',')
        .map((name, at) => [name, at]),
    );
    const grown: Grown[] = [];
    for (const line of lines) {
      const fields = line.split(',');
      const text = (name: string): string => fields[columns.get(name) ?? -1] ?? '';
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

function readCounters(text: (name: string) => string): Counters {
  const count = (name: string): number => Number(text(name)) || 0;
  return {
    byClass: CLASSES.map(count) as [number, number, number, number, number],
    connections: count('stot'),
    errors: count('econ') + count('eresp'),
    retries: count('wretr') + count('wredis'),
    bytesOut: count('bout'),
  };
}

function difference(
  now: Counters,
  before: Counters | undefined,
  isHttp: boolean,
  averageMs: number,
): TrafficSums | undefined {
  if (now.connections === (before?.connections ?? 0) && now.errors === (before?.errors ?? 0))
    return undefined;
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
    bytesOut: now.bytesOut - (before?.bytesOut ?? 0),
    averageMs,
  };
}
