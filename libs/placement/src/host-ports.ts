// Host ports on one agent: fixed ones, and free ones least recently used first, so that a port rests as long as possible
// before it means something else (decisions.md 10).
import { counted, portsOf } from '#libs/model';
import type { AgentInfo, AppId, InstanceId } from '#libs/model';
import type { PlacementLedger, PortRecord } from './ledger.js';
import type { PlacementRequest } from './verdict.js';

export type PortChoice =
  | { readonly kind: 'ports'; readonly hostPorts: readonly number[] }
  | { readonly kind: 'none'; readonly text: string };

/** Why an app cannot have one host port of one agent now. */
export type PortBlock =
  | { readonly why: 'outside-range' }
  | { readonly why: 'asked-twice' }
  | { readonly why: 'held'; readonly by: InstanceId; readonly appId: AppId }
  | {
      readonly why: 'resting';
      /** Epoch ms: the agent found it taken, nobody gets it before. */
      readonly until?: number;
      /** Another app's requests may still be sent there until every proxy has confirmed this table. */
      readonly table?: number;
    };

/** One host port per port of the app, in definition order, none twice; 0 for a port that gets none. */
export function choosePorts(request: PlacementRequest, info: AgentInfo, ledger: PlacementLedger): PortChoice {
  const wanted = portsOf(request.spec);
  if (!wanted.length) return { kind: 'ports', hostPorts: [] };
  const fixed = new Set<number>();
  for (const { hostPort } of wanted) {
    if (hostPort === 0 || hostPort === null) continue;
    const block = fixed.has(hostPort) ? ASKED_TWICE : blockOf(hostPort, request, info, ledger);
    if (block) return { kind: 'none', text: blockText(hostPort, block) };
    fixed.add(hostPort);
  }
  const needed = wanted.filter((each) => each.hostPort === 0).length;
  const free = freePorts(needed, fixed, request, info, ledger);
  if (free.length < needed) {
    return {
      kind: 'none',
      text: `needs ${counted(needed, 'free host port')}, ${counted(free.length, 'is', 'are')} free`,
    };
  }
  const rest = free.values();
  return {
    kind: 'ports',
    hostPorts: wanted.map(({ hostPort }) => (hostPort === 0 ? (rest.next().value ?? 0) : (hostPort ?? 0))),
  };
}

/** Of one port by itself; null = the app may have it. */
export function blockOf(
  port: number,
  request: PlacementRequest,
  info: AgentInfo,
  ledger: PlacementLedger,
): PortBlock | null {
  if (!info.resources.ports.some((range) => port >= range.from && port <= range.to)) {
    return { why: 'outside-range' };
  }
  const record = ledger.ports(info.id).get(port);
  if (record?.heldBy !== undefined) return { why: 'held', by: record.heldBy, appId: record.appId };
  return restOf(record, request, ledger);
}

export function blockText(port: number, block: PortBlock): string {
  switch (block.why) {
    case 'outside-range':
      return `host port ${port} is outside the agent's range`;
    case 'asked-twice':
      return `host port ${port} is asked for twice`;
    case 'held':
      return `host port ${port} is used by ${block.by}`;
    case 'resting':
      return `host port ${port} was used a moment ago by something else`;
  }
}

/** Up to `needed` ports that the app may have beside its fixed ones, the best first. */
export function freePorts(
  needed: number,
  fixed: ReadonlySet<number>,
  request: PlacementRequest,
  info: AgentInfo,
  ledger: PlacementLedger,
): readonly number[] {
  if (!needed) return [];
  const records = ledger.ports(info.id);
  const fresh: number[] = [];
  const used: { readonly port: number; readonly lastUsedAt: number }[] = [];
  for (const range of info.resources.ports) {
    for (let port = range.from; port <= range.to && fresh.length < needed; port += 1) {
      const record = records.get(port);
      if (fixed.has(port) || record?.heldBy !== undefined || restOf(record, request, ledger)) continue;
      if (record) used.push({ port, lastUsedAt: record.lastUsedAt });
      else fresh.push(port);
    }
  }
  used.sort((a, b) => a.lastUsedAt - b.lastUsedAt || a.port - b.port);
  return [...fresh, ...used.map((each) => each.port)].slice(0, needed);
}

export interface PortCount {
  /** In the agent's ranges. */
  readonly total: number;
  /** Of these, what the app may have now, its fixed ones included. */
  readonly free: number;
  /** Held by instances. */
  readonly held: number;
  /** Neither held nor free yet. */
  readonly resting: number;
}

export function countPorts(request: PlacementRequest, info: AgentInfo, ledger: PlacementLedger): PortCount {
  let [total, free, held] = [0, 0, 0];
  const records = ledger.ports(info.id);
  for (const range of info.resources.ports) {
    for (let port = range.from; port <= range.to; port += 1) {
      const record = records.get(port);
      total += 1;
      if (record?.heldBy !== undefined) held += 1;
      else if (!restOf(record, request, ledger)) free += 1;
    }
  }
  return { total, free, held, resting: total - free - held };
}

export const ASKED_TWICE: PortBlock = { why: 'asked-twice' };

/**
 * Shunned, or a proxy may still send another app's requests there. The same app may have it back at once: its requests
 * reach an instance of the right app whatever a proxy still believes.
 */
function restOf(
  record: PortRecord | undefined,
  { appId, confirmedTable, now }: PlacementRequest,
  ledger: PlacementLedger,
): Extract<PortBlock, { why: 'resting' }> | null {
  const until = record?.shunnedUntil !== undefined && now < record.shunnedUntil ? record.shunnedUntil : null;
  const leftAt = record ? record.leftAt : ledger.unknownLeftAt;
  const isUnconfirmed = record?.appId !== appId && confirmedTable !== null && confirmedTable < leftAt;
  if (until === null && !isUnconfirmed) return null;
  return {
    why: 'resting',
    ...(until === null ? {} : { until }),
    ...(isUnconfirmed ? { table: leftAt } : {}),
  };
}

/** Everything of one agent that its ports wait for: the times and the tables, ascending and each once. */
export function portWaits(
  request: PlacementRequest,
  info: AgentInfo,
  ledger: PlacementLedger,
): { readonly times: readonly number[]; readonly tables: readonly number[] } {
  const times = new Set<number>();
  const tables = new Set<number>([ledger.unknownLeftAt]);
  for (const record of ledger.ports(info.id).values()) {
    if (record.heldBy !== undefined) continue;
    if (record.shunnedUntil !== undefined && Number.isFinite(record.shunnedUntil))
      times.add(record.shunnedUntil);
    tables.add(record.leftAt);
  }
  const { confirmedTable, now } = request;
  const ascending = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);
  return {
    times: ascending(times).filter((each) => each > now),
    tables: confirmedTable === null ? [] : ascending(tables).filter((each) => each > confirmedTable),
  };
}
