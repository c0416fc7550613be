// Marathon's placement constraints (behaviour.md 11). Compared are the given peers: instances of the same app that are placed,
// not lost and not outdated. LIKE and UNLIKE run on RE2, whose time is linear whatever pattern a user wrote.
import { RE2JS } from 're2js';
import type { AgentId, AgentInfo, AgentNode, Constraint } from '#libs/model';

/** How many of the compared instances are on each agent, in the order of the oldest on each: as many entries as agents, not as instances. */
export type Peers = ReadonlyMap<AgentId, number>;

/** `agents`: one for each compared instance, oldest first. */
export function peersOn(agents: Iterable<AgentId>): Map<AgentId, number> {
  const peers = new Map<AgentId, number>();
  for (const each of agents) peers.set(each, (peers.get(each) ?? 0) + 1);
  return peers;
}

export interface ConstraintContext {
  readonly agents: ReadonlyMap<AgentId, AgentNode>;
  readonly peers: Peers;
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

/** What one agent says to one constraint. */
export interface ConstraintOutcome {
  readonly fits: boolean;
  /** The agent's value of the field; absent = it has none. */
  readonly value?: string;
  /** Compared instances at that value. */
  readonly instancesThere: number;
}

/** One constraint against the peers of one request: what does not depend on the agent is worked out once for all of them. */
export interface ConstraintTest {
  readonly constraint: Constraint;
  of(info: AgentInfo): ConstraintOutcome;
  /** Why not, naming constraint, value and what stands against it. */
  violation(outcome: ConstraintOutcome): string;
  /** Which value would fit, in words. */
  wouldFit(): string;
}

export function constraintTest(constraint: Constraint, context: ConstraintContext): ConstraintTest {
  const counts = peersByValue(constraint.field, context);
  const [first] = counts.keys();
  const test = fitsBy(constraint, { counts, first, context });
  return {
    constraint,
    of: (info) => {
      const value = fieldValue(info, constraint.field);
      if (value === undefined) return { fits: constraint.operator === 'UNLIKE', instancesThere: 0 };
      const instancesThere = counts.get(value) ?? 0;
      return { fits: test(value, instancesThere), value, instancesThere };
    },
    violation: (outcome) => violationText(constraint, outcome, first),
    wouldFit: () => wantedText(constraint, counts, first, test),
  };
}

/** Null: it fits. Otherwise why not. */
export function constraintViolation(
  constraint: Constraint,
  info: AgentInfo,
  context: ConstraintContext,
): string | null {
  const test = constraintTest(constraint, context);
  const outcome = test.of(info);
  return outcome.fits ? null : test.violation(outcome);
}

/** As a person wrote it: `rack GROUP_BY 3`. */
export const constraintName = ({ field, operator, value }: Constraint): string =>
  [field, operator, ...(value ? [value] : [])].join(' ');

interface Compared {
  /** Compared instances by their agent's value. */
  readonly counts: ReadonlyMap<string, number>;
  /** Value of the oldest of them. */
  readonly first: string | undefined;
  readonly context: ConstraintContext;
}

type ValueTest = (value: string, instancesThere: number) => boolean;

function fitsBy(constraint: Constraint, compared: Compared): ValueTest {
  const wanted = constraint.value ?? '';
  const { first } = compared;
  switch (constraint.operator) {
    case 'UNIQUE':
      return (_, same) => same === 0;
    case 'CLUSTER':
      return (value) => (wanted === '' ? first === undefined || first === value : value === wanted);
    case 'IS':
      return (value) => value === canonicalValue(wanted);
    case 'LIKE':
      return wholeMatch(wanted);
    case 'UNLIKE': {
      const matches = wholeMatch(wanted);
      return (value) => !matches(value);
    }
    case 'MAX_PER':
      return (_, same) => same < Number(wanted);
    case 'GROUP_BY':
      return groupTest(constraint, compared);
  }
}

function groupTest(constraint: Constraint, { counts, first, context }: Compared): ValueTest {
  const groups = groupsWanted(constraint, context);
  // before anything is placed any value will do; the total only matters to divide it
  const total = first === undefined ? 1 : context.total;
  const per = Math.floor(total / groups);
  const rest = total % groups;
  const used = [...counts.values()].reduce((sum, each) => sum + Math.max(0, each - per), 0);
  return (value, count) =>
    counts.has(value) ? count < per || (count === per && rest - used > 0) : counts.size < groups;
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

/** In the order of the oldest at each value. */
function peersByValue(field: string, { agents, peers }: ConstraintContext): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [id, count] of peers) {
    const agent = agents.get(id);
    const value = agent && fieldValue(agent.info, field);
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return counts;
}

function violationText(
  constraint: Constraint,
  { value, instancesThere }: ConstraintOutcome,
  first: string | undefined,
): string {
  const name = constraintName(constraint);
  const { field, operator } = constraint;
  if (value === undefined) return `${name}: the agent has no ${field}`;
  switch (operator) {
    case 'UNIQUE':
    case 'MAX_PER':
    case 'GROUP_BY':
      return `${name}: ${instancesThere} of its instances ${instancesThere === 1 ? 'is' : 'are'} at ${field} ${value} already`;
    case 'CLUSTER':
      return `${name}: the agent has ${value}${first === undefined ? '' : `, its instances are at ${first}`}`;
    default:
      return `${name}: the agent has ${value}`;
  }
}

function wantedText(
  { field, operator, value = '' }: Constraint,
  counts: ReadonlyMap<string, number>,
  first: string | undefined,
  test: ValueTest,
): string {
  switch (operator) {
    case 'UNIQUE':
      return counts.size ? `a ${field} other than ${listed([...counts.keys()])}` : `any ${field}`;
    case 'CLUSTER':
      return value || first !== undefined ? `${field} ${value || first}` : `any ${field}`;
    case 'IS':
      return `${field} ${canonicalValue(value)}`;
    case 'LIKE':
      return `a ${field} that matches ${value}`;
    case 'UNLIKE':
      return `a ${field} that does not match ${value}, or none`;
    case 'MAX_PER':
      return `a ${field} with fewer than ${value} of its instances`;
    case 'GROUP_BY': {
      const open = [...counts].filter(([each, count]) => test(each, count)).map(([each]) => each);
      // no agent says NUL, so this asks about a value that nobody has
      const another = test('\0', 0) ? [`a ${field} without any of its instances`] : [];
      const words = [...(open.length ? [`${field} ${listed(open)}`] : []), ...another];
      return words.length ? words.join(', or ') : `none: every ${field} has its share`;
    }
  }
}

/** Long lists are cut: this is for people. */
const listed = (values: readonly string[]): string =>
  values.length > 5
    ? `${values.slice(0, 5).join(', ')} and ${values.length - 5} more`
    : values.join(values.length === 2 ? ' or ' : ', ');

/** A pattern that cannot be read matches nothing; the API refuses it before. Anchored on both sides, as in Java. */
function wholeMatch(pattern: string): (value: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern);
    return (value) => compiled.matches(value);
  } catch (error) {
    if (error instanceof Error) return () => false;
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
  // beyond this a double has no fraction, and toFixed no plain digits
  if (Math.abs(value) >= 1e15) return String(value);
  // toFixed(20) shows the exact binary value, far enough to tell a tie from a near tie
  const [whole = '', decimals = ''] = Math.abs(value).toFixed(20).split('.');
  const below = Number(whole + decimals.slice(0, 3));
  const fraction = Number(`0.${decimals.slice(3)}`);
  const isUp = fraction > 0.5 || (fraction === 0.5 && below % 2 === 1);
  const rounded = (below + (isUp ? 1 : 0)) / 1000;
  return String(value < 0 && rounded !== 0 ? -rounded : rounded);
}
