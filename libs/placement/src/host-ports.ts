// Host ports on one agent: fixed ones, and free ones least recently used first, so that a port rests as long as possible
// before it means something else (decisions.md 10).
import { portsOf } from '#libs/model';
import type { AgentId, AgentInfo } from '#libs/model';
import type { PlacementLedger, PortRecord } from './ledger.js';
import type { PlacementRequest } from './verdict.js';

export type PortChoice =
  | { readonly kind: 'ports'; readonly hostPorts: readonly number[] }
  | { readonly kind: 'none'; readonly text: string };

/** One host port per port of the app, in definition order, none twice; 0 for a port that gets none. */
export function choosePorts(request: PlacementRequest, info: AgentInfo, ledger: PlacementLedger): PortChoice {
  const wanted = portsOf(request.spec);
  if (!wanted.length) return { kind: 'ports', hostPorts: [] };
  const records = ledger.ports(info.id);
  const fixed = new Set<number>();
  for (const { hostPort } of wanted) {
    if (hostPort === 0 || hostPort === null) continue;
    const problem = fixed.has(hostPort)
      ? `host port ${hostPort} is asked for twice`
      : fixedProblem(hostPort, request, info, records, ledger);
    if (problem) return { kind: 'none', text: problem };
    fixed.add(hostPort);
  }
  const needed = wanted.filter((each) => each.hostPort === 0).length;
  const free = freePorts(needed, fixed, request, info.id, info, ledger);
  if (free.length < needed) {
    return { kind: 'none', text: `needs ${needed} free host ports, ${free.length} are free` };
  }
  const rest = free.values();
  return {
    kind: 'ports',
    hostPorts: wanted.map(({ hostPort }) => (hostPort === 0 ? (rest.next().value ?? 0) : (hostPort ?? 0))),
  };
}

function fixedProblem(
  port: number,
  request: PlacementRequest,
  info: AgentInfo,
  records: ReadonlyMap<number, PortRecord>,
  ledger: PlacementLedger,
): string | null {
  if (!info.resources.ports.some((range) => port >= range.from && port <= range.to)) {
    return `host port ${port} is outside the agent's range`;
  }
  const record = records.get(port);
  if (record?.heldBy !== undefined) return `host port ${port} is used by ${record.heldBy}`;
  return isBlocked(record, request, ledger)
    ? `host port ${port} was used a moment ago by something else`
    : null;
}

function freePorts(
  needed: number,
  fixed: ReadonlySet<number>,
  request: PlacementRequest,
  agent: AgentId,
  info: AgentInfo,
  ledger: PlacementLedger,
): readonly number[] {
  if (!needed) return [];
  const records = ledger.ports(agent);
  const fresh: number[] = [];
  const used: { readonly port: number; readonly lastUsedAt: number }[] = [];
  for (const range of info.resources.ports) {
    for (let port = range.from; port <= range.to && fresh.length < needed; port += 1) {
      const record = records.get(port);
      if (fixed.has(port) || record?.heldBy !== undefined || isBlocked(record, request, ledger)) continue;
      if (record) used.push({ port, lastUsedAt: record.lastUsedAt });
      else fresh.push(port);
    }
  }
  used.sort((a, b) => a.lastUsedAt - b.lastUsedAt || a.port - b.port);
  return [...fresh, ...used.map((each) => each.port)].slice(0, needed);
}

/**
 * Shunned, or a proxy may still send another app's requests there. The same app may have it back at once: its requests
 * reach an instance of the right app whatever a proxy still believes.
 */
function isBlocked(
  record: PortRecord | undefined,
  { appId, confirmedTable, now }: PlacementRequest,
  ledger: PlacementLedger,
): boolean {
  if (record?.shunnedUntil !== undefined && now < record.shunnedUntil) return true;
  if (record?.appId === appId || confirmedTable === null) return false;
  return confirmedTable < (record ? record.leftAt : ledger.unknownLeftAt);
}
