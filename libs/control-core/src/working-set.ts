// The leader's copy of everything stored, with the indexes that decisions need. It moves forward only by committed writes,
// in the same turn as the commit (decisions.md 1), so a GET after a 2xx always shows the change, and nobody counts anything.
import {
  epochMsOf,
  timestampOf,
  type AgentId,
  type AgentNode,
  type App,
  type AppChange,
  type AppId,
  type AppVersion,
  type Deployment,
  type DeploymentId,
  type Group,
  type GroupId,
  type Instance,
  type InstanceId,
  type ProxyId,
  type ProxyNode,
  type TaskId,
  type Timestamp,
} from '#libs/model';
import { PlacementIndex, type PlacementLedger } from '#libs/placement';
import {
  fleetBrakeOf,
  healthCounts,
  healthMark,
  type ClusterSnapshot,
  type FleetBrake,
  type HealthCounts,
  type HealthMark,
  type ReconcileSettings,
} from '#libs/reconciler';
import type { StoredState, Write } from '#libs/store';
import type { ChangeSet, RowChange } from '#libs/events';
import { ChangeCount } from './change-count.js';
import { GroupIndex } from './group-index.js';

/** What a commit touched, for those who follow: reconcile loop, assignment feed, route feed, waiting requests. */
export interface Touched {
  readonly apps: ReadonlySet<AppId>;
  readonly instances: readonly RowChange<Instance>[];
  readonly agents: ReadonlySet<AgentId>;
  readonly proxies: boolean;
  readonly table: boolean;
}

/** What the copy belongs to: one time of office of one leader. */
export interface Office {
  readonly epoch: number;
  /** Control plane's clock, epoch ms. */
  readonly now: number;
  readonly settings: ReconcileSettings;
  /** Shared by all copies that a process ever makes. */
  readonly count?: ChangeCount;
  /** See ClusterSnapshot. */
  readonly toldUntil?: (agent: AgentId) => number;
  readonly hasLetGo?: (agent: AgentId, instance: InstanceId) => boolean;
}

export class WorkingSet implements ClusterSnapshot {
  readonly apps = new Map<AppId, App>();
  readonly groups = new Map<GroupId, Group>();
  readonly agents = new Map<AgentId, AgentNode>();
  readonly proxies = new Map<ProxyId, ProxyNode>();
  /** Those running. */
  readonly deployments = new Map<DeploymentId, Deployment>();
  readonly epoch: number;
  readonly officeSince: number;
  /** Number of the newest event when it was loaded. */
  readonly loadedEvent: number;
  readonly settings: ReconcileSettings;
  /** Not of a copy: what is imagined is known. */
  readonly toldUntil?: (agent: AgentId) => number;
  readonly hasLetGo?: (agent: AgentId, instance: InstanceId) => boolean;
  #ledger: PlacementIndex;
  #versions = new Map<AppId, Map<Timestamp, AppVersion>>();
  #instances = new Map<InstanceId, Instance>();
  #byApp = new GroupIndex<AppId, InstanceId>();
  /** Of `#byApp`, made when asked for and kept until one of them changes. */
  #inOrder = new Map<AppId, readonly Instance[]>();
  #byAgent = new GroupIndex<AgentId, InstanceId>();
  #byTask = new Map<TaskId, InstanceId>();
  #deploymentsByApp = new GroupIndex<AppId, DeploymentId>();
  #unreachable = new Set<InstanceId>();
  readonly #count: ChangeCount;
  #healthMarks = new Map<AppId, Map<InstanceId, HealthMark>>();
  /** Of `#healthMarks`, made when asked for and kept until one of them changes. */
  #healthCounts: ReadonlyMap<AppId, HealthCounts> | null = null;
  #fleetBrake: FleetBrake | null = null;
  #tableNumber: number;
  #lastVersion: Timestamp | null;
  #change: number;
  #sortedApps: readonly AppId[] | null = null;

  constructor(state: StoredState, office: Office) {
    const { epoch, now, settings, count = new ChangeCount(), toldUntil, hasLetGo } = office;
    if (toldUntil) this.toldUntil = toldUntil;
    if (hasLetGo) this.hasLetGo = hasLetGo;
    this.#count = count;
    this.#change = count.next();
    this.epoch = epoch;
    this.officeSince = now;
    this.loadedEvent = state.eventNumber;
    this.settings = settings;
    this.#tableNumber = state.tableNumber;
    this.#ledger = new PlacementIndex(state.tableNumber);
    this.#lastVersion = state.lastVersion;
    for (const app of state.apps) this.#setApp(app);
    for (const group of state.groups) this.#setGroup(group);
    for (const version of state.versions) this.#setVersion(version);
    for (const agent of state.agents) this.agents.set(agent.info.id, agent);
    for (const proxy of state.proxies) this.proxies.set(proxy.id, proxy);
    for (const instance of state.instances) {
      this.#setInstance(instance);
      this.#note(undefined, instance, now, state.tableNumber);
    }
    for (const deployment of state.deployments) this.#setDeployment(deployment);
  }

  /**
   * The same rows in books of its own, to imagine what follows from a change without touching what is true. Rows are never changed in
   * place, so they are shared.
   */
  copy(settings: ReconcileSettings = this.settings): WorkingSet {
    const nothing = {
      apps: [],
      groups: [],
      versions: [],
      instances: [],
      deployments: [],
      agents: [],
      proxies: [],
    };
    const copy = new WorkingSet(
      {
        ...nothing,
        tableNumber: this.#tableNumber,
        eventNumber: this.loadedEvent,
        lastVersion: this.#lastVersion,
      },
      { epoch: this.epoch, now: this.officeSince, settings },
    );
    fill(copy.apps, this.apps);
    fill(copy.groups, this.groups);
    fill(copy.agents, this.agents);
    fill(copy.proxies, this.proxies);
    fill(copy.deployments, this.deployments);
    copy.#ledger = this.#ledger.copy();
    copy.#versions = new Map([...this.#versions].map(([app, versions]) => [app, new Map(versions)]));
    copy.#instances = new Map(this.#instances);
    copy.#byApp = this.#byApp.copy();
    copy.#inOrder = new Map(this.#inOrder);
    copy.#byAgent = this.#byAgent.copy();
    copy.#byTask = new Map(this.#byTask);
    copy.#deploymentsByApp = this.#deploymentsByApp.copy();
    copy.#unreachable = new Set(this.#unreachable);
    copy.#healthMarks = new Map([...this.#healthMarks].map(([app, marks]) => [app, new Map(marks)]));
    return copy;
  }

  get ledger(): PlacementLedger {
    return this.#ledger;
  }
  get fleetBrake(): FleetBrake {
    this.#fleetBrake ??= fleetBrakeOf(this.healthCounts().values(), this.settings.brake);
    return this.#fleetBrake;
  }
  /** Of the apps that have instances whose health is known. */
  healthCounts(): ReadonlyMap<AppId, HealthCounts> {
    this.#healthCounts ??= new Map(
      [...this.#healthMarks].map(([app, marks]) => [app, healthCounts(marks.values())]),
    );
    return this.#healthCounts;
  }
  get tableNumber(): number {
    return this.#tableNumber;
  }
  /** Another number after every commit and for every copy; `noteProxy` alone does not move it. */
  get change(): number {
    return this.#change;
  }
  /** In the order of their ids. */
  appsInOrder(): readonly App[] {
    this.#sortedApps ??= [...this.apps.keys()].sort();
    return this.#sortedApps.flatMap((id) => this.apps.get(id) ?? []);
  }
  /** Those on lost agents: what is shown of them may change by time alone. */
  unreachable(): readonly Instance[] {
    return this.#rows(this.#unreachable);
  }
  /** The current version, one that an instance runs, or one of a running deployment. */
  version(app: AppId, version: Timestamp): AppVersion | undefined {
    return this.#versions.get(app)?.get(version);
  }
  versionOf({ appId, version }: Pick<Instance, 'appId' | 'version'>): AppVersion {
    const found = this.version(appId, version);
    if (!found)
      throw new Error(`the working set lost version ${version} of ${appId}, which an instance runs`);
    return found;
  }
  instances(): Iterable<Instance> {
    return this.#instances.values();
  }
  instance(id: InstanceId): Instance | undefined {
    return this.#instances.get(id);
  }
  /** By the id of its current task, or of the one it reported last. */
  instanceOfTask(id: TaskId): Instance | undefined {
    const instance = this.#byTask.get(id);
    return instance && this.#instances.get(instance);
  }
  /** In the order of their creation. */
  instancesOf(app: AppId): readonly Instance[] {
    const known = this.#inOrder.get(app);
    if (known) return known;
    const rows = this.#rows(this.#byApp.of(app)).sort(
      (a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1),
    );
    if (rows.length) this.#inOrder.set(app, rows);
    return rows;
  }
  instancesOn(agent: AgentId): readonly Instance[] {
    return this.#rows(this.#byAgent.of(agent));
  }
  /** Running deployments whose plan has an action on the app; at most one, for the plan locks the app. */
  deploymentsOf(app: AppId): readonly Deployment[] {
    return [...this.#deploymentsByApp.of(app)].flatMap((id) => this.deployments.get(id) ?? []);
  }
  deploymentOf(app: AppId): Deployment | undefined {
    return this.deploymentsOf(app)[0];
  }

  /** The next version to give out: now, or 1 ms after the newest ever given (decisions.md 5). */
  nextVersion(now: number): Timestamp {
    return timestampOf(this.#lastVersion === null ? now : Math.max(now, epochMsOf(this.#lastVersion) + 1));
  }

  /** A proxy's lease and in-flight counts move without a write: a new leader asks for them anew. */
  noteProxy(proxy: ProxyNode): void {
    this.proxies.set(proxy.id, proxy);
  }

  /** Rows before and after these writes, nothing applied: what events are derived from. */
  changesOf(writes: readonly Write[]): ChangeSet & { readonly versions: readonly AppVersion[] } {
    const apps = new Changes<AppId, App>((id) => this.apps.get(id));
    const instances = new Changes<InstanceId, Instance>((id) => this.#instances.get(id));
    const deployments = new Changes<DeploymentId, Deployment>((id) => this.deployments.get(id));
    const agents = new Changes<AgentId, AgentNode>((id) => this.agents.get(id));
    const versions: AppVersion[] = [];
    for (const write of writes) {
      switch (write.kind) {
        case 'put-app':
          apps.put(write.app.id, write.app);
          versions.push(write.app.current);
          break;
        case 'remove-app':
          apps.put(write.id, null);
          break;
        case 'add-version':
          versions.push(write.version);
          break;
        case 'put-deployment':
          deployments.put(write.deployment.id, write.deployment);
          break;
        case 'put-instance':
          instances.put(write.instance.id, withStatus(write.instance, instances.now(write.instance.id)));
          break;
        case 'put-status': {
          const current = instances.now(write.id);
          if (current) instances.put(write.id, { ...current, status: write.status });
          break;
        }
        case 'remove-instance':
          instances.put(write.id, null);
          break;
        case 'put-agent':
          agents.put(write.agent.info.id, write.agent);
          break;
        case 'remove-agent':
          agents.put(write.id, null);
          break;
        default: // groups, proxies and the table number have no events of their own
      }
    }
    return {
      apps: apps.list(),
      instances: instances.list(),
      deployments: deployments.list(),
      agents: agents.list(),
      versions,
    };
  }

  /** Only for writes that are committed. */
  apply(writes: readonly Write[], now: number): Touched {
    this.#change = this.#count.next();
    const changes = this.changesOf(writes);
    const table = tableAfter(writes, this.#tableNumber);
    const touchedApps = new Set<AppId>();
    for (const version of changes.versions) this.#setVersion(version);
    for (const { before, after } of changes.apps) {
      if (after) this.#setApp(after);
      else if (before) this.#dropApp(before);
      touchedApps.add((after ?? before)?.id as AppId);
    }
    for (const { before, after } of changes.instances) {
      if (before) this.#dropInstance(before);
      if (after) this.#setInstance(after);
      this.#note(before ?? undefined, after ?? undefined, now, table);
      touchedApps.add((after ?? before)?.appId as AppId);
    }
    for (const { before, after } of changes.deployments) {
      if (before) this.#dropDeployment(before);
      if (after) this.#setDeployment(after);
      for (const app of affectedApps((after ?? before) as Deployment)) touchedApps.add(app);
    }
    for (const { before, after } of changes.agents) {
      if (after) this.agents.set(after.info.id, after);
      else if (before) this.agents.delete(before.info.id);
    }
    this.#applyGroups(writes);
    const { proxies, isNewTable } = this.#applyRouting(writes);
    for (const app of touchedApps) this.#dropUnusedVersions(app);
    const agents = new Set(changes.agents.map(({ before, after }) => (after ?? before)?.info.id as AgentId));
    return { apps: touchedApps, instances: changes.instances, agents, proxies, table: isNewTable };
  }

  #applyGroups(writes: readonly Write[]): void {
    for (const write of writes) {
      if (write.kind === 'put-group') this.#setGroup(write.group);
      else if (write.kind === 'remove-group') this.groups.delete(write.id);
    }
  }

  #applyRouting(writes: readonly Write[]): { proxies: boolean; isNewTable: boolean } {
    let proxies = false;
    let isNewTable = false;
    for (const write of writes) {
      if (write.kind === 'put-proxy') {
        this.proxies.set(write.proxy.id, write.proxy);
        proxies = true;
      } else if (write.kind === 'remove-proxy') {
        this.proxies.delete(write.id);
        proxies = true;
      } else if (write.kind === 'set-table-number') {
        this.#tableNumber = write.number;
        isNewTable = true;
      }
    }
    return { proxies, isNewTable };
  }

  #rows(ids: Iterable<InstanceId>): Instance[] {
    return [...ids].flatMap((id) => this.#instances.get(id) ?? []);
  }
  #setApp(app: App): void {
    if (!this.apps.has(app.id)) this.#sortedApps = null;
    this.apps.set(app.id, app);
    this.#setVersion(app.current);
  }
  #dropApp(app: App): void {
    this.apps.delete(app.id);
    this.#sortedApps = null;
  }
  #setGroup(group: Group): void {
    this.groups.set(group.id, group);
    this.#noteVersion(group.version);
  }
  #setVersion(version: AppVersion): void {
    const { id } = version.spec;
    const known = this.#versions.get(id);
    if (known) known.set(version.version, version);
    else this.#versions.set(id, new Map([[version.version, version]]));
    this.#noteVersion(version.version);
  }
  #noteVersion(version: Timestamp): void {
    if (this.#lastVersion === null || version > this.#lastVersion) this.#lastVersion = version;
  }
  /** The ledger asks for the definition of what is there afterwards; for a removed row of what was. */
  #note(before: Instance | undefined, after: Instance | undefined, now: number, table: number): void {
    const instance = after ?? before;
    if (!instance) return;
    const version = this.versionOf(instance);
    this.#ledger.note(before, after, version.spec, now, table);
    this.#noteHealth(instance, after ? healthMark(after, version) : null);
  }
  #noteHealth({ id, appId }: Instance, mark: HealthMark): void {
    const marks = this.#healthMarks.get(appId) ?? new Map<InstanceId, HealthMark>();
    if (JSON.stringify(mark) === JSON.stringify(marks.get(id) ?? null)) return;
    if (mark) marks.set(id, mark);
    else marks.delete(id);
    if (marks.size) this.#healthMarks.set(appId, marks);
    else this.#healthMarks.delete(appId);
    this.#healthCounts = null;
    this.#fleetBrake = null;
  }
  #setInstance(instance: Instance): void {
    this.#instances.set(instance.id, instance);
    this.#inOrder.delete(instance.appId);
    this.#byApp.add(instance.appId, instance.id);
    if (instance.agentId) this.#byAgent.add(instance.agentId, instance.id);
    if (instance.unreachableSince !== undefined) this.#unreachable.add(instance.id);
    for (const task of tasksOf(instance)) this.#byTask.set(task, instance.id);
  }
  #dropInstance(instance: Instance): void {
    this.#instances.delete(instance.id);
    this.#inOrder.delete(instance.appId);
    this.#byApp.remove(instance.appId, instance.id);
    if (instance.agentId) this.#byAgent.remove(instance.agentId, instance.id);
    this.#unreachable.delete(instance.id);
    for (const task of tasksOf(instance)) this.#byTask.delete(task);
  }
  #setDeployment(deployment: Deployment): void {
    this.#noteVersion(deployment.version);
    if (deployment.status !== 'running') return;
    this.deployments.set(deployment.id, deployment);
    for (const app of affectedApps(deployment)) this.#deploymentsByApp.add(app, deployment.id);
    for (const { before, after } of deployment.changes) {
      for (const version of [before, after]) if (version) this.#setVersion(version);
    }
  }
  #dropDeployment(deployment: Deployment): void {
    this.deployments.delete(deployment.id);
    for (const app of affectedApps(deployment)) this.#deploymentsByApp.remove(app, deployment.id);
  }

  /** Keeps what something still refers to; the others are read from the store when a person asks for them. */
  #dropUnusedVersions(id: AppId): void {
    const known = this.#versions.get(id);
    if (!known) return;
    const keep = new Set<Timestamp>();
    const app = this.apps.get(id);
    if (app) keep.add(app.current.version);
    for (const each of this.#rows(this.#byApp.of(id))) keep.add(each.version);
    for (const { changes } of this.deploymentsOf(id)) {
      const change = byApp(changes).get(id);
      for (const version of [change?.before, change?.after]) if (version) keep.add(version.version);
    }
    for (const version of known.keys()) if (!keep.has(version)) known.delete(version);
    if (!known.size) this.#versions.delete(id);
  }
}

/** Apps that occur in its actions: what it locks (behaviour.md 6). */
export const affectedApps = (deployment: Deployment): ReadonlySet<AppId> =>
  new Set(deployment.steps.flatMap(({ actions }) => actions.map(({ app }) => app)));

/** Of a deployment, whose list of changes stays the same one as its row moves on: looked up for each of its apps after each commit. */
const changesByApp = new WeakMap<readonly AppChange[], ReadonlyMap<AppId, AppChange>>();
function byApp(changes: readonly AppChange[]): ReadonlyMap<AppId, AppChange> {
  const known = changesByApp.get(changes);
  if (known) return known;
  const made = new Map(changes.map((each) => [each.appId, each]));
  changesByApp.set(changes, made);
  return made;
}

/** The number that the table has once these are applied. */
const tableAfter = (writes: readonly Write[], number: number): number =>
  writes.reduce((last, write) => (write.kind === 'set-table-number' ? write.number : last), number);

function fill<Key, Row>(target: Map<Key, Row>, source: ReadonlyMap<Key, Row>): void {
  for (const [key, row] of source) target.set(key, row);
}

const tasksOf = ({ taskId, status }: Instance): TaskId[] => [
  ...(taskId === undefined ? [] : [taskId]),
  ...(status ? [status.taskId] : []),
];

/** A put of an instance never touches its report. */
function withStatus({ status: _ignored, ...instance }: Instance, current: Instance | null): Instance {
  return current?.status ? { ...instance, status: current.status } : instance;
}

class Changes<Id, Row> {
  readonly #rows = new Map<Id, { before: Row | null; after: Row | null }>();
  constructor(private readonly stored: (id: Id) => Row | undefined) {}

  now(id: Id): Row | null {
    const change = this.#rows.get(id);
    return change ? change.after : (this.stored(id) ?? null);
  }
  put(id: Id, after: Row | null): void {
    const change = this.#rows.get(id);
    if (change) change.after = after;
    else this.#rows.set(id, { before: this.stored(id) ?? null, after });
  }
  list(): RowChange<Row>[] {
    return [...this.#rows.values()].filter(({ before, after }) => before !== null || after !== null);
  }
}
