// One thing that a person can do, or wait for, so that an instance finds a place: as data, and what the world is once it is done.
// What is offered is checked by placing in that world, so an offer is never a guess.
import type {
  AgentId,
  AgentNode,
  AppId,
  AppSpec,
  Constraint,
  InstanceId,
  ProxyId,
  RuntimeKind,
} from '#libs/model';
import type { PlacementLedger, PortRecord, ResourceAmounts } from './ledger.js';
import type { PlacementRequest } from './verdict.js';

/** `cpus` in cores, `mem` and `disk` in MiB; only those that are concerned. */
export type Amounts = Partial<Readonly<Record<Resource, number>>>;
export type Resource = 'cpus' | 'mem' | 'disk';
export const RESOURCES: readonly Resource[] = ['cpus', 'mem', 'disk'];

export interface PortMove {
  /** Position among the ports of the definition. */
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

export type ChangeStep =
  /** `at`: epoch ms at which ports that the agent found taken may be tried again. */
  | { readonly kind: 'wait-until'; readonly agentId: AgentId; readonly at: number }
  /** Until all of them have confirmed this table, or are removed. */
  | { readonly kind: 'wait-for-proxies'; readonly table: number; readonly proxies: readonly ProxyId[] }
  /** An agent without a session, as it was known last. */
  | { readonly kind: 'return-agent'; readonly agentId: AgentId }
  /** Of the host itself: 5 % and more must be free. */
  | { readonly kind: 'free-host-disk'; readonly agentId: AgentId }
  | { readonly kind: 'add-runtime'; readonly agentId: AgentId; readonly runtime: RuntimeKind }
  | {
      readonly kind: 'set-attribute';
      readonly agentId: AgentId;
      readonly field: string;
      readonly value: string;
    }
  /** Ask for these amounts instead: the most that fits. */
  | { readonly kind: 'lower-resources'; readonly agentId: AgentId; readonly to: Amounts }
  /** Instances of one other app; for good, so it has to be scaled down. */
  | {
      readonly kind: 'stop-instances';
      readonly agentId: AgentId;
      readonly appId: AppId;
      readonly instances: readonly InstanceId[];
    }
  /** By whatever stops there; no single app is enough. */
  | { readonly kind: 'free-resources'; readonly agentId: AgentId; readonly amounts: Amounts }
  | { readonly kind: 'change-host-ports'; readonly agentId: AgentId; readonly ports: readonly PortMove[] }
  | { readonly kind: 'relax-constraint'; readonly index: number; readonly to: Constraint }
  | { readonly kind: 'drop-constraint'; readonly index: number }
  | { readonly kind: 'start-agent'; readonly agent: NewAgent };

/** The least that a new agent must have. */
export interface NewAgent {
  readonly cpus: number;
  /** MiB */
  readonly mem: number;
  /** MiB */
  readonly disk: number;
  /** Any ones beside the fixed ones. */
  readonly ports: number;
  readonly fixedPorts: readonly number[];
  readonly runtime: RuntimeKind;
  /** Only when a constraint asks for a special one. */
  readonly hostname?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What runs on an agent. */
export interface Tenant {
  readonly instanceId: InstanceId;
  readonly appId: AppId;
  readonly demand: Pick<AppSpec, Resource>;
  readonly hostPorts: readonly number[];
}

/** Everything that placement looks at. */
export interface World {
  readonly request: PlacementRequest;
  readonly agents: ReadonlyMap<AgentId, AgentNode>;
  readonly ledger: PlacementLedger;
}

export const NEW_AGENT = 'new-agent' as AgentId;

/** Indexes of constraints are those of the definition as it is, however many are dropped. */
export function worldAfter(steps: readonly ChangeStep[], world: World, tenantsOn: TenantsOn): World {
  const indexOf = (step: ChangeStep): number => (step.kind === 'drop-constraint' ? step.index : Infinity);
  const lastFirst = [...steps].sort((a, b) => (indexOf(a) === indexOf(b) ? 0 : indexOf(b) - indexOf(a)));
  return lastFirst.reduce((before, step) => apply(step, before, tenantsOn), world);
}

export type TenantsOn = (agent: AgentId) => readonly Tenant[];

function apply(step: ChangeStep, world: World, tenantsOn: TenantsOn): World {
  const { request, ledger } = world;
  switch (step.kind) {
    case 'wait-until':
      return { ...world, request: { ...request, now: step.at } };
    case 'wait-for-proxies':
      return { ...world, request: { ...request, confirmedTable: step.table } };
    case 'return-agent':
      return withAgent(world, step.agentId, (agent) => ({ ...agent, liveness: 'connected' }));
    case 'free-host-disk':
      return withAgent(world, step.agentId, (agent) => ({ ...agent, diskLow: false }));
    case 'add-runtime':
      return withInfo(world, step.agentId, ({ runtimes }) => ({ runtimes: [...runtimes, step.runtime] }));
    case 'set-attribute':
      return withInfo(world, step.agentId, ({ attributes }) => ({
        attributes: { ...attributes, [step.field]: step.value },
      }));
    case 'lower-resources':
      return withSpec(world, () => step.to);
    case 'stop-instances': {
      const gone = tenantsOn(step.agentId).filter((each) => step.instances.includes(each.instanceId));
      return {
        ...world,
        ledger: new FreedLedger(ledger, step.agentId, demandOf(gone), request, portsOfAll(gone)),
      };
    }
    case 'free-resources':
      return { ...world, ledger: new FreedLedger(ledger, step.agentId, step.amounts, request, []) };
    case 'change-host-ports':
      return withSpec(world, (spec) => withPorts(spec, step.ports));
    case 'relax-constraint':
      return withSpec(world, ({ constraints }) => ({ constraints: constraints.with(step.index, step.to) }));
    case 'drop-constraint':
      return withSpec(world, ({ constraints }) => ({ constraints: constraints.toSpliced(step.index, 1) }));
    case 'start-agent': {
      const agents = new Map(world.agents);
      agents.set(NEW_AGENT, newAgentNode(step.agent, request.now));
      return { ...world, agents };
    }
  }
}

export const demandOf = (tenants: readonly Tenant[]): Readonly<Record<Resource, number>> =>
  tenants.reduce(
    (sum, { demand }) => ({
      cpus: sum.cpus + demand.cpus,
      mem: sum.mem + demand.mem,
      disk: sum.disk + demand.disk,
    }),
    { cpus: 0, mem: 0, disk: 0 },
  );

const portsOfAll = (tenants: readonly Tenant[]): readonly number[] =>
  tenants.flatMap(({ hostPorts }) => hostPorts);

export function newAgentNode(agent: NewAgent, now: number): AgentNode {
  const { cpus, mem, disk, ports, fixedPorts, runtime, hostname, region, zone, attributes } = agent;
  const fixed = fixedPorts.map((port) => ({ from: port, to: port }));
  // a stretch of so many ports without a fixed one among them
  let from = 31_000;
  while (fixedPorts.some((port) => port >= from && port < from + ports)) from += ports;
  const any = ports ? [{ from, to: from + ports - 1 }] : [];
  return {
    info: {
      id: NEW_AGENT,
      hostname: hostname ?? NEW_AGENT,
      address: NEW_AGENT,
      attributes,
      ...(region === undefined ? {} : { region }),
      ...(zone === undefined ? {} : { zone }),
      resources: { cpus, mem, disk, ports: [...fixed, ...any] },
      runtimes: [runtime],
      version: '',
      warnings: [],
    },
    run: 1,
    liveness: 'connected',
    since: now,
    diskLow: false,
  };
}

function withAgent(world: World, id: AgentId, change: (agent: AgentNode) => AgentNode): World {
  const agent = world.agents.get(id);
  return agent ? { ...world, agents: new Map(world.agents).set(id, change(agent)) } : world;
}

const withInfo = (
  world: World,
  id: AgentId,
  change: (info: AgentNode['info']) => Partial<AgentNode['info']>,
): World => withAgent(world, id, (agent) => ({ ...agent, info: { ...agent.info, ...change(agent.info) } }));

function withSpec({ request, ...world }: World, change: (spec: AppSpec) => Partial<AppSpec>): World {
  return { ...world, request: { ...request, spec: { ...request.spec, ...change(request.spec) } } };
}

/** A fixed host port stands in the port definition itself (`requirePorts`) or in the mapping. */
function withPorts(spec: AppSpec, moves: readonly PortMove[]): Partial<AppSpec> {
  const moved = (index: number): number | undefined => moves.find((each) => each.index === index)?.to;
  const { portDefinitions, container } = spec;
  if (portDefinitions) {
    return {
      portDefinitions: portDefinitions.map((each, index) => ({ ...each, port: moved(index) ?? each.port })),
    };
  }
  if (!container?.portMappings) return {};
  const portMappings = container.portMappings.map((each, index) => {
    const hostPort = moved(index);
    return hostPort === undefined ? each : { ...each, hostPort };
  });
  return { container: { ...container, portMappings } };
}

/** The books of an agent from which something has gone; its ports as they are once every proxy has confirmed that. */
class FreedLedger implements PlacementLedger {
  readonly #ports: ReadonlyMap<number, PortRecord>;

  constructor(
    private readonly base: PlacementLedger,
    private readonly agent: AgentId,
    private readonly freed: Amounts,
    { appId, now }: PlacementRequest,
    ports: readonly number[],
  ) {
    const records = new Map(base.ports(agent));
    for (const port of ports) records.set(port, { appId, lastUsedAt: now, leftAt: 0 });
    this.#ports = records;
  }

  get unknownLeftAt(): number {
    return this.base.unknownLeftAt;
  }
  used(agent: AgentId): ResourceAmounts {
    const used = this.base.used(agent);
    if (agent !== this.agent) return used;
    const { cpus = 0, mem = 0, disk = 0 } = this.freed;
    return { ...used, cpus: used.cpus - cpus, mem: used.mem - mem, disk: used.disk - disk };
  }
  ports(agent: AgentId): ReadonlyMap<number, PortRecord> {
    return agent === this.agent ? this.#ports : this.base.ports(agent);
  }
  countOf(agent: AgentId, app: AppId): number {
    return this.base.countOf(agent, app);
  }
}
