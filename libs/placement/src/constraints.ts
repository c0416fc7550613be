// Marathon's placement constraints (behaviour.md 11). Compared are the given peers: instances of the same app that are placed,
// not lost and not outdated. LIKE and UNLIKE run on RE2, whose time is linear whatever pattern a user wrote.
import { RE2JS } from 're2js';
import type { AgentId, AgentInfo, AgentNode, Constraint } from '#libs/model';

export interface ConstraintContext {
  readonly agents: ReadonlyMap<AgentId, AgentNode>;
  /** Agents of the compared instances, oldest first. */
  readonly peers: readonly AgentId[];
  /** Wanted instances in all. */
  readonly total: number;
}

/** What an agent says to a field, in the form that is compared; undefined = it has no such value. */
export function fieldValue(info: AgentInfo, field: string): string | undefined {
  switch (field) {
    case 'hostname':
    case '@hostname':
      return info.hostname;
    case '@region':
      return info.region;
    case '@zone':
      return info.zone;
    default: {
      const value = info.attributes[field];
      return value === undefined ? undefined : canonicalValue(value);
    }
  }
}

/** Null: it fits. Otherwise why not, naming constraint, value and what stands against it. */
export function constraintViolation(
  constraint: Constraint,
  info: AgentInfo,
  context: ConstraintContext,
): string | null {
  const value = fieldValue(info, constraint.field);
  const name = [constraint.field, constraint.operator, ...(constraint.value ? [constraint.value] : [])].join(
    ' ',
  );
  if (value === undefined) {
    return constraint.operator === 'UNLIKE' ? null : `${name}: the agent has no ${constraint.field}`;
  }
  const peers = peerValues(constraint.field, context);
  return fits(constraint, value, peers, context) ? null : `${name}: ${describe(constraint, value, peers)}`;
}

function fits(
  constraint: Constraint,
  value: string,
  peers: readonly string[],
  context: ConstraintContext,
): boolean {
  const wanted = constraint.value ?? '';
  const same = peers.filter((each) => each === value).length;
  switch (constraint.operator) {
    case 'UNIQUE':
      return same === 0;
    case 'CLUSTER':
      return wanted === '' ? peers.length === 0 || peers[0] === value : value === wanted;
    case 'IS':
      return value === canonicalValue(wanted);
    case 'LIKE':
      return wholeMatch(wanted, value);
    case 'UNLIKE':
      return !wholeMatch(wanted, value);
    case 'MAX_PER':
      return same < Number(wanted);
    case 'GROUP_BY':
      return groupFits(constraint, value, peers, context);
  }
}

function groupFits(
  constraint: Constraint,
  value: string,
  peers: readonly string[],
  context: ConstraintContext,
): boolean {
  const groups = groupsWanted(constraint, context);
  // before anything is placed any value will do; the total only matters to divide it
  const total = peers.length === 0 ? 1 : context.total;
  const per = Math.floor(total / groups);
  const rest = total % groups;
  const counts = new Map<string, number>();
  for (const each of peers) counts.set(each, (counts.get(each) ?? 0) + 1);
  const count = counts.get(value);
  if (count === undefined) return counts.size < groups;
  const used = [...counts.values()].reduce((sum, each) => sum + Math.max(0, each - per), 0);
  return count < per || (count === per && rest - used > 0);
}

/** `inf` = no limit; absent = as many as the agents have distinct values. */
function groupsWanted({ field, value }: Constraint, { agents }: ConstraintContext): number {
  if (value === 'inf') return Number.MAX_SAFE_INTEGER;
  if (value !== undefined && value !== '') return Math.max(1, Number(value));
  const values = new Set<string>();
  for (const agent of agents.values()) {
    const each = agent.liveness === 'connected' ? fieldValue(agent.info, field) : undefined;
    if (each !== undefined) values.add(each);
  }
  return Math.max(1, values.size);
}

function peerValues(field: string, { agents, peers }: ConstraintContext): readonly string[] {
  return peers.flatMap((id) => {
    const agent = agents.get(id);
    const value = agent && fieldValue(agent.info, field);
    return value === undefined ? [] : [value];
  });
}

function describe({ field, operator }: Constraint, value: string, peers: readonly string[]): string {
  const same = peers.filter((each) => each === value).length;
  switch (operator) {
    case 'UNIQUE':
    case 'MAX_PER':
    case 'GROUP_BY':
      return `${same} of its instances are at ${field} ${value} already`;
    case 'CLUSTER':
      return `the agent has ${value}${peers[0] === undefined ? '' : `, its instances are at ${peers[0]}`}`;
    default:
      return `the agent has ${value}`;
  }
}

/** A pattern that cannot be read matches nothing; the API refuses it before. Anchored on both sides, as in Java. */
function wholeMatch(pattern: string, value: string): boolean {
  try {
    return RE2JS.compile(pattern).matches(value);
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Numbers with at most three decimals (half-even on the exact binary value), ranges and sets sorted; all else as it is. */
export function canonicalValue(text: string): string {
  if (/^-?\d+(\.\d+)?$/.test(text)) return threeDecimals(Number(text));
  const list = /^([[{])(.*)[\]}]$/.exec(text);
  if (!list) return text;
  const items = (list[2] ?? '').split(',').map((each) => each.trim());
  if (list[1] === '{') return `{${items.sort().join(',')}}`;
  const start = (range: string): number => Number(range.split('-')[0]);
  return `[${items.sort((a, b) => start(a) - start(b)).join(',')}]`;
}

function threeDecimals(value: number): string {
  const scaled = Math.abs(value) * 1000;
  const below = Math.floor(scaled);
  // toFixed(20) shows the exact binary value, far enough to tell a tie from a near tie
  const fraction = Number(`0.${(Math.abs(value).toFixed(20).split('.')[1] ?? '').slice(3)}`);
  const isUp = fraction > 0.5 || (fraction === 0.5 && below % 2 === 1);
  const rounded = (Math.floor(Number(scaled.toFixed(6))) + (isUp ? 1 : 0)) / 1000;
  return String(value < 0 && rounded !== 0 ? -rounded : rounded);
}
