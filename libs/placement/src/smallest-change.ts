// The smallest change that would let an instance run: per agent what would mend each predicate that fails, the fewest changes first,
// then the smallest share of what is changed. Each offer has been tried by `place` in the world after it.
import { portsOf, runtimeOf } from '#libs/model';
import type { AgentId, AgentNode, Constraint, ProxyId } from '#libs/model';
import { NEW_AGENT, demandOf, newAgentNode, RESOURCES, worldAfter } from './change-step.js';
import type { ChangeStep, NewAgent, Resource, Tenant, TenantsOn, World } from './change-step.js';
import { constraintTest } from './constraints.js';
import type { ConstraintContext, ConstraintTest } from './constraints.js';
import { choosePorts, freePorts, portWaits } from './host-ports.js';
import { findPlace } from './place.js';
import type { AgentCells } from './place.js';
import { ROUNDING } from './predicates.js';
import type { ConstraintCell, PortsCell, PredicateCell } from './predicates.js';
import { fieldKey, valueThatFits, valuesToTry, withField } from './value-that-fits.js';

export interface SmallestChange {
  /** As a rule one; all of them are needed. Amounts of one agent are one step. */
  readonly steps: readonly ChangeStep[];
  /** Sum over its steps of how large each is: 0 = only time passes, 1 = a whole thing is given up or added. */
  readonly share: number;
  /** Where the instance would run then; `NEW_AGENT` for one to be started. */
  readonly agentId: AgentId;
}

export interface ChangeQuestion {
  readonly world: World;
  /** Of every agent in this world, as `explainCells` gives them. */
  readonly rows: readonly AgentCells[];
  readonly tenantsOn: TenantsOn;
  readonly proxies: readonly { readonly id: ProxyId; readonly confirmed: number }[];
}

export const CHANGES_MAX = 5;
/** Steps in which amounts are offered: thousandths of a core, whole MiB. */
export const AMOUNT_STEPS: Readonly<Record<Resource, number>> = { cpus: 0.001, mem: 1, disk: 1 };
/** Least amounts worth asking for. */
const LEAST: Readonly<Record<Resource, number>> = { cpus: 0.001, mem: 1, disk: 0 };
/** Of steps that have no amount. To tidy up or to bring back gives nothing up; to change an agent's setup is half of adding one. */
const SHARES = {
  'return-agent': 0.25,
  'free-host-disk': 0.25,
  'add-runtime': 0.5,
  'set-attribute': 0.5,
  'drop-constraint': 1,
  'start-agent': 1,
} as const;
/** Combinations of instances that are tried before the largest are simply taken first. */
const TRIES_MAX = 200;

/** Of one sort, before it is given up: each is a look at the whole fleet, and what does not help one agent rarely helps the next. */
const FAILURES_MAX = 5;
/** More than these at once are no small change. */
const STEPS_MAX = 3;

/** Empty when it fits as it is, or when nothing was found. */
export function smallestChanges(question: ChangeQuestion): readonly SmallestChange[] {
  return new Search(question).offers();
}

/** What fails of one agent; cpus, mem and disk together are one need. */
type Need = 'session' | 'runtime' | 'hostDisk' | 'resources' | 'ports' | `constraint ${number}`;

interface Remedy {
  readonly covers: readonly Need[];
  readonly steps: readonly ChangeStep[];
  readonly share: number;
  /** Decides between equal shares: sum instead of maximum, earlier instead of later. */
  readonly fine: number;
}
type Candidate = Omit<Remedy, 'covers'>;

class Search {
  readonly #world: World;
  readonly #tenantsOn: TenantsOn;
  readonly #rows: readonly AgentCells[];
  readonly #proxies: ChangeQuestion['proxies'];
  readonly #tests: readonly ConstraintTest[];
  /** By position of the constraint and number of groups. */
  readonly #regroupings = new Map<string, ConstraintTest>();
  readonly #values = new Map<string, readonly string[]>();
  readonly #isGroupedByAll: boolean;

  constructor({ world, rows, tenantsOn, proxies }: ChangeQuestion) {
    this.#world = world;
    this.#rows = rows;
    this.#tenantsOn = tenantsOn;
    this.#proxies = proxies;
    const { constraints } = world.request.spec;
    this.#tests = constraints.map((each) => constraintTest(each, this.#context));
    this.#isGroupedByAll = constraints.some(({ operator, value }) => operator === 'GROUP_BY' && !value);
  }

  get #context(): ConstraintContext {
    const { request, agents } = this.#world;
    return { agents, peers: request.peers, total: request.total };
  }

  offers(): readonly SmallestChange[] {
    if (this.#rows.some(({ fits }) => fits)) return [];
    const ofAgents = this.#ofAgents();
    const least = Math.min(...ofAgents.map(({ steps }) => steps.length));
    // a new agent nearly always would do: that must not hide what can be done with those that are there
    const kept = [
      ...ofAgents.filter(({ steps }) => steps.length === least),
      ...this.#tried(this.#newAgent()).filter(({ steps }) => steps.length <= least),
    ];
    return kept.sort((a, b) => a.steps.length - b.steps.length).slice(0, CHANGES_MAX);
  }

  /** Agents that lack little are asked first; those that lack more only while nothing smaller was found. */
  #ofAgents(): readonly SmallestChange[] {
    const lacking = this.#rows.map((row) => ({ row, needs: needsOf(row.cells) }));
    const candidates: Candidate[] = [];
    const depths = [...new Set(lacking.map(({ needs }) => leastSteps(needs)))].sort((a, b) => a - b);
    for (const depth of depths.filter((each) => each <= STEPS_MAX)) {
      const here = lacking.filter(({ needs }) => leastSteps(needs) === depth);
      for (const { row, needs } of here) {
        const remedies = this.#remedies(row, needs);
        candidates.push(...this.#covers(needs, remedies).filter(({ steps }) => steps.length <= STEPS_MAX));
        if (this.#isGroupedByAll) candidates.push(...remedies.filter(isGrouping));
      }
      const offers = this.#tried(candidates);
      if (offers.some(({ steps }) => steps.length <= depth)) return offers;
    }
    return this.#tried(candidates);
  }

  /** Every way to mend all needs, each by one remedy; of many needs only the best remedy each, for the ways multiply. */
  #covers(needs: readonly Need[], remedies: readonly Remedy[]): readonly Candidate[] {
    const ordered = [...remedies].sort(bySize);
    const width = needs.length > 3 ? 1 : Infinity;
    const covered = (rest: readonly Need[]): readonly Candidate[] => {
      const [need] = rest;
      if (need === undefined) return [{ steps: [], share: 0, fine: 0 }];
      const able = ordered.filter(
        ({ covers }) => covers.includes(need) && covers.every((each) => rest.includes(each)),
      );
      return able.slice(0, width).flatMap((remedy) =>
        covered(rest.filter((each) => !remedy.covers.includes(each))).map((others) => ({
          steps: [...remedy.steps, ...others.steps],
          share: remedy.share + others.share,
          fine: remedy.fine + others.fine,
        })),
      );
    };
    return covered(needs);
  }

  /** The best of each sort that `place` agrees with, in order. */
  #tried(candidates: readonly Candidate[]): readonly SmallestChange[] {
    const offers = new Map<string, SmallestChange>();
    const failures = new Map<string, number>();
    for (const { steps, share } of [...candidates].sort(bySize)) {
      const sort = steps.map(sortOf).join(' + ');
      const failed = failures.get(sort) ?? 0;
      if (offers.has(sort) || failed >= FAILURES_MAX) continue;
      const agentId = this.#placeAfter(steps);
      if (agentId && !this.#isMoreThanNeeded(steps)) offers.set(sort, { steps, share, agentId });
      else failures.set(sort, failed + 1);
    }
    return [...offers].flatMap(([sort, offer]) => (hasBetter(sort, offers) ? [] : [offer]));
  }

  /** One more agent is one more value for a GROUP_BY without a number, so that what else was to be done may not be needed. */
  #isMoreThanNeeded(steps: readonly ChangeStep[]): boolean {
    if (steps.length < 2 || !this.#isGroupedByAll) return false;
    return steps.some((_, at) => this.#placeAfter(steps.toSpliced(at, 1)) !== null);
  }

  #placeAfter(steps: readonly ChangeStep[]): AgentId | null {
    const { request, agents, ledger } = worldAfter(steps, this.#world, this.#tenantsOn);
    return findPlace(request, agents, ledger)?.agentId ?? null;
  }

  #remedies({ agent, cells }: AgentCells, needs: readonly Need[]): readonly Remedy[] {
    const remedies: Remedy[] = [];
    const failing = cells.filter(({ fits }) => !fits);
    for (const cell of failing) remedies.push(...this.#remediesOf(cell, agent));
    if (needs.includes('resources')) remedies.push(...this.#amounts(agent, failing));
    if (needs.includes('resources') || needs.includes('ports'))
      remedies.push(...this.#stops(agent, cells, needs));
    return remedies;
  }

  #remediesOf(cell: PredicateCell, agent: AgentNode): readonly Remedy[] {
    const { id } = agent.info;
    switch (cell.predicate) {
      case 'session':
        return [whole('session', { kind: 'return-agent', agentId: id })];
      case 'runtime':
        return [whole('runtime', { kind: 'add-runtime', agentId: id, runtime: cell.needed })];
      case 'hostDisk':
        return [whole('hostDisk', { kind: 'free-host-disk', agentId: id })];
      case 'constraint':
        return this.#constraintRemedies(cell, agent);
      case 'ports':
        return this.#portRemedies(cell, agent);
      default:
        return [];
    }
  }

  #constraintRemedies(cell: ConstraintCell, agent: AgentNode): readonly Remedy[] {
    const { index } = cell;
    const covers: Need = `constraint ${index}`;
    const drop = whole(covers, { kind: 'drop-constraint', index });
    const relaxed = this.#relaxed(cell, agent);
    return [
      ...(relaxed ? [{ ...relaxed, covers: [covers], fine: 0 }] : []),
      drop,
      ...this.#attribute(cell, agent),
    ];
  }

  /** The nearest value of the constraint that lets the agent in. */
  #relaxed(cell: ConstraintCell, agent: AgentNode): Pick<Remedy, 'steps' | 'share'> | null {
    const { index, operator, agentValue, instancesThere } = cell;
    const { constraints } = this.#world.request.spec;
    const constraint = constraints[index];
    if (!constraint || agentValue === null) return null;
    const to = (change: Partial<Constraint>): readonly ChangeStep[] => [
      { kind: 'relax-constraint', index, to: { ...constraint, ...change } },
    ];
    const needed = instancesThere + 1;
    if (operator === 'UNIQUE') {
      return { steps: to({ operator: 'MAX_PER', value: String(needed) }), share: instancesThere / needed };
    }
    if (operator === 'MAX_PER') {
      return { steps: to({ value: String(needed) }), share: (needed - Number(cell.value)) / needed };
    }
    return operator === 'GROUP_BY' ? this.#regrouped(constraint, index, agent, to) : null;
  }

  #regrouped(
    constraint: Constraint,
    index: number,
    agent: AgentNode,
    to: (change: Partial<Constraint>) => readonly ChangeStep[],
  ): Pick<Remedy, 'steps' | 'share'> | null {
    const now = Number(constraint.value ?? Number.NaN);
    const distance = (groups: number): number =>
      Number.isFinite(now) ? Math.abs(groups - now) / Math.max(groups, now) : 0.5;
    const possible = Array.from({ length: Math.min(this.#world.agents.size + 1, 100) }, (_, at) => at + 1);
    const nearest = possible
      .filter((each) => each !== now)
      .sort((a, b) => distance(a) - distance(b) || a - b)
      .find((groups) => this.#groupedBy(groups, constraint, index).of(agent.info).fits);
    return nearest === undefined ? null : { steps: to({ value: String(nearest) }), share: distance(nearest) };
  }

  #groupedBy(groups: number, constraint: Constraint, index: number): ConstraintTest {
    const key = `${index} ${groups}`;
    const known = this.#regroupings.get(key);
    if (known) return known;
    const made = constraintTest({ ...constraint, value: String(groups) }, this.#context);
    this.#regroupings.set(key, made);
    return made;
  }

  /** Host name, region and zone are what the host is; an attribute is only what it is told to say. */
  #attribute({ field }: ConstraintCell, { info }: AgentNode): readonly Remedy[] {
    if (field === 'hostname' || field.startsWith('@')) return [];
    const { constraints } = this.#world.request.spec;
    const tests = this.#tests.filter(({ constraint }) => constraint.field === field);
    let values = this.#values.get(field);
    if (!values) this.#values.set(field, (values = valuesToTry(field, constraints, this.#world.agents)));
    const value = values.find((each) => {
      const told = withField(info, field, each);
      return tests.every((test) => test.of(told).fits);
    });
    if (value === undefined) return [];
    const covers = this.#tests.flatMap((test, index): readonly Need[] =>
      test.constraint.field === field && !test.of(info).fits ? [`constraint ${index}`] : [],
    );
    const step = { kind: 'set-attribute', agentId: info.id, field, value } as const;
    return [{ covers, steps: [step], share: SHARES['set-attribute'], fine: 0 }];
  }

  /** Ask for less, or free as much. */
  #amounts({ info }: AgentNode, failing: readonly PredicateCell[]): readonly Remedy[] {
    const used = this.#world.ledger.used(info.id);
    const amounts = failing.flatMap((each) => {
      if (each.predicate !== 'cpus' && each.predicate !== 'mem' && each.predicate !== 'disk') return [];
      const { predicate: resource, needed, total } = each;
      return [{ resource, needed, total, rest: total - used[resource] }];
    });
    const to = amounts.map(({ resource, rest }) => [resource, floorTo(resource, Math.max(0, rest))] as const);
    const less = amounts.map(({ needed }, at) => (needed - (to[at]?.[1] ?? 0)) / needed);
    const free = amounts.map(
      ({ resource, needed, rest }) => [resource, ceilTo(resource, needed - rest)] as const,
    );
    const more = amounts.map(({ total }, at) => (free[at]?.[1] ?? 0) / total);
    const remedy = (step: ChangeStep, shares: readonly number[]): Remedy => ({
      covers: ['resources'],
      steps: [step],
      share: Math.max(...shares),
      fine: shares.reduce((sum, each) => sum + each, 0),
    });
    const mayLower = to.every(([resource, amount]) => amount >= LEAST[resource]);
    const mayFree = amounts.every(({ needed, total }) => needed <= total + ROUNDING);
    const { id: agentId } = info;
    return [
      ...(mayLower ? [remedy({ kind: 'lower-resources', agentId, to: Object.fromEntries(to) }, less)] : []),
      ...(mayFree
        ? [remedy({ kind: 'free-resources', agentId, amounts: Object.fromEntries(free) }, more)]
        : []),
    ];
  }

  #portRemedies(cell: PortsCell, { info }: AgentNode): readonly Remedy[] {
    const { request, ledger } = this.#world;
    const { times, tables } = portWaits(request, info, ledger);
    const fits = (now: number, confirmedTable: number | null): boolean =>
      choosePorts({ ...request, now, confirmedTable }, info, ledger).kind === 'ports';
    const covers: readonly Need[] = ['ports'];
    const until = (at: number): ChangeStep => ({ kind: 'wait-until', agentId: info.id, at });
    const waits = (at: number): number => (at - request.now) / 1e12;
    const at = first(times, (each) => fits(each, request.confirmedTable));
    const table = first(tables, (each) => fits(request.now, each));
    const remedies: Remedy[] = [];
    if (at !== undefined) remedies.push({ covers, steps: [until(at)], share: 0, fine: waits(at) });
    if (table !== undefined) {
      remedies.push({ covers, steps: [this.#confirmation(table)], share: 0, fine: table / 1e15 });
    }
    if (!remedies.length) {
      const last = tables.at(-1) ?? request.confirmedTable;
      const later = first(times, (each) => fits(each, last));
      const both = later === undefined ? undefined : first(tables, (each) => fits(later, each));
      if (later !== undefined && both !== undefined) {
        const steps = [until(later), this.#confirmation(both)];
        remedies.push({ covers, steps, share: 0, fine: waits(later) });
      }
    }
    return [...remedies, ...this.#otherPorts(cell, info)];
  }

  #confirmation(table: number): ChangeStep {
    const proxies = this.#proxies.filter(({ confirmed }) => confirmed < table).map(({ id }) => id);
    return { kind: 'wait-for-proxies', table, proxies };
  }

  #otherPorts({ blocked, needed }: PortsCell, info: AgentNode['info']): readonly Remedy[] {
    const { request, ledger } = this.#world;
    if (!blocked.length) return [];
    const wanted = portsOf(request.spec).map(({ hostPort }) => hostPort ?? 0);
    const others = freePorts(blocked.length, new Set(wanted), request, info, ledger);
    if (others.length < blocked.length) return [];
    const ports = blocked.map(({ index, port }, at) => ({ index, from: port, to: others[at] ?? 0 }));
    const step = { kind: 'change-host-ports', agentId: info.id, ports } as const;
    return [{ covers: ['ports'], steps: [step], share: blocked.length / needed / 2, fine: 0 }];
  }

  /** The fewest instances of one app, and of all such apps the one that gives up least. */
  #stops(agent: AgentNode, cells: readonly PredicateCell[], needs: readonly Need[]): readonly Remedy[] {
    const ports = cells.find((each): each is PortsCell => each.predicate === 'ports' && !each.fits);
    const covers = needs.filter((each) => each === 'resources' || each === 'ports');
    const byApp = new Map<Tenant['appId'], Tenant[]>();
    for (const each of this.#tenantsOn(agent.info.id)) {
      if (each.appId === this.#world.request.appId) continue;
      const known = byApp.get(each.appId);
      if (known) known.push(each);
      else byApp.set(each.appId, [each]);
    }
    const remedies = [...byApp].flatMap(([appId, tenants]): readonly Remedy[] => {
      const stopped = this.#fewest(agent.info, tenants, ports);
      if (!stopped) return [];
      const freed = demandOf(stopped);
      const { resources } = agent.info;
      const shares = RESOURCES.map((each) => (resources[each] > 0 ? freed[each] / resources[each] : 0));
      const instances = stopped.map(({ instanceId }) => instanceId);
      const step = { kind: 'stop-instances', agentId: agent.info.id, appId, instances } as const;
      return [{ covers, steps: [step], share: Math.max(...shares), fine: instances.length }];
    });
    return [...remedies].sort(bySize).slice(0, 1);
  }

  #fewest(
    info: AgentNode['info'],
    tenants: readonly Tenant[],
    ports: PortsCell | undefined,
  ): readonly Tenant[] | null {
    const holders = new Set(ports?.blocked.map(({ block }) => (block.why === 'held' ? block.by : undefined)));
    const forced = tenants.filter(({ instanceId }) => holders.has(instanceId));
    // somebody else's, or one that is free but rests: stopping these instances does not help
    if (forced.length < holders.size) return null;
    const fits = (stopped: readonly Tenant[]): boolean =>
      this.#fitsWithout(info, stopped, ports !== undefined);
    if (!fits(tenants)) return null;
    const classes = alike(tenants.filter((each) => !forced.includes(each)));
    let tries = 0;
    for (let count = 0; count <= tenants.length - forced.length; count += 1) {
      for (const chosen of choices(classes, count)) {
        if ((tries += 1) > TRIES_MAX) return largestFirst(tenants, forced, info, fits);
        if (fits([...forced, ...chosen])) return [...forced, ...chosen];
      }
    }
    return null;
  }

  #fitsWithout(info: AgentNode['info'], stopped: readonly Tenant[], asksPorts: boolean): boolean {
    const { request, ledger } = this.#world;
    const used = ledger.used(info.id);
    const freed = demandOf(stopped);
    const hasRoom = RESOURCES.every((each) => {
      const free = Math.max(0, info.resources[each] - (used[each] - freed[each]));
      return request.spec[each] <= free + ROUNDING;
    });
    if (!hasRoom || !asksPorts) return hasRoom;
    const [{ appId }] = stopped.length ? stopped : [{ appId: request.appId }];
    const instances = stopped.map(({ instanceId }) => instanceId);
    const step = { kind: 'stop-instances', agentId: info.id, appId, instances } as const;
    const after = worldAfter([step], this.#world, this.#tenantsOn);
    return choosePorts(request, info, after.ledger).kind === 'ports';
  }

  #newAgent(): readonly Candidate[] {
    const { spec, now, confirmedTable } = this.#world.request;
    const ports = portsOf(spec).flatMap(({ hostPort }) => (hostPort === null ? [] : [hostPort]));
    const bare: NewAgent = {
      ...{ cpus: spec.cpus, mem: spec.mem, disk: spec.disk },
      ports: ports.filter((each) => each === 0).length,
      fixedPorts: ports.filter((each) => each !== 0),
      runtime: runtimeOf(spec),
      attributes: {},
    };
    const keys = new Set(spec.constraints.map(({ field }) => fieldKey(field)));
    let { info } = newAgentNode(bare, now);
    const told: { hostname?: string } = {};
    for (const key of keys) {
      const value = valueThatFits(key, { ...newAgentNode(bare, now), info }, this.#world);
      if (value === null) return [];
      info = withField(info, key, value);
      // any other name would do as well when only the others' are excluded
      if (key === '@hostname' && value !== undefined && value !== NEW_AGENT) told.hostname = value;
    }
    const { region, zone, attributes } = info;
    const agent: NewAgent = {
      ...bare,
      ...told,
      ...(region === undefined ? {} : { region }),
      ...(zone === undefined ? {} : { zone }),
      attributes,
    };
    // to a proxy the ports of a new agent are as unknown as those of any other
    const unknown = this.#world.ledger.unknownLeftAt;
    const mustWait = ports.length > 0 && confirmedTable !== null && confirmedTable < unknown;
    const steps: readonly ChangeStep[] = [
      { kind: 'start-agent', agent },
      ...(mustWait ? [this.#confirmation(unknown)] : []),
    ];
    return [{ steps, share: SHARES['start-agent'], fine: 0 }];
  }
}

function needsOf(cells: readonly PredicateCell[]): readonly Need[] {
  const needs = new Set<Need>();
  for (const cell of cells) {
    if (cell.fits) continue;
    if (cell.predicate === 'constraint') needs.add(`constraint ${cell.index}`);
    else if (cell.predicate === 'cpus' || cell.predicate === 'mem' || cell.predicate === 'disk') {
      needs.add('resources');
    } else needs.add(cell.predicate);
  }
  return [...needs];
}

/** Instances that stop may mend resources and ports at once, one attribute several constraints. */
function leastSteps(needs: readonly Need[]): number {
  const plain = needs.filter((each) => each !== 'resources' && each !== 'ports' && !each.startsWith('c'));
  const isTight = needs.includes('resources') || needs.includes('ports');
  const isConstrained = needs.some((each) => each.startsWith('c'));
  return plain.length + Number(isTight) + Number(isConstrained);
}

const whole = (need: Need, step: Extract<ChangeStep, { kind: keyof typeof SHARES }>): Remedy => ({
  covers: [need],
  steps: [step],
  share: SHARES[step.kind],
  fine: 0,
});

const bySize = (a: Candidate, b: Candidate): number =>
  a.steps.length - b.steps.length || a.share - b.share || a.fine - b.fine;

/** By itself it may be enough for an agent that fails a GROUP_BY without a number, whatever it lacks itself. */
const isGrouping = ({ steps }: Remedy): boolean =>
  steps.some(({ kind }) => kind === 'return-agent' || kind === 'set-attribute');

/** Of two of one sort only the better is worth reading. */
const sortOf = (step: ChangeStep): string =>
  step.kind === 'relax-constraint' || step.kind === 'drop-constraint'
    ? `${step.kind} ${step.index}`
    : step.kind;

/** Giving up a constraint is not offered beside relaxing it, nor freeing amounts beside the app that can be stopped for them. */
function hasBetter(sort: string, offers: ReadonlyMap<string, SmallestChange>): boolean {
  const better = sort
    .replaceAll('drop-constraint', 'relax-constraint')
    .replaceAll('free-resources', 'stop-instances');
  return better !== sort && offers.has(better);
}

function floorTo(resource: Resource, amount: number): number {
  const step = AMOUNT_STEPS[resource];
  return tidy(Math.floor((amount + ROUNDING) / step) * step);
}
function ceilTo(resource: Resource, amount: number): number {
  const step = AMOUNT_STEPS[resource];
  return tidy(Math.ceil((amount - ROUNDING) / step) * step);
}
const tidy = (value: number): number => Math.round(value * 1000) / 1000;

/** The first of ascending values from which on it fits. */
function first(ascending: readonly number[], fits: (value: number) => boolean): number | undefined {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fits(ascending[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return ascending[low];
}

/** In groups within which it does not matter which one goes. */
function alike(tenants: readonly Tenant[]): readonly (readonly Tenant[])[] {
  const groups = new Map<string, Tenant[]>();
  for (const each of tenants) {
    const { cpus, mem, disk } = each.demand;
    const key = [cpus, mem, disk, each.hostPorts.length].join(' ');
    const known = groups.get(key);
    if (known) known.push(each);
    else groups.set(key, [each]);
  }
  return [...groups.values()];
}

/** Every way to take `count` from the groups. */
function* choices(groups: readonly (readonly Tenant[])[], count: number): Generator<readonly Tenant[]> {
  const [group, ...rest] = groups;
  if (!group) {
    if (count === 0) yield [];
    return;
  }
  for (let taken = Math.min(group.length, count); taken >= 0; taken -= 1) {
    for (const others of choices(rest, count - taken)) yield [...group.slice(0, taken), ...others];
  }
}

function largestFirst(
  tenants: readonly Tenant[],
  forced: readonly Tenant[],
  { resources }: AgentNode['info'],
  fits: (stopped: readonly Tenant[]) => boolean,
): readonly Tenant[] | null {
  const size = ({ demand }: Tenant): number =>
    Math.max(...RESOURCES.map((each) => (resources[each] > 0 ? demand[each] / resources[each] : 0)));
  const rest = tenants.filter((each) => !forced.includes(each)).sort((a, b) => size(b) - size(a));
  for (let count = 0; count <= rest.length; count += 1) {
    const stopped = [...forced, ...rest.slice(0, count)];
    if (fits(stopped)) return stopped;
  }
  return null;
}
