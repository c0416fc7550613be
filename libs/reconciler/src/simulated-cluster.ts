// A whole cluster in memory for the simulation spec: rows, fake agents that run tasks, fake proxies that confirm late. It carries out
// decisions as control-core does, and checks the promises against what *happens* (tasks, tables in use), not against the rows alone.
import { acceptStatus, assignmentOf, datedStatus } from '#libs/lifecycle';
import { asAgentId, asDeploymentId, asProxyId, heldPorts, newTaskId, timestampOf } from '#libs/model';
import type {
  AgentId,
  AgentNode,
  App,
  AppChange,
  AppId,
  AppSpec,
  AppVersion,
  Assignment,
  Deployment,
  DeploymentId,
  HealthResult,
  Instance,
  InstanceId,
  InstanceStatus,
  ProxyId,
  ProxyNode,
  Reason,
  TaskExit,
  TaskId,
  TaskPhase,
} from '#libs/model';
import { PlacementIndex } from '#libs/placement';
import { conflictsWith, minimumHealthy, nextVersion, planSteps, shareRoundedDown } from '#libs/planner';
import type { Write } from '#libs/store';
import type { Ids } from '#libs/time';
import { fleetBrakeOf, healthCounts, healthMark } from './brake.js';
import { isAvailable } from './classify.js';
import type { Decision } from './decision.js';
import { requestStop } from './gatekeeper.js';
import { reasonWrites, unexplainedWrites } from './reasons.js';
import type { CausedWrites } from './reasons.js';
import { reconcile } from './reconcile.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';
import type { ClusterSnapshot, FleetBrake, ReconcileSettings } from './snapshot.js';

/** What a version's tasks do, by the environment variable BEHAVIOUR. */
export type Behaviour =
  | 'good'
  | 'crashes'
  | 'never-healthy'
  | 'never-ready'
  | 'slow'
  | 'pulls'
  | 'soon-dies' // good at first
  | 'soon-sick';

/** For how long `soon-dies` and `soon-sick` are good. */
const GOOD_AT_FIRST_MS = 6_000;

interface FakeTask {
  readonly assignment: Assignment;
  readonly taskId: TaskId;
  readonly incarnation: number;
  readonly autonomous: boolean;
  readonly bornAt: number;
  startedAt: number | undefined;
  phase: TaskPhase;
  since: number;
  endsAt: number;
  exit: TaskExit | undefined;
  /** Found taken by the test just before the start. */
  takenPort: number | undefined;
  failures: number;
  firstSuccessAt: number | undefined;
  lastSuccessAt: number | undefined;
  isSick: boolean;
  /** The control plane has taken its word that it is ready. */
  toldReady: boolean;
  /** Its agent has forgotten that it was ready, as one that lost its journal. */
  forgotReady: boolean;
  reported: string;
  /** Behaviour `pulls`: bytes so far; it never starts. */
  pulledBytes: number;
}

interface FakeAgent {
  readonly id: AgentId;
  readonly tasks: Map<InstanceId, FakeTask>;
  isConnected: boolean;
  leftAt: number;
  sequence: number;
  /** First seen without an assignment. */
  readonly orphans: Map<TaskId, number>;
}

interface TableEntry {
  readonly appId: AppId;
  readonly agentId: AgentId;
  readonly ports: readonly number[];
}
interface FakeProxy {
  readonly id: ProxyId;
  table: ReadonlyMap<TaskId, TableEntry>;
  number: number;
  isAlive: boolean;
  /** Ticks between two looks at the control plane. */
  lag: number;
  inFlight: Map<TaskId, number>;
}

export const TICK_MS = 500;
const AUTONOMY_MS = 10_000;
const LOST_MS = 30_000;
const LEASE_MS = 10_000;
const ORPHAN_MS = 60_000;

export class SimulatedCluster implements ClusterSnapshot {
  readonly apps = new Map<AppId, App>();
  readonly agents = new Map<AgentId, AgentNode>();
  readonly deployments = new Map<DeploymentId, Deployment>();
  readonly proxies = new Map<ProxyId, ProxyNode>();
  readonly ledger = new PlacementIndex(0);
  readonly epoch = 1;
  readonly settings: ReconcileSettings = DEFAULT_RECONCILE_SETTINGS;
  readonly officeSince: number;
  readonly ended: Deployment[] = [];
  readonly log: string[] = [];
  readonly reasons: Reason[] = [];
  tableNumber = 0;
  now = 1_700_000_000_000;
  readonly #instances = new Map<InstanceId, Instance>();
  readonly #versions = new Map<string, AppVersion>();
  readonly #agents = new Map<AgentId, FakeAgent>();
  readonly #proxies = new Map<ProxyId, FakeProxy>();
  readonly #dirty = new Set<AppId>();
  readonly #wakeups = new Map<AppId, number | null>();
  #lastVersion = 0;
  #uuid = 0;
  #ticks = 0;
  #seed: number;

  constructor(options: { readonly agents: number; readonly proxies: number; readonly seed: number }) {
    this.officeSince = this.now;
    this.#seed = options.seed;
    for (let index = 0; index < options.agents; index += 1) this.#addAgent(index);
    for (let index = 0; index < options.proxies; index += 1) this.#addProxy(index);
  }

  // ---- what reconcile reads

  instancesOf(app: AppId): readonly Instance[] {
    return [...this.#instances.values()].filter((each) => each.appId === app);
  }
  instance(id: InstanceId): Instance | undefined {
    return this.#instances.get(id);
  }
  versionOf({ appId, version }: Pick<Instance, 'appId' | 'version'>): AppVersion {
    const found = this.#versions.get(`${appId} ${version}`);
    if (!found) throw new Error(`no version ${version} of ${appId}`);
    return found;
  }
  deploymentOf(app: AppId): Deployment | undefined {
    return [...this.deployments.values()].find(({ steps }) =>
      steps.some((step) => step.actions.some((each) => each.app === app)),
    );
  }
  get fleetBrake(): FleetBrake {
    const counts = [...this.apps.keys()].map((app) =>
      healthCounts(this.instancesOf(app).map((each) => healthMark(each, this.versionOf(each)))),
    );
    return fleetBrakeOf(counts, this.settings.brake);
  }

  // ---- what people do

  /** Null removes the app. As the API with force: running deployments on it are cancelled. */
  deploy(appId: AppId, spec: AppSpec | null, restart = false, revertOf?: DeploymentId): void {
    const app = this.apps.get(appId);
    const before = app && !app.removing ? app.current : null;
    if (!before && !spec) return;
    const at = timestampOf((this.#lastVersion = Math.max(this.now, this.#lastVersion + 1)));
    const made = spec ? nextVersion(before, spec, at, { restart, running: this.#running(appId) }) : null;
    if (made?.kind === 'unchanged') return;
    const after = made?.version ?? null;
    this.#startDeployment({ appId, before, after }, app, revertOf);
  }

  #running(appId: AppId): readonly AppVersion[] {
    const staying = this.instancesOf(appId).filter(({ goal }) => goal === 'running');
    return staying.map((each) => this.versionOf(each));
  }

  kill(id: InstanceId): void {
    const instance = this.#instances.get(id);
    if (!instance) return;
    const cause = { kind: 'kill', text: 'killed' } as const;
    const verdict = requestStop(this, instance, cause, 'relaunch', this.now);
    if (verdict.kind !== 'granted') return;
    this.#explain([{ cause, writes: verdict.writes }]);
    this.#commit(verdict.writes);
  }

  // ---- what happens to them

  crash(index: number): void {
    const tasks = this.#liveTasks().filter((each) => each.phase === 'running');
    const task = tasks[index % Math.max(1, tasks.length)];
    if (task) this.#end(task, { code: 1, requested: false, outOfMemory: false, message: 'crashed' });
  }
  sicken(index: number): void {
    const tasks = this.#liveTasks();
    const task = tasks[index % Math.max(1, tasks.length)];
    if (task) task.isSick = true;
  }
  sickenInstance(id: InstanceId): void {
    for (const task of this.#liveTasks()) if (task.assignment.instanceId === id) task.isSick = true;
  }
  heal(index: number): void {
    const task = this.#liveTasks()[index];
    if (task) task.isSick = false;
  }
  /** Every pull gets on. */
  pull(): void {
    for (const task of this.#liveTasks()) if (task.phase === 'pulling') task.pulledBytes += 1;
  }
  disconnect(index: number): void {
    const agent = [...this.#agents.values()][index % this.#agents.size];
    if (!agent?.isConnected) return;
    agent.isConnected = false;
    agent.leftAt = this.now;
    this.#setLiveness(agent.id, 'disconnected');
  }
  reconnectAll(): void {
    for (const agent of this.#agents.values()) {
      if (agent.isConnected) continue;
      agent.isConnected = true;
      for (const task of agent.tasks.values()) {
        task.reported = '';
        task.forgotReady = task.toldReady;
      }
      this.#setLiveness(agent.id, 'connected');
    }
  }
  setProxy(index: number, isAlive: boolean, lag: number): void {
    const proxy = [...this.#proxies.values()][index % Math.max(1, this.#proxies.size)];
    if (!proxy) return;
    proxy.isAlive = isAlive;
    proxy.lag = lag;
  }
  healAll(): void {
    this.reconnectAll();
    for (const proxy of this.#proxies.values()) Object.assign(proxy, { isAlive: true, lag: 1 });
    for (const task of this.#liveTasks()) task.isSick = false;
  }

  /** Half a second of everything. */
  tick(): void {
    this.now += TICK_MS;
    this.#ticks += 1;
    for (const agent of this.#agents.values()) this.#runAgent(agent);
    for (const proxy of this.#proxies.values()) this.#runProxy(proxy);
    this.#settle();
    this.#checkWorld();
  }

  /** Does every app run as wanted, with nothing left over? Empty text = yes. */
  unsettled(): string {
    if (this.deployments.size)
      return `deployments are running: ${JSON.stringify([...this.deployments.values()])}`;
    for (const app of this.apps.values()) {
      const situation = this.situation(app);
      const available = situation.instances.filter((each) => isAvailable(each, situation)).length;
      const wanted = app.current.spec.instances;
      if (app.removing || available !== wanted || situation.instances.length !== wanted) {
        return `${app.id}: ${available} of ${situation.instances.length} available, wanted ${wanted}: ${JSON.stringify(situation.instances)}`;
      }
    }
    return '';
  }

  situation(app: App) {
    const { settings, officeSince, now } = this;
    const versionOf = (each: Instance): AppVersion => this.versionOf(each);
    return { app, instances: this.instancesOf(app.id), versionOf, settings, officeSince, now };
  }

  // ---- control plane

  #settle(): void {
    for (let pass = 0; ; pass += 1) {
      for (const [app, at] of this.#wakeups) if (at !== null && at <= this.now) this.#dirty.add(app);
      if (!this.#dirty.size) return;
      if (pass > 60) throw new Error(`no rest after 60 passes: ${this.log.slice(-20).join('\n')}`);
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      const ids: Ids = { uuid: () => this.#nextUuid() };
      const result = reconcile(this, dirty, this.now, ids);
      if (result.violations.length)
        throw new Error(`violation: ${result.violations[0]?.rule} ${result.violations[0]?.text}`);
      for (const app of dirty) this.#wakeups.delete(app);
      for (const [app, at] of result.wakeups) this.#wakeups.set(app, at);
      this.#carryOut(result.decisions);
    }
  }

  #carryOut(decisions: readonly Decision[]): void {
    const before = new Map(this.#instances);
    for (const { kind, appId, instanceId, cause } of decisions) {
      this.log.push(`${this.now} ${kind} ${appId} ${instanceId ?? ''} ${cause.kind}: ${cause.text}`);
    }
    const availableBefore = this.#availableCounts();
    this.#explain(decisions);
    this.#commit(decisions.flatMap((each) => each.writes));
    this.#checkFloor(decisions, before, availableBefore);
    this.#checkCapacity(decisions);
    for (const { revert, deploymentId } of decisions) if (revert) this.#revert(revert, deploymentId);
  }

  /** As control-core commits them; nothing may change without one (promise 9). */
  #explain(changes: readonly CausedWrites[]): void {
    const writes = changes.flatMap((each) => each.writes);
    const added = reasonWrites(this, changes, this.now);
    for (const write of added) if (write.kind === 'add-reason') this.reasons.push(write.reason);
    const unexplained = unexplainedWrites(this, [...writes, ...added]);
    if (unexplained.length) throw new Error(`promise 9: ${unexplained.join('; ')}`);
  }

  #revert(changes: readonly AppChange[], of: DeploymentId | undefined): void {
    for (const { appId, after } of changes) this.deploy(appId, after?.spec ?? null, false, of);
  }

  #commit(writes: readonly Write[]): void {
    for (const write of lastOfEachRow(writes)) this.#write(write);
  }

  #write(write: Write): void {
    switch (write.kind) {
      case 'put-app': {
        const stored = this.apps.get(write.app.id);
        expectRevision(write.app.id, stored?.revision ?? 0, write.app.revision);
        this.apps.set(write.app.id, write.app);
        return void this.#dirty.add(write.app.id);
      }
      case 'remove-app':
        if (this.instancesOf(write.id).length) throw new Error(`${write.id} removed with instances`);
        this.apps.delete(write.id);
        return;
      case 'put-instance': {
        const stored = this.#instances.get(write.instance.id);
        expectRevision(write.instance.id, stored?.goalRevision ?? 0, write.instance.goalRevision);
        const { status: _, ...rest } = write.instance;
        const row: Instance = { ...rest, ...(stored?.status ? { status: stored.status } : {}) };
        return this.#noteInstance(stored, row);
      }
      case 'remove-instance':
        return this.#noteInstance(this.#instances.get(write.id), undefined);
      case 'put-deployment': {
        const { deployment } = write;
        expectRevision(
          deployment.id,
          this.deployments.get(deployment.id)?.revision ?? 0,
          deployment.revision,
        );
        if (deployment.status === 'running') this.deployments.set(deployment.id, deployment);
        else {
          this.deployments.delete(deployment.id);
          this.ended.push(deployment);
        }
        return;
      }
      case 'set-table-number':
        if (write.number !== this.tableNumber + 1) throw new Error('table number does not grow by 1');
        this.tableNumber = write.number;
        return;
      default:
        throw new Error(`unexpected write ${write.kind}`);
    }
  }

  #noteInstance(before: Instance | undefined, after: Instance | undefined): void {
    const row = after ?? before;
    if (!row) return;
    this.ledger.note(before, after, this.versionOf(row).spec, this.now);
    if (after) this.#instances.set(after.id, after);
    else this.#instances.delete(row.id);
    this.#dirty.add(row.appId);
  }

  #startDeployment(change: AppChange, app: App | undefined, revertOf: DeploymentId | undefined): void {
    const { appId, before, after } = change;
    const specs = [...this.apps.values()]
      .filter((each) => each.id !== appId)
      .map((each) => each.current.spec);
    const planned = planSteps([change], { specs: after ? [...specs, after.spec] : specs, groups: [] });
    if (planned.kind === 'cycle') throw new Error('cycle');
    for (const id of conflictsWith(planned.steps, this.deployments.values())) this.deployments.delete(id);
    const current = after ?? before;
    if (!current) return;
    this.#versions.set(`${appId} ${current.version}`, current);
    this.apps.set(appId, {
      ...(app ?? {}),
      id: appId,
      current,
      removing: !after,
      revision: (app?.revision ?? 0) + 1,
    });
    const id = asDeploymentId(this.#nextUuid());
    const deployment: Deployment = {
      id,
      version: current.version,
      status: 'running',
      steps: planned.steps,
      currentStep: 0,
      changes: [change],
      victims: [],
      startedAt: this.now,
      progressAt: this.now,
      progressMark: '',
      revision: 1,
      ...(revertOf === undefined ? {} : { revertOf }),
    };
    this.deployments.set(id, deployment);
    this.log.push(
      `${this.now} DEPLOY ${appId} ${after?.spec.instances ?? 'removed'} ${after?.spec.env['BEHAVIOUR'] ?? ''}`,
    );
    this.#dirty.add(appId);
  }

  #setLiveness(id: AgentId, liveness: AgentNode['liveness']): void {
    const agent = this.agents.get(id);
    if (!agent) return;
    this.agents.set(id, { ...agent, liveness, since: this.now });
    for (const app of this.apps.keys()) this.#dirty.add(app);
  }

  // ---- agents

  #runAgent(agent: FakeAgent): void {
    if (agent.isConnected) this.#takeAssignments(agent);
    else if (this.now - agent.leftAt >= LOST_MS && this.agents.get(agent.id)?.liveness === 'disconnected') {
      this.#setLiveness(agent.id, 'lost');
    }
    for (const task of agent.tasks.values()) this.#runTask(agent, task);
    if (agent.isConnected) for (const task of agent.tasks.values()) this.#report(agent, task);
  }

  #takeAssignments(agent: FakeAgent): void {
    const wanted = new Map<InstanceId, Assignment>();
    for (const instance of this.#instances.values()) {
      if (instance.agentId !== agent.id) continue;
      const assignment = assignmentOf(instance, this.versionOf(instance), undefined, { hostname: agent.id });
      if (assignment) wanted.set(instance.id, assignment);
    }
    for (const [id, task] of agent.tasks) {
      const assignment = wanted.get(id);
      if (!assignment) this.#dropOrphan(agent, task);
      else if (assignment.incarnation > task.incarnation && isOver(task)) agent.tasks.delete(id);
      else if (assignment.goal === 'stop' && assignment.taskId === task.taskId) this.#stop(agent, task, true);
    }
    for (const [id, assignment] of wanted) {
      if (!agent.tasks.has(id))
        agent.tasks.set(id, this.#newTask(assignment, assignment.taskId, assignment.incarnation));
    }
  }

  /** Removed rows are terminal and forgotten; anything that runs without an assignment is stopped after a minute. */
  #dropOrphan(agent: FakeAgent, task: FakeTask): void {
    if (isOver(task)) {
      const instance = this.#instances.get(task.assignment.instanceId);
      if (!instance || instance.agentId !== agent.id) agent.tasks.delete(task.assignment.instanceId);
      return;
    }
    const since = agent.orphans.get(task.taskId) ?? this.now;
    agent.orphans.set(task.taskId, since);
    if (this.now - since >= ORPHAN_MS) this.#stop(agent, task, false);
  }

  #stop(agent: FakeAgent, task: FakeTask, isOurs: boolean): void {
    if (isOver(task) || task.phase === 'stopping') return;
    if (isOurs) this.#checkStop(agent, task);
    if (task.phase === 'waiting') return this.#end(task, requested());
    task.phase = 'stopping';
    task.since = this.now;
    task.endsAt = this.now + this.#random(8) * TICK_MS;
  }

  #newTask(assignment: Assignment, taskId: TaskId, incarnation: number, autonomous = false): FakeTask {
    return {
      assignment,
      taskId,
      incarnation,
      autonomous,
      bornAt: this.now,
      startedAt: undefined,
      phase: 'waiting',
      since: this.now,
      endsAt: Infinity,
      exit: undefined,
      takenPort: undefined,
      failures: 0,
      firstSuccessAt: undefined,
      lastSuccessAt: undefined,
      isSick: false,
      toldReady: false,
      forgotReady: false,
      reported: '',
      pulledBytes: 0,
    };
  }

  #runTask(agent: FakeAgent, task: FakeTask): void {
    const behaviour = task.assignment.launch.env['BEHAVIOUR'] as Behaviour;
    if (behaviour === 'pulls' && task.phase === 'waiting') {
      task.phase = 'pulling';
    } else if (task.phase === 'waiting' && this.#random(3) > 0) {
      task.takenPort = this.#takenPort(agent, task);
      if (task.takenPort !== undefined) Object.assign(task, { phase: 'rejected', since: this.now });
      else Object.assign(task, { phase: 'running', since: this.now, startedAt: this.now });
    } else if (task.phase === 'running' && behaviour === 'soon-dies' && this.#age(task) >= GOOD_AT_FIRST_MS) {
      this.#end(task, { code: 4, requested: false, outOfMemory: false, message: 'bad release' });
    } else if (task.phase === 'running' && behaviour === 'crashes' && this.#random(3) === 0) {
      this.#end(task, { code: 3, requested: false, outOfMemory: false, message: 'bad release' });
    } else if (task.phase === 'running') this.#probe(task, behaviour);
    else if (task.phase === 'stopping' && this.now >= task.endsAt) this.#end(task, requested());
    else if (task.phase === 'ended' && !agent.isConnected) this.#restartAlone(agent, task);
  }

  #age({ startedAt }: FakeTask): number {
    return this.now - (startedAt ?? 0);
  }

  #probe(task: FakeTask, behaviour: Behaviour): void {
    const warmUp = behaviour === 'slow' ? 20_000 : 1_000;
    const canBeWell = !['crashes', 'never-healthy', 'pulls'].includes(behaviour);
    const isPast = behaviour === 'soon-sick' && this.#age(task) >= GOOD_AT_FIRST_MS;
    const isWell = canBeWell && !isPast && !task.isSick && this.#age(task) >= warmUp;
    if (isWell) {
      Object.assign(task, {
        failures: 0,
        firstSuccessAt: task.firstSuccessAt ?? this.now,
        lastSuccessAt: this.now,
      });
    } else if (task.firstSuccessAt !== undefined) task.failures += 1;
  }

  #restartAlone(agent: FakeAgent, task: FakeTask): void {
    const isAlone = this.now - agent.leftAt >= AUTONOMY_MS;
    if (!isAlone || task.exit?.requested || task.assignment.goal === 'stop') return;
    const { assignment } = task;
    const taskId = newTaskId(assignment.appId, this.#nextUuid());
    agent.tasks.set(assignment.instanceId, this.#newTask(assignment, taskId, task.incarnation + 1, true));
  }

  #end(task: FakeTask, exit: TaskExit): void {
    Object.assign(task, { phase: 'ended', since: this.now, exit });
  }

  #report(agent: FakeAgent, task: FakeTask): void {
    const { readiness } = this.#readinessOf(task);
    const seen = [task.phase, task.firstSuccessAt, Math.min(task.failures, 5), task.pulledBytes];
    const content = [...seen, readiness?.ready].join();
    if (content === task.reported) return;
    const id = task.assignment.instanceId;
    const instance = this.#instances.get(id);
    agent.sequence += 1;
    task.reported = content;
    const status = this.#statusOf(agent, task);
    if (!instance || !acceptStatus(instance, status, agent.id)) return;
    if (readiness?.ready) task.toldReady = true;
    this.#noteInstance(instance, { ...instance, status: datedStatus(status, instance.status, this.now) });
  }

  #statusOf(agent: FakeAgent, task: FakeTask): InstanceStatus {
    const { assignment, taskId, incarnation, phase, since, autonomous } = task;
    const accepting = phase === 'running' && task.firstSuccessAt !== undefined;
    return {
      instanceId: assignment.instanceId,
      appId: assignment.appId,
      taskId,
      incarnation,
      run: 1,
      sequence: agent.sequence,
      phase,
      since,
      health: assignment.launch.healthChecks.map(() => this.#healthOf(task)),
      accepting,
      ipAddresses: phase === 'running' ? [{ ipAddress: '172.20.0.2', protocol: 'IPv4' }] : [],
      autonomous,
      ...this.#readinessOf(task),
      ...(task.startedAt === undefined ? {} : { startedAt: task.startedAt }),
      ...(task.exit ? { exit: task.exit } : {}),
      ...(phase === 'pulling'
        ? { pull: { doneBytes: task.pulledBytes, totalBytes: 1e9, text: 'pulling' } }
        : {}),
      ...(task.takenPort === undefined
        ? {}
        : { reject: { reason: 'port-taken', message: 'in use', port: task.takenPort } }),
    };
  }

  /** Three seconds after the start, well or not. */
  #readinessOf({
    assignment,
    autonomous,
    startedAt,
    phase,
    forgotReady,
  }: FakeTask): Pick<InstanceStatus, 'readiness'> {
    const isAsked = assignment.launch.readinessCheck && !autonomous && !forgotReady;
    if (!isAsked || phase !== 'running') return {};
    const isSlow = this.now - (startedAt ?? this.now) < 3_000;
    return { readiness: { ready: !isSlow && assignment.launch.env['BEHAVIOUR'] !== 'never-ready' } };
  }

  #healthOf(task: FakeTask): HealthResult | null {
    if (task.firstSuccessAt === undefined) return null;
    const { firstSuccessAt, lastSuccessAt, failures } = task;
    return {
      alive: failures === 0,
      consecutiveFailures: failures,
      firstSuccessAt,
      ...(lastSuccessAt === undefined ? {} : { lastSuccessAt }),
      ...(failures ? { lastFailureAt: this.now, lastFailureCause: '500' } : {}),
    };
  }

  // ---- proxies

  #runProxy(proxy: FakeProxy): void {
    const node = this.proxies.get(proxy.id);
    if (!node || !proxy.isAlive) return;
    for (const [task, count] of proxy.inFlight) {
      if (count <= 1) proxy.inFlight.delete(task);
      else proxy.inFlight.set(task, count - 1);
    }
    if (this.#ticks % proxy.lag !== 0) return;
    if (proxy.number < this.tableNumber) {
      const table = this.#table();
      for (const task of proxy.table.keys())
        if (!table.has(task)) proxy.inFlight.set(task, 1 + this.#random(6));
      proxy.table = table;
      proxy.number = this.tableNumber;
    }
    const inFlight = Object.fromEntries([...proxy.inFlight].filter(([task]) => !proxy.table.has(task)));
    const confirmed = { epoch: this.epoch, number: proxy.number };
    this.proxies.set(proxy.id, { ...node, leaseUntil: this.now + LEASE_MS, confirmed, inFlight });
    for (const app of this.apps.keys()) this.#dirty.add(app);
  }

  #table(): ReadonlyMap<TaskId, TableEntry> {
    const table = new Map<TaskId, TableEntry>();
    for (const instance of this.#instances.values()) {
      const { routing, taskId, agentId, appId } = instance;
      if (routing === 'out' || !taskId || !agentId) continue;
      table.set(taskId, { appId, agentId, ports: heldPorts(instance) });
    }
    return table;
  }

  // ---- promises

  /** 2: no live proxy can still choose the task. */
  #checkStop(agent: FakeAgent, task: FakeTask): void {
    for (const proxy of this.#proxies.values()) {
      const isLive = (this.proxies.get(proxy.id)?.leaseUntil ?? 0) > this.now;
      if (isLive && proxy.table.has(task.taskId)) {
        throw new Error(`${task.taskId} on ${agent.id} was stopped while ${proxy.id} routes to it`);
      }
    }
  }

  /**
   * One owner per host port of an agent, as far as the control plane knows: only a task that it has given up (its agent was lost)
   * may still be there, and is found by the test before the start.
   */
  #takenPort(agent: FakeAgent, task: FakeTask): number | undefined {
    const ports = new Set(
      heldPorts({ hostPorts: task.assignment.launch.ports.map((each) => each.hostPort) }),
    );
    for (const other of agent.tasks.values()) {
      if (other === task || isOver(other) || other.phase === 'waiting') continue;
      const shared = other.assignment.launch.ports.find((each) => ports.has(each.hostPort));
      if (!shared) continue;
      if (agent.orphans.has(other.taskId)) return shared.hostPort;
      throw new Error(`port ${shared.hostPort} of ${agent.id}: ${task.taskId} and ${other.taskId}`);
    }
    return undefined;
  }

  /** 3: what we chose to stop leaves the floor standing. */
  #checkFloor(
    decisions: readonly Decision[],
    before: ReadonlyMap<InstanceId, Instance>,
    counts: ReadonlyMap<AppId, number>,
  ): void {
    for (const { kind, appId, instanceId, cause } of decisions) {
      const app = this.apps.get(appId);
      const stored = instanceId && before.get(instanceId);
      if (kind !== 'request-stop' || !app || app.removing || !stored || !isServing(stored)) continue;
      if (cause.kind === 'kill' || cause.kind === 'health') continue;
      const { instances, upgradeStrategy } = app.current.spec;
      const floor = minimumHealthy(instances, upgradeStrategy.minimumHealthCapacity);
      const left = this.#availableCounts().get(appId) ?? 0;
      if (left < floor)
        throw new Error(
          `${appId}: ${left} of ${counts.get(appId)} left, floor ${floor}\n${this.log.slice(-30).join('\n')}`,
        );
    }
  }

  #checkCapacity(decisions: readonly Decision[]): void {
    for (const appId of new Set(
      decisions.filter((each) => each.kind === 'create-instance').map((each) => each.appId),
    )) {
      const app = this.apps.get(appId);
      const deployment = this.deploymentOf(appId);
      const isReplacing =
        deployment?.steps[deployment.currentStep - 1]?.actions[0]?.action === 'RestartApplication';
      if (!app || !isReplacing) continue;
      const { instances: n, upgradeStrategy } = app.current.spec;
      const most = n + shareRoundedDown(n, upgradeStrategy.maximumOverCapacity) + 1;
      const exist = this.instancesOf(appId).filter((each) => each.unreachableSince === undefined).length;
      if (exist > most) throw new Error(`${appId}: ${exist} instances, at most ${most}`);
    }
  }

  /** A request never reaches a task of another app: no table in use names a port that something else listens on. */
  #checkWorld(): void {
    for (const proxy of this.#proxies.values()) {
      if (!proxy.isAlive) continue;
      for (const [taskId, entry] of proxy.table) {
        const agent = this.#agents.get(entry.agentId);
        for (const task of agent?.tasks.values() ?? []) {
          if (task.taskId === taskId) checkReady(task, proxy.id);
          if (task.phase !== 'running' || task.assignment.appId === entry.appId) continue;
          const port = task.assignment.launch.ports.find((each) => entry.ports.includes(each.hostPort));
          if (port)
            throw new Error(
              `${proxy.id} routes ${taskId} to port ${port.hostPort}, where ${task.taskId} listens`,
            );
        }
      }
    }
  }

  #availableCounts(): Map<AppId, number> {
    const counts = new Map<AppId, number>();
    for (const app of this.apps.values()) {
      const situation = this.situation(app);
      counts.set(app.id, situation.instances.filter((each) => isAvailable(each, situation)).length);
    }
    return counts;
  }

  // ---- making

  #liveTasks(): readonly FakeTask[] {
    return [...this.#agents.values()].flatMap((agent) =>
      [...agent.tasks.values()].filter((each) => !isOver(each)),
    );
  }

  #addAgent(index: number): void {
    const id = asAgentId(`agent-${index}`);
    this.#agents.set(id, {
      id,
      tasks: new Map(),
      isConnected: true,
      leftAt: 0,
      sequence: 0,
      orphans: new Map(),
    });
    this.agents.set(id, {
      info: {
        id,
        hostname: id,
        address: '127.0.0.1',
        attributes: {},
        resources: { cpus: 8, mem: 8192, disk: 10_000, ports: [{ from: 31_000, to: 31_011 }] },
        runtimes: ['process'],
        version: '1',
        warnings: [],
      },
      run: 1,
      liveness: 'connected',
      since: this.now,
      diskLow: false,
    });
  }

  #addProxy(index: number): void {
    const id = asProxyId(`proxy-${index}`);
    this.#proxies.set(id, { id, table: new Map(), number: 0, isAlive: true, lag: 1, inFlight: new Map() });
    const confirmed = { epoch: this.epoch, number: 0 };
    const node: ProxyNode = {
      id,
      address: '127.0.0.1',
      leaseUntil: this.now + LEASE_MS,
      confirmed,
      inFlight: {},
      warnings: [],
    };
    this.proxies.set(id, node);
  }

  #nextUuid(): string {
    this.#uuid += 1;
    return `00000000-0000-4000-8000-${String(this.#uuid).padStart(12, '0')}`;
  }

  /** 0..below-1, from the run's seed (a linear congruential generator is plenty here). */
  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * below);
  }
}

/** Routed, running and without a failing check, by its row alone. */
const isServing = ({ stop, routing, status, taskId }: Instance): boolean =>
  !stop &&
  routing === 'in' &&
  status?.taskId === taskId &&
  status?.phase === 'running' &&
  status.health.every((each) => each?.alive);

/** 1: no traffic before it said that it is ready. */
function checkReady({ assignment, autonomous, toldReady, taskId }: FakeTask, proxy: ProxyId): void {
  if (assignment.launch.readinessCheck && !autonomous && !toldReady)
    throw new Error(`${proxy} routes to ${taskId}, which is not ready`);
}

const isOver = ({ phase }: FakeTask): boolean => phase === 'ended' || phase === 'rejected';

const requested = (): TaskExit => ({ code: 0, requested: true, outOfMemory: false, message: 'stopped' });

function expectRevision(id: string, stored: number, written: number): void {
  if (written !== stored + 1) throw new Error(`${id} has revision ${stored}, written as ${written}`);
}

/** As a set-based commit does: one write per row, the last one. */
function lastOfEachRow(writes: readonly Write[]): readonly Write[] {
  const last = new Map<string, Write>();
  for (const write of writes) {
    const key = rowKey(write);
    last.delete(key);
    last.set(key, write);
  }
  return [...last.values()];
}

function rowKey(write: Write): string {
  switch (write.kind) {
    case 'put-app':
      return `app ${write.app.id}`;
    case 'remove-app':
      return `app ${write.id}`;
    case 'put-instance':
      return `instance ${write.instance.id}`;
    case 'remove-instance':
      return `instance ${write.id}`;
    case 'put-deployment':
      return `deployment ${write.deployment.id}`;
    default:
      return write.kind;
  }
}
