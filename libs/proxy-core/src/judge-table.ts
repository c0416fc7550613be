// Whether a table may replace the one in use: same cluster, and not older by (epoch, number), however it was received
// (decisions.md 7, 9). An equal one is taken: its routes are the same, its words for people may be newer.
import type { RouteTable } from '#libs/routing';
import type { ProxyMemory } from './seams.js';

export type TableVerdict =
  | { readonly kind: 'take'; readonly table: RouteTable }
  | { readonly kind: 'refuse'; readonly reason: string };

/** `offered` is what came over the wire. */
export function judgeTable(memory: ProxyMemory, offered: unknown): TableVerdict {
  if (!isTable(offered)) return refuse('the control plane sent something that is no route table');
  if (memory.cluster !== null && offered.cluster !== memory.cluster)
    return refuse(
      `the control plane belongs to cluster ${offered.cluster}, this proxy to ${memory.cluster}; ` +
        'give the proxy another --data-dir to move it',
    );
  if (offered.epoch < memory.epoch)
    return refuse(`a table of epoch ${offered.epoch} is older than epoch ${memory.epoch}`);
  const current = memory.table;
  if (current && isOlder(offered, current))
    return refuse(
      `table ${offered.epoch}/${offered.number} is older than ${current.epoch}/${current.number}`,
    );
  return { kind: 'take', table: offered };
}

interface TableNumber {
  readonly epoch: number;
  readonly number: number;
}

export const isOlder = (a: TableNumber, b: TableNumber): boolean =>
  a.epoch < b.epoch || (a.epoch === b.epoch && a.number < b.number);

const refuse = (reason: string): TableVerdict => ({ kind: 'refuse', reason });

/** The shape as far as the data path relies on it; the rest is between us and our own control plane. */
function isTable(value: unknown): value is RouteTable {
  if (!isRecord(value)) return false;
  return (
    typeof value['cluster'] === 'string' &&
    Number.isSafeInteger(value['epoch']) &&
    Number.isSafeInteger(value['number']) &&
    Array.isArray(value['services']) &&
    value['services'].every(isService)
  );
}

function isService(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value['appId'] === 'string' &&
    Array.isArray(value['hosts']) &&
    Array.isArray(value['targets']) &&
    value['targets'].every(
      (each) => isRecord(each) && typeof each['host'] === 'string' && Number.isInteger(each['port']),
    )
  );
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
