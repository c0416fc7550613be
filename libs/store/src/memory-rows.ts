// The rows of the memory store and how a plan changes them. Nothing here can fail: guards and port claims are checked before.
import type {
  AgentId,
  AgentNode,
  App,
  AppId,
  AppVersion,
  Deployment,
  DeploymentId,
  Group,
  GroupId,
  Instance,
  InstanceId,
  InstanceStatus,
  ProxyId,
  ProxyNode,
  TaskId,
  Timestamp,
} from '#libs/model';
import type { StoredEvent } from '#libs/events';
import { introducedTask } from './introduced-task.js';
import { DEPLOYMENTS_KEPT, VERSIONS_KEPT } from './retention.js';
import type { StoredReason } from './store.js';
import type { RowChanges, WritePlan } from './write-plan.js';

export interface MemoryRows {
  readonly apps: Map<AppId, App>;
  readonly groups: Map<GroupId, Group>;
  /** By app, then by version. */
  readonly versions: Map<AppId, Map<Timestamp, AppVersion>>;
  readonly deployments: Map<DeploymentId, Deployment>;
  readonly instances: Map<InstanceId, Instance>;
  /** `agent port` -> the placed instance that holds it. */
  readonly claims: Map<string, InstanceId>;
  readonly agents: Map<AgentId, AgentNode>;
  readonly proxies: Map<ProxyId, ProxyNode>;
  readonly tokens: Map<string, 'agent' | 'proxy'>;
  /** By instance, oldest first. */
  readonly reasons: Map<InstanceId, StoredReason[]>;
  /** Of what reasons tell of. */
  readonly instanceOfTask: Map<TaskId, InstanceId>;
  reasonNumber: number;
  /** Gapless; the first one kept has number `eventNumber - events.length + 1`. */
  events: StoredEvent[];
  tableNumber: number;
  eventNumber: number;
  lastVersion: Timestamp | null;
}

export const emptyRows = (): MemoryRows => ({
  apps: new Map(),
  groups: new Map(),
  versions: new Map(),
  deployments: new Map(),
  instances: new Map(),
  claims: new Map(),
  agents: new Map(),
  proxies: new Map(),
  tokens: new Map(),
  reasons: new Map(),
  instanceOfTask: new Map(),
  reasonNumber: 0,
  events: [],
  tableNumber: 0,
  eventNumber: 0,
  lastVersion: null,
});

/** The host ports of its agent that this row holds: those of a placed instance. */
export function claimsOf(instance: Instance): string[] {
  if (!instance.placed || instance.agentId === undefined) return [];
  return [...new Set(instance.hostPorts)]
    .filter((port) => port !== 0)
    .map((port) => `${instance.agentId} ${port}`);
}

export function applyPlan(rows: MemoryRows, plan: WritePlan): void {
  for (const id of plan.apps.removed) rows.versions.delete(id);
  apply(rows.apps, plan.apps);
  apply(rows.groups, plan.groups);
  apply(rows.deployments, plan.deployments);
  apply(rows.agents, plan.agents);
  apply(rows.proxies, plan.proxies);
  applyInstances(rows, plan);
  applyVersions(rows, plan);
  trimDeployments(rows, plan);
  addReasons(rows, plan);
  if (plan.tableNumber !== null) rows.tableNumber = plan.tableNumber;
  if (plan.lastVersion !== null && plan.lastVersion > (rows.lastVersion ?? '')) {
    rows.lastVersion = plan.lastVersion;
  }
}

function addReasons(rows: MemoryRows, { reasons }: WritePlan): void {
  for (const reason of reasons) {
    const { instanceId } = reason;
    rows.reasonNumber += 1;
    const stored = { ...reason, number: rows.reasonNumber };
    const known = rows.reasons.get(instanceId);
    if (known) known.push(stored);
    else rows.reasons.set(instanceId, [stored]);
    const task = introducedTask(reason);
    if (task !== null) rows.instanceOfTask.set(task, instanceId);
  }
}

/** `oldest`: epoch ms; what is older is forgotten when its instance is gone. */
export function trimReasons(rows: MemoryRows, oldest: number, perInstance: number): void {
  for (const [id, reasons] of rows.reasons) {
    const inTime = rows.instances.has(id) ? reasons : reasons.filter(({ at }) => at >= oldest);
    const first = inTime.length > perInstance ? inTime.slice(0, 1) : [];
    const kept = [...first, ...inTime.slice(first.length).slice(-perInstance)];
    if (kept.length === reasons.length) continue;
    for (const each of reasons) {
      const task = introducedTask(each);
      if (task !== null) rows.instanceOfTask.delete(task);
    }
    rows.reasons.set(id, kept);
    for (const each of kept) {
      const task = introducedTask(each);
      if (task !== null) rows.instanceOfTask.set(task, id);
    }
    if (!kept.length) rows.reasons.delete(id);
  }
}

function apply<Key extends string, Row>(table: Map<Key, Row>, changes: RowChanges<Key, Row>): void {
  for (const key of changes.removed) table.delete(key);
  for (const [key, row] of changes.puts) table.set(key, row);
}

function applyInstances(rows: MemoryRows, plan: WritePlan): void {
  const { removed, puts } = plan.instances;
  for (const id of [...removed, ...puts.keys()]) {
    const before = rows.instances.get(id);
    if (before) for (const claim of claimsOf(before)) rows.claims.delete(claim);
  }
  for (const id of removed) rows.instances.delete(id);
  putStatuses(rows, plan.earlyStatuses);
  for (const [id, instance] of puts) {
    rows.instances.set(id, withStatus(instance, rows.instances.get(id)?.status));
    for (const claim of claimsOf(instance)) rows.claims.set(claim, id);
  }
  putStatuses(rows, plan.lateStatuses);
}

function putStatuses(rows: MemoryRows, statuses: ReadonlyMap<InstanceId, InstanceStatus>): void {
  for (const [id, status] of statuses) {
    const row = rows.instances.get(id);
    if (row) rows.instances.set(id, withStatus(row, status));
  }
}

function withStatus(instance: Instance, status: InstanceStatus | undefined): Instance {
  const { status: _replaced, ...control } = instance;
  return status === undefined ? control : { ...control, status };
}

function applyVersions(rows: MemoryRows, plan: WritePlan): void {
  const touched = new Set<AppId>();
  for (const version of plan.versions.puts.values()) {
    const ofApp = rows.versions.get(version.spec.id) ?? new Map<Timestamp, AppVersion>();
    if (!ofApp.has(version.version)) ofApp.set(version.version, version);
    rows.versions.set(version.spec.id, ofApp);
    touched.add(version.spec.id);
  }
  for (const app of touched) trimVersions(rows, app);
}

function trimVersions(rows: MemoryRows, app: AppId): void {
  const stored = rows.versions.get(app);
  if (!stored || stored.size <= VERSIONS_KEPT) return;
  const used = new Set<Timestamp | undefined>([rows.apps.get(app)?.current.version]);
  for (const instance of rows.instances.values()) if (instance.appId === app) used.add(instance.version);
  const newestFirst = [...stored.keys()].sort().reverse();
  for (const version of newestFirst.slice(VERSIONS_KEPT)) if (!used.has(version)) stored.delete(version);
}

/** Ended ones, newest first: by end, then version, then id, so that both stores agree on ties. */
export function endedDeployments(rows: MemoryRows): Deployment[] {
  const key = (each: Deployment) =>
    `${String(each.endedAt ?? 0).padStart(16, '0')} ${each.version} ${each.id}`;
  return [...rows.deployments.values()]
    .filter((each) => each.status !== 'running')
    .map((each) => ({ each, key: key(each) }))
    .sort((left, right) => (left.key < right.key ? 1 : -1))
    .map(({ each }) => each);
}

function trimDeployments(rows: MemoryRows, plan: WritePlan): void {
  const ended = [...plan.deployments.puts.values()].some((each) => each.status !== 'running');
  if (!ended || rows.deployments.size <= DEPLOYMENTS_KEPT) return;
  for (const each of endedDeployments(rows).slice(DEPLOYMENTS_KEPT)) rows.deployments.delete(each.id);
}
