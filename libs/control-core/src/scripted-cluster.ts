// For specs: a whole control plane over the memory store and a clock moved by hand, with an agent and a proxy that do what a real
// one would, one turn later, unless the spec tells them to be silent. No I/O, so every run is the same.
import { MemoryStore } from '#libs/store';
import { ManualClock, type Ids } from '#libs/time';
import {
  asAgentId,
  asProxyId,
  type AgentInfo,
  type Assignment,
  type InstanceId,
  type InstanceStatus,
} from '#libs/model';
import type { Assignments } from '#libs/agent-protocol';
import type { StoredEvent } from '#libs/events';
import { unexplainedWrites } from '#libs/reconciler';
import { ControlCore } from './control-core.js';
import { idle } from './fixtures/idle.js';

type Call = Parameters<ControlCore['apps']['create']>[2];
const CALL: Call = { clientIp: '10.0.0.9', uri: '/v2/apps' };

export class ScriptedCluster {
  readonly clock = new ManualClock();
  readonly ids: Ids = countedIds();
  readonly store = new MemoryStore({ clock: this.clock, ids: this.ids });
  readonly events: StoredEvent[] = [];
  readonly agent = new ScriptedAgent(this);
  officesLost = 0;
  cutOffs = 0;
  /** Throws when the disk of the control plane is nearly full. */
  checkDisk = (): void => undefined;
  core!: ControlCore;
  #proxyNumber = -1;
  #proxy = false;
  readonly #unexplained: string[] = [];

  static async started(): Promise<ScriptedCluster> {
    const cluster = new ScriptedCluster();
    await cluster.boot();
    return cluster;
  }

  /** With an agent that does what it is told, and a proxy. */
  static async working(): Promise<ScriptedCluster> {
    const cluster = await ScriptedCluster.started();
    await cluster.agent.connect();
    await cluster.startProxy();
    return cluster;
  }
  /** One that works, with this app, so many milliseconds after its creation. */
  static async serving(definition: object, ms = 2_000, call: Call = CALL): Promise<ScriptedCluster> {
    const cluster = await ScriptedCluster.working();
    await cluster.core.apps.create(definition, false, call);
    await cluster.advance(ms);
    return cluster;
  }

  /** A new process on the same store: nothing in memory survives. */
  async boot(store: MemoryStore = this.store): Promise<void> {
    this.core = new ControlCore({
      store: this.#watched(store),
      clock: this.clock,
      ids: this.ids,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      cluster: await this.store.clusterId(),
      address: '127.0.0.1:8080',
      seat: 'host-0/127.0.0.1:8080/',
      servicePorts: { from: 10_000, to: 10_010 },
      checkDisk: () => this.checkDisk(),
      publisher: {
        events: (events) => this.events.push(...events),
        officeLost: () => (this.officesLost += 1),
        cutOff: () => (this.cutOffs += 1),
        epochChanged: () => undefined,
      },
    });
    await this.core.start();
    await this.settle();
  }

  /** From now on a proxy reports and confirms each table. */
  async startProxy(): Promise<void> {
    this.#proxy = true;
    await this.#report();
  }

  /** Lets everything run that needs no time. Throws when something was committed without its reason (promise 9). */
  async settle(): Promise<void> {
    await idle();
    if (this.#unexplained.length) throw new Error(`promise 9: ${this.#unexplained.join('; ')}`);
  }

  /** Looks at each commit before it is made. */
  #watched(store: MemoryStore): MemoryStore {
    const commit = store.commit.bind(store);
    store.commit = (each) => {
      if (this.core.hasState) this.#unexplained.push(...unexplainedWrites(this.core.state, each.writes));
      return commit(each);
    };
    return store;
  }

  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      this.clock.advance(Math.min(500, ms - passed));
      if (this.core.leads) {
        this.agent.beat();
        // refused while the store is away, as a real one is
        if (this.#proxy) await this.#report().catch(() => undefined);
      }
      await this.settle();
    }
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }

  async #report(): Promise<void> {
    const { epoch, tableNumber } = this.core.state;
    this.#proxyNumber = tableNumber;
    await this.core.proxies.report(asProxyId('proxy-1'), {
      cluster: null,
      address: '127.0.0.1',
      epoch,
      confirmed: { epoch, number: this.#proxyNumber },
      inFlight: {},
      warnings: [],
      leaving: false,
    });
  }
}

/** Starts what it is assigned at once and reports it as running and accepting. */
export class ScriptedAgent {
  readonly assigned = new Map<InstanceId, Assignment>();
  silent = false;
  readonly info: AgentInfo;
  readonly #statuses = new Map<InstanceId, InstanceStatus>();
  #sequence = 0;
  /** Confirms what came until then; of its newest session. */
  #confirm: () => void = () => undefined;

  /** `place`: 1 for the first. */
  constructor(
    private readonly cluster: ScriptedCluster,
    place = 1,
  ) {
    this.info = infoOf(place);
  }

  async connect(): Promise<void> {
    const { core } = this.cluster;
    const hello = { type: 'hello', protocol: 1, cluster: null, run: 1, epoch: 0, agent: this.info } as const;
    const answer = await core.agents.hello(hello);
    if (answer.kind === 'refused') throw new Error(answer.reason);
    core.agents.attach(this.info.id, () => this.beat());
    const take = (frame: Assignments): void => {
      this.#take(frame);
      this.#confirm = () => core.assignments.confirmed(this.info.id, take, frame.number);
      if (!this.silent) this.#confirm();
    };
    core.assignments.attach(this.info.id, core.state, take);
    await this.cluster.settle();
  }

  beat(): void {
    if (this.silent) return;
    this.#confirm();
    this.cluster.core.agents.heard(this.info.id);
    this.cluster.core.agents.told(this.info.id, this.cluster.clock.now());
  }

  /** The task of this instance ends by itself. */
  async crash(id: InstanceId, code = 1): Promise<void> {
    const exit = { code, requested: false, outOfMemory: false, message: `exit code ${code}` };
    await this.report(id, { phase: 'ended', exit });
  }

  async report(id: InstanceId, change: Partial<InstanceStatus>): Promise<void> {
    const known = this.#statuses.get(id);
    if (!known) throw new Error(`${id} was never assigned`);
    this.#sequence += 1;
    const status = { ...known, ...change, sequence: this.#sequence, since: this.cluster.clock.now() };
    this.#statuses.set(id, status);
    await this.cluster.core.statuses.store(this.info.id, [status]);
    await this.cluster.settle();
  }

  #take(frame: Assignments): void {
    if (frame.full) this.assigned.clear();
    for (const id of frame.removed) this.assigned.delete(id);
    for (const item of frame.items) {
      this.assigned.set(item.instanceId, item);
      this.#follow(item);
    }
  }

  #follow(item: Assignment): void {
    const known = this.#statuses.get(item.instanceId);
    const isNew = known?.taskId !== item.taskId;
    if (item.goal === 'run' && !isNew) return;
    if (item.goal === 'stop' && known?.phase === 'ended') return;
    if (isNew) this.#statuses.set(item.instanceId, this.#started(item));
    const change: Partial<InstanceStatus> =
      item.goal === 'run'
        ? { phase: 'running', accepting: true }
        : {
            phase: 'ended',
            exit: { code: 143, requested: true, outOfMemory: false, message: 'stopped' },
          };
    if (this.silent) return;
    this.report(item.instanceId, change).catch(() => undefined);
  }

  #started(item: Assignment): InstanceStatus {
    const now = this.cluster.clock.now();
    return {
      instanceId: item.instanceId,
      appId: item.appId,
      taskId: item.taskId,
      incarnation: item.incarnation,
      run: 1,
      sequence: 0,
      phase: 'starting',
      startedAt: now,
      since: now,
      health: item.launch.healthChecks.map(() => null),
      accepting: false,
      ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
      autonomous: false,
    };
  }
}

const infoOf = (place: number): AgentInfo => ({
  id: asAgentId(`agent-${place}`),
  hostname: `host-${place}`,
  address: `10.0.0.${place}`,
  attributes: {},
  resources: { cpus: 8, mem: 8192, disk: 10_000, ports: [{ from: 31_000, to: 31_020 }] },
  runtimes: ['docker', 'process'],
  version: '1.0.0',
  warnings: [],
});

function countedIds(): Ids {
  let count = 0;
  return {
    uuid: () => {
      count += 1;
      return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
    },
  };
}
